"""The intake ledger: what became of every record of every file, in tables that must balance.

Belongs here: the tables, the balance, rows of the ledger. Does not: deciding about records.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

import duckdb

from data_contracts import contract, contract_names
from pipelines.contracts.tables import INTAKE_COLUMNS, LINEAGE, declared, staging_columns
from pipelines.intake.elsewhere import own_name
from pipelines.intake.expiries import expiries
from pipelines.intake.ledger_copy import ExtractEntry, LedgerEntry, LedgerLine
from pipelines.intake.mapping import SCHEMA
from pipelines.intake.refusal import IntakeRefusal, read_refusal
from pipelines.intake.sequence import Numbered
from pipelines.sql_text import identifier, identifiers

# What may be unknown: a refused file's content, a record that fails before it has columns, a change of nothing.
# as_of_date is given only where the mapping makes dates relative to it; else the night of loading decides nothing.
_OPTIONAL = {
    "files": {
        "extract",
        "sha256",
        "bytes",
        "known_at",
        "as_of_date",
        "reason",
        "contract_version",
        "mapping_fingerprint",
        "sequence",
        "stream",
        "sequence_position",
        "sequence_first",
        "sequence_last",
        "known_until",
        "first_date",
        "last_date",
    },
    "rejects": {"column_name", "raw"},
    "duplicates": {"raw"},
    "subscription_changes": {"changed_from"},
}


@dataclass(frozen=True)
class Counts:
    """The records of one file and extract. `records` are physical lines (rows, for Parquet)."""

    records: int
    header: int
    trailer: int
    blank: int
    accepted: int
    rejected: int
    duplicate: int
    nulled: int = 0

    def require_balance(self, file_name: str) -> None:
        """Raises IntakeRefusal unless every record is accounted for exactly once."""
        parts = self.header + self.trailer + self.blank + self.accepted + self.rejected + self.duplicate
        if parts != self.records:
            raise IntakeRefusal(
                file_name,
                "does_not_balance",
                f"{self.records} records were read and {parts} are accounted for ({self})",
                "Nothing of the file was kept. This is a fault of intake: please report it with the file's form.",
            )


def create_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Makes the schemas intake and staging and their tables where they are missing."""
    con.execute("CREATE SCHEMA IF NOT EXISTS intake")
    con.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    there = _columns_there(con)
    for name, columns in INTAKE_COLUMNS.items():
        required = set(columns) - _OPTIONAL.get(name, set())
        _create(con, ("intake", name), there["intake"].get(name, ()), columns, required)
    for name in contract_names(SCHEMA):
        promised = contract(f"{SCHEMA}.{name}").columns
        required = {c.name for c in promised if c.required} | set(LINEAGE)
        _create(
            con,
            (SCHEMA, own := own_name(name, there[SCHEMA])),
            there[SCHEMA].get(own, ()),
            staging_columns(name),
            required,
        )


def _columns_there(con: duckdb.DuckDBPyConnection) -> Mapping[str, Mapping[str, set[str]]]:
    """The columns of each table of each schema, asked once: each question takes milliseconds."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for schema, table, column in con.execute(
        "SELECT schema_name, table_name, column_name FROM duckdb_columns() WHERE database_name = current_database()"
    ).fetchall():
        found[schema][table].add(column)
    return found


def _create(
    con: duckdb.DuckDBPyConnection,
    table: tuple[str, str],
    there: Collection[str],
    columns: Mapping[str, str],
    required: Collection[str],
) -> None:
    full = ".".join(map(identifier, table))
    if there:
        # A warehouse of an earlier release lacks the columns that came later, behind the others; all may be unknown.
        for column, kind in columns.items():
            if column not in there:
                con.execute(f"ALTER TABLE {full} ADD COLUMN {identifier(column)} {kind}")
        return
    con.execute(f"CREATE TABLE {full} ({declared(columns, required)})")


def next_file_id(con: duckdb.DuckDBPyConnection, forgetting: str | None = None) -> int:
    """One beyond the highest file_id so far, as it is once the refusals of the file `forgetting` are forgotten."""
    highest = con.execute(
        "SELECT coalesce(max(file_id), 0) FROM intake.files WHERE NOT (file_name = $name AND status = 'refused')"
        if forgetting is not None
        else "SELECT coalesce(max(file_id), 0) FROM intake.files",
        {} if forgetting is None else {"name": forgetting},
    ).fetchall()[0][0]
    return int(highest) + 1


def write_file(
    con: duckdb.DuckDBPyConnection,
    *,
    file_id: int,
    source: str,
    extract: str | None,
    file_name: str,
    sha256: str | None,
    size: int | None,
    counts: Counts,
    known_at: datetime | None,
    as_of: date | None,
    refusal: IntakeRefusal | None,
    version: str | None,
    fingerprint: str | None,
    number: Numbered | None = None,
    known_until: datetime | None = None,
    dates: tuple[date | None, date | None] = (None, None),
) -> None:
    """One row of intake.files; `known_until` is the latest known_at of its rows (UTC), `dates` their first and last
    day, all unknown without rows.

    Raises IntakeRefusal if an accepted file does not balance.
    """
    if refusal is None:
        counts.require_balance(file_name)
    con.execute(
        f"INSERT INTO intake.files ({identifiers(INTAKE_COLUMNS['files'])}) VALUES ({', '.join('?' * 28)})",
        [
            *(file_id, source, extract, file_name, sha256, size),
            *(counts.records, counts.header, counts.trailer, counts.blank),
            *(counts.accepted, counts.rejected, counts.duplicate, counts.nulled),
            *(known_at, as_of, "accepted" if refusal is None else "refused"),
            *(None if refusal is None else str(refusal), version, fingerprint),
            *_numbers(number),
            known_until,
            *dates,
        ],
    )


def _numbers(number: Numbered | None) -> tuple[int | str | None, ...]:
    if number is None:
        return (None,) * 5
    return number.sequence, number.stream, number.position, number.first, number.last


def forget_refusals(con: duckdb.DuckDBPyConnection, file_name: str) -> None:
    """Drops earlier refused rows of a file: one that is still refused is replaced, one that is mended is gone."""
    con.execute("DELETE FROM intake.files WHERE file_name = ? AND status = 'refused'", [file_name])


def forget_strays(con: duckdb.DuckDBPyConnection) -> None:
    """Drops the rows of what is looked at anew each time: folders and strays, which are no file of any source, and
    accepted files that had come again with other content.
    """
    con.execute(
        """DELETE FROM intake.files WHERE status = 'refused' AND (extract IS NULL OR file_name IN (
               SELECT file_name FROM intake.files WHERE status = 'accepted'))"""
    )


def refusals(con: duckdb.DuckDBPyConnection) -> list[tuple[tuple[str, ...], IntakeRefusal]]:
    """The files that are refused, by name, each with the extracts that it would have fed (none for a stray)."""
    rows = con.execute(
        """SELECT file_name, reason, coalesce(list(extract ORDER BY extract) FILTER (extract IS NOT NULL), [])
           FROM intake.files WHERE status = 'refused' GROUP BY file_name, reason ORDER BY file_name"""
    ).fetchall()
    return [(tuple(extracts), read_refusal(name, said)) for name, said, extracts in rows]


def accepted_as(con: duckdb.DuckDBPyConnection, file_name: str) -> str | None:
    """The digest under which a file of this name was accepted, or None."""
    rows = con.execute(
        "SELECT sha256 FROM intake.files WHERE file_name = ? AND status = 'accepted' LIMIT 1", [file_name]
    ).fetchall()
    return str(rows[0][0]) if rows else None


def same_content(
    con: duckdb.DuckDBPyConnection, source: str, sha256: str, *, unnumbered: bool
) -> list[tuple[str, str, datetime | None, int]]:
    """(file name, extract, known_at, data records) of accepted files of that source and content, oldest first.

    With `unnumbered` only of those without a sequence number.
    """
    return con.execute(
        """SELECT file_name, extract, known_at, records - header - trailer - blank FROM intake.files
           WHERE source = ? AND sha256 = ? AND status = 'accepted' AND (NOT ? OR sequence IS NULL) ORDER BY file_id""",
        [source, sha256, unnumbered],
    ).fetchall()


def entries(con: duckdb.DuckDBPyConnection, file_name: str | None = None) -> list[LedgerEntry]:
    """The accepted files (or the one of that name) as the ledger has them, in the order in which they were taken."""
    per_file = [f.name for f in fields(LedgerEntry) if f.name != "extracts"]
    per_extract = [f.name for f in fields(ExtractEntry)]
    rows = con.execute(
        f"""SELECT {identifiers([*per_file, *per_extract])} FROM intake.files
            WHERE status = 'accepted' AND ($name IS NULL OR file_name = $name) ORDER BY file_id""",
        {"name": file_name},
    ).fetchall()
    files: dict[tuple[Any, ...], list[ExtractEntry]] = {}
    for row in rows:
        files.setdefault(row[: len(per_file)], []).append(ExtractEntry(*row[len(per_file) :]))
    return [LedgerEntry(*(*file, tuple(extracts))) for file, extracts in files.items()]


def lines(con: duckdb.DuckDBPyConnection) -> list[LedgerLine]:
    """The accepted files and the expiries among them, in the order in which they were taken and happened."""
    ids = con.execute(
        "SELECT file_name, max(file_id) FROM intake.files WHERE status = 'accepted' GROUP BY file_name"
    ).fetchall()
    taken = dict(ids)
    placed: list[tuple[int, int, LedgerLine]] = [(taken[entry.file_name], 0, entry) for entry in entries(con)]
    placed += [(after, number, expiry) for number, (after, expiry) in enumerate(expiries(con), start=1)]
    return [line for _, _, line in sorted(placed, key=lambda place: place[:2])]
