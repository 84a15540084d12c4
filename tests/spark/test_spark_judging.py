"""Functions of segmentation/ in executors: every row once, and counts that come with them.

Belongs here: what pipelines/spark/judging.py hands over. Does not: what the functions decide (tests/unit/segmentation).
"""

import json
import sys
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from conftest import ON_SPARK
from pyspark import cloudpickle

from pipelines.settings import Settings
from pipelines.spark.judging import COUNTS, judged, judged_and_counted
from pipelines.spark.session import session
from segmentation.churn.drift import Drift

SCHEMA = pa.schema([("id", pa.int64()), ("twice", pa.decimal128(20, 2))])


# Shipped by value: executors have no tests.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def doubled(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select("id", twice=(pl.col("id") * 2).cast(pl.Decimal(20, 2)))


def test_each_row_is_judged_once_with_the_types_that_were_asked() -> None:
    source = session(Settings(**ON_SPARK)).range(0, 1000, 1, 7)
    found = source.mapInArrow(judged(doubled, SCHEMA), "id BIGINT, twice DECIMAL(20, 2)").toArrow()
    assert found.schema.types == list(SCHEMA.types)
    assert sorted(found["id"].to_pylist()) == list(range(1000))
    assert all(row["twice"] == 2 * row["id"] for row in found.to_pylist())


@pytest.mark.parametrize("partitions", [1, 7])
def test_counts_of_partitions_add_up_to_those_of_all_rows(partitions: int) -> None:
    values = pl.DataFrame({"id": list(range(1000))})
    content = Drift.reference(values, pl.Series("date", [1] * 1000)).content()

    def counting() -> tuple[Any, Any]:
        drift = Drift.from_content(content)

        def judge(rows: pl.DataFrame) -> pl.DataFrame:
            drift.add(rows)
            return doubled(rows)

        return judge, lambda: {name: counts.tolist() for name, counts in drift.found.items()}

    source = session(Settings(**ON_SPARK)).range(0, 1000, 1, partitions)
    schema = f"id BIGINT, twice DECIMAL(20, 2), `{COUNTS}` STRING"
    rows = source.mapInArrow(judged_and_counted(counting, SCHEMA), schema).toArrow().to_pylist()
    said = [json.loads(row[COUNTS]) for row in rows if row[COUNTS] is not None]
    assert len(said) == partitions
    whole = Drift.from_content(content)
    whole.add(values)
    assert [sum(c) for c in zip(*(counts["id"] for counts in said), strict=True)] == whole.found["id"].tolist()
    assert sorted(row["id"] for row in rows if row[COUNTS] is None) == list(range(1000))
