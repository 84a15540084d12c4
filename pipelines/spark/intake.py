"""Large CDR files taken by executors: the driver cuts, asks and adds up; one ledger, one transaction a file as ever.

Belongs here: the engine of large files, and where their rows lie. Does not: what a task does (taken.py), any rule of
intake (pipelines/intake).

Rows are written into a folder `<n>.tmp` under `taken/cdr/` of the place. What their key keeps out is left out of it, it
gets its name, and the transaction that writes the ledger names it in intake.elsewhere. A run that is killed leaves a
folder that nobody names; the next file that is taken so removes it.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from pipelines.contracts.tables import staging_columns
from pipelines.durable import Disk
from pipelines.intake import elsewhere, ledger
from pipelines.intake.discover import Delivery, is_workbook
from pipelines.intake.keys import create_verdicts, days_scope, key_queries
from pipelines.intake.load import TypedRows, expired_code
from pipelines.intake.mapping import SourceMapping
from pipelines.intake.opened import Opened, require_size, require_unchanged
from pipelines.intake.ranges import PLACES, OpenedRanges, cut, joined
from pipelines.intake.refusal import IntakeRefusal
from pipelines.intake.settings import MIB, IntakeSettings
from pipelines.intake.spool import needs_spool, sha256_of
from pipelines.intake.typed import Terms, plain_numbers, typed_select
from pipelines.night import Night
from pipelines.settings import SettingsError
from pipelines.spark.asking import ask
from pipelines.spark.dialect import carried_as_is, spark_schema
from pipelines.spark.failure import failed
from pipelines.spark.place import Place, folder_of
from pipelines.spark.session import session
from pipelines.spark.shown import Shown
from pipelines.spark.taken import (
    EXTRACT,
    Task,
    TypedRange,
    Work,
    leaving_out,
    opening,
    summing,
    typing,
)
from pipelines.sql_text import identifier, literal

RANGE_BYTES = 64 * MIB
_TABLE = f"_ranges_{EXTRACT}"
_TAKEN = f"taken/{EXTRACT}"


class SparkIntake:
    """As of FileEngine, for large plain-text files of call detail records. Spark is started by the first one."""

    def __init__(self, night: Night) -> None:
        self._night = night
        self._path = night.settings.spark_path or str(night.home / "spark")
        self._work: Work | None = None
        self._folder: Path | None = None

    def takes(self, delivery: Delivery, mapping: SourceMapping) -> bool:
        """As of FileEngine: what can be cut at line ends, where this node too sees what executors write."""
        name, least = delivery.name.lower(), self._night.settings.spark_intake_mib * MIB
        return (
            folder_of(self._path) is not None
            and list(mapping.extracts) == [EXTRACT]
            and delivery.path.stat().st_size >= least > 0
            and not (mapping.format.parquet or name.endswith(".parquet") or is_workbook(name))
            and not needs_spool(delivery.path, name, mapping.format.encoding)
        )

    def open(self, delivery: Delivery, mapping: SourceMapping, settings: IntakeSettings, folder: Path) -> Opened:
        """As of FileEngine. Raises SettingsError where executors don't see the file."""
        before = require_size(delivery, settings)
        link = folder / "delivered"
        link.symlink_to(delivery.path.absolute())
        path = delivery.path.resolve()
        work = self._work = Work(path, delivery.file_name, cut(path, RANGE_BYTES), mapping, settings)
        with ThreadPoolExecutor(1) as beside:
            digest = beside.submit(sha256_of, link)
            answers = self.ask(opening(work), range(len(work.ranges)))
            sha256 = digest.result()
        opened = joined(answers, mapping, sha256=sha256, plain=link, file_name=delivery.file_name)
        opened.size = before[0]
        require_unchanged(delivery, before)
        return opened

    def type_rows(self, con: duckdb.DuckDBPyConnection, opened: Opened, terms: Terms) -> TypedRows:
        """As of FileEngine."""
        work, folder, target = self._at_work(), self._new_folder(con), terms.target
        file_id = ledger.next_file_id(con, terms.file_name)
        task = typing(work, terms, folder, file_id=file_id)
        typed: list[TypedRange] = _without_refusals(self.ask(task, range(len(work.ranges))))
        select = typed_select(terms, opened.source)
        if terms.detail_from is not None:
            expired_code(select, target, terms.detail_from)  # as in the tasks
        rows = RangeRows(
            target,
            _TABLE,
            select,
            terms.known_at,
            sum(answer.faults for answer in typed),
            plain_numbers(target, terms.mapping),
            engine=self,
            file_id=file_id,
            sound={number: answer.fine for number, answer in enumerate(typed) if answer.fine is not None},
            faults=[answer.faulty for answer in typed if answer.faulty is not None],
        )
        seen = sum(answer.rows + answer.faults for answer in typed)
        if not isinstance(opened, OpenedRanges) or seen != opened.rows_before[-1]:
            raise IntakeRefusal(
                terms.file_name,
                "file_changed",
                "its ranges came out otherwise when they were read again",
                "Deliver under a name that ends in .part and rename when complete; the next run takes it.",
            )
        rows.show(con)
        return rows

    def text_sums(
        self, con: duckdb.DuckDBPyConnection, opened: Opened, columns: Sequence[str], file_name: str
    ) -> Sequence[Decimal]:
        """As of FileEngine."""
        del con, opened, file_name
        work = self._at_work()
        parts = _without_refusals(self.ask(summing(work, columns), range(len(work.ranges))))
        return [sum(column, Decimal()) for column in zip(*parts, strict=True)]

    def clear(self, con: duckdb.DuckDBPyConnection, mapping: SourceMapping) -> None:
        """As of FileEngine."""
        del mapping
        con.execute(f"DROP VIEW IF EXISTS temp.{_TABLE}")
        con.execute(f"DROP TABLE IF EXISTS temp.{_TABLE}_verdicts")
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._work = self._folder = None

    def ask(self, task: Task, numbers: Sequence[int]) -> list[Any]:
        """As ask in asking.py."""
        return ask(self._spark(), task, numbers)

    def judge(self, con: duckdb.DuckDBPyConnection, rows: RangeRows, window: int) -> list[Path]:
        """Fills the verdicts of rows that their key keeps out; returns the Parquet files that have them too."""
        create_verdicts(con, rows.verdicts)
        day = identifier(rows.day)
        days = [d for (d,) in con.execute(f"SELECT DISTINCT {day} FROM {_TABLE} WHERE _fail = 0 ORDER BY 1").fetchall()]
        scope = days_scope(days, row_day=day, staging_day=day, window=window)
        if not days:
            return []
        spark, folder = self._spark(), self._working_folder() / "verdicts"
        queries = key_queries(con, rows.target, rows=_TABLE, scope=scope)
        shown = Shown(spark, Place(spark, self._path), self._night, self._night.home / "tmp" / "spark")
        about = timedelta(days=window)
        shown.show_records_between(con, days[0] - about, days[-1] + about)
        columns = {**staging_columns(EXTRACT), "_fail": "INTEGER", "rowid": "BIGINT"}
        files = [f"file://{path}" for path in rows.sound.values()]
        spark.read.schema(spark_schema(columns)).parquet(*files).createOrReplaceTempView(_TABLE)
        try:
            with _sorted_joins(spark):
                suspects = spark.sql(carried_as_is(queries.suspects, queries.parameters)).persist()
                found = suspects.count()
            if found:
                suspects.createOrReplaceTempView("_suspect")
                spark.sql(carried_as_is(queries.verdicts, queries.parameters)).write.parquet(f"file://{folder}")
            suspects.unpersist()
        except Exception as error:
            raise failed(f"staging.{EXTRACT}", error) from error
        if not found:
            return []
        said = literal(f"{folder}/*.parquet")
        con.execute(f"INSERT INTO {rows.verdicts} SELECT rid, verdict FROM read_parquet({said})")
        return sorted(folder.glob("*.parquet"))

    def keep(self, con: duckdb.DuckDBPyConnection, rows: RangeRows, verdicts: Sequence[Path]) -> Path | None:
        """Gives the accepted rows' files their folder, None without any; `rows` know where they are from then on."""
        folder, kept = self._working_folder(), self._working_folder() / "kept"
        _shared(kept)
        touched = con.execute(f"SELECT DISTINCT rid // {PLACES} FROM {rows.verdicts} ORDER BY 1").fetchall()
        numbers = {number for (number,) in touched}
        left = self.ask(leaving_out(rows.sound, verdicts, kept), sorted(numbers)) if numbers else []
        final = folder.parent / f"{rows.file_id:012d}-{secrets.token_hex(8)}"
        for number, path in rows.sound.items():
            if number not in numbers:
                path.rename(kept / path.name)
                rows.sound[number] = final / path.name
        if not any(left) and len(numbers) == len(rows.sound):
            return None
        disk = Disk(foreign=True)
        disk.sync_folder(kept, "taken")
        disk.rename(kept, final, "taken")
        disk.sync_folder(final.parent, "taken")
        rows.show(con)
        return final

    def _at_work(self) -> Work:
        if self._work is None:
            raise RuntimeError("a file is opened first")
        return self._work

    def _working_folder(self) -> Path:
        if self._folder is None:
            raise RuntimeError("a file is typed first")
        return self._folder

    def _new_folder(self, con: duckdb.DuckDBPyConnection) -> Path:
        """A folder for the rows of one file; what killed runs left beside it goes. Raises SettingsError."""
        parent = Path(str(folder_of(self._path))) / _TAKEN
        try:
            parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        except OSError as error:
            raise SettingsError(
                f"setting spark_path: {self._path} can't be written ({error.strerror}). It must be a folder that this "
                "node and every executor see"
            ) from error
        elsewhere.sweep(con, EXTRACT, [parent])
        self._folder = parent / f"{secrets.token_hex(8)}.tmp"
        return _shared(self._folder)

    def _spark(self) -> Any:
        return session(self._night.settings)


@dataclass
class RangeRows(TypedRows):
    """Rows in Parquet files, `sound` ones (no fault) by the number of their range; `table` is a view over all."""

    engine: SparkIntake = field(kw_only=True)
    file_id: int = field(kw_only=True)
    sound: dict[int, Path] = field(kw_only=True)
    faults: list[Path] = field(kw_only=True)

    @property
    def day(self) -> str:
        """The column of the local day."""
        return str(self.target.column(self.target.business_date or "").local_date)

    def show(self, con: duckdb.DuckDBPyConnection) -> None:
        """Makes the view over the files where they are now."""
        flags = dict.fromkeys(self.select.nulled.values(), "BOOLEAN")
        columns = {**staging_columns(self.target.name), **flags, "_fail": "INTEGER", "rowid": "BIGINT"}
        none = ", ".join(f"CAST(NULL AS {kind}) AS {identifier(name)}" for name, kind in columns.items())
        parts = [f"SELECT {none} WHERE FALSE"]
        if files := [*self.sound.values(), *self.faults]:
            listed = ", ".join(literal(str(path)) for path in files)
            parts.append(f"SELECT * FROM read_parquet([{listed}], hive_partitioning = false)")
        con.execute(f"CREATE OR REPLACE TEMP VIEW {self.table} AS {' UNION ALL BY NAME '.join(parts)}")

    def accept(self, con: duckdb.DuckDBPyConnection, file_id: int, settings: IntakeSettings) -> int:
        """As of TypedRows: what is accepted stays in Parquet, and the view of staging shows it."""
        if file_id != self.file_id:
            raise RuntimeError(f"rows of file_id {self.file_id} are taken as {file_id}")
        verdicts = self.engine.judge(con, self, settings.duplicate_window_days)
        self.kept_out = int(con.execute(f"SELECT count(*) FROM {self.verdicts}").fetchall()[0][0])
        folder = self.engine.keep(con, self, verdicts)
        if folder is not None:
            elsewhere.note(con, self.target.name, file_id, folder)
        return int(con.execute(f"SELECT count(*) FROM {self.table} WHERE {self.fine}").fetchall()[0][0])


def _shared(folder: Path) -> Path:
    """Makes a folder into which executors write, who may be another user of this node's group."""
    folder.mkdir()
    folder.chmod(0o770)
    return folder


@contextmanager
def _sorted_joins(spark: Any) -> Iterator[None]:
    """Without broadcasts: by the size of Parquet Spark takes the hashes of all rows for few, and holds them whole."""
    name = "spark.sql.autoBroadcastJoinThreshold"
    before = spark.conf.get(name)
    spark.conf.set(name, "-1")
    try:
        yield
    finally:
        spark.conf.set(name, before)


def _without_refusals(answers: list[Any]) -> list[Any]:
    for answer in answers:
        if isinstance(answer, IntakeRefusal):
            raise answer
    return answers
