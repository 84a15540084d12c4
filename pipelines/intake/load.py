"""One extract of one opened file: typed rows, judged keys, and their way into staging and the ledger.

Belongs here: what happens inside the transaction of a file. Does not: opening files, or going through many.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pyarrow as pa

from data_contracts import Contract
from pipelines.intake.elsewhere import own_table
from pipelines.intake.keys import CONFLICT, DUPLICATE, Scope, days_scope, judge_keys
from pipelines.intake.ledger import Counts
from pipelines.intake.lines import Positions
from pipelines.intake.mapping import SCHEMA
from pipelines.intake.opened import Opened, errors_without_data
from pipelines.intake.reasons import Failure, failure
from pipelines.intake.refusal import IntakeRefusal
from pipelines.intake.settings import IntakeSettings
from pipelines.intake.transforms import instant, local_time
from pipelines.intake.typed import Terms, TypedSelect, plain_numbers, typed_select
from pipelines.sql_text import identifier, identifiers, literal

_BATCH = 20_000
_CORRECTIONS = {
    "append": "Deliver a correction under a key of its own.",
    "snapshot": "Correct a snapshot by a whole new one with a later known_at, by its name or a control file.",
}
_MAX_HOURS = 400 * 24


@dataclass
class TypedRows:
    """Temp table `table` holds every row of the file, typed, with `_fail` (0 = fine); rowid is the row's position.

    `faulty` rows have a `_fail`. `plain` are the file's columns that one of ours holds as they came, as numbers.
    `kept_out` rows have no fault and may not be accepted for their key.
    """

    target: Contract
    table: str
    select: TypedSelect
    known_at: datetime | None
    faulty: int
    plain: dict[str, str]
    kept_out: int = 0

    @property
    def verdicts(self) -> str:
        """Temp table of rows that their key keeps out."""
        return f"{self.table}_verdicts"

    @property
    def fine(self) -> str:
        """The condition of accepted rows, once keys were judged."""
        return "_fail = 0" + (f" AND rowid NOT IN (SELECT rid FROM {self.verdicts})" if self.kept_out else "")

    def accept(self, con: duckdb.DuckDBPyConnection, file_id: int, settings: IntakeSettings) -> int:
        """Judges the keys, and puts the rows that may be accepted into staging; returns how many."""
        local = _local_times(con, self, settings.time_zone)
        scope = _scope(con, self, local, settings.duplicate_window_days)
        self.kept_out = judge_keys(con, self.target, rows=self.table, verdicts=self.verdicts, scope=scope)
        staged = staged_columns(self, local, settings.time_zone)
        return _one(
            con,
            f"INSERT INTO {own_table(con, self.target.name)} ({identifiers([*staged, 'file_id'])}) "
            f"SELECT {', '.join(staged.values())}, {file_id} FROM {self.table} WHERE {self.fine}",
        )


def type_rows(con: duckdb.DuckDBPyConnection, opened: Opened, terms: Terms) -> TypedRows:
    """Reads and types all rows. Raises IntakeRefusal where DuckDB sees another number of rows than the prescan."""
    select, target = typed_select(terms, opened.source, is_parquet=opened.is_parquet), terms.target
    table = f"_rows_{target.name}"
    with errors_without_data(terms.file_name):
        con.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {select.sql}")
    if terms.detail_from is not None and target.name == "cdr":
        day = _local(con, table, target.business_date or "", terms.settings.time_zone)
        _reject_expired(con, table, day, expired_code(select, target, terms.detail_from), terms.detail_from)
    seen, faulty = con.execute(f"SELECT count(*), count(*) FILTER (_fail <> 0) FROM {table}").fetchall()[0]
    expected = opened.data_records - len(opened.unsplit.rejected)
    if seen != expected:
        raise IntakeRefusal(
            terms.file_name,
            "does_not_balance",
            f"the prescan counted {expected} rows and {seen} were read",
            "Nothing of the file was kept. This is a fault of intake: please report it with the file's form.",
        )
    return TypedRows(target, table, select, terms.known_at, faulty, plain_numbers(target, terms.mapping))


def totals_of(typed: Sequence[TypedRows]) -> dict[str, tuple[str, str]]:
    """Where columns of the file stand as plain numbers, see require_totals; none where a row has a fault."""
    if any(rows.faulty for rows in typed):
        return {}
    return {source: (rows.table, ours) for rows in typed for source, ours in rows.plain.items()}


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    return int(con.execute(sql).fetchall()[0][0] or 0)


def require_currency(con: duckdb.DuckDBPyConnection, rows: TypedRows, file_name: str, currency: str) -> None:
    """Raises IntakeRefusal for amounts in another currency than the run's (ISO 4217)."""
    if rows.target.currency_column is None:
        return
    column = rows.target.column(rows.target.currency_column)
    form = f" AND regexp_matches({identifier(column.name)}, {literal(column.pattern)})" if column.pattern else ""
    found = con.execute(
        f"SELECT min({identifier(column.name)}) FROM {rows.table} WHERE {identifier(column.name)} <> ?{form}",
        [currency],
    ).fetchall()[0][0]
    if found is not None:
        raise IntakeRefusal(
            file_name,
            "foreign_currency",
            f"it has amounts in {found}, and a run is in one currency ({currency})",
            "Deliver one currency a run, or set the run's currency.",
        )


def load_rows(
    con: duckdb.DuckDBPyConnection,
    rows: TypedRows,
    opened: Opened,
    *,
    file_id: int,
    file_name: str,
    settings: IntakeSettings,
) -> Counts:
    """Writes accepted rows, rejects, duplicates, nulled values and days; returns the counts for the ledger."""
    accepted = rows.accept(con, file_id, settings)
    rejected = _write_rejects(con, rows, opened, file_id, file_name)
    duplicate = _write_duplicates(con, rows, opened, file_id, file_name)
    nulled = _write_nulled(con, rows, file_id)
    _write_days(con, rows, file_id)
    return Counts(
        opened.records, opened.header, opened.trailer, opened.unsplit.blank, accepted, rejected, duplicate, nulled
    )


def _local_times(con: duckdb.DuckDBPyConnection, rows: TypedRows, zone: str) -> dict[str, str]:
    return {
        c.name: _local(con, rows.table, c.name, zone)
        for c in rows.target.columns
        if c.local_date is not None or c.local_hour is not None
    }


def _local(con: duckdb.DuckDBPyConnection, table: str, column: str, zone: str) -> str:
    """Local time of a UTC column. Where the zone's offset is the same all along, adding it is several times faster."""
    quoted = identifier(column)
    low, high = con.execute(f"SELECT min({quoted}), max({quoted}) FROM {table} WHERE _fail = 0").fetchall()[0]
    if low is not None and (high - low) < timedelta(hours=_MAX_HOURS):
        offsets = {_offset(low + timedelta(hours=h), zone) for h in range(int((high - low) / timedelta(hours=1)) + 1)}
        offsets.add(_offset(high, zone))
        if len(offsets) == 1:
            return f"({quoted} + INTERVAL {int(offsets.pop().total_seconds())} SECOND)"
    return local_time(quoted, zone)


def _offset(utc: datetime, zone: str) -> timedelta:
    return utc.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone)).utcoffset() or timedelta()


def expired_code(select: TypedSelect, target: Contract, detail_from: date) -> int:
    """Registers the failure of call detail of days before `detail_from`, and returns its code."""
    return select.code(failure("detail_expired", target.business_date or "", extra=detail_from.isoformat()))


def _reject_expired(con: duckdb.DuckDBPyConnection, table: str, day: str, code: int, detail_from: date) -> None:
    con.execute(f"UPDATE {table} SET _fail = {code} WHERE _fail = 0 AND CAST({day} AS DATE) < ?", [detail_from])


def _scope(con: duckdb.DuckDBPyConnection, rows: TypedRows, local: dict[str, str], window: int) -> Scope:
    """Within which rows of staging a key must be unique: the delivery, the days about the record, or everything."""
    if rows.target.delivery == "snapshot":
        return Scope("known_at = $known_at", {"known_at": rows.known_at})
    if rows.target.key_within is None:
        return Scope("TRUE")
    column = rows.target.column(rows.target.business_date or "")
    day = f"CAST({local[column.name]} AS DATE)"
    days = con.execute(f"SELECT DISTINCT {day} FROM {rows.table} WHERE _fail = 0 ORDER BY 1").fetchall()
    return days_scope([d for (d,) in days], row_day=day, staging_day=identifier(column.local_date or ""), window=window)


def typed_as_staged(con: duckdb.DuckDBPyConnection, rows: TypedRows, zone: str) -> dict[str, str]:
    """Each column of staging but file_id, as an expression over the rows."""
    return staged_columns(rows, _local_times(con, rows, zone), zone)


def staged_columns(rows: TypedRows, local: dict[str, str], zone: str) -> dict[str, str]:
    """The same, given the expressions of local times."""
    target = rows.target
    staged = {c.name: identifier(c.name) for c in target.columns}
    staged |= {c.local_date: f"CAST({local[c.name]} AS DATE)" for c in target.columns if c.local_date is not None}
    staged |= {
        c.local_hour: f"CAST(extract(hour FROM {local[c.name]}) AS INTEGER)"
        for c in target.columns
        if c.local_hour is not None
    }
    if rows.known_at is not None:
        staged["known_at"] = f"TIMESTAMP {literal(rows.known_at.isoformat(sep=' '))}"
    else:
        business = target.column(target.business_date or "")
        known = identifier(business.name)
        staged["known_at"] = instant(f"CAST({known} AS TIMESTAMP)", zone) if business.logical == "date" else known
    return staged


def latest_known_at(con: duckdb.DuckDBPyConnection, rows: TypedRows, file_id: int) -> datetime | None:
    """The latest known_at (UTC) of the rows that a file brought, None without any."""
    table = f"{SCHEMA}.{identifier(rows.target.name)}"
    found: datetime | None = con.execute(f"SELECT max(known_at) FROM {table} WHERE file_id = ?", [file_id]).fetchall()[
        0
    ][0]
    return found


def dates_of(con: duckdb.DuckDBPyConnection, rows: TypedRows, file_id: int) -> tuple[date | None, date | None]:
    """The first and last day of the rows that a file brought; None without any, and where the extract has no days."""
    if rows.target.day_column is None:
        return None, None
    day, table = identifier(rows.target.day_column), f"{SCHEMA}.{identifier(rows.target.name)}"
    first, last = con.execute(f"SELECT min({day}), max({day}) FROM {table} WHERE file_id = ?", [file_id]).fetchall()[0]
    return first, last


def _write_rejects(
    con: duckdb.DuckDBPyConnection, rows: TypedRows, opened: Opened, file_id: int, file_name: str
) -> int:
    failures: list[Failure] = list(rows.select.failures)
    conflict = len(failures) + 1
    cure = _CORRECTIONS[rows.target.delivery or "append"]
    failures.append(failure("key_conflict", ", ".join(rows.target.key), extra=cure))
    found = con.execute(
        f"""SELECT rowid AS rid, _fail AS code FROM {rows.table} WHERE _fail <> 0
            UNION ALL SELECT rid, {conflict} FROM {rows.verdicts} WHERE verdict = {CONFLICT} ORDER BY 1"""
    ).fetchnumpy()
    lines = opened.lines_of(np.asarray(found["rid"], np.int64))
    codes = np.asarray(found["code"], np.int64)
    unsplit, known = opened.unsplit, {}
    extra = np.zeros(len(unsplit.rejected), np.int64)
    for i in range(len(unsplit.rejected)):
        said = (unsplit.reason(i), unsplit.found[i])
        if said not in known:
            failures.append(opened.unsplit_failure(*said))
            known[said] = len(failures)
        extra[i] = known[said]
    lines = np.concatenate([lines, np.array(unsplit.rejected, np.int64)])
    codes = np.concatenate([codes, extra])
    order = np.argsort(lines, kind="stable")
    lines, codes = lines[order], codes[order]
    for start, raws in _raw_batches(con, opened, lines):
        these = [failures[c - 1] for c in codes[start : start + len(raws)].tolist()]
        _append(
            con,
            "intake.rejects",
            {
                "file_id": pa.array([file_id] * len(raws), pa.int64()),
                "extract": [rows.target.name] * len(raws),
                "file_name": [file_name] * len(raws),
                "line_number": lines[start : start + len(raws)],
                "column_name": pa.array([f.column for f in these], pa.string()),
                "reason": [f.reason for f in these],
                "detail": [f.detail for f in these],
                "raw": raws,
            },
        )
    return len(lines)


def _write_duplicates(
    con: duckdb.DuckDBPyConnection, rows: TypedRows, opened: Opened, file_id: int, file_name: str
) -> int:
    key = ", ".join(f"CAST({identifier(k)} AS VARCHAR)" for k in rows.target.key)
    found = con.execute(
        f"""SELECT v.rid, concat_ws('|', {key}) AS key FROM {rows.verdicts} v JOIN {rows.table} r ON r.rowid = v.rid
            WHERE v.verdict = {DUPLICATE} ORDER BY v.rid"""
    ).fetchnumpy()
    lines = opened.lines_of(np.asarray(found["rid"], np.int64))
    keys = list(found["key"])
    for start, raws in _raw_batches(con, opened, lines):
        _append(
            con,
            "intake.duplicates",
            {
                "file_id": pa.array([file_id] * len(raws), pa.int64()),
                "extract": [rows.target.name] * len(raws),
                "file_name": [file_name] * len(raws),
                "line_number": lines[start : start + len(raws)],
                "key": keys[start : start + len(raws)],
                "raw": raws,
            },
        )
    return len(lines)


def _raw_batches(con: duckdb.DuckDBPyConnection, opened: Opened, lines: Positions) -> Iterator[tuple[int, list[str]]]:
    for start in range(0, len(lines), _BATCH):
        wanted = lines[start : start + _BATCH]
        yield start, [text for _, text in opened.raw(con, wanted)]


def _append(con: duckdb.DuckDBPyConnection, table: str, columns: dict[str, object]) -> None:
    # Found by its name: what is registered in a transaction is held in memory until that ends.
    batch = pa.table(columns)  # noqa: F841
    con.execute(f"INSERT INTO {table} ({identifiers(columns)}) SELECT {identifiers(columns)} FROM batch")


def _write_nulled(con: duckdb.DuckDBPyConnection, rows: TypedRows, file_id: int) -> int:
    total = 0
    for column, flag in rows.select.nulled.items():
        count = _one(con, f"SELECT count(*) FROM {rows.table} WHERE {rows.fine} AND {flag}")
        if count:
            con.execute("INSERT INTO intake.nulled VALUES (?, ?, 'bad_number_form', ?)", [file_id, column, count])
        total += count
    return total


def _write_days(con: duckdb.DuckDBPyConnection, rows: TypedRows, file_id: int) -> None:
    if rows.target.name == "cdr":
        con.execute(
            """INSERT INTO intake.file_days SELECT file_id, usage_date, count(*) FROM staging.cdr
               WHERE file_id = ? GROUP BY ALL ORDER BY usage_date""",
            [file_id],
        )


def drop_rows(con: duckdb.DuckDBPyConnection, target: Contract) -> None:
    """Drops the temp tables of an extract."""
    for table in (f"_rows_{target.name}", f"_rows_{target.name}_verdicts", "_suspect"):
        con.execute(f"DROP TABLE IF EXISTS temp.{table}")
