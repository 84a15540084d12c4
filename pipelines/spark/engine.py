"""A night's tables made on Spark: Parquet that executors write, and in the warehouse a view over it.

Belongs here: running carried SQL and functions, and handing results to the publishing node. Does not: what Spark reads
(shown.py), dialects (dialect.py), any rule.

A table is written into a new folder; then the view in the warehouse and the entry in `run.spark_tables` change in one
transaction, then the old folder goes. A run that is killed leaves a folder that nobody reads; the next one removes it.
On HDFS and object stores, which DuckDB can't open by itself, the tables that publication and marts read are fetched.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import polars as pl

from pipelines import scoring, usage
from pipelines.contracts.tables import arrow_type
from pipelines.day_files import write_day
from pipelines.durable import Disk
from pipelines.engine import BadRows, Progress
from pipelines.intake.taking import transaction
from pipelines.night import Night
from pipelines.spark.dialect import carried, carried_as_is, spark_schema, view_name
from pipelines.spark.judging import COUNTS, Judge, judged, judged_and_counted
from pipelines.spark.place import Place
from pipelines.spark.session import session
from pipelines.spark.shown import Shown, location_of
from pipelines.sql_catalogue import SqlTable, sql_table, sql_tables
from pipelines.sql_text import identifiers, literal, without_globs
from pipelines.table_types import table_types
from pipelines.usage import DayFile, DayTable, RollUp
from pipelines.warehouse import WarehouseError
from segmentation.churn.drift import Drift
from segmentation.churn.risk import risks
from segmentation.columns import CUTOFFS, HAZARDS, Dtype
from segmentation.measures import measures
from segmentation.scoring import score

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_SEEN: set[tuple[str, str]] = set()
# Jobs that overlap: while one is planned or committed, executors work on another.
_DAYS_AT_ONCE = 4
_JUDGEMENT = {
    "scores.measures": (scoring.TO_MEASURE, ("features.customer",)),
    "scores.churn_risk": (scoring.TO_RATE_RISK, ("features.churn", "features.customer")),
    "scores.customer": (
        scoring.TO_SCORE,
        ("features.customer", "scores.measures", "scores.churn_risk", "features.tier_state"),
    ),
}


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

    def build(self, con: duckdb.DuckDBPyConnection, table: SqlTable) -> int:
        """As of Engine."""
        self._shown.show(con, table.upstreams)
        return self._keep(con, table.table, self._rows(table, self.night.parameters))

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
            for day, name in missing:
                # A query is bound to the views of now, so that the next day's may replace them.
                self._shown.show_records_of(con, day)
                rows = self._rows(table, {**night.parameters, "usage_date": day})
                written.append(writers.submit(self._write_day, kept.table, rows, name))
            for done, day_written in enumerate(written):
                progress(done, len(missing))
                day_written.result()
        progress(len(missing), len(missing))
        if days is not None:
            self._keep_here(kept, files)
            return RollUp(tuple(files), len(missing), 0)
        con.execute(f"create or replace table {kept.files}_on_spark (usage_date date, path varchar)")
        if named:
            con.executemany(f"insert into {kept.files}_on_spark values (?, ?)", named)
        usage.use_days(con, kept, night.parameters, self._seen_here(named))
        rows = self._shown.files(kept.table, [name for _, name in named]).count()
        return RollUp(tuple(files), len(missing), rows)

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
        policy, as_of_date = self.night.policy, self.night.as_of_date
        return self._judge(con, "scores.measures", lambda batch: measures(batch, policy, as_of_date))

    def write_churn_risk(self, con: duckdb.DuckDBPyConnection) -> int:
        """As of Engine."""
        churn, as_of_date, model = self.night.policy.churn, self.night.as_of_date, self.night.churn_model
        if model.loaded is None:
            rows = self._judge(con, "scores.churn_risk", lambda batch: risks(batch, churn, as_of_date))
            self._keep_drift(con, None)
            return rows
        named, reference = model.loaded.named, dict(model.loaded.manifest.reference)

        def counting() -> tuple[Judge, Any]:
            drift = Drift.from_content(reference)
            return (
                lambda batch: risks(batch, churn, as_of_date, named, drift.add),
                lambda: {name: counts.tolist() for name, counts in drift.found.items()},
            )

        table = "scores.churn_risk"
        source, schema = self._to_judge(con, table), _arrow_schema(table)
        raw = f"{table.replace('.', '/')}/{secrets.token_hex(8)}.tmp"
        columns = spark_schema(table_types(table))
        counted = f"{columns}, `{COUNTS}` STRING"
        self._write_rows(table, source.mapInArrow(judged_and_counted(counting, schema), counted), raw)
        written = self._spark.read.schema(counted).parquet(self._place.uri(raw))
        totals: dict[str, Any] = {}
        for (said,) in written.where(f"`{COUNTS}` is not null").select(COUNTS).collect():
            for name, counts in json.loads(said).items():
                totals[name] = totals.get(name, 0) + np.array(counts, np.int64)
        # The folder of `raw` goes with all others but the new one.
        rows = self._keep(con, table, written.where(f"`{COUNTS}` is null").drop(COUNTS))
        drift = Drift.from_content(reference)
        drift.found.update(totals)
        self._keep_drift(con, drift)
        return rows

    def write_scores(self, con: duckdb.DuckDBPyConnection) -> int:
        """As of Engine."""
        policy, as_of_date = self.night.policy, self.night.as_of_date
        self._shown.show(con, ("scores.cutoffs", "features.churn_bands"))
        cutoffs = self._small(scoring.CUTOFFS_FOUND, CUTOFFS)
        hazards = self._small(scoring.HAZARDS_FOUND, HAZARDS)
        return self._judge(con, "scores.customer", lambda batch: score(batch, policy, cutoffs, hazards, as_of_date))

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

    def _to_judge(self, con: duckdb.DuckDBPyConnection, table: str) -> DataFrame:
        query, reads = _JUDGEMENT[table]
        self._shown.show(con, reads)
        return self._spark.sql(carried_as_is(query, {}))

    def _judge(self, con: duckdb.DuckDBPyConnection, table: str, judge: Judge) -> int:
        source, schema = self._to_judge(con, table), _arrow_schema(table)
        return self._keep(con, table, source.mapInArrow(judged(judge, schema), spark_schema(table_types(table))))

    def _small(self, query: str, columns: Mapping[str, Dtype]) -> pl.DataFrame:
        found = self._spark.sql(carried_as_is(query, {})).toArrow()
        return pl.DataFrame(found).select(pl.col(name).cast(dtype) for name, dtype in columns.items())

    def _keep_drift(self, con: duckdb.DuckDBPyConnection, drift: Drift | None) -> None:
        table = "scores.churn_drift"
        found = scoring.drift_rows(drift, self.night.churn_model)
        rows = [(feature, Decimal(f"{index:.6f}"), version) for feature, index, version in found]
        self._keep(con, table, self._spark.createDataFrame(rows, spark_schema(table_types(table))))

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
        self._write_rows(table, rows, temporary)
        self._place.adopt(temporary, name)

    def _write_rows(self, table: str, rows: DataFrame, name: str) -> None:
        try:
            rows.write.parquet(self._place.uri(name))
        except Exception as error:
            self._place.remove(name)
            raise failed(table, error) from error

    def _keep(self, con: duckdb.DuckDBPyConnection, table: str, rows: DataFrame) -> int:
        """Writes the rows, and makes them the table of that name here and on Spark; returns their number."""
        home = table.replace(".", "/")
        name = f"{home}/{secrets.token_hex(8)}"
        self._write_rows(table, rows, name)
        written = int(self._shown.files(table, [name]).count())
        with transaction(con):
            con.execute("create table if not exists run.spark_tables (name varchar, location varchar)")
            con.execute("delete from run.spark_tables where name = $name", {"name": table})
            con.execute("insert into run.spark_tables values ($name, $location)", {"name": table, "location": name})
            self._view(con, table, name)
        for old in self._place.names(home) - {Path(name).name}:
            self._place.remove(f"{home}/{old}")
        return written

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
        if self._place.folder is not None:
            return self._place.folder / name
        if table not in _read_here():
            return None
        copy = self.night.home / "spark" / name
        for old in copy.parent.glob("*"):
            shutil.rmtree(old)
        self._place.fetch(name, copy)
        return copy

    def _seen_here(self, named: list[tuple[date, str]]) -> list[tuple[date, str]]:
        """The days as DuckDB reads them: analysts' view of daily usage; nothing of it on HDFS and object stores."""
        folder = self._place.folder
        if folder is None:
            return []
        return [(day, f"{without_globs(str(folder / name))}/*.parquet") for day, name in named]


def _folder_of(kept: DayTable, name: str) -> str:
    """The folder of the place that stands for a day file of that name."""
    return f"{kept.table.replace('.', '/')}/{name.removesuffix('.parquet')}"


@cache
def _read_here() -> frozenset[str]:
    """Tables of Spark's that this node reads: what is published, gates that are told in its manifest, and marts."""
    asked = [*sql_tables("marts"), *(audit for audit in sql_tables("audits") if audit.severity == "gate")]
    return frozenset({upstream for table in asked for upstream in table.upstreams} | _PUBLISHED)


_PUBLISHED = {"scores.subscription", "scores.customer", "scores.tier_changes", "scores.churn_drift"}


def _arrow_schema(table: str) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    return pa.schema([pa.field(name, arrow_type(kind)) for name, kind in table_types(table).items()])


def failed(table: str, error: Exception) -> WarehouseError:
    """What failed, by its condition: Spark's own words may hold values of rows."""
    condition = getattr(error, "getCondition", lambda: None)() or type(error).__name__
    return WarehouseError(f"{table} failed on Spark: {condition}. The executors' logs say more")
