"""What Spark reads: each table of the night as a temporary view over Parquet, or over a few rows from this node.

Belongs here: which files stand for a table, and taking there what only this node has. Does not: making tables
(engine.py).

Accepted rows go there once, a file a delivery, named by what decides them; no night sends the history again. Tables
that Spark made are listed in `run.spark_tables` of the warehouse, those kept by day in their own list. The calendar and
the ledger, which are small, are handed over as they are.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from pipelines import usage
from pipelines.intake.elsewhere import folders
from pipelines.night import Night
from pipelines.spark.dialect import spark_schema, view_name
from pipelines.spark.place import Place
from pipelines.sql_text import identifiers, literal
from pipelines.table_types import table_types
from pipelines.tier_memory import standing_for
from pipelines.warehouse import count

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Up to so many rows go from this node's memory, more as a file.
_FEW = 100_000
# Deliveries of call detail all of whose days have expired.
_GONE = """
    select d.file_id
    from intake.file_days as d
    left join intake.expired_days as e on e.usage_date = d.usage_date
    group by d.file_id
    having count(*) = count(e.usage_date)
"""


class Shown:
    """Views of one session. `working` is a local folder for files on their way."""

    def __init__(self, spark: SparkSession, place: Place, night: Night, working: Path) -> None:
        self._spark, self._place, self._night, self._working = spark, place, night, working
        self._records: dict[int, str] | None = None

    def show(self, con: duckdb.DuckDBPyConnection, tables: Sequence[str]) -> None:
        """Makes the view of each table. Raises OSError where a file can't be put there."""
        for table in tables:
            self._rows(con, table).createOrReplaceTempView(view_name(table))

    def show_records_of(self, con: duckdb.DuckDBPyConnection, day: date) -> None:
        """Makes the view of staging.cdr of the deliveries that touch a day alone: the ledger knows them, and opening
        the files of a year to find out would cost more than the day.
        """
        touching = con.execute("select file_id from intake.file_days where usage_date = $day", {"day": day}).fetchall()
        wanted = {file_id for (file_id,) in touching}
        if self._records is None:
            self._records = self._delivered(con, "cdr")
        names = [name for file_id, name in self._records.items() if file_id in wanted]
        self.files("staging.cdr", names).createOrReplaceTempView(view_name("staging.cdr"))

    def show_records_between(self, con: duckdb.DuckDBPyConnection, first: date, last: date) -> None:
        """Makes the view of staging.cdr of the deliveries that touch any of these days, as they are at the moment."""
        touching = con.execute(
            "select distinct file_id from intake.file_days where usage_date between $first and $last",
            {"first": first, "last": last},
        ).fetchall()
        wanted = {file_id for (file_id,) in touching}
        names = [name for file_id, name in self._delivered(con, "cdr").items() if file_id in wanted]
        self.files("staging.cdr", names).createOrReplaceTempView(view_name("staging.cdr"))

    def _rows(self, con: duckdb.DuckDBPyConnection, table: str) -> DataFrame:
        schema, _, name = table.partition(".")
        if schema == "staging":
            return self.files(table, list(self._delivered(con, name).values()))
        if table in ("run.tier_changes", "run.tier_memory", "run.served_tiers"):
            return self.files(table, self._history(table))
        if schema in ("run", "intake"):
            return self._handed_over(con, table)
        if table in usage.DAY_TABLES:
            listed = con.execute(f"select path from {usage.DAY_TABLES[table].files}_on_spark order by all").fetchall()
            return self.files(table, [name for (name,) in listed])
        return self.files(table, [location_of(con, table)])

    def files(self, table: str, names: Sequence[str]) -> DataFrame:
        """The rows of Parquet files or folders of the place, with the table's columns; none without a name."""
        schema = spark_schema(table_types(table))
        if not names:
            return self._spark.createDataFrame([], schema)
        return self._spark.read.schema(schema).parquet(*map(self._uri, names))

    def _uri(self, name: str) -> str:
        """Of a name in the place, or of the path of rows that executors took themselves."""
        return f"file://{name}" if name.startswith("/") else self._place.uri(name)

    def _delivered(self, con: duckdb.DuckDBPyConnection, extract: str) -> dict[int, str]:
        """The files of all accepted rows of an extract by file_id; those that are not there yet are put there. A
        delivery whose days have all expired leaves the place.
        """
        deliveries = con.execute(
            "select file_id, sha256, mapping_fingerprint, known_at, as_of_date, contract_version, accepted "
            "from intake.files where extract = $extract and status = 'accepted' and accepted > 0 order by file_id",
            {"extract": extract},
        ).fetchall()
        gone = {file_id for (file_id,) in con.execute(_GONE).fetchall()} if extract == "cdr" else set()
        folder, columns = f"staging/{extract}", identifiers(table_types(f"staging.{extract}"))
        there, elsewhere, names = self._place.names(folder), folders(con, extract), {}
        for file_id, *decides in deliveries:
            if file_id in gone:
                continue
            if file_id in elsewhere:
                names[file_id] = str(elsewhere[file_id])
                continue
            digest = hashlib.sha256(json.dumps(decides, default=str).encode()).hexdigest()[:16]
            name = f"{file_id:012d}-{digest}.parquet"
            if name not in there:
                self._send(
                    con, f"select {columns} from staging.{extract} where file_id = {file_id}", f"{folder}/{name}"
                )
            names[file_id] = f"{folder}/{name}"
        for name in there:
            number = name.partition("-")[0]
            if number.isdigit() and int(number) in gone:
                self._place.remove(f"{folder}/{name}")
        return names

    def _history(self, table: str) -> list[str]:
        """The files of the tier history, or those that stand for it: immutable, so each goes there once."""
        night = self._night
        nights = night.nights_served if table == "run.served_tiers" else night.nights_before
        files = [before.path for before in nights]
        if table != "run.tier_changes":
            files = standing_for(night.tier_memory, nights, night.parameters["last_month_end"])
        names = []
        for file in files:
            folder, name = f"tier_history/{file.parent.name}", file.name
            if name not in self._place.names(folder):
                with duckdb.connect() as con:
                    self._send(con, f"select * from read_parquet({literal(str(file))})", f"{folder}/{name}")
            names.append(f"{folder}/{name}")
        return names

    def _handed_over(self, con: duckdb.DuckDBPyConnection, table: str) -> DataFrame:
        columns = table_types(table)
        query = f"select {identifiers(columns)} from {table}"
        if count(con, table) > _FEW:
            folder = f"night/{table}"
            self._place.remove(folder)
            name = f"{folder}/{secrets.token_hex(4)}.parquet"
            self._send(con, query, name)
            return self.files(table, [name])
        return self._spark.createDataFrame(con.sql(query).to_arrow_table(), spark_schema(columns))

    def _send(self, con: duckdb.DuckDBPyConnection, query: str, name: str) -> None:
        self._working.mkdir(parents=True, exist_ok=True, mode=0o750)
        local = self._working / f"{secrets.token_hex(8)}.parquet"
        try:
            con.sql(query).write_parquet(str(local), compression="zstd")
            self._place.put(local, name)
        finally:
            local.unlink(missing_ok=True)


def location_of(con: duckdb.DuckDBPyConnection, table: str) -> str:
    """The folder of a table that Spark made, relative to the place. Raises LookupError where it made none."""
    con.execute("create table if not exists run.spark_tables (name varchar, location varchar)")
    found = con.execute("select location from run.spark_tables where name = $name", {"name": table}).fetchall()
    if not found:
        raise LookupError(f"{table} was not made on Spark yet: run the whole night with the setting engine: spark")
    return str(found[0][0])
