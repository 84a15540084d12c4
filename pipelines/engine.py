"""What runs the nightly SQL and scoring: the seam between assets and the node, or cluster, that does the work.

Belongs here: what an engine must do, the engine of one node, and the choice. Does not: how either works (warehouse.py,
usage.py, scoring.py; pipelines/spark). Intake's ledger, the calendar, checks of contracts and publication are on one
node with every engine.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

import duckdb

from pipelines import scoring, usage, warehouse
from pipelines.contracts.judged import Count
from pipelines.intake.file_engine import FileEngine
from pipelines.night import Night
from pipelines.settings import Settings
from pipelines.sql_catalogue import SqlTable

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class BadRows:
    """What an audit found: its columns, the first rows in order, and how many rows there are."""

    columns: tuple[str, ...]
    first: tuple[tuple[Any, ...], ...]
    rows: int


class Engine(Protocol):
    """Makes the tables of a night; `con` is the night's warehouse, where each can be read afterwards."""

    def build(self, con: duckdb.DuckDBPyConnection, table: SqlTable) -> int:
        """Runs one SQL file into the table of its name; returns the rows. Raises WarehouseError."""

    def roll_up(
        self,
        con: duckdb.DuckDBPyConnection,
        kept: usage.DayTable,
        progress: Progress,
        days: Collection[date] | None = None,
    ) -> usage.RollUp:
        """Makes the days that a table kept by day lacks, and the table of all days in use; given `days`, their files
        alone. Raises WarehouseError where the file of an expired day is missing.
        """

    def bad_rows(self, con: duckdb.DuckDBPyConnection, audit: SqlTable, shown: int) -> BadRows:
        """Runs an audit. Raises WarehouseError."""

    def write_measures(self, con: duckdb.DuckDBPyConnection) -> int:
        """Fills `scores.measures`; returns the rows."""

    def write_churn_risk(self, con: duckdb.DuckDBPyConnection) -> int:
        """Fills `scores.churn_risk` and `scores.churn_drift`; returns the rows of the first."""

    def write_scores(self, con: duckdb.DuckDBPyConnection) -> int:
        """Fills `scores.customer`; returns the rows."""

    def count(self, con: duckdb.DuckDBPyConnection, table: str) -> int:
        """Rows of a table of features or scores that was made."""


@dataclass(frozen=True)
class OneNode:
    """DuckDB in this process, and segmentation/ over its batches."""

    night: Night

    def build(self, con: duckdb.DuckDBPyConnection, table: SqlTable) -> int:
        """As of Engine."""
        _forget_view(con, table.table)
        return warehouse.build(con, table, self.night.parameters)

    def roll_up(
        self,
        con: duckdb.DuckDBPyConnection,
        kept: usage.DayTable,
        progress: Progress,
        days: Collection[date] | None = None,
    ) -> usage.RollUp:
        """As of Engine."""
        return usage.roll_up(con, kept, self.night, progress=progress, days=days)

    def bad_rows(self, con: duckdb.DuckDBPyConnection, audit: SqlTable, shown: int) -> BadRows:
        """As of Engine."""
        # Sorted, so that the same fault is told in the same words each time.
        bad = warehouse.select(con, audit, self.night.parameters).order("all")
        found = bad.limit(shown).fetchall()
        return BadRows(tuple(bad.columns), tuple(found), len(found) if len(found) < shown else len(bad.fetchall()))

    def write_measures(self, con: duckdb.DuckDBPyConnection) -> int:
        """As of Engine."""
        _forget_view(con, "scores.measures")
        return scoring.write_measures(con, self.night.policy, self.night.as_of_date)

    def write_churn_risk(self, con: duckdb.DuckDBPyConnection) -> int:
        """As of Engine."""
        _forget_view(con, "scores.churn_risk")
        _forget_view(con, "scores.churn_drift")
        return scoring.write_churn_risk(con, self.night.policy, self.night.as_of_date, self.night.churn_model)

    def write_scores(self, con: duckdb.DuckDBPyConnection) -> int:
        """As of Engine."""
        _forget_view(con, "scores.customer")
        return scoring.write_scores(con, self.night.policy, self.night.as_of_date)

    def count(self, con: duckdb.DuckDBPyConnection, table: str) -> int:
        """As of Engine."""
        return warehouse.count(con, table)


def engine_of(night: Night) -> Engine:
    """The engine that the night's settings ask for. Raises SettingsError where what it needs is missing."""
    if night.settings.engine == "spark":
        from pipelines.spark.engine import SparkEngine  # noqa: PLC0415 (pyspark is an extra)

        return SparkEngine(night)
    return OneNode(night)


def require_engine(settings: Settings) -> None:
    """Raises SettingsError where what the engine needs is not installed; starts nothing."""
    if settings.engine == "spark":
        from pipelines.spark.session import require_tools  # noqa: PLC0415

        require_tools(settings.spark_master)


def file_engine_of(night: Night) -> FileEngine | None:
    """What takes large files, where the night's settings ask for it."""
    if night.settings.engine == "spark" and night.settings.spark_intake_mib:
        from pipelines.spark.intake import SparkIntake  # noqa: PLC0415 (pyspark is an extra)

        return SparkIntake(night)
    return None


def count_elsewhere_of(night: Night) -> Count | None:
    """What holds rows that lie beside the warehouse against their contract, where they are; None on one node."""
    if night.settings.engine == "spark":
        from pipelines.spark.promises import counting  # noqa: PLC0415 (pyspark is an extra)

        return counting(night)
    return None


def end_engines() -> None:
    """Ends what an engine keeps running between the steps of a run."""
    from pipelines.spark.session import end_session  # noqa: PLC0415

    end_session()


def _forget_view(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """Removes the view that a night on another engine left in place of a table: DuckDB replaces like by like."""
    schema, _, name = table.partition(".")
    query = (
        "select 1 from information_schema.tables where table_schema = $s and table_name = $n and table_type = 'VIEW'"
    )
    if con.execute(query, {"s": schema, "n": name}).fetchall():
        con.execute(f'drop view "{schema}"."{name}"')
