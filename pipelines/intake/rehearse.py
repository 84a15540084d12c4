"""What intake would say of a file, told beforehand: the same steps, in a transaction that is rolled back.

Belongs here: the rehearsal of one file. Does not: any step of its own (taking.py), printing (pipelines/cli).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from pipelines.intake import ledger
from pipelines.intake.discover import delivery_of
from pipelines.intake.expiries import detail_from
from pipelines.intake.ledger_copy import LedgerEntry
from pipelines.intake.mapping import SourceMapping, with_identities
from pipelines.intake.refusal import IntakeRefusal
from pipelines.intake.rejected import RejectedFor, rejected_for
from pipelines.intake.replay import prepare
from pipelines.intake.returned import returned_workbooks
from pipelines.intake.settings import FileCopy, FileOutcome, IntakeSettings
from pipelines.intake.taking import FileTaking


@dataclass(frozen=True)
class Rehearsal:
    """One of: `entry` (it would be taken, with these counts), `copy` (nothing would be done), `refusal`.

    `returned` is the marked workbook of a workbook that would be refused, or has rejected rows.
    """

    file_name: str
    entry: LedgerEntry | None = None
    copy: FileCopy | None = None
    refusal: IntakeRefusal | None = None
    rejected: tuple[RejectedFor, ...] = ()
    returned: Path | None = None


def rehearse(
    con: duckdb.DuckDBPyConnection,
    file: Path,
    source: str,
    *,
    mappings: Mapping[str, SourceMapping],
    as_of_date: date,
    settings: IntakeSettings,
) -> Rehearsal:
    """Takes `file` as if it lay in landing/`source`/, and rolls it back: the database is as it was, but for tables
    that were missing.

    `con` must not be inside a transaction. `as_of_date` decides only where the mapping depends on it. Raises
    KeyError for a `source` that is neither an extract nor mapped; errors of the machine are raised.
    """
    mapping = with_identities(mappings)[source]
    delivery = delivery_of(file, source)
    if isinstance(delivery, IntakeRefusal):
        return Rehearsal(delivery.file, refusal=delivery)
    name = delivery.file_name
    prepare(con, settings)
    seen: list[Rehearsal] = []

    def look(outcomes: list[FileOutcome]) -> None:
        rejected = rejected_for(con, [outcome.file_id for outcome in outcomes])
        (entry,), given_back = ledger.entries(con, name), returned_workbooks(settings.returned_folder, iter([name]))
        returned = given_back[0] if rejected and given_back else None
        seen.append(Rehearsal(name, entry=entry, rejected=rejected, returned=returned))

    taking = FileTaking(con, delivery, mapping, as_of_date, settings, detail_from=detail_from(con), look=look)
    try:
        taken = taking.take()
    except IntakeRefusal as refusal:
        return Rehearsal(name, refusal=refusal, returned=taking.give_back(refusal))
    return Rehearsal(name, copy=taken) if isinstance(taken, FileCopy) else seen[0]
