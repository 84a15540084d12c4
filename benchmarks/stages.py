"""A watched night divided among few stages, by the times of the steps that the run itself recorded.

Belongs here: which step is which stage, and dividing. Does not: watching (watch.py), printing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

from benchmarks.watch import Figures, Watched
from pipelines.instance import open_instance
from pipelines.sql_catalogue import sql_tables
from pipelines.usage import DAY_TABLES

STAGES = ("start", "intake", "rollups", "features", "scores", "checks", "publish", "analytics", "rest")
"""`start` is all before the first step, `rest` the calendar, what lies between steps, and the end."""
_NAMED = {
    "intake": "intake",
    "published__customer_tiers": "publish",
    "published__analytics": "analytics",
    "scores__measures": "scores",
    "scores__churn_risk": "scores",
    "scores__customer": "scores",
    "run_calendar": "rest",
}
Steps = list[tuple[str, float, float]]


def steps(home: Path) -> Steps:
    """Step, start and end (epoch seconds) of the last run in a home folder."""
    with open_instance(home) as instance:
        run = instance.get_run_records(limit=1)[0].dagster_run.run_id
        found = instance.get_run_step_stats(run)
    return sorted(
        ((s.step_key, s.start_time, s.end_time) for s in found if s.end_time and s.start_time), key=lambda s: s[1:]
    )


def stage_of(step: str) -> str:
    """The stage of a step: tables by their schema, what is left of a table's steps are its checks."""
    tables = {
        table.table.replace(".", "__"): schema for schema in ("features", "scores") for table in sql_tables(schema)
    }
    by_day = {table.replace(".", "__"): "rollups" for table in DAY_TABLES}
    known = {**tables, **by_day, **_NAMED}
    return known.get(step) or ("checks" if "__" in step else "rest")


def by_stage(watched: Watched, taken: Steps) -> dict[str, Figures]:
    """The figures of each stage; they add up to those of all, peaks apart. Where steps overlap, the later counts."""
    first = min((start for _, start, _ in taken), default=watched.ended)
    moments = sorted({watched.started, watched.ended, *(at for _, *both in taken for at in both)})
    parts: dict[str, list[Figures]] = defaultdict(list)
    for start, end in pairwise(moments):
        running = [step for step, begun, over in taken if begun <= start and over >= end]
        stage = stage_of(running[-1]) if running else "start" if end <= first else "rest"
        parts[stage].append(watched.figures(start, end))
    return {stage: _together(parts[stage]) for stage in STAGES if stage in parts}


def _together(parts: list[Figures]) -> Figures:
    summed = {f.name: sum(getattr(part, f.name) for part in parts) for f in fields(Figures)}
    return Figures(**{**summed, "peak_mib": max(part.peak_mib for part in parts)})
