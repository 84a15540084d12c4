"""What executors run of intake: ranges of a large file through the very functions that take a small one.

Belongs here: code that Spark ships by name, so it imports little, and no Spark. Does not: any step of its own
(pipelines/intake), what the driver does with the answers (intake.py).

Each task answers in a row a range: its number, and what came of it. Files are written where driver and executors see
them under names that no other try of the task has; those of a try that failed are named by nobody.
"""

from __future__ import annotations

import os
import pickle
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from data_contracts import Contract
from pipelines.contracts.checks import counting_query
from pipelines.durable import FILE_MODE
from pipelines.intake.control import sums_of_text
from pipelines.intake.load import type_rows, typed_as_staged
from pipelines.intake.mapping import SourceMapping
from pipelines.intake.opened import Opened
from pipelines.intake.ranges import PLACES, Range, open_range
from pipelines.intake.refusal import IntakeRefusal
from pipelines.intake.settings import IntakeSettings
from pipelines.intake.typed import Terms
from pipelines.sql_text import identifier, literal

Task = Callable[[int], Any]
ANSWERS = "number BIGINT, answer BINARY"
_SCHEMA = pa.schema([("number", pa.int64()), ("answer", pa.binary())])
EXTRACT = "cdr"
# A range of 64 MiB comes to some 300 MB of typed rows; what does not fit is spilled.
_MEMORY = "1GB"


class UnseenError(Exception):
    """An executor does not see a path that the driver sees."""


@dataclass(frozen=True)
class Work:
    """What a task must know of the file: where it is, its ranges, how it is read. The same for all ranges."""

    path: Path
    file_name: str
    ranges: tuple[Range, ...]
    mapping: SourceMapping
    settings: IntakeSettings


@dataclass(frozen=True)
class TypedRange:
    """Parquet files of the rows without and with a fault (None: there are none), and how many there are of each."""

    fine: Path | None
    faulty: Path | None
    rows: int
    faults: int


def answered(task: Task) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """For mapInArrow over numbers of ranges: what the task says of each, a refusal or a path unseen among it."""

    def over(batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                try:
                    answer = task(number)
                except (IntakeRefusal, UnseenError) as said:
                    answer = said
                yield pa.RecordBatch.from_arrays([pa.array([number]), pa.array([pickle.dumps(answer)])], schema=_SCHEMA)

    return over


def opening(work: Work) -> Task:
    """The account of a range, without its rows."""

    def task(number: int) -> Opened:
        with _opened(work, number) as (opened, _):
            return opened

    return task


def typing(work: Work, terms: Terms, into: Path, *, file_id: int) -> Task:
    """Types the rows of a range into Parquet files in the folder `into`, as staging has them."""

    def task(number: int) -> TypedRange:
        if not into.is_dir():
            raise UnseenError(f"the folder of Parquet (setting spark_path): {into}")
        with _opened(work, number) as (opened, con):
            rows = type_rows(con, opened, terms)
            columns = {
                **typed_as_staged(con, rows, terms.settings.time_zone),
                "file_id": f"CAST({file_id} AS BIGINT)",
                **{flag: flag for flag in rows.select.nulled.values()},
                "_fail": "_fail",
                "rowid": f"{number * PLACES} + rowid",
            }
            listed = ", ".join(f"{value} AS {identifier(name)}" for name, value in columns.items())
            seen = opened.data_records - len(opened.unsplit.rejected)
            fine, faulty = (
                _write(con, f"SELECT {listed} FROM {rows.table} WHERE {which}", into / f"{kind}-{number:06d}")
                if n
                else None
                for kind, which, n in (
                    ("rows", "_fail = 0", seen - rows.faulty),
                    ("faults", "_fail <> 0", rows.faulty),
                )
            )
            return TypedRange(fine, faulty, seen - rows.faulty, rows.faulty)

    return task


def summing(work: Work, columns: Sequence[str]) -> Task:
    """The plain decimal numbers of each column of a range's text, added up."""

    def task(number: int) -> tuple[Decimal, ...]:
        with _opened(work, number) as (opened, con):
            return sums_of_text(con, columns, opened.source, work.file_name)

    return task


def leaving_out(files: dict[int, Path], verdicts: Sequence[Path], into: Path) -> Task:
    """Writes the fine rows of a range again, without those that the verdicts name; None where none is left."""
    said = ", ".join(literal(str(path)) for path in verdicts)

    def task(number: int) -> Path | None:
        with _database() as (con, _):
            kept = (
                f"FROM read_parquet({literal(str(files[number]))}) AS r "
                f"WHERE NOT EXISTS (FROM read_parquet([{said}]) AS v WHERE v.rid = r.rowid)"
            )
            left = con.execute(f"SELECT count(*) {kept}").fetchall()[0][0]
            return _write(con, f"SELECT * {kept} ORDER BY rowid", into / f"rows-{number:06d}") if left else None

    return task


def counting_promises(files: Sequence[Path], promised: Contract) -> Task:
    """The row of counting_query over a Parquet file."""

    def task(number: int) -> tuple[Any, ...]:
        with _database() as (con, _):
            rows = f"read_parquet({literal(str(files[number]))}, hive_partitioning = false)"
            row: tuple[Any, ...] = con.execute(counting_query(promised, rows)).fetchall()[0]
            return row

    return task


@contextmanager
def _opened(work: Work, number: int) -> Iterator[tuple[Opened, duckdb.DuckDBPyConnection]]:
    """A range, opened in a temporary folder of the executor, and a database in memory."""
    with _database() as (con, folder):
        try:
            opened = open_range(
                work.path, work.ranges[number], work.mapping, work.settings, folder, file_name=work.file_name
            )
        except FileNotFoundError:
            raise UnseenError(f"landing/ (setting spark_intake_mib): {work.path.parent}") from None
        yield opened, con


@contextmanager
def _database() -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    with tempfile.TemporaryDirectory(prefix="tierline-") as name, duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute("SET threads = 1")  # one task is one thread
        con.execute(f"SET memory_limit = '{_MEMORY}'")
        con.execute(f"SET temp_directory = {literal(str(Path(name) / 'spilled'))}")
        yield con, Path(name)


def _write(con: duckdb.DuckDBPyConnection, query: str, name: Path) -> Path:
    path = name.with_name(f"{name.name}-{secrets.token_hex(4)}.parquet")
    con.sql(query).write_parquet(str(path), compression="zstd")
    with path.open("rb") as written:
        os.fchmod(written.fileno(), FILE_MODE)
        os.fsync(written.fileno())
    return path
