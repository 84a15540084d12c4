"""What a churn model learns from: customers as past nights saw them, with what became of them.

Belongs here: which past dates are looked at, their features as kept files, joining them with outcomes. Does not: what a
feature or an outcome is (sql/features, segmentation/churn/features.py), fitting (segmentation/churn).

An origin's features are those that the night of that date would have had, made by the same SQL in a scratch database;
its outcomes are as known at the training's as-of date. Features of an origin are kept as an immutable file named by the
digest of what decides them, so that the next training reads them: a file that comes late under an old date gives
another digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import polars as pl

from pipelines.day_files import remove_leftovers, write_day
from pipelines.durable import Disk, Hook, ignore_step
from pipelines.night import Night
from pipelines.policy_calendar import label_ends
from pipelines.run_context import local_midnight
from pipelines.scratch import Scratch
from pipelines.warehouse import first_row
from segmentation.churn.features import CHURN_FEATURES, churn_features
from segmentation.months import month_end, month_start
from segmentation.policy import Policy

FEATURES = "features.churn"
OUTCOMES = "features.churn_outcomes"
MID_MONTH = 15
MAX_EXAMPLES = 1_000_000
_EXAMPLES = """
    select f.*, o.churned
    from read_parquet($file, hive_partitioning = false) as f
    join training.outcomes as o on o.origin_date = $origin and o.customer_id = f.customer_id
    order by f.customer_id
"""
_SAMPLE = "md5(customer_id) < $bound"


@dataclass(frozen=True)
class TrainingRows:
    """Examples, oldest origin first, ordered by customer within one: origin_date, customer_id, the columns
    CHURN_FEATURES, churned. `share` of the customers are in it: 1 unless there would be too many examples. `kept` of
    the origins' features were read, `made` built.
    """

    frame: pl.DataFrame
    origins: tuple[date, ...]
    share: float
    kept: int
    made: int


def training_origins(
    as_of: date, policy: Policy, zone: ZoneInfo, known: tuple[datetime, datetime] | None
) -> tuple[date, ...]:
    """Month ends and 15ths of the policy's history whose label has passed by the as-of date, oldest first.

    Both, because monthly deliveries look otherwise at a month's end than in its middle, and nights score on every day.
    `known` (naive UTC) are the first and the last delivery of subscriptions: none lies before the first, nobody was
    known then; and no label ends after the last, whose silence would pass for staying.
    """
    if known is None:
        return ()
    months = int(policy.churn.history_months.value)
    days: list[date] = []
    back = 0
    while len(days) < 2 * months:
        first = month_start(as_of, back)
        for day in (month_end(first), first.replace(day=MID_MONTH)):
            if local_midnight(day + timedelta(days=1), zone) <= known[0]:
                return tuple(sorted(days))
            ends = label_ends(day, policy)
            if ends <= as_of and local_midnight(ends, zone) <= known[1]:
                days.append(day)
        back += 1
    return tuple(sorted(days)[-2 * months :])


def build_training_set(
    place: Scratch,
    night: Night,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    *,
    max_examples: int = MAX_EXAMPLES,
    hook: Hook = ignore_step,
) -> TrainingRows:
    """The examples that a model of the night may learn from; empty where no origin's outcome is known yet.

    Where there would be more than `max_examples`, a share of the customers stands for all, each with all its origins.
    The caller is the only training in the home folder. `progress` hears of origins done and to do, `hook` of durable
    steps. Raises WarehouseError where SQL fails, ColumnsError on impossible rows, TurnBusyError where a run has begun,
    OSError on the disk.
    """
    origins = training_origins(night.as_of_date, night.policy, night.zone, _known(place.con, night))
    if not origins:
        return TrainingRows(_no_examples(), (), 1.0, 0, 0)
    remove_leftovers(night.training_features, Disk(hook))
    share = _outcomes(place, night, origins, max_examples)
    frames, made = [], 0
    for done, origin in enumerate(origins):
        progress(done, len(origins))
        file, is_new = features_file(place, night, origin, hook=hook)
        made += is_new
        frames += list(_examples(place.con, file, origin))
    progress(len(origins), len(origins))
    frame = pl.concat([_no_examples(), *frames])
    return TrainingRows(frame, origins, share, len(origins) - made, made)


def features_file(place: Scratch, night: Night, origin: date, *, hook: Hook = ignore_step) -> tuple[Path, bool]:
    """The file with `features.churn` of an origin as its night had it under this night's policy, and whether it had to
    be made. Raises as `build_training_set`.
    """
    then = replace(night, as_of_date=origin, known_at=None, accept=None, policy_given=night.policy_text)
    name = f"as_of_date={origin.isoformat()}/{place.digest(then, FEATURES)[:16]}.parquet"
    file = night.training_features / name
    if file.exists():
        return file, False
    place.build(then, target=FEATURES)
    rows = place.con.sql(f"select * from {FEATURES} order by customer_id")
    write_day(rows, night.training_features, name, Disk(hook), label="training-features")
    return file, True


def _known(con: duckdb.DuckDBPyConnection, night: Night) -> tuple[datetime, datetime] | None:
    first, last = first_row(
        con,
        "select min(known_at), max(known_at) from intake.files "
        "where extract = 'subscriptions' and status = 'accepted' and known_at < $known_before",
        {"known_before": night.known_before},
    )
    return None if first is None else (first, last)


def _outcomes(place: Scratch, night: Night, origins: tuple[date, ...], max_examples: int) -> float:
    """Puts who left after each origin into `training.outcomes`; returns the share of the customers that is in it."""
    place.build(night, target=OUTCOMES, churn_origins=origins)
    con = place.con
    found = int(first_row(con, f"select count(*) from {OUTCOMES}")[0])
    share = min(1.0, max_examples / max(found, 1))
    # The first hex digits of a digest are spread evenly; of a customer they are the same at each origin and training.
    bound = f"{int(share * 16**8):08x}" if share < 1 else "g"
    con.execute("create schema if not exists training")
    con.execute(
        "create or replace table training.outcomes as "
        f"select origin_date, customer_id, churned from {OUTCOMES} where {_SAMPLE}",
        {"bound": bound},
    )
    return share


def _examples(con: duckdb.DuckDBPyConnection, file: Path, origin: date) -> Iterator[pl.DataFrame]:
    # Made ratios of origin by origin: never more than one night's sums beside the examples themselves.
    found = con.sql(_EXAMPLES, params={"file": str(file), "origin": origin}).pl()
    if len(found):
        made = churn_features(found, origin)
        yield made.with_columns(found["churned"], origin_date=pl.lit(origin)).select(_no_examples().columns)


def _no_examples() -> pl.DataFrame:
    features = {name: feature.dtype for name, feature in CHURN_FEATURES.items()}
    return pl.DataFrame(
        schema={"origin_date": pl.Date(), "customer_id": pl.String(), **features, "churned": pl.Boolean()}
    )
