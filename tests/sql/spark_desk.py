"""The desk with a twin on Spark: each SQL file runs on both engines, and must give the same rows of the same types.

Belongs here: running and comparing. Does not: any case (see the test modules).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import duckdb
from sql_desk import SqlDesk

from pipelines.settings import Settings
from pipelines.spark.dialect import carried, spark_schema, view_name
from pipelines.spark.session import session
from pipelines.sql_catalogue import sql_table
from pipelines.sql_text import identifiers
from pipelines.table_types import table_types

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class SparkDesk(SqlDesk):
    """Gives what Spark found, after holding it against DuckDB."""

    def run(self, table: str, **given: Any) -> duckdb.DuckDBPyRelation:
        here = super().run(table, **given)
        columns = {name: str(kind) for name, kind in zip(here.columns, here.types, strict=True)}
        for upstream in sql_table(table).upstreams:
            kinds = table_types(upstream)
            rows = self.con.sql(f"select {identifiers(kinds)} from {upstream}").to_arrow_table()
            view = running().createDataFrame(rows, spark_schema(kinds))
            view.createOrReplaceTempView(view_name(upstream))
        there = running().sql(carried(sql_table(table).text, {**self.parameters, **given}, columns)).toArrow()
        self.con.register("_from_spark", there)
        self.con.execute("create or replace temp table _on_spark as select * from _from_spark")
        self.con.unregister("_from_spark")
        found = self.con.sql("select * from temp.main._on_spark")
        assert {name: str(kind) for name, kind in zip(found.columns, found.types, strict=True)} == columns
        assert sorted(map(repr, found.fetchall())) == sorted(map(repr, here.fetchall())), f"{table}: Spark left"
        return found


@cache
def running() -> SparkSession:
    """One session for all cases; with one partition, because the tables have a few rows."""
    conf = {"spark.sql.shuffle.partitions": "1", "spark.sql.adaptive.enabled": "false"}
    return session(Settings(engine="spark", spark_master="local[1]", spark_conf=conf))
