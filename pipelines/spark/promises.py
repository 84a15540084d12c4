"""Rows that executors took, held against their contract where they are.

Belongs here: counting by tasks, and repeated keys on Spark. Does not: promises and verdicts (pipelines/contracts).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import duckdb

from data_contracts import Contract
from pipelines.contracts.checks import Counts, brought_by, counted_metrics, counted_repeated
from pipelines.contracts.judged import Count
from pipelines.contracts.keys import Bounds, near, repeated_keys
from pipelines.intake.elsewhere import folders
from pipelines.night import Night
from pipelines.spark.asking import ask
from pipelines.spark.dialect import carried_as_is
from pipelines.spark.failure import failed
from pipelines.spark.place import Place
from pipelines.spark.session import session
from pipelines.spark.shown import Shown
from pipelines.spark.taken import counting_promises


def counting(night: Night) -> Count:
    """As count_rows in contracts/checks.py, for call detail whose rows lie in Parquet. Spark is started when it is
    asked.
    """

    def count(con: duckdb.DuckDBPyConnection, promised: Contract, file_ids: Sequence[int]) -> Counts:
        spark, table, window = session(night.settings), promised.table, night.settings.duplicate_window_days
        there = folders(con, promised.name)
        files = [path for file_id in file_ids for path in sorted(there[file_id].glob("*.parquet"))]
        answers = ask(spark, counting_promises(files, promised), range(len(files)))
        metrics = counted_metrics(promised)
        counts = sum((Counts(dict(zip(metrics, row, strict=False))) for row in answers), Counts({}))
        lows, highs, firsts, lasts = zip(*(row[len(metrics) :] for row in answers), strict=True)
        bounds = Bounds(min(lows), max(highs), min(firsts), max(lasts))
        place, about = Place(spark, night.settings.spark_path or str(night.home / "spark")), timedelta(days=window)
        shown = Shown(spark, place, night, night.home / "tmp" / "spark")
        shown.show_records_between(con, bounds.reach_from - about, bounds.reach_until + about)

        def asked(query: str, given: dict[str, Any]) -> Sequence[Any]:
            row: Sequence[Any] = spark.sql(carried_as_is(query, given)).collect()[0]
            return row

        condition, given = near(promised, bounds, window)
        rows, theirs = f"{table} where {condition}", brought_by(file_ids)
        try:
            found = repeated_keys(asked, promised, rows, given, window=window, which=theirs)
        except Exception as error:
            raise failed(table, error) from error
        return counts + counted_repeated(found)

    return count
