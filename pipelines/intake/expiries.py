"""Expiries: the days whose call detail has left staging.cdr, and what stands for each of them since.

Belongs here: intake.expired_days, taking expired rows away, the first day that is kept. Does not: which days go, and
rolling them up before (pipelines/expiry.py); lines of the ledger copy (ledger_copy.py).

An expiry is a fact like a taken file: what comes later is judged by it, and a replay meets it at its place among the
files.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime
from itertools import groupby
from operator import itemgetter

import duckdb

from pipelines.durable import Hook, ignore_step
from pipelines.intake import elsewhere
from pipelines.sql_text import identifiers


@dataclass(frozen=True)
class ExpiredDay:
    """A day and the digests in the names of the files that hold it, in the folders of those names."""

    usage_date: date
    usage_daily: str
    contact_days: str


@dataclass(frozen=True)
class Expiry:
    """From `detail_from` on call detail is kept; `days`, oldest first, left with this expiry, as known before
    `known_before` (naive UTC). From `usage_from` on days are kept rolled up.
    """

    detail_from: date
    known_before: datetime
    usage_from: date
    days: tuple[ExpiredDay, ...]


_DAY = [field.name for field in fields(ExpiredDay)]
_COLUMNS = ["detail_from", "known_before", "usage_from", "after_file_id", *_DAY]


def detail_from(con: duckdb.DuckDBPyConnection) -> date | None:
    """The first day whose call detail is kept; None as long as nothing expired."""
    found: date | None = con.execute("SELECT max(detail_from) FROM intake.expired_days").fetchall()[0][0]
    return found


def usage_from(con: duckdb.DuckDBPyConnection) -> date | None:
    """The first day that is kept rolled up; None as long as nothing expired."""
    found: date | None = con.execute("SELECT max(usage_from) FROM intake.expired_days").fetchall()[0][0]
    return found


def expiries(con: duckdb.DuckDBPyConnection) -> list[tuple[int, Expiry]]:
    """All expiries in their order, each with the file_id of the last accepted file before it."""
    rows = con.execute(
        f"SELECT {identifiers(_COLUMNS)} FROM intake.expired_days ORDER BY detail_from, usage_date"
    ).fetchall()
    return [
        (after, Expiry(first, known_before, usage, tuple(ExpiredDay(*row[4:]) for row in days)))
        for (first, known_before, usage, after), days in groupby(rows, key=itemgetter(0, 1, 2, 3))
    ]


def expire(con: duckdb.DuckDBPyConnection, expiry: Expiry, hook: Hook = ignore_step) -> int:
    """Takes the rows before `detail_from` out of staging.cdr, and notes the expiry; returns how many left.

    The caller has a transaction. What was judged of a file's rows stays judged of those that remain. Steps
    delete:expiry, note:expiry.
    """
    hook("delete:expiry")
    gone = _drop(con, "usage_date < $detail_from", {"detail_from": expiry.detail_from})
    last = con.execute("SELECT coalesce(max(file_id), 0) FROM intake.files WHERE status = 'accepted'").fetchall()[0][0]
    hook("note:expiry")
    con.executemany(
        f"INSERT INTO intake.expired_days ({identifiers(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})",
        [
            (
                *(expiry.detail_from, expiry.known_before, expiry.usage_from, last),
                *(day.usage_date, day.usage_daily, day.contact_days),
            )
            for day in expiry.days
        ],
    )
    return gone


def drop_expired(con: duckdb.DuckDBPyConnection, file_id: int) -> None:
    """Takes away what has expired since of a file that was taken again. The caller has a transaction."""
    first = detail_from(con)
    if first is not None:
        _drop(con, "file_id = $file_id AND usage_date < $detail_from", {"file_id": file_id, "detail_from": first})


def _drop(con: duckdb.DuckDBPyConnection, condition: str, given: dict[str, object]) -> int:
    judged = con.execute(
        "SELECT 1 FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = 'intake' "
        "AND table_name = 'judged'"
    ).fetchall()
    if judged:
        con.execute(
            f"""UPDATE intake.judged AS j SET records = j.records - gone.records
                FROM (SELECT file_id, count(*) AS records FROM staging.cdr WHERE {condition} GROUP BY file_id) AS gone
                WHERE j.extract = 'cdr' AND j.file_id = gone.file_id""",
            given,
        )
        con.execute("DELETE FROM intake.judged WHERE extract = 'cdr' AND records = 0")
    return elsewhere.drop(con, "cdr", condition, given)
