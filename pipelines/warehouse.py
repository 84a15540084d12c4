"""The warehouse: one private DuckDB file, opened for one piece of work at a time and always closed.

Belongs here: connecting, running SQL files, what failed and where. Does not: what the SQL says, who reads the result.
"""

from __future__ import annotations

import gc
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from pipelines.contracts.tables import declared
from pipelines.run_context import RunTable
from pipelines.settings import Settings, SettingsError
from pipelines.sql_catalogue import SqlTable
from pipelines.sql_text import identifier, literal

# How DuckDB tells of a block or a log that is not what it wrote.
_DAMAGED = re.compile(r"(?i)corrupt database file|checksum|not a valid duckdb database|failure while replaying wal")
T = TypeVar("T")
SCHEMAS = ("intake", "staging", "run", "features", "scores")


class WarehouseError(RuntimeError):
    """The warehouse could not be opened, or a SQL file failed; the message names the file or table and the cure."""


class WarehouseBusyError(WarehouseError):
    """Another process holds the warehouse."""


@dataclass(frozen=True)
class Warehouse:
    """Where the warehouse is and what it may use. Opening is explicit: this object holds no connection."""

    path: Path
    temporary: Path
    memory_limit: str
    threads: int
    lock_wait_seconds: float

    @classmethod
    def of(cls, home: Path, settings: Settings) -> Warehouse:
        """The warehouse of a home folder under its settings."""
        return cls(
            path=home / "warehouse.duckdb",
            temporary=home / "tmp" / "duckdb",
            memory_limit=settings.memory_limit,
            threads=settings.threads,
            lock_wait_seconds=settings.lock_wait_seconds,
        )

    @contextmanager
    def open(self, started: duckdb.DuckDBPyConnection | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that is closed in any case, and the file with it. Who opens it often gives what `start`
        returned, and closes that after a failure.

        Raises WarehouseBusyError if another process holds the file too long, WarehouseError if the file is damaged.
        """
        with ExitStack() as stack:
            duck = started or stack.enter_context(self.start())
            try:
                con = stack.enter_context(self._attached(duck))
                for schema in SCHEMAS:
                    con.execute(f"create schema if not exists {schema}")
                yield con
            except (duckdb.Error, WarehouseError) as error:
                if _DAMAGED.search(str(error)) is None:
                    raise
                raise self._unusable(error) from error

    def start(self) -> duckdb.DuckDBPyConnection:
        """DuckDB within these bounds, without a file: what takes longest of opening one. Holds no lock."""
        self.temporary.mkdir(parents=True, exist_ok=True, mode=0o750)
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": self.memory_limit,
            "temp_directory": str(self.temporary),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            # A commit a file: at the default of 16 MB most commits would also copy the write-ahead log into the file.
            "checkpoint_threshold": "512MB",
        }
        if self.threads:
            config["threads"] = self.threads

        return duckdb.connect(":memory:", config=config)

    @contextmanager
    def _attached(self, duck: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        # As DuckDB would name it by itself, so that the views in it mean the same to who opens the file.
        name = identifier(self.path.stem)
        with duck.cursor() as con:
            self._when_free(lambda: con.execute(f"attach {literal(str(self.path))} as {name}"))
            try:
                self.path.chmod(0o640)
                self._remove_spilled()
                con.execute(f"use {name}")
                con.execute("set TimeZone = 'UTC'")
                con.execute("set enable_progress_bar = false")
                # A night's steps read the same day files again and again; none changes under its name.
                con.execute("set parquet_metadata_cache = true")
                yield con
            finally:
                con.close()  # ends what is left of a transaction
                with suppress(duckdb.Error):  # after a fault in the file nothing works any more until `duck` is closed
                    duck.execute(f"detach {name}")

    def require(self) -> None:
        """Raises SettingsError when there is no warehouse yet."""
        if not self.path.is_file():
            raise SettingsError(f"no {self.path}: is --home right? `tierline run` makes it from landing/")

    def attach(self, con: duckdb.DuckDBPyConnection, name: str) -> None:
        """Attaches the warehouse to another database's connection as `name`, for reading: its bytes stay as they are.

        Raises WarehouseBusyError if a run holds the file too long, WarehouseError if it is damaged, SettingsError if it
        is not there.
        """
        self.require()
        statement = f"attach {literal(str(self.path))} as {identifier(name)} (read_only)"
        self._when_free(lambda: con.execute(statement))

    def _when_free(self, connect: Callable[[], T]) -> T:
        deadline, collected = time.monotonic() + self.lock_wait_seconds, False
        while True:
            try:
                return connect()
            except (duckdb.IOException, duckdb.ResourceInUseException) as error:
                if isinstance(error, duckdb.IOException) and "lock" not in str(error).lower():
                    raise self._unusable(error) from error
                if isinstance(error, duckdb.ResourceInUseException) and not collected:
                    # This very process has it open: in a result that failed work left half read, as a rule.
                    gc.collect()
                    collected = True
                    continue
                if time.monotonic() >= deadline:
                    raise WarehouseBusyError(
                        f"{self.path} is held by another run ({_holder(str(error))}); waited "
                        f"{self.lock_wait_seconds:g} s. Let it finish, or raise the setting lock_wait_seconds"
                    ) from error
                time.sleep(0.1)
            except duckdb.Error as error:
                raise self._unusable(error) from error

    def _remove_spilled(self) -> None:
        # Nobody else has the warehouse open, and nothing is read any more of what this DuckDB spilled in work before:
        # they are a killed run's, as a rule.
        for left in self.temporary.glob("duckdb_temp_*"):
            left.unlink(missing_ok=True)

    def _unusable(self, error: Exception) -> WarehouseError:
        if _DAMAGED.search(str(error)) is None:
            return WarehouseError(f"{self.path} can't be opened: {error}")
        return WarehouseError(
            f"{self.path} is damaged: {error}. Nothing that is published depends on it: make it anew from landing/ "
            "with `tierline rebuild`"
        )


@contextmanager
def transaction(con: duckdb.DuckDBPyConnection, *, keep: bool = True) -> Iterator[None]:
    """Commits what is done inside, or leaves nothing of it: where it fails, and where it is not to be kept."""
    con.execute("BEGIN TRANSACTION")
    try:
        yield
        con.execute("COMMIT" if keep else "ROLLBACK")
    except BaseException:
        # A commit that failed, on a full disk for one, has ended the transaction itself; its error is the one to tell.
        with suppress(duckdb.Error):
            con.execute("ROLLBACK")
        raise


def another(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Another connection to the database that `con` is at work in, to be closed before it."""
    name = str(first_row(con, "select current_database()")[0])
    other = con.cursor()
    other.execute(f"use {identifier(name)}")
    return other


def _holder(message: str) -> str:
    _, found, rest = message.partition("PID ")
    return f"PID {rest.split(')')[0].split('.')[0]}" if found else "process unknown"


def write_run_tables(con: duckdb.DuckDBPyConnection, tables: tuple[RunTable, ...]) -> None:
    """Makes the `run.*` tables of an as-of date anew."""
    for table in tables:
        columns = ", ".join(f'"{name}" {kind}' for name, kind in table.columns.items())
        con.execute(f'create or replace table run."{table.name}" ({columns})')
        insert_rows(con, f'run."{table.name}"', table.rows)


def insert_rows(con: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[Any]]) -> None:
    """Inserts few rows into a table, named as SQL has it, in one statement: one commit, not one a row."""
    if rows:
        marks = f"({', '.join('?' for _ in rows[0])})"
        con.execute(
            f"insert into {table} values {', '.join([marks] * len(rows))}", [value for row in rows for value in row]
        )


def build(con: duckdb.DuckDBPyConnection, table: SqlTable, parameters: Mapping[str, Any]) -> int:
    """Runs one SQL file into the table of its name, in one transaction; returns the rows. Raises WarehouseError.

    The order of the rows is nobody's promise, so DuckDB need not hold them back to keep it.
    """
    name = f'"{table.schema}"."{table.name}"'
    rows = select(con, table, parameters)
    columns = {column: str(kind) for column, kind in zip(rows.columns, rows.types, strict=True)}
    con.execute("set preserve_insertion_order = false")
    try:
        with transaction(con):
            con.execute(f"create or replace table {name} ({declared(columns)})")
            con.execute(f"insert into {name}\n{table.text}", _given(table, parameters))
    except duckdb.Error as error:
        raise _failed(table, error) from error
    finally:
        con.execute("set preserve_insertion_order = true")
    return count(con, table.table)


def select(con: duckdb.DuckDBPyConnection, table: SqlTable, parameters: Mapping[str, Any]) -> duckdb.DuckDBPyRelation:
    """The rows of one SQL file as a relation, without making a table of them. Raises WarehouseError."""
    given = _given(table, parameters)
    try:
        return con.sql(table.text, params=given)
    except duckdb.Error as error:
        raise _failed(table, error) from error


def count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    """Rows of `schema.table`, which must be one of ours."""
    schema, _, name = table.partition(".")
    return int(first_row(con, f'select count(*) from "{schema}"."{name}"')[0])


def first_row(
    con: duckdb.DuckDBPyConnection, query: str, parameters: Mapping[str, Any] | None = None
) -> tuple[Any, ...]:
    """The one row of a query. Fetched to the end: DuckDB 2 refuses work beside an unfinished result."""
    return con.execute(query, parameters or {}).fetchall()[0]


def _given(table: SqlTable, parameters: Mapping[str, Any]) -> dict[str, Any]:
    missing = [name for name in table.parameters if name not in parameters]
    if missing:
        raise WarehouseError(f"sql/{table.schema}/{table.name}.sql needs the parameters {', '.join(missing)}")
    return {name: parameters[name] for name in table.parameters}


def _failed(table: SqlTable, error: duckdb.Error) -> WarehouseError:
    return WarehouseError(f"sql/{table.schema}/{table.name}.sql failed: {error}")
