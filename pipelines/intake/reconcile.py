"""Whether every record received is still accounted for: counted anew, held against ledger, ledger copy and archive.

Belongs here: the comparison. Does not: printing it (pipelines/cli), mending anything (replay.py).
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from data_contracts import contract_names
from pipelines.intake import ledger
from pipelines.intake.discover import discover
from pipelines.intake.ledger_copy import ExtractEntry, LedgerEntry
from pipelines.intake.mapping import SCHEMA
from pipelines.intake.refusal import IntakeRefusal
from pipelines.intake.rejected import RejectedFor, rejected_for
from pipelines.intake.spool import sha256_of
from pipelines.sql_text import identifier

_PLACES = {"accepted": "staging", "rejected": "intake.rejects", "duplicate": "intake.duplicates"}

_EXPIRED = """
    SELECT d.file_id, sum(d.records)::BIGINT, max(f.known_until)
    FROM intake.file_days AS d
    JOIN intake.expired_days AS e ON e.usage_date = d.usage_date
    LEFT JOIN intake.files AS f ON f.file_id = d.file_id
    GROUP BY d.file_id
"""


@dataclass
class DayTotals:
    """Records of one extract delivered on one local day (None: nothing dates them), as counted anew. `expired` ones are
    accepted ones whose call detail has left the warehouse.
    """

    extract: str
    day: date | None
    files: int = 0
    received: int = 0
    accepted: int = 0
    rejected: int = 0
    duplicate: int = 0
    expired: int = 0


@dataclass(frozen=True)
class Mismatch:
    """Something about a file that does not hold, in words; never a record's content."""

    file_name: str
    what: str


@dataclass(frozen=True)
class RefusedFile:
    """A file in landing/ that is refused as a whole, with the extracts that it would have fed (none for a stray)."""

    extracts: tuple[str, ...]
    file_name: str
    line: int | None
    code: str
    reason: str
    cure: str


@dataclass(frozen=True)
class Reconciliation:
    """Totals by extract and day, and whatever does not hold. `files` were looked at. `refused` are those in landing/,
    of whatever day; `refused_before` were taken out of it since. `rejected` is empty unless it was asked for.
    """

    files: int
    totals: tuple[DayTotals, ...]
    mismatches: tuple[Mismatch, ...]
    refused: tuple[RefusedFile, ...] = ()
    refused_before: int = 0
    rejected: tuple[RejectedFor, ...] = ()


@dataclass
class _Counted:
    """Rows that are there of one file and extract, those that have expired, and the latest known_at of the accepted
    ones.
    """

    records: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_PLACES, 0))
    expired: int = 0
    latest: datetime | None = None


def reconcile(
    con: duckdb.DuckDBPyConnection,
    *,
    copy: Sequence[LedgerEntry] | None,
    landing: Path,
    sources: Iterable[str],
    time_zone: str,
    first: date | None = None,
    last: date | None = None,
    read_archive: bool = False,
    list_rejects: bool = False,
) -> Reconciliation:
    """Recounts the files delivered from `first` to `last` (both included, None: without end).

    A delivery's day is the local day of its known_at; where each row has its own, that of the latest row. `copy` is
    None where there is no ledger copy. With `read_archive` the files in `landing` are read for their SHA-256, else only
    looked for. With `list_rejects` the rejected records of these files are told by file and reason. Changes nothing.
    """
    zone = ZoneInfo(time_zone)
    counted, ids = _counts(con), _file_ids(con)
    deliveries = discover(landing, list(sources)).deliveries if landing.is_dir() else ()
    in_landing = {delivery.file_name: delivery.path for delivery in deliveries}
    entries = {entry.file_name: entry for entry in ledger.entries(con)}
    kept = {entry.file_name: entry for entry in copy or ()}
    totals: dict[tuple[str, date | None], DayTotals] = {}
    mismatches: list[Mismatch] = []
    if copy is None and entries:
        mismatches.append(Mismatch("ledger.jsonl", "there is no copy of the ledger; the next run writes it"))
    files, looked_at = 0, list[int]()
    for name, entry in (kept | entries).items():
        found = {
            e.extract: counted.get((ids.get((name, e.extract), -1), e.extract), _Counted()) for e in entry.extracts
        }
        days = {e.extract: _day(e.known_at or found[e.extract].latest, zone) for e in entry.extracts}
        if not any(_within(day, first, last) for day in days.values()):
            continue
        files += 1
        if name not in entries:
            mismatches.append(Mismatch(name, "it is in the ledger copy, and the warehouse has lost it"))
        else:
            for extract in entry.extracts:
                looked_at.append(ids[name, extract.extract])
                day = days[extract.extract]
                total = totals.setdefault((extract.extract, day), DayTotals(extract.extract, day))
                mismatches += (Mismatch(name, what) for what in _counted_anew(extract, found[extract.extract], total))
            if copy is not None:
                mismatches += _against_copy(entry, kept.get(name))
        mismatches += _against_archive(entry, in_landing.get(name), read_archive)
    mismatches += _of_no_file(counted, {(file_id, extract) for (_, extract), file_id in ids.items()})
    ordered = sorted(totals.values(), key=lambda t: (t.extract, t.day or date.min))
    refused = [_refused(extracts, refusal) for extracts, refusal in ledger.refusals(con)]
    there = tuple(file for file in refused if os.path.lexists(landing / file.file_name))
    rejected = rejected_for(con, looked_at) if list_rejects else ()
    return Reconciliation(files, tuple(ordered), tuple(mismatches), there, len(refused) - len(there), rejected)


def _refused(extracts: tuple[str, ...], refusal: IntakeRefusal) -> RefusedFile:
    return RefusedFile(extracts, refusal.file, refusal.line, refusal.code, refusal.reason, refusal.cure)


def _counted_anew(extract: ExtractEntry, found: _Counted, total: DayTotals) -> Iterator[str]:
    """Adds what is there to the total of its day, and says what is not what the ledger says."""
    other = extract.header + extract.trailer + extract.blank
    total.files += 1
    total.received += extract.records - other
    total.expired += found.expired
    for place, records in found.records.items():
        gone = found.expired if place == "accepted" else 0
        setattr(total, place, getattr(total, place) + records + gone)
        told = getattr(extract, place)
        if records + gone != told:
            where = f"staging.{extract.extract}" if place == "accepted" else _PLACES[place]
            less = f", {gone} of which expired" if gone else ""
            yield f"{extract.extract}: the ledger says {told} {place}{less}, {where} has {records}"
    parts = other + extract.accepted + extract.rejected + extract.duplicate
    if parts != extract.records:
        yield f"{extract.extract}: the ledger says {extract.records} records, and {parts} are accounted for"


def _counts(con: duckdb.DuckDBPyConnection) -> Mapping[tuple[int, str], _Counted]:
    counted: dict[tuple[int, str], _Counted] = defaultdict(_Counted)
    for extract in contract_names(SCHEMA):
        table = f"{SCHEMA}.{identifier(extract)}"
        # Every value is read, not only counted: a block that rotted is found by DuckDB's checksums.
        read = f"SELECT file_id, count(*), max(known_at), bit_xor(hash(t)) FROM {table} AS t GROUP BY file_id"
        for file_id, records, latest, _ in con.execute(read).fetchall():
            counted[file_id, extract].records["accepted"] = records
            counted[file_id, extract].latest = latest
    for file_id, records, latest in con.execute(_EXPIRED).fetchall():
        counted[file_id, "cdr"].expired = records
        # Of a file that is gone as a whole nothing else tells it.
        counted[file_id, "cdr"].latest = counted[file_id, "cdr"].latest or latest
    for place, table in list(_PLACES.items())[1:]:
        read = f"SELECT file_id, extract, count(*), bit_xor(hash(t)) FROM {table} AS t GROUP BY file_id, extract"
        for file_id, extract, records, _ in con.execute(read).fetchall():
            counted[file_id, extract].records[place] = records
    return counted


def _file_ids(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], int]:
    rows = con.execute("SELECT file_name, extract, file_id FROM intake.files WHERE status = 'accepted'").fetchall()
    return {(name, extract): file_id for name, extract, file_id in rows}


def _day(moment: datetime | None, zone: ZoneInfo) -> date | None:
    return None if moment is None else moment.replace(tzinfo=UTC).astimezone(zone).date()


def _within(day: date | None, first: date | None, last: date | None) -> bool:
    """What nothing dates belongs to every day: it is not to be overlooked."""
    return day is None or ((first is None or day >= first) and (last is None or day <= last))


def _against_copy(entry: LedgerEntry, kept: LedgerEntry | None) -> Iterator[Mismatch]:
    if kept is None:
        yield Mismatch(entry.file_name, "the ledger copy lacks it; the next run appends it")
    elif said := kept.differences(entry):
        yield Mismatch(entry.file_name, f"the ledger is not what its copy says: {'; '.join(said)}")


def _against_archive(entry: LedgerEntry, path: Path | None, read_archive: bool) -> Iterator[Mismatch]:
    if path is None:
        yield Mismatch(entry.file_name, "landing/ has it no more, so the warehouse can't be made anew")
    elif path.stat().st_size != entry.bytes or (read_archive and sha256_of(path) != entry.sha256):
        yield Mismatch(entry.file_name, "the file in landing/ has other content than what was taken")


def _of_no_file(counted: Mapping[tuple[int, str], _Counted], known: set[tuple[int, str]]) -> Iterator[Mismatch]:
    for (file_id, extract), found in sorted(counted.items()):
        if (file_id, extract) not in known and any(found.records.values()):
            said = ", ".join(f"{records} {place}" for place, records in found.records.items() if records)
            yield Mismatch(f"file_id {file_id}", f"{extract}: {said}, and the ledger has no such file")
