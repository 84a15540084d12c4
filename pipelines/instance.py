"""The Dagster instance of a home folder: made where it is missing, without a service running.

Belongs here: rendering dagster.yaml, opening the instance, what it says of the night before, forgetting old runs. Does
not: what runs in it.
"""

from __future__ import annotations

from datetime import date
from importlib import resources
from pathlib import Path

import dagster as dg

from pipelines.jobs import NIGHTLY

REPLAY = "tierline/known_at"
"""Tag of runs that saw a night with other knowledge: none of them is the night before."""
_NIGHT = "dagster/partition"
_RUNS_LOOKED_AT = 100

Check = tuple[dg.AssetKey, str]


def instance_folder(home: Path) -> Path:
    """Writes `<home>/dagster/dagster.yaml` from the template; returns its folder, which is DAGSTER_HOME."""
    folder = (home / "dagster").resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    template = resources.files("pipelines").joinpath("dagster.yaml").read_text(encoding="utf-8")
    file = folder / "dagster.yaml"
    content = template.replace("__HOME__", str(folder))
    if not file.exists() or file.read_text(encoding="utf-8") != content:
        file.write_text(content, encoding="utf-8")
    return folder


def open_instance(home: Path) -> dg.DagsterInstance:
    """The instance of a home folder. Use it as a context manager."""
    return dg.DagsterInstance.from_config(str(instance_folder(home)))


def forget_runs(instance: dg.DagsterInstance, keep: int) -> int:
    """Removes what the instance has of runs that have ended, but for the last `keep`; returns how many it removed."""
    ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    old = instance.get_run_ids(filters=dg.RunsFilter(statuses=ended))[keep:]
    for run_id in old:
        instance.delete_run(run_id)
    return len(old)


def warned_before(instance: dg.DagsterInstance, as_of_date: date) -> dict[Check, int | None] | None:
    """The checks that warned in the last night before `as_of_date` that ended well, each with the bad rows it found.

    None where the history has no such night.
    """
    run_id = _last_run_before(instance, as_of_date)
    if run_id is None:
        return None
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    verdicts = [entry.asset_check_evaluation for entry in entries]
    return {(v.asset_key, v.check_name): bad_rows(v) for v in verdicts if v is not None and not v.passed}


def bad_rows(verdict: dg.AssetCheckEvaluation) -> int | None:
    """How many bad rows a check found, if it counts them."""
    rows = verdict.metadata.get("rows")
    return rows.value if isinstance(rows, dg.IntMetadataValue) else None


def _last_run_before(instance: dg.DagsterInstance, as_of_date: date) -> str | None:
    well = dg.RunsFilter(job_name=NIGHTLY, statuses=[dg.DagsterRunStatus.SUCCESS])
    runs = [run for run in instance.get_runs(well, limit=_RUNS_LOOKED_AT) if REPLAY not in run.tags]
    earlier = [run for run in runs if run.tags.get(_NIGHT, "9999") < as_of_date.isoformat()]
    # Of the runs of one night the newest comes first.
    return max(earlier, key=lambda run: run.tags[_NIGHT]).run_id if earlier else None
