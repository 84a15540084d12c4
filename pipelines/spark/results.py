"""Tables that Spark made: Parquet that executors write, and in the warehouse a view over it.

Belongs here: keeping a table's rows, and where this node reads them. Does not: what the rows are, tables kept by
day (engine.py), scores (scoring.py).

A table is written into a new folder; then the view in the warehouse and the entry in `run.spark_tables` change in one
transaction, then the old folder goes. A run that is killed leaves a folder that nobody reads; the next one removes it.
On HDFS and object stores, which DuckDB can't open by itself, the tables that publication and marts read are fetched.
"""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from pipelines.spark.failure import failed
from pipelines.spark.place import Place
from pipelines.spark.shown import Shown
from pipelines.sql_catalogue import sql_tables
from pipelines.sql_text import identifiers, literal, without_globs
from pipelines.table_types import table_types
from pipelines.warehouse import transaction

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_PUBLISHED = {"scores.subscription", "scores.customer", "scores.tier_changes", "scores.churn_drift"}


@dataclass(frozen=True)
class Results:
    """What a session keeps in the place, for the warehouse of a home folder."""

    spark: SparkSession
    place: Place
    shown: Shown
    home: Path

    def keep(self, con: duckdb.DuckDBPyConnection, table: str, rows: DataFrame) -> int:
        """Writes the rows, and makes them the table of that name here and on Spark; returns their number."""
        home = table.replace(".", "/")
        name = f"{home}/{secrets.token_hex(8)}"
        self.write_rows(table, rows, name)
        written = int(self.shown.files(table, [name]).count())
        with transaction(con):
            con.execute("create table if not exists run.spark_tables (name varchar, location varchar)")
            con.execute("delete from run.spark_tables where name = $name", {"name": table})
            con.execute("insert into run.spark_tables values ($name, $location)", {"name": table, "location": name})
            self._view(con, table, name)
        for old in self.place.names(home) - {Path(name).name}:
            self.place.remove(f"{home}/{old}")
        return written

    def write_rows(self, table: str, rows: DataFrame, name: str) -> None:
        """Has executors write the rows into the folder `name` of the place. Raises WarehouseError."""
        try:
            rows.write.parquet(self.place.uri(name))
        except Exception as error:
            self.place.remove(name)
            raise failed(table, error) from error

    def _view(self, con: duckdb.DuckDBPyConnection, table: str, name: str) -> None:
        schema, _, short = table.partition(".")
        kind = con.execute(
            "select table_type from information_schema.tables where table_schema = $s and table_name = $n",
            {"s": schema, "n": short},
        ).fetchall()
        if kind:
            con.execute(f"drop {'view' if kind[0][0] == 'VIEW' else 'table'} {table}")
        if (folder := self._local(table, name)) is not None:
            files = literal(f"{without_globs(str(folder))}/*.parquet")
            columns = identifiers(table_types(table))
            con.execute(
                f"create view {table} as select {columns} from read_parquet({files}, hive_partitioning = false)"
            )

    def _local(self, table: str, name: str) -> Path | None:
        """Where this node reads a table of Spark's: in the place itself, or in a copy, if publication needs it."""
        if self.place.folder is not None:
            return self.place.folder / name
        if table not in _read_here():
            return None
        copy = self.home / "spark" / name
        for old in copy.parent.glob("*"):
            shutil.rmtree(old)
        self.place.fetch(name, copy)
        return copy


@cache
def _read_here() -> frozenset[str]:
    """Tables of Spark's that this node reads: what is published, gates that are told in its manifest, and marts."""
    asked = [*sql_tables("marts"), *(audit for audit in sql_tables("audits") if audit.severity == "gate")]
    return frozenset({upstream for table in asked for upstream in table.upstreams} | _PUBLISHED)
