"""Rows that executors took, held against their contract where they are.

Belongs here: counting by tasks, and repeated keys on Spark. Does not: promises and verdicts (pipelines/contracts).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import duckdb

from data_contracts import Contract
from pipelines.contracts.checks import KEYS_REPEATED, counted_metrics
from pipelines.contracts.judged import Count
from pipelines.intake.elsewhere import folders
from pipelines.night import Night
from pipelines.spark.asking import ask
from pipelines.spark.dialect import carried_as_is
from pipelines.spark.engine import failed
from pipelines.spark.place import Place
from pipelines.spark.session import session
from pipelines.spark.shown import Shown
from pipelines.spark.taken import counting_promises
from pipelines.sql_text import identifiers


def counting(night: Night) -> Count:
    """As count_rows in contracts/checks.py, for files whose rows lie in Parquet. Spark is started when it is asked."""

    def count(con: duckdb.DuckDBPyConnection, promised: Contract, file_ids: Sequence[int]) -> dict[str, int]:
        spark, table = session(night.settings), f"staging.{promised.name}"
        there = folders(con, promised.name)
        files = [path for file_id in file_ids for path in sorted(there[file_id].glob("*.parquet"))]
        answers = ask(spark, counting_promises(files, promised), range(len(files)))
        counts: Counter[str] = Counter()
        for row, _ in answers:
            counts.update(dict(zip(counted_metrics(promised), row, strict=True)))
        bounds = {"low": min(low for _, (low, _) in answers), "high": max(high for _, (_, high) in answers)}
        place = Place(spark, night.settings.spark_path or str(night.home / "spark"))
        Shown(spark, place, night, night.home / "tmp" / "spark").show(con, [table])
        key = identifiers(promised.key)
        near = f"from {table} where {identifiers(promised.key[:1])} between $low and $high"
        try:
            query = carried_as_is(f"select count(*) - count(distinct {key}) {near}", bounds)
            counts[KEYS_REPEATED] = int(spark.sql(query).collect()[0][0])
        except Exception as error:
            raise failed(table, error) from error
        return dict(counts)

    return count
