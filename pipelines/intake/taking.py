"""The way of one file: from a delivery to accepted rows and its rows in the ledger, in one transaction.

Belongs here: the order of the steps of one file. Does not: going through many (ingest.py, replay.py), how a step works.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

import duckdb

from data_contracts import contract
from pipelines.intake import ledger
from pipelines.intake.changes import note_subscription_changes
from pipelines.intake.control import Control, read_control, require_digest, require_records, require_totals
from pipelines.intake.discover import Delivery, is_workbook
from pipelines.intake.expiries import drop_expired
from pipelines.intake.file_engine import FileEngine, OneNode
from pipelines.intake.known_at import known_at
from pipelines.intake.ledger_copy import LedgerEntry
from pipelines.intake.load import TypedRows, dates_of, latest_known_at, load_rows, require_currency, totals_of
from pipelines.intake.mapping import SCHEMA, SourceMapping
from pipelines.intake.opened import Opened, require_unchanged
from pipelines.intake.reading import Read, Reader, read_now
from pipelines.intake.refusal import IntakeRefusal
from pipelines.intake.returned import forget_returned, return_refusal, return_rows
from pipelines.intake.seen import Look, is_still, remember
from pipelines.intake.sequence import Numbered, conflict, numbered, same_place
from pipelines.intake.settings import FileCopy, FileOutcome, IntakeSettings
from pipelines.intake.typed import Terms
from pipelines.warehouse import transaction

_NOTHING = ledger.Counts(0, 0, 0, 0, 0, 0, 0)


def take_file(
    con: duckdb.DuckDBPyConnection,
    delivery: Delivery,
    mapping: SourceMapping,
    as_of: date,
    settings: IntakeSettings,
    *,
    detail_from: date | None,
    again: LedgerEntry | None = None,
    engine: FileEngine | None = None,
    read: Reader = read_now,
) -> FileCopy | list[FileOutcome]:
    """Takes the file in, one outcome an extract, or says of which file it is a copy.

    Call detail of days before `detail_from` is rejected. Given what came of it the first time, `again` must come out
    the same, by the `detail_from` of then; what has expired since leaves again. A file that can't be taken is written
    to the ledger as refused, and the IntakeRefusal raised. `engine` does the work of the files that it is for.
    """
    run = FileTaking(
        con, delivery, mapping, as_of, settings, detail_from=detail_from, again=again, engine=engine, read=read
    )
    try:
        return run.take()
    except IntakeRefusal as refusal:
        run.give_back(refusal)
        write_refusal(
            con, refusal, file_name=delivery.file_name, source=delivery.source, mapping=mapping, opened=run.opened
        )
        raise


class FileTaking:
    """The way of one file; `opened` and `number` are set as soon as they are known.

    Given `look` it is a rehearsal: `look` sees the outcomes and the rows before their transaction is rolled back.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        delivery: Delivery,
        mapping: SourceMapping,
        as_of: date,
        settings: IntakeSettings,
        *,
        detail_from: date | None,
        again: LedgerEntry | None = None,
        look: Callable[[list[FileOutcome]], None] | None = None,
        engine: FileEngine | None = None,
        read: Reader = read_now,
    ) -> None:
        self.read = read
        self.engine = engine if engine is not None and engine.takes(delivery, mapping) else OneNode()
        self.con = con
        self.delivery = delivery
        self.mapping = mapping
        self.as_of = as_of
        self.settings = settings
        self.detail_from = detail_from
        self.again = again
        self.look = look
        self.opened: Opened | None = None
        self.number: Numbered | None = None

    def take(self) -> FileCopy | list[FileOutcome]:
        """One outcome an extract, or of which file this is a copy. Raises IntakeRefusal; then nothing was kept."""
        name = self.delivery.file_name
        earlier = ledger.accepted_as(self.con, name)
        if earlier is not None:
            if is_still(self.con, self.delivery.path, name, earlier, keep=self.look is None):
                return FileCopy(name, name)
            raise IntakeRefusal(
                name,
                "name_taken",
                "a file of this name and other content was accepted before",
                "Give a corrected delivery a new name.",
            )
        control = read_control(self.delivery.path, name) or Control.model_validate({})
        try:
            with self.read(self.engine, self.delivery, self.mapping, self.settings) as read:
                return self._take(control, read)
        finally:
            self.engine.clear(self.con, self.mapping)

    def _take(self, control: Control, read: Read) -> FileCopy | list[FileOutcome]:
        delivery, name = self.delivery, self.delivery.file_name
        opened = self.opened = read.opened
        known = {
            extract: known_at(
                self.mapping,
                extract,
                name=delivery.name,
                file_name=name,
                control=control.known_at,
                as_of=self.as_of,
                zone=self.settings.time_zone,
            )
            for extract in self.mapping.extracts
        }
        number = self.number = numbered(self.con, self.mapping, name=delivery.name, file_name=name, control=control)
        copy = self._copy_of(opened, known, number)
        if copy is not None:
            if self.again is not None:
                raise _came_out_otherwise(name, [f"it repeats {copy}"])
            if self.look is None:
                ledger.forget_refusals(self.con, name)  # it is refused no longer
            return FileCopy(name, copy)
        require_digest(control, opened.sha256, name)
        require_records(control, opened.data_records, name)
        typed = [
            self.engine.type_rows(
                self.con,
                opened,
                Terms(
                    contract(f"{SCHEMA}.{extract}"),
                    self.mapping,
                    name,
                    self.as_of,
                    self.settings,
                    known[extract],
                    self.detail_from,
                ),
            )
            for extract in self.mapping.extracts
        ]
        require_totals(
            self.con,
            control,
            self.mapping.header,
            name,
            text_sums=lambda columns: self.engine.text_sums(self.con, opened, columns, name),
            typed=totals_of(typed),
        )
        for rows in typed:
            require_currency(self.con, rows, name, self.settings.currency)
        require_unchanged(delivery, read.before)
        return self._load(opened, typed, read.look)

    def _copy_of(self, opened: Opened, known: Mapping[str, datetime | None], number: Numbered | None) -> str | None:
        """The file of the same content that this one repeats. Raises IntakeRefusal if its number has other content.

        An unchanged snapshot, or an empty delivery, of another day has the same bytes and is news all the same; so is
        a file with a number of its own.
        """
        con, source = self.con, self.delivery.source
        if number is not None and (earlier := same_place(con, source, number)) is not None:
            if earlier[1] != opened.sha256:
                raise conflict(self.delivery.file_name, number, earlier[0])
            return earlier[0]
        same = ledger.same_content(con, source, opened.sha256, unnumbered=number is not None)
        for name, extract, moment, records in same:
            if extract not in known:
                continue
            dated = contract(f"{SCHEMA}.{extract}").delivery == "snapshot" or records == 0
            if not dated or moment == known[extract]:
                return name
        return None

    def _load(self, opened: Opened, typed: list[TypedRows], look: Look) -> list[FileOutcome]:
        con, name = self.con, self.delivery.file_name
        outcomes: list[FileOutcome] = []
        with transaction(con, keep=self.look is None):
            ledger.forget_refusals(con, name)
            for rows in typed:
                file_id = ledger.next_file_id(con)
                counts = load_rows(con, rows, opened, file_id=file_id, file_name=name, settings=self.settings)
                ledger.write_file(
                    con,
                    file_id=file_id,
                    source=self.delivery.source,
                    extract=rows.target.name,
                    file_name=name,
                    sha256=opened.sha256,
                    size=opened.size,
                    counts=counts,
                    known_at=rows.known_at,
                    as_of=self.as_of if self.mapping.depends_on_as_of else None,
                    refusal=None,
                    version=rows.target.version,
                    fingerprint=self.mapping.fingerprint,
                    number=self.number,
                    known_until=rows.known_at or latest_known_at(con, rows, file_id),
                    dates=dates_of(con, rows, file_id),
                )
                if rows.target.name == "subscriptions" and rows.known_at is not None:
                    note_subscription_changes(con, file_id, rows.known_at)
                outcomes.append(
                    FileOutcome(
                        file_id,
                        self.delivery.source,
                        rows.target.name,
                        name,
                        counts.records,
                        counts.accepted,
                        counts.rejected,
                        counts.duplicate,
                        counts.nulled,
                        rows.known_at,
                    )
                )
            if self.again is not None and (said := self.again.differences(ledger.entries(con, name)[0])):
                raise _came_out_otherwise(name, said)
            if self.again is not None:
                for outcome in outcomes:
                    drop_expired(con, outcome.file_id)
            remember(con, name, opened.sha256, look)
            # Before the commit: a run that is killed in between takes the file again, and writes the same once more.
            self.give_back(None, outcomes)
            if self.look is not None:
                self.look(outcomes)
        return outcomes

    def give_back(self, refusal: IntakeRefusal | None, outcomes: Sequence[FileOutcome] = ()) -> Path | None:
        """Writes the marked workbook of a workbook that was refused, or has rejected rows; None if there is none."""
        folder, name = self.settings.returned_folder, self.delivery.file_name
        if folder is None or not is_workbook(name) or self.again is not None:
            return None
        if refusal is not None:
            return return_refusal(folder, refusal, name)
        ids = [outcome.file_id for outcome in outcomes]
        path = return_rows(self.con, folder, self.mapping, file_name=name, file_ids=ids)
        if path is None and self.look is None:
            forget_returned(folder, name)
        return path


def _came_out_otherwise(file_name: str, said: list[str]) -> IntakeRefusal:
    return IntakeRefusal(
        file_name,
        "counts_differ",
        f"taken again, it came out otherwise than the ledger copy says: {'; '.join(said)}",
        "Bring back its control file, source mapping and release of the time it was taken, or make the warehouse anew "
        "with `tierline rebuild`; or, if the new result is meant, move ledger.jsonl and the warehouse away: the next "
        "run takes all of landing/ anew.",
    )


def write_refusal(
    con: duckdb.DuckDBPyConnection,
    refusal: IntakeRefusal,
    *,
    file_name: str,
    source: str,
    mapping: SourceMapping | None = None,
    opened: Opened | None = None,
) -> None:
    """A row of the ledger an extract, or one if it is no file of a source; earlier refusals of the file go."""
    with transaction(con):
        ledger.forget_refusals(con, file_name)
        for extract in mapping.extracts if mapping is not None else (None,):
            ledger.write_file(
                con,
                file_id=ledger.next_file_id(con),
                source=source,
                extract=extract,
                file_name=file_name,
                sha256=opened.sha256 if opened is not None else None,
                size=opened.size if opened is not None else None,
                counts=_NOTHING,
                known_at=None,
                as_of=None,
                refusal=refusal,
                version=contract(f"{SCHEMA}.{extract}").version if extract is not None else None,
                fingerprint=mapping.fingerprint if mapping is not None else None,
            )
