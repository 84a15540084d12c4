"""What the night before warned of, from the run history that the web UI shows.

Belongs here: finding that night's run and its verdicts. Does not: telling this night's warnings (runs.py).
"""

from __future__ import annotations

from datetime import date

import dagster as dg

from pipelines.jobs import NIGHTLY

REPLAY = "tierline/known_at"
"""Tag of runs that saw a night with other knowledge: none of them is the night before."""
_NIGHT = "dagster/partition"
_RUNS_LOOKED_AT = 100

Check = tuple[dg.AssetKey, str]


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
