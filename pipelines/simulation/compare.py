"""Two policies on the same night: both built as scratch nights, joined customer by customer, and counted.

Belongs here: the order of it, and the counting. Does not: any rule about a customer (segmentation/migration.py).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import duckdb
import polars as pl

from pipelines.column_types import duckdb_type
from pipelines.night import Night
from pipelines.progress import Progress, Silent
from pipelines.scoring import BATCH_ROWS
from pipelines.scratch import Scratch, scratch
from pipelines.settings import SettingsError
from pipelines.simulation.result import Cell, LeaverHistory, Side, Simulation
from pipelines.warehouse import another
from segmentation.migration import MIGRATION, PAIRS, Rung, ladder, migration
from segmentation.policy_diff import policy_diff

_KEPT = (
    "arpu_amount",
    "churn_risk",
    "lifecycle_stage",
    *(name.removeprefix("after_") for name in PAIRS if "after_" in name),
)


def simulate(before: Night, after: Night, progress: Progress | None = None, *, churners: bool = True) -> Simulation:
    """Scores everybody under both nights' policies, as of the same day and home, and compares.

    churners: also scores the day `horizon_days` earlier, with what is known on this one, to see who has left since.
    Nothing is kept of all this, and nothing that is published or in the warehouse is touched.

    Raises TurnBusyError or WarehouseBusyError while a run is at work, PolicyError, SettingsError where there is no
    warehouse or nobody is in service on that day.
    """
    told = progress or Silent()
    before.check()
    after.check()
    rungs = ladder(before.policy.tier_names, after.policy.tier_names)
    with scratch(before) as place:
        con = place.con
        con.execute("create schema simulation")
        _compare(place, before, after, rungs, told)
        cells = tuple(Cell(*row) for row in _counts(con, "sum(spend)", "sum(churn_risk)"))
        if not cells:
            raise SettingsError(f"nobody is known to be in service on {before.as_of_date}: choose another day")
        causes = con.execute(
            "select direction, cause, count(*) from simulation.migration where cause is not null group by all"
        )
        found = {(direction, cause): int(n) for direction, cause, n in causes.fetchall()}
        stages = con.execute(
            "select before_stage, after_stage, count(*) from simulation.migration group by all order by all"
        )
        moved = {(was, will): int(n) for was, will, n in stages.fetchall()}
        history = _leavers(place, before, after, rungs, told) if churners else None
    first, second = _sides(before, after)
    return Simulation(
        as_of_date=before.as_of_date,
        currency=before.settings.currency,
        before=first,
        after=second,
        rungs=rungs,
        cells=cells,
        causes=found,
        stages=moved,
        history=history,
        changes=policy_diff(before.policy, after.policy),
    )


def _compare(place: Scratch, before: Night, after: Night, rungs: tuple[Rung, ...], told: Progress) -> None:
    """Fills `simulation.migration`, a row a customer in service: the two tiers, the cause, spend and risk of before."""
    con = place.con
    for side, night in (("before", before), ("after", after)):
        name = f"{'current' if side == 'before' else 'new'} policy, {night.as_of_date}"
        place.build(night, lambda done, total, name=name: told.step(name, done, total))  # type: ignore[misc]
        kept = ", ".join(f"{column} as {side}_{column}" for column in _KEPT)
        con.execute(f"create or replace table simulation.{side} as select customer_id, {kept} from scores.customer")
    kinds = ", ".join(f"{name} {duckdb_type(kind)}" for name, kind in MIGRATION.items())
    con.execute(
        f"create or replace table simulation.migration (customer_id varchar, spend decimal(18, 4), "
        f"churn_risk decimal(7, 6), before_stage varchar, after_stage varchar, {kinds})"
    )
    pairs = (
        f"select customer_id, before_arpu_amount as spend, before_churn_risk as churn_risk, "
        f"before_lifecycle_stage as before_stage, after_lifecycle_stage as after_stage, {', '.join(PAIRS)} "
        "from simulation.before join simulation.after using (customer_id)"
    )
    with another(con) as reader:
        for batch in reader.sql(pairs).to_arrow_reader(BATCH_ROWS):
            judged = migration(pl.DataFrame(batch), rungs, after.policy).drop(*PAIRS)
            con.register("judged_batch", judged.to_arrow())
            con.execute("insert into simulation.migration by name select * from judged_batch")
            con.unregister("judged_batch")


def _counts(con: duckdb.DuckDBPyConnection, *sums: str) -> list[tuple[Any, ...]]:
    listed = ", ".join(f"coalesce({what}, 0)" for what in sums)
    return con.execute(
        f"select before_place, after_place, count(*), {listed} from simulation.migration "
        "group by before_place, after_place order by before_place, after_place"
    ).fetchall()


def _leavers(
    place: Scratch, before: Night, after: Night, rungs: tuple[Rung, ...], told: Progress
) -> LeaverHistory | None:
    """Who was scored a horizon ago, and has no line in service any more; None where nobody is known of then."""
    con = place.con
    con.execute("create table simulation.in_service as select customer_id from simulation.before")
    day = before.as_of_date - timedelta(days=int(before.policy.churn.horizon_days.value))
    # With what is known today: a first delivery tells of lines that were there long before it.
    known_at = before.known_at or before.as_of_date.isoformat()
    then = [replace(night, as_of_date=day, known_at=known_at) for night in (before, after)]
    _compare(place, then[0], then[1], rungs, told)
    counts = _counts(con, "count(*) filter (customer_id not in (from simulation.in_service))")
    if not counts:
        return None
    return LeaverHistory(day, {(was, will): (int(scored), int(left)) for was, will, scored, left in counts})


def _sides(before: Night, after: Night) -> tuple[Side, Side]:
    labels = [night.policy.label for night in (before, after)]
    if labels[0] == labels[1] and before.policy.fingerprint != after.policy.fingerprint:  # edited without a new version
        labels = [f"{night.policy.label} ({night.policy.fingerprint[:6]})" for night in (before, after)]
    first, second = (
        Side(label, night.policy_text.origin, night.policy)
        for label, night in zip(labels, (before, after), strict=True)
    )
    return first, second
