"""A night's tables made on Spark: the SQL of the house carried, its functions handed to executors.

Belongs here: what an engine must do, and days that are kept by day. Does not: keeping a table (results.py), judging
(scoring.py), what Spark reads (shown.py), dialects (dialect.py), any rule.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from pipelines import usage
from pipelines.day_files import write_day
from pipelines.durable import Disk
from pipelines.engine import BadRows, Progress
from pipelines.night import Night
from pipelines.spark import scoring
from pipelines.spark.dialect import carried, view_name
from pipelines.spark.failure import failed
from pipelines.spark.place import Place
from pipelines.spark.results import Results
from pipelines.spark.session import session
from pipelines.spark.shown import Shown, location_of
from pipelines.sql_catalogue import SqlTable, sql_table
from pipelines.sql_text import identifiers, literal, without_globs
from pipelines.table_types import table_types
from pipelines.usage import DayFile, DayTable, RollUp
from pipelines.warehouse import WarehouseError, insert_rows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_SEEN: set[tuple[str, str]] = set()
# Jobs that overlap: while one is planned or committed, executors work on another.
_DAYS_AT_ONCE = 4


class SparkEngine:
    """As of Engine, for one night. Raises SettingsError where pyspark, Java or the path is missing."""

    def __init__(self, night: Night) -> None:
        self.night = night
        self._spark = session(night.settings)
        self._place = Place(self._spark, night.settings.spark_path or str(night.home / "spark"))
        # Once a session and path: an engine is made for each step.
        if (tried := (self._spark.sparkContext.applicationId, self._place.uri(""))) not in _SEEN:
            self._place.require_seen()
            _SEEN.add(tried)
        self._shown = Shown(self._spark, self._place, night, night.home / "tmp" / "spark")
        self._results = Results(self._spark, self._place, self._shown, night.home)

    def build(self, con: duckdb.DuckDBPyConnection, table: SqlTable) -> int:
        """As of Engine."""
        self._shown.show(con, table.upstreams)
        return self._results.keep(con, table.table, self._rows(table, self.night.parameters))

    def roll_up(
        self,
        con: duckdb.DuckDBPyConnection,
        kept: DayTable,
        progress: Progress,
        days: Collection[date] | None = None,
    ) -> RollUp:
        """As of Engine. Of `days` this node gets a file, too: it goes on from it when their call detail is gone."""
        night, table = self.night, sql_table(kept.table)
        files = usage.day_files(
            con,
            kept,
            night.parameters,
            service_numbers=night.settings.service_numbers,
            zone=night.zone,
            is_there=lambda name: self._is_there(_folder_of(kept, name)),
            days=days,
        )
        self._bring_expired(kept, files)
        lacking = [file for file in files if not self._is_there(_folder_of(kept, file.name))]
        usage.require_detail(lacking, self._place.uri(kept.table.replace(".", "/")))
        named = [(file.day, _folder_of(kept, file.name)) for file in files]
        missing = [(file.day, _folder_of(kept, file.name)) for file in lacking]
        if missing:
            self._shown.show(con, [upstream for upstream in table.upstreams if upstream != "staging.cdr"])
        with ThreadPoolExecutor(_DAYS_AT_ONCE) as writers:
            written = []
            progress(0, len(missing))
            for day, name in missing:
                # A query is bound to the views of now, so that the next day's may replace them.
                self._shown.show_records_of(con, day)
                rows = self._rows(table, {**night.parameters, "usage_date": day})
                written.append(writers.submit(self._write_day, kept.table, rows, name))
                progress(_ended(written), len(missing))
            for day_written in written:
                day_written.result()
                progress(_ended(written), len(missing))
        progress(len(missing), len(missing))
        if days is not None:
            self._keep_here(kept, files)
            return RollUp(tuple(files), len(missing))
        con.execute(f"create or replace table {kept.files}_on_spark (usage_date date, path varchar)")
        insert_rows(con, f"{kept.files}_on_spark", named)
        usage.use_days(con, kept, night.parameters, self._seen_here(named))
        return RollUp(tuple(files), len(missing))

    def bad_rows(self, con: duckdb.DuckDBPyConnection, audit: SqlTable, shown: int) -> BadRows:
        """As of Engine."""
        from pyspark.sql import functions  # noqa: PLC0415

        self._shown.show(con, audit.upstreams)
        bad = self._rows(audit, self.night.parameters)
        order = [functions.col(f"`{name}`").asc_nulls_last() for name in bad.columns]
        try:
            first = tuple(tuple(row) for row in bad.orderBy(*order).limit(shown).collect())
            return BadRows(tuple(bad.columns), first, len(first) if len(first) < shown else bad.count())
        except Exception as error:
            raise failed(audit.table, error) from error

    def ask(self, con: duckdb.DuckDBPyConnection, table: SqlTable) -> Any:
        """The rows of one SQL file, marts among them, as an Arrow table; nothing is kept. Raises WarehouseError."""
        self._show_with_marts(con, table)
        try:
            return self._rows(table, self.night.parameters).toArrow()
        except Exception as error:
            raise failed(table.table, error) from error

    def _show_with_marts(self, con: duckdb.DuckDBPyConnection, table: SqlTable) -> None:
        """Makes the views that a SQL file reads; a mart, which Spark keeps nowhere, as its own SQL."""
        for upstream in table.upstreams:
            if upstream.startswith("marts."):
                mart = sql_table(upstream)
                self._show_with_marts(con, mart)
                self._rows(mart, self.night.parameters).createOrReplaceTempView(view_name(upstream))
            else:
                self._shown.show(con, [upstream])

    def write_measures(self, con: duckdb.DuckDBPyConnection) -> int:
        """As of Engine."""
        return scoring.write_measures(con, self.night, self._results)

    def write_churn_risk(self, con: duckdb.DuckDBPyConnection) -> int:
        """As of Engine."""
        return scoring.write_churn_risk(con, self.night, self._results)

    def write_scores(self, con: duckdb.DuckDBPyConnection) -> int:
        """As of Engine."""
        return scoring.write_scores(con, self.night, self._results)

    def count(self, con: duckdb.DuckDBPyConnection, table: str) -> int:
        """As of Engine."""
        return int(self._shown.files(table, [location_of(con, table)]).count())

    def _rows(self, table: SqlTable, parameters: Mapping[str, Any]) -> DataFrame:
        missing = [name for name in table.parameters if name not in parameters]
        if missing:
            raise WarehouseError(f"sql/{table.schema}/{table.name}.sql needs the parameters {', '.join(missing)}")
        try:
            return self._spark.sql(carried(table.text, parameters, table_types(table.table)))
        except Exception as error:
            raise failed(table.table, error) from error

    def _is_there(self, name: str) -> bool:
        """Whether a day's folder is whole; what killed runs left beside it goes."""
        folder, _, own = name.rpartition("/")
        beside = self._place.names(folder)
        for left in [other for other in beside if other.endswith(".tmp")]:
            self._place.remove(f"{folder}/{left}")
        return own in beside

    def _bring_expired(self, kept: DayTable, files: Sequence[DayFile]) -> None:
        """Takes to the place what only this node has of expired days: they expired while it made the days by itself."""
        for file in files:
            name, local = _folder_of(kept, file.name), self.night.day_folder(kept.table) / file.name
            if not file.has_detail and local.exists() and not self._is_there(name):
                temporary = f"{name}.{secrets.token_hex(4)}.tmp"
                working = self.night.home / "tmp" / "spark"
                working.mkdir(parents=True, exist_ok=True, mode=0o750)
                self._place.put(Path(shutil.copy(local, working)), f"{temporary}/{local.name}")
                self._place.adopt(temporary, name)

    def _keep_here(self, kept: DayTable, files: Sequence[DayFile]) -> None:
        """Makes this node's own files of days that the place has: scratch nights read them."""
        folder, disk = self.night.day_folder(kept.table), Disk()
        for file in files:
            if (folder / file.name).exists():
                continue
            name, fetched = _folder_of(kept, file.name), self.night.home / "tmp" / "spark" / secrets.token_hex(8)
            try:
                if self._place.folder is None:
                    self._place.fetch(name, fetched)
                there = fetched if self._place.folder is None else self._place.folder / name
                with duckdb.connect() as own:
                    paths = literal(f"{without_globs(str(there))}/*.parquet")
                    columns = identifiers(table_types(kept.table))
                    rows = own.sql(f"select {columns} from read_parquet({paths}) order by {kept.order}")
                    write_day(rows, folder, file.name, disk, label=kept.label)
            finally:
                shutil.rmtree(fetched, ignore_errors=True)

    def _write_day(self, table: str, rows: DataFrame, name: str) -> None:
        temporary = f"{name}.{secrets.token_hex(4)}.tmp"
        self._results.write_rows(table, rows, temporary)
        self._place.adopt(temporary, name)

    def _seen_here(self, named: list[tuple[date, str]]) -> list[tuple[date, str]]:
        """The days as DuckDB reads them: analysts' view of daily usage; nothing of it on HDFS and object stores."""
        folder = self._place.folder
        if folder is None:
            return []
        return [(day, f"{without_globs(str(folder / name))}/*.parquet") for day, name in named]


def _ended(written: list[Future[None]]) -> int:
    return sum(one.done() for one in written)


def _folder_of(kept: DayTable, name: str) -> str:
    """The folder of the place that stands for a day file of that name."""
    return f"{kept.table.replace('.', '/')}/{name.removesuffix('.parquet')}"
