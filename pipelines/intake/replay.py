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
from pipelines.intake.file_engine import FileEngine
from pipelines.intake.ledger_copy import LedgerCopy, LedgerCopyError, LedgerEntry
from pipelines.intake.mapping import SourceMapping, with_identities
from pipelines.intake.refusal import IntakeRefusal
from pipelines.intake.seen import create_seen
from pipelines.intake.settings import FileOutcome, IntakeReport, IntakeSettings, Progress
from pipelines.intake.spool import sha256_of
from pipelines.intake.taking import take_file
from pipelines.intake.temporary import remove_leftovers


def replay(
    con: duckdb.DuckDBPyConnection,
    landing: Path,
    entries: Sequence[LedgerEntry],
    *,
    mappings: Mapping[str, SourceMapping],
    settings: IntakeSettings,
    progress: Progress,
) -> IntakeReport:
    """Takes exactly the files of `entries`, in their order, each with the as-of date of the first time.

    Nothing is written to the ledger copy. `con` is an empty database outside a transaction. Raises LedgerCopyError,
    before anything is taken, naming every file that landing/ lacks or has with other content. A file that comes out
    otherwise than its entry (counts_differ) is a refusal in the report, and those behind it are not taken.
    """
    prepare(con, settings)
    sources = with_identities(mappings)
    deliveries = discover(landing, sources).deliveries
    missing = _missing(deliveries, entries, sources)
    if missing:
        raise LedgerCopyError("Nothing was taken:\n" + "\n".join(map(str, missing)))
    outcomes, refused = take_again(
        con, deliveries, entries, sources=sources, as_of_date=None, settings=settings, progress=progress
    )
    if entries:
        progress.step("intake", len(entries), len(entries))
    return IntakeReport(tuple(outcomes), refused=tuple(refused), recovered=tuple(e.file_name for e in entries))


def prepare(con: duckdb.DuckDBPyConnection, settings: IntakeSettings) -> None:
    """What every run of intake does first: tables, the connection's settings, the leftovers of killed runs."""
    ledger.create_tables(con)
    create_seen(con)
    create_elsewhere(con)
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET preserve_insertion_order = true")  # a row's position is how its line is found again
    remove_leftovers(settings.temporary_folder)


def settle(con: duckdb.DuckDBPyConnection, copy: LedgerCopy) -> tuple[list[LedgerEntry], list[IntakeRefusal]]:
    """Appends what the copy lacks (the run was killed between the commit and the line).

    Returns what the database lacks, in the order in which it was taken, and a refusal for each file that both have
    with different counts.
    """
    there = {entry.file_name: entry for entry in ledger.entries(con)}
    known = {entry.file_name: entry for entry in copy.entries}
    for name, entry in there.items():
        if name not in known:
            copy.append(entry)
    lost = [entry for name, entry in known.items() if name not in there]
    differing = [
        _differs(name, said)
        for name, entry in known.items()
        if name in there and (said := entry.differences(there[name]))
    ]
    return lost, differing


def take_again(
    con: duckdb.DuckDBPyConnection,
    deliveries: Iterable[Delivery],
    entries: Sequence[LedgerEntry],
    *,
    sources: Mapping[str, SourceMapping],
    as_of_date: date | None,
    settings: IntakeSettings,
    progress: Progress,
    engine: FileEngine | None = None,
) -> tuple[list[FileOutcome], list[IntakeRefusal]]:
    """Takes the files of `entries` from `deliveries`, all or, where one is missing, none; stops at one that comes out
    otherwise. `as_of_date` is for a mapping that has come to depend on one since.
    """
    outcomes: list[FileOutcome] = []
    refused = _missing(deliveries, entries, sources)
    if refused:
        return outcomes, refused
    by_name = {delivery.file_name: delivery for delivery in deliveries}
    for done, entry in enumerate(entries):
        progress.step(entry.file_name, done, len(entries))
        try:
            taken = take_file(
                con,
                by_name[entry.file_name],
                sources[entry.source],
                entry.as_of_date or as_of_date or date(2000, 1, 1),
                settings,
                again=entry,
                engine=engine,
            )
        except IntakeRefusal as refusal:
            return outcomes, [refusal]
        outcomes += taken if isinstance(taken, list) else []
    return outcomes, []


def _missing(
    deliveries: Iterable[Delivery], entries: Iterable[LedgerEntry], sources: Mapping[str, SourceMapping]
) -> list[IntakeRefusal]:
    by_name = {delivery.file_name: delivery for delivery in deliveries}
    refused = []
    for entry in entries:
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
