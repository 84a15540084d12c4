"""The judgement of segmentation/ on Spark, as pipelines/scoring.py has it on one node.

Belongs here: what each function is given, and keeping what it gives. Does not: what executors run (judging.py), any
rule about a customer's worth.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import polars as pl

from pipelines import scoring
from pipelines.contracts.tables import arrow_type
from pipelines.judged_tables import JUDGED
from pipelines.night import Night
from pipelines.spark.dialect import carried_as_is, spark_schema
from pipelines.spark.judging import COUNTS, Judge, judged, judged_and_counted
from pipelines.spark.results import Results
from pipelines.table_types import table_types
from segmentation.churn.drift import Drift
from segmentation.churn.risk import risks
from segmentation.columns import CUTOFFS, HAZARDS, Dtype
from segmentation.measures import measures
from segmentation.scoring import score

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_GIVEN = {
    "scores.measures": scoring.TO_MEASURE,
    "scores.churn_risk": scoring.TO_RATE_RISK,
    "scores.customer": scoring.TO_SCORE,
}


def write_measures(con: duckdb.DuckDBPyConnection, night: Night, results: Results) -> int:
    """Fills `scores.measures`; returns the rows."""
    policy, as_of_date = night.policy, night.as_of_date
    source = _given(con, results, "scores.measures")
    return _judge(con, results, "scores.measures", source, lambda batch: measures(batch, policy, as_of_date))


def write_churn_risk(con: duckdb.DuckDBPyConnection, night: Night, results: Results) -> int:
    """Fills `scores.churn_risk` and `scores.churn_drift`; returns the rows of the first."""
    churn, as_of_date, model = night.policy.churn, night.as_of_date, night.churn_model
    table = "scores.churn_risk"
    source = _given(con, results, table)
    if model.loaded is None:
        rows = _judge(con, results, table, source, lambda batch: risks(batch, churn, as_of_date))
        _keep_drift(con, night, results, None)
        return rows
    named, reference = model.loaded.named, dict(model.loaded.manifest.reference)

    def counting() -> tuple[Judge, Any]:
        drift = Drift.from_content(reference)
        return (
            lambda batch: risks(batch, churn, as_of_date, named, drift.add),
            lambda: {name: counts.tolist() for name, counts in drift.found.items()},
        )

    schema, raw = _arrow_schema(table), f"{table.replace('.', '/')}/{secrets.token_hex(8)}.tmp"
    columns = spark_schema(table_types(table))
    counted = f"{columns}, `{COUNTS}` STRING"
    results.write_rows(table, source.mapInArrow(judged_and_counted(counting, schema), counted), raw)
    written = results.spark.read.schema(counted).parquet(results.place.uri(raw))
    totals: dict[str, Any] = {}
    for (said,) in written.where(f"`{COUNTS}` is not null").select(COUNTS).collect():
        for name, counts in json.loads(said).items():
            totals[name] = totals.get(name, 0) + np.array(counts, np.int64)
    # The folder of `raw` goes with all others but the new one.
    rows = results.keep(con, table, written.where(f"`{COUNTS}` is null").drop(COUNTS))
    drift = Drift.from_content(reference)
    drift.found.update(totals)
    _keep_drift(con, night, results, drift)
    return rows


def write_scores(con: duckdb.DuckDBPyConnection, night: Night, results: Results) -> int:
    """Fills `scores.customer`; returns the rows."""
    policy, as_of_date = night.policy, night.as_of_date
    source = _given(con, results, "scores.customer")
    cutoffs = _small(results, scoring.CUTOFFS_FOUND, CUTOFFS)
    hazards = _small(results, scoring.HAZARDS_FOUND, HAZARDS)
    return _judge(
        con, results, "scores.customer", source, lambda batch: score(batch, policy, cutoffs, hazards, as_of_date)
    )


def _given(con: duckdb.DuckDBPyConnection, results: Results, table: str) -> DataFrame:
    """What the function of a table is given; all that the table is made from is shown to Spark."""
    results.shown.show(con, JUDGED[table].upstreams)
    return results.spark.sql(carried_as_is(_GIVEN[table], {}))


def _judge(con: duckdb.DuckDBPyConnection, results: Results, table: str, source: DataFrame, judge: Judge) -> int:
    schema = _arrow_schema(table)
    return results.keep(con, table, source.mapInArrow(judged(judge, schema), spark_schema(table_types(table))))


def _small(results: Results, query: str, columns: Mapping[str, Dtype]) -> pl.DataFrame:
    found = results.spark.sql(carried_as_is(query, {})).toArrow()
    return pl.DataFrame(found).select(pl.col(name).cast(dtype) for name, dtype in columns.items())


def _keep_drift(con: duckdb.DuckDBPyConnection, night: Night, results: Results, drift: Drift | None) -> None:
    table = "scores.churn_drift"
    found = scoring.drift_rows(drift, night.churn_model)
    rows = [(feature, Decimal(f"{index:.6f}"), version) for feature, index, version in found]
    results.keep(con, table, results.spark.createDataFrame(rows, spark_schema(table_types(table))))


def _arrow_schema(table: str) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    return pa.schema([pa.field(name, arrow_type(kind)) for name, kind in table_types(table).items()])
