"""Which run is the night before, and what it warned of: on a real instance, with runs of a small job of that name."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import dagster as dg

from pipelines.instance import REPLAY, open_instance, warned_before
from pipelines.jobs import NIGHTLY

TABLE = dg.AssetKey(["features", "usage"])
DAYS = dg.DailyPartitionsDefinition("2024-06-01")


def run(home: Path, day: str, rows: int | None, *, fails: bool = False, known_at: str | None = None) -> None:
    """A night with one check that warns of so many rows (None: it does not), and fails afterwards if asked to."""

    @dg.asset(key=TABLE, partitions_def=DAYS)
    def usage() -> None: ...

    @dg.asset(deps=[TABLE], partitions_def=DAYS)
    def published() -> None:
        if fails:
            raise dg.Failure("stopped")

    def check(name: str, rows: int | None) -> dg.AssetChecksDefinition:
        @dg.asset_check(asset=TABLE, name=name, blocking=True)
        def judged() -> dg.AssetCheckResult:
            return dg.AssetCheckResult(
                passed=rows is None, severity=dg.AssetCheckSeverity.WARN, metadata={"rows": rows or 0}
            )

        return judged

    definitions = dg.Definitions(
        assets=[usage, published],
        asset_checks=[check("of_nobody", rows), check("never", None)],
        jobs=[dg.define_asset_job(NIGHTLY)],
    )
    with open_instance(home) as instance:
        definitions.resolve_job_def(NIGHTLY).execute_in_process(
            partition_key=day,
            instance=instance,
            raise_on_error=False,
            tags={REPLAY: known_at} if known_at else {},
        )


def asked(home: Path, day: str) -> dict[str, int | None] | None:
    with open_instance(home) as instance:
        found = warned_before(instance, date.fromisoformat(day))
    return None if found is None else {name: rows for (_, name), rows in found.items()}


def test_it_is_the_last_earlier_night_that_ended_well(tmp_path: Path) -> None:
    assert asked(tmp_path, "2024-06-28") is None
    run(tmp_path, "2024-06-28", 7)
    assert asked(tmp_path, "2024-06-28") is None, "the same night is not the night before"
    assert asked(tmp_path, "2024-06-29") == {"of_nobody": 7}
    run(tmp_path, "2024-06-29", None, fails=True)
    run(tmp_path, "2024-06-28", 9, known_at="2024-07-15")
    assert asked(tmp_path, "2024-06-30") == {"of_nobody": 7}
    run(tmp_path, "2024-06-29", 8)
    run(tmp_path, "2024-06-28", 3)  # an older one again
    assert asked(tmp_path, "2024-06-30") == {"of_nobody": 8}
    run(tmp_path, "2024-06-29", None)
    assert asked(tmp_path, "2024-06-30") == {}
