"""Takes files again that were taken before, as the ledger copy tells: in that order, each to the same counts.

Belongs here: what the database lacks of the copy or has otherwise, and mending it. Does not: new files (ingest.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

import duckdb

from pipelines.intake import ledger
from pipelines.intake.discover import Delivery, discover
from pipelines.intake.elsewhere import create_elsewhere
from pipelines.intake.expiries import Expiry, detail_from, expire
from pipelines.intake.file_engine import FileEngine
from pipelines.intake.ledger_copy import LedgerCopy, LedgerCopyError, LedgerEntry, LedgerLine, with_detail_from
from pipelines.intake.mapping import SourceMapping, with_identities
from pipelines.intake.refusal import IntakeRefusal
from pipelines.intake.seen import create_seen
from pipelines.intake.settings import FileOutcome, IntakeReport, IntakeSettings, Progress
from pipelines.intake.spool import sha256_of
from pipelines.intake.taking import take_file
from pipelines.intake.temporary import remove_leftovers
from pipelines.warehouse import transaction

# A line with the first day of which call detail was kept at its place.
PlacedLine = tuple[LedgerLine, date | None]


def replay(
    con: duckdb.DuckDBPyConnection,
    landing: Path,
    lines: Sequence[LedgerLine],
    *,
    mappings: Mapping[str, SourceMapping],
    settings: IntakeSettings,
    progress: Progress,
) -> IntakeReport:
    """Takes exactly the files of `lines`, in their order, each with the as-of date of the first time, and lets call
    detail expire where it did.

    Nothing is written to the ledger copy. `con`, outside a transaction, has what stands before these lines. Raises
    LedgerCopyError, before anything is taken, naming every file that landing/ lacks or has with other content. A file
    that comes out otherwise than its entry (counts_differ) is a refusal in the report, and those behind it are not
    taken.
    """
    prepare(con, settings)
    sources = with_identities(mappings)
    deliveries = discover(landing, sources).deliveries
    missing = _missing(deliveries, lines, sources)
    if missing:
        raise LedgerCopyError("Nothing was taken:\n" + "\n".join(map(str, missing)))
    placed = list(with_detail_from(lines, detail_from(con)))
    outcomes, refused = take_again(
        con, deliveries, placed, sources=sources, as_of_date=None, settings=settings, progress=progress
    )
    if lines:
        progress.step("intake", len(lines), len(lines))
    recovered = tuple(line.file_name for line in lines if isinstance(line, LedgerEntry))
    return IntakeReport(tuple(outcomes), refused=tuple(refused), recovered=recovered)


def prepare(con: duckdb.DuckDBPyConnection, settings: IntakeSettings) -> None:
    """What every run of intake does first: tables, the connection's settings, the leftovers of killed runs."""
    ledger.create_tables(con)
    create_seen(con)
    create_elsewhere(con)
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET preserve_insertion_order = true")  # a row's position is how its line is found again
    remove_leftovers(settings.temporary_folder)


def settle(con: duckdb.DuckDBPyConnection, copy: LedgerCopy) -> tuple[list[PlacedLine], list[IntakeRefusal]]:
    """Appends what the copy lacks (the run was killed between the commit and the line).

    Returns what the database lacks, in the order in which it was taken or expired, and a refusal for each file or
    expiry that both have and tell differently.
    """
    there = {_named(line): line for line in ledger.lines(con)}
    known = {_named(line): line for line in copy.lines}
    for name, line in there.items():
        if name not in known:
            copy.append(line)
    lost = [placed for placed in with_detail_from(copy.lines, None) if _named(placed[0]) not in there]
    differing = [
        _differs(name if isinstance(line, LedgerEntry) else copy.path.name, said)
        for name, line in known.items()
        if name in there and (said := _differences(line, there[name]))
    ]
    return lost, differing


def _named(line: LedgerLine) -> str:
    return line.file_name if isinstance(line, LedgerEntry) else f"expiry of {line.detail_from}"


def _differences(line: LedgerLine, found: LedgerLine) -> list[str]:
    if line == found:  # years of lines, each night
        return []
    if isinstance(line, LedgerEntry) and isinstance(found, LedgerEntry):
        return line.differences(found)
    return [f"the {_named(line)} has other days or another time"]


def take_again(
    con: duckdb.DuckDBPyConnection,
    deliveries: Iterable[Delivery],
    lines: Sequence[PlacedLine],
    *,
    sources: Mapping[str, SourceMapping],
    as_of_date: date | None,
    settings: IntakeSettings,
    progress: Progress,
    engine: FileEngine | None = None,
) -> tuple[list[FileOutcome], list[IntakeRefusal]]:
    """Takes the files of `lines` from `deliveries` and lets detail expire between them, all or, where a file is
    missing, none; stops at one that comes out otherwise. `as_of_date` is for a mapping that has come to depend on one
    since.
    """
    outcomes: list[FileOutcome] = []
    refused = _missing(deliveries, [line for line, _ in lines], sources)
    if refused:
        return outcomes, refused
    by_name = {delivery.file_name: delivery for delivery in deliveries}
    for done, (line, kept_from) in enumerate(lines):
        if isinstance(line, Expiry):
            with transaction(con):
                expire(con, line)
            continue
        progress.step(line.file_name, done, len(lines))
        try:
            taken = take_file(
                con,
                by_name[line.file_name],
                sources[line.source],
                line.as_of_date or as_of_date or date(2000, 1, 1),
                settings,
                detail_from=kept_from,
                again=line,
                engine=engine,
            )
        except IntakeRefusal as refusal:
            return outcomes, [refusal]
        outcomes += taken if isinstance(taken, list) else []
    return outcomes, []


def _missing(
    deliveries: Iterable[Delivery], lines: Iterable[LedgerLine], sources: Mapping[str, SourceMapping]
) -> list[IntakeRefusal]:
    by_name = {delivery.file_name: delivery for delivery in deliveries}
    refused = []
    for entry in lines:
        if isinstance(entry, Expiry):
            continue
        delivery = by_name.get(entry.file_name)
        if entry.source not in sources:
            refused.append(_lost(entry, f"and the source mapping {entry.source} is gone", "Bring the mapping back."))
        elif delivery is None:
            refused.append(_lost(entry, "and landing/ has no such file"))
        elif sha256_of(delivery.path) != entry.sha256:
            refused.append(_lost(entry, "and the file of that name in landing/ has other content"))
    return refused


def _lost(entry: LedgerEntry, why: str, cure: str | None = None) -> IntakeRefusal:
    return IntakeRefusal(
        entry.file_name,
        "file_lost",
        f"it was taken before (SHA-256 {entry.sha256[:16]}…), the warehouse has lost it, {why}",
        cure or "Put the file back into landing/ under that name, with its control file if it had one.",
    )


def _differs(file_name: str, said: list[str]) -> IntakeRefusal:
    return IntakeRefusal(
        file_name,
        "ledger_differs",
        f"the ledger in the warehouse is not what the ledger copy says: {'; '.join(said)}",
        "The warehouse is damaged: make it anew from landing/ with `tierline rebuild`.",
    )
