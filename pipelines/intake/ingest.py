"""From files in the landing folder to accepted rows and a ledger that balances for every file.

Belongs here: which files are taken, in which order, with what record. Does not: the way of one file (taking.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from itertools import chain
from pathlib import Path

import duckdb

from pipelines.intake import ledger
from pipelines.intake.discover import discover
from pipelines.intake.expiries import detail_from
from pipelines.intake.file_engine import FileEngine
from pipelines.intake.ledger_copy import LedgerCopy
from pipelines.intake.mapping import SourceMapping, with_identities
from pipelines.intake.reading import ReadAhead
from pipelines.intake.refusal import IntakeRefusal
from pipelines.intake.replay import prepare, settle, take_again
from pipelines.intake.returned import returned_workbooks
from pipelines.intake.seen import accepted_looks, look_of
from pipelines.intake.settings import FileCopy, FileOutcome, IntakeReport, IntakeSettings, Progress
from pipelines.intake.taking import take_file, write_refusal


def ingest(
    con: duckdb.DuckDBPyConnection,
    landing: Path,
    *,
    mappings: Mapping[str, SourceMapping],
    as_of_date: date,
    settings: IntakeSettings,
    progress: Progress,
    engine: FileEngine | None = None,
) -> IntakeReport:
    """Takes in every file of `landing`, each in a transaction of its own.

    `mappings` are the operator's, by source folder; a folder named like an extract needs none. A file that can't be
    taken is refused whole: nothing of it is kept but its row in intake.files, and the others go on. `con` must not be
    inside a transaction. Refusals are in the report; errors of the machine (disk full, lock) are raised, and
    LedgerCopyError where the ledger copy was tampered with.

    `engine` does the work of the files that it is for, this node that of all others.

    Files that the ledger copy has and the database lost are taken again first, as they were taken the first time. Where
    that fails nothing else is taken: what a new file adds depends on what was there before it.
    """
    copy = LedgerCopy(settings.ledger_copy) if settings.ledger_copy is not None else None
    prepare(con, settings)
    sources = with_identities(mappings)
    found = discover(landing, sources)
    recovered: list[FileOutcome] = []
    refused: list[IntakeRefusal] = []
    if copy is not None:
        lost, refused = settle(con, copy)
        recovered, unrecovered = take_again(
            con,
            found.deliveries,
            lost,
            sources=sources,
            as_of_date=as_of_date,
            settings=settings,
            progress=progress,
            engine=engine,
        )
        refused += unrecovered
    is_whole = not refused
    refused += found.refused
    ledger.forget_strays(con)
    for refusal in refused:
        write_refusal(con, refusal, file_name=refusal.file, source=refusal.file.partition("/")[0])
    accepted, copies, kept_from = list(recovered), list[FileCopy](), detail_from(con)
    names = {outcome.file_name for outcome in recovered}
    deliveries = [delivery for delivery in found.deliveries if delivery.file_name not in names] if is_whole else []
    # Asked once: the archive has thousands of files, and each question of its own costs a night milliseconds.
    looks = accepted_looks(con)
    with ReadAhead([d for d in deliveries if d.file_name not in looks], sources, engine) as ahead:
        for done, delivery in enumerate(deliveries):
            if looks.get(delivery.file_name) == look_of(delivery.path):
                copies.append(FileCopy(delivery.file_name, delivery.file_name))
                continue
            progress.step(delivery.file_name, done, len(deliveries))
            try:
                outcome = take_file(
                    con,
                    delivery,
                    sources[delivery.source],
                    as_of_date,
                    settings,
                    detail_from=kept_from,
                    engine=engine,
                    read=ahead.read,
                )
            except IntakeRefusal as refusal:
                refused.append(refusal)
                continue
            if isinstance(outcome, FileCopy):
                copies.append(outcome)
                continue
            accepted += outcome
            if copy is not None:
                copy.append(ledger.entries(con, delivery.file_name)[0])
    if deliveries:
        progress.step("intake", len(deliveries), len(deliveries))
    done_now = (found.file_name for found in accepted if found.file_name not in names)
    returned = returned_workbooks(settings.returned_folder, chain(done_now, (refusal.file for refusal in refused)))
    return IntakeReport(tuple(accepted), tuple(copies), tuple(refused), found.ignored, tuple(sorted(names)), returned)
