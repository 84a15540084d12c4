"""From files in the landing folder to accepted rows and a ledger that balances for every file.

Belongs here: the order of things, one transaction a file. Does not: how any step works.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

import duckdb

from data_contracts import contract
from pipelines.intake import ledger
from pipelines.intake.changes import note_subscription_changes
from pipelines.intake.control import Control, read_control, require_digest, require_records, require_totals
from pipelines.intake.discover import Delivery, discover
from pipelines.intake.known_at import known_at
from pipelines.intake.load import TypedRows, drop_rows, load_rows, type_rows
from pipelines.intake.mapping import SCHEMA, SourceMapping, with_identities
from pipelines.intake.opened import Opened, open_file, require_unchanged, state_of
from pipelines.intake.refusal import IntakeRefusal
from pipelines.intake.settings import FileCopy, FileOutcome, IntakeReport, IntakeSettings, Progress
from pipelines.intake.spool import sha256_of
from pipelines.intake.temporary import remove_leftovers, working_folder

_NOTHING = ledger.Counts(0, 0, 0, 0, 0, 0, 0)


def ingest(
    con: duckdb.DuckDBPyConnection,
    landing: Path,
    *,
    mappings: Mapping[str, SourceMapping],
    as_of_date: date,
    settings: IntakeSettings,
    progress: Progress,
) -> IntakeReport:
    """Takes in every file of `landing`, each in a transaction of its own.

    `mappings` are the operator's, by source folder; a folder named like an extract needs none. A file that can't be
    taken is refused whole: nothing of it is kept but its row in intake.files, and the others go on. `con` must not be
    inside a transaction. Refusals are in the report; errors of the machine (disk full, lock) are raised.
    """
    ledger.create_tables(con)
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET preserve_insertion_order = true")  # a row's position is how its line is found again
    remove_leftovers(settings.temporary_folder)
    sources = with_identities(mappings)
    found = discover(landing, sources)
    accepted: list[FileOutcome] = []
    copies: list[FileCopy] = []
    refused: list[IntakeRefusal] = list(found.refused)
    ledger.forget_strays(con)
    for refusal in refused:
        _write_refusal(con, refusal, file_name=refusal.file, source=refusal.file.partition("/")[0])
    total = len(found.deliveries)
    for done, delivery in enumerate(found.deliveries):
        progress.step(delivery.file_name, done, total)
        run = _File(con, delivery, sources[delivery.source], as_of_date, settings)
        try:
            outcome = run.take()
        except IntakeRefusal as refusal:
            refused.append(refusal)
            _write_refusal(
                con,
                refusal,
                file_name=delivery.file_name,
                source=delivery.source,
                mapping=run.mapping,
                opened=run.opened,
            )
            continue
        if isinstance(outcome, FileCopy):
            copies.append(outcome)
        else:
            accepted += outcome
    if total:
        progress.step("intake", total, total)
    return IntakeReport(tuple(accepted), tuple(copies), tuple(refused), found.ignored)


class _File:
    """The way of one file; `opened` is set as soon as it was prescanned."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        delivery: Delivery,
        mapping: SourceMapping,
        as_of: date,
        settings: IntakeSettings,
    ) -> None:
        self.con = con
        self.delivery = delivery
        self.mapping = mapping
        self.as_of = as_of
        self.settings = settings
        self.opened: Opened | None = None

    def take(self) -> FileCopy | list[FileOutcome]:
        name = self.delivery.file_name
        earlier = ledger.accepted_as(self.con, name)
        if earlier is not None:
            # Digest only: night after night the archive is looked at again.
            if sha256_of(self.delivery.path) == earlier:
                return FileCopy(name, name)
            raise IntakeRefusal(
                name,
                "name_taken",
                "a file of this name and other content was accepted before",
                "Give a corrected delivery a new name.",
            )
        with working_folder(self.settings.temporary_folder) as folder:
            try:
                return self._take(folder)
            finally:
                for extract in self.mapping.extracts:
                    drop_rows(self.con, contract(f"{SCHEMA}.{extract}"))

    def _take(self, folder: Path) -> FileCopy | list[FileOutcome]:
        delivery, name = self.delivery, self.delivery.file_name
        before = state_of(delivery.path)
        control = read_control(delivery.path, name) or Control.model_validate({})
        opened = self.opened = open_file(delivery, self.mapping, self.settings, folder)
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
        copy = self._copy_of(opened, known)
        if copy is not None:
            ledger.forget_refusals(self.con, name)  # it is refused no longer
            return FileCopy(name, copy)
        require_digest(control, opened.sha256, name)
        require_records(control, opened.data_records, name)
        require_totals(self.con, control, opened.source, self.mapping.header, name)
        typed = [
            type_rows(
                self.con,
                contract(f"{SCHEMA}.{extract}"),
                self.mapping,
                opened,
                file_name=name,
                as_of=self.as_of,
                settings=self.settings,
                known_at=known[extract],
            )
            for extract in self.mapping.extracts
        ]
        require_unchanged(delivery, before)
        return self._load(opened, typed)

    def _copy_of(self, opened: Opened, known: Mapping[str, datetime | None]) -> str | None:
        """The file of the same content that this one repeats.

        An unchanged snapshot, or an empty delivery, of another day has the same bytes and is news all the same.
        """
        for name, extract, moment, records in ledger.same_content(self.con, self.delivery.source, opened.sha256):
            if extract not in known:
                continue
            dated = contract(f"{SCHEMA}.{extract}").delivery == "snapshot" or records == 0
            if not dated or moment == known[extract]:
                return name
        return None

    def _load(self, opened: Opened, typed: list[TypedRows]) -> list[FileOutcome]:
        con, name = self.con, self.delivery.file_name
        outcomes: list[FileOutcome] = []
        con.execute("BEGIN TRANSACTION")
        try:
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
            con.execute("COMMIT")
        except BaseException:
            con.execute("ROLLBACK")
            raise
        return outcomes


def _write_refusal(
    con: duckdb.DuckDBPyConnection,
    refusal: IntakeRefusal,
    *,
    file_name: str,
    source: str,
    mapping: SourceMapping | None = None,
    opened: Opened | None = None,
) -> None:
    con.execute("BEGIN TRANSACTION")
    try:
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
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise
