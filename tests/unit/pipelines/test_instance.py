"""pipelines/instance.py and event_log.py: what Dagster keeps of runs.

Belongs here: forgetting runs, the log's files. Does not: nights (tests/integration).
"""

from pathlib import Path

import dagster as dg
import pytest

from pipelines.instance import forget_runs, open_instance


@dg.asset
def number() -> int:
    return 1


@dg.asset_check(asset=number)
def is_positive() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


JOB = dg.Definitions(
    assets=[number], asset_checks=[is_positive], jobs=[dg.define_asset_job("job", selection="*")]
).resolve_job_def("job")


def size(home: Path) -> int:
    return sum(file.stat().st_size for file in (home / "dagster").rglob("*") if file.is_file())


@pytest.fixture
def runs(tmp_path: Path) -> list[str]:
    with open_instance(tmp_path) as instance:
        return [JOB.execute_in_process(instance=instance).run_id for _ in range(5)]


def test_the_last_runs_are_kept_and_of_others_nothing_is(tmp_path: Path, runs: list[str]) -> None:
    with open_instance(tmp_path) as instance:
        assert forget_runs(instance, keep=2) == 3
        assert set(instance.get_run_ids()) == set(runs[-2:])
        assert instance.all_logs(runs[-1])
        assert instance.get_latest_materialization_event(number.key) is not None
        assert forget_runs(instance, keep=2) == 0
    files = "".join(path.name for path in (tmp_path / "dagster").rglob("*.db*"))
    assert all((run in files) == (run in runs[-2:]) for run in runs)


def test_it_stops_growing(tmp_path: Path, runs: list[str]) -> None:
    sizes = []
    for _ in range(4):
        with open_instance(tmp_path) as instance:
            JOB.execute_in_process(instance=instance)
            forget_runs(instance, keep=3)
        sizes.append(size(tmp_path))
    assert sizes[-1] <= sizes[0]


def test_a_second_process_reads_what_the_first_one_writes(tmp_path: Path, runs: list[str]) -> None:
    """The web UI looks at a run that is at work: both have the run's file open."""
    with open_instance(tmp_path) as one, open_instance(tmp_path) as other:
        before = len(other.all_logs(runs[-1]))
        one.report_engine_event("a word more", one.get_run_by_id(runs[-1]))
        assert len(other.all_logs(runs[-1])) == before + 1
        other.report_engine_event("and another", other.get_run_by_id(runs[-1]))
        assert len(one.all_logs(runs[-1])) == before + 2


def test_the_log_does_not_wait_for_the_disk_at_each_event(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance:
        JOB.execute_in_process(instance=instance)
        with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
            asked = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    assert asked == ["wal", 1]
