"""Runs the judgement of segmentation/ over the warehouse's tables, batch by batch.

Belongs here: reading, batching and writing. Does not: any rule about a customer's worth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date

import duckdb
import polars as pl

from pipelines.beside import Beside
from pipelines.column_types import duckdb_type
from pipelines.contracts.tables import declared
from pipelines.training.registry import Choice
from pipelines.warehouse import another
from segmentation.churn.drift import Drift
from segmentation.churn.risk import risks
from segmentation.columns import BANDS, BEFORE, CUTOFFS, DRIFTS, FEATURES, HAZARDS, MEASURES, RISKS, SCORES, Dtype
from segmentation.measures import measures
from segmentation.policy import Policy
from segmentation.scoring import score

BATCH_ROWS = 122_880  # one row group of DuckDB, which it then writes at once


def _named(alias: str, columns: Iterable[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in columns if name != "customer_id")


# What each function is given of the warehouse's tables, and no column that it doesn't look at.
TO_MEASURE = f"select f.customer_id, {_named('f', FEATURES)} from features.customer as f where f.lines_in_service > 0"
TO_TAKE_BAND_RATE = (
    f"select c.customer_id, {_named('f', BANDS)} from features.churn as c "
    "join features.customer as f on f.customer_id = c.customer_id"
)
TO_RATE_RISK = (
    f"select c.*, {_named('f', BANDS)} from features.churn as c "
    "join features.customer as f on f.customer_id = c.customer_id"
)
TO_SCORE = (
    f"select f.customer_id, {_named('f', FEATURES)}, {_named('m', MEASURES)}, {_named('r', RISKS)}, "
    f"{_named('t', BEFORE)} "
    "from features.customer as f join scores.measures as m on m.customer_id = f.customer_id "
    "join scores.churn_risk as r on r.customer_id = f.customer_id "
    "left join features.tier_state as t on t.customer_id = f.customer_id"
)
CUTOFFS_FOUND = "select segment, measure, quantile, threshold from scores.cutoffs"
HAZARDS_FOUND = "select churn_band, exposed, churned from features.churn_bands order by all"


def write_measures(con: duckdb.DuckDBPyConnection, policy: Policy, as_of_date: date) -> int:
    """Fills `scores.measures`, one row a customer in service; returns the rows."""
    return _apply(
        con,
        TO_MEASURE,
        "measures",
        MEASURES,
        lambda batch: measures(batch, policy, as_of_date),
    )


def write_churn_risk(con: duckdb.DuckDBPyConnection, policy: Policy, as_of_date: date, model: Choice) -> int:
    """Fills `scores.churn_risk` from `features.churn` and the bands of `features.customer`, and `scores.churn_drift`
    with how far the night lies from what the model was fitted on (no rows without one); returns the rows of the first.
    """
    drift = None if model.loaded is None else Drift.from_content(model.loaded.manifest.reference)
    rows = _apply(
        con,
        TO_TAKE_BAND_RATE if model.loaded is None else TO_RATE_RISK,
        "churn_risk",
        RISKS,
        lambda batch: risks(
            batch,
            policy.churn,
            as_of_date,
            None if model.loaded is None else model.loaded.named,
            None if drift is None else drift.add,
        ),
    )
    columns = ", ".join(f'"{name}" {duckdb_type(kind)}' for name, kind in DRIFTS.items())
    con.execute(f"create or replace table scores.churn_drift ({columns})")
    if found := drift_rows(drift, model):
        con.executemany("insert into scores.churn_drift values (?, ?, ?)", found)
    return rows


def drift_rows(drift: Drift | None, model: Choice) -> list[tuple[str, float, str]]:
    """The rows of `scores.churn_drift`; none without a model."""
    indexes = {} if drift is None else drift.indexes()
    return [(name, round(index, 6), model.version) for name, index in sorted(indexes.items())]


def write_scores(con: duckdb.DuckDBPyConnection, policy: Policy, as_of_date: date) -> int:
    """Fills `scores.customer` from `features.customer`, `features.tier_state`, `features.churn_bands` and other scores;
    returns the rows.
    """
    cutoffs = con.sql(CUTOFFS_FOUND).pl().cast(dict(CUTOFFS))
    hazards = con.sql(HAZARDS_FOUND).pl().cast(dict(HAZARDS))
    return _apply(
        con,
        TO_SCORE,
        "customer",
        SCORES,
        lambda batch: score(batch, policy, cutoffs, hazards, as_of_date),
    )


def _apply(
    con: duckdb.DuckDBPyConnection,
    query: str,
    name: str,
    columns: Mapping[str, Dtype],
    judge: Callable[[pl.DataFrame], pl.DataFrame],
) -> int:
    """Replaces `scores.<name>` by the judged rows of the query in one transaction, never holding more than two batches:
    one is written while the next is judged.
    """
    types = {column: duckdb_type(dtype) for column, dtype in columns.items()}

    def write(judged: pl.DataFrame) -> None:
        # Found by its name: what is registered in a transaction is held in memory until that ends.
        judged_batch = judged.to_arrow(compat_level=pl.CompatLevel.newest())  # noqa: F841
        con.execute(f'insert into scores."{name}" select * from judged_batch')

    rows = 0
    con.begin()
    try:
        # Left before the transaction ends: nothing is rolled back under a batch that is being written.
        with another(con) as reader, Beside("writer") as beside:
            con.execute(f'create or replace table scores."{name}" ({declared(types)})')
            for batch in reader.sql(query).to_arrow_reader(BATCH_ROWS):
                judged = judge(pl.DataFrame(batch)).select(columns.keys())
                rows += judged.height
                beside.do(write, judged)
            beside.wait()
        con.commit()
    except BaseException:
        con.rollback()
        raise
    return rows
