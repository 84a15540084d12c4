"""validate and reconcile: what intake would say of a file, and whether what it took is still all there.

Belongs here: the commands and what they print. Does not: the rehearsal and the recount (pipelines/intake).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from pipelines.cli import options as opt
from pipelines.cli.console import Exit, fail, out, plain_table, told_errors
from pipelines.cli.report import reason_of

if TYPE_CHECKING:  # DuckDB and what needs it are imported by the commands that use them
    import duckdb

    from pipelines.intake import IntakeSettings
    from pipelines.intake.reconcile import Reconciliation, RefusedFile
    from pipelines.intake.rehearse import Rehearsal
    from pipelines.intake.rejected import RejectedFor
    from pipelines.night import Night

_ANY_DAY = date(2000, 1, 1)  # for mappings that do not look at it
_PARTS = ("records", "header", "trailer", "blank", "accepted", "rejected", "duplicate", "nulled")

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, for scripts.")]


def validate(  # noqa: PLR0917 (each is an option by name on the command line)
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file, wherever it lies.")],
    source: Annotated[str, typer.Option("--source", help="What it is: an extract, or a source mapping.")],
    home: opt.HomeOption = opt.DEFAULT,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DAY", help="For mappings that are relative to the night.")
    ] = None,
    as_json: JsonOption = False,
    set_: opt.SetOption = None,
) -> None:
    """Tell what intake would say of a file, without taking it: every count, every reason.

    Runs the very steps of a night against the home's warehouse, where earlier records are,
    and rolls them back; without a warehouse against an empty one. Exits with 0 if the
    file would be taken or is a copy, with 3 if it would be refused. The refused rows of a
    workbook (.xlsx) are written to <home>/returned/, each with the wrong cell marked.

    [bold]Examples[/]

        tierline validate cdr_20240630.csv.gz --source cdr

        tierline validate calls.csv --source nodobo_calls --home /srv/tierline --json
    """
    from pipelines.intake.mapping import with_identities
    from pipelines.intake.rehearse import rehearse
    from pipelines.night import Night

    with told_errors():
        day = None if as_of is None else opt.day(as_of, "--as-of")
        night = Night(home, day or _ANY_DAY, opt.settings_options(None, set_))
        sources = with_identities(night.mappings)
        if source not in sources:
            known = ", ".join(sorted(sources))
            fail(Exit.USAGE, f"--source {source!r} is neither an extract nor a source mapping; there are: {known}")
        if day is None and sources[source].depends_on_as_of:
            fail(Exit.USAGE, f"source {source} is relative to the night: say which with --as-of DAY")
        with _warehouse_or_none(night) as (con, settings):
            found = rehearse(con, file, source, mappings=night.mappings, as_of_date=night.as_of_date, settings=settings)
    if as_json:
        _print_json(_rehearsal_document(found))
    else:
        _print_rehearsal(found)
    if found.refusal is not None:
        raise typer.Exit(int(Exit.REFUSED))


@contextmanager
def _warehouse_or_none(night: Night) -> Iterator[tuple[duckdb.DuckDBPyConnection, IntakeSettings]]:
    """The home's warehouse, or an empty one in memory with a temporary folder of its own: asking makes no home."""
    import duckdb

    if night.warehouse.path.exists():
        with night.warehouse.open() as con:
            yield con, night.intake_settings
    else:
        with duckdb.connect() as con, tempfile.TemporaryDirectory(prefix="tierline-") as folder:
            settings = replace(night.intake_settings, temporary_folder=Path(folder))
            yield con, settings if night.home.is_dir() else replace(settings, returned_folder=None)


def _rehearsal_document(found: Rehearsal) -> dict[str, Any]:
    outcome = "refused" if found.refusal else "copy" if found.copy else "accepted"
    document: dict[str, Any] = {"file": found.file_name, "outcome": outcome}
    if found.refusal is not None:
        refusal = found.refusal
        document |= {"code": refusal.code, "line": refusal.line, "reason": refusal.reason, "cure": refusal.cure}
    if found.copy is not None:
        document["same_as"] = found.copy.same_as
    if found.entry is not None:
        document |= asdict(found.entry)
        document["rejected"] = [asdict(rejected) for rejected in found.rejected]
    if found.returned is not None:
        document["returned"] = str(found.returned)
    return document


def _print_rehearsal(found: Rehearsal) -> None:
    name = escape(found.file_name)
    if found.refusal is not None:
        out.print(f"[bold red]refused:[/] {escape(str(found.refusal))}", soft_wrap=True)
        _print_returned(found)
        return
    if found.copy is not None:
        out.print(f"[yellow]copy:[/] {name} has the content of {escape(found.copy.same_as)}; nothing would be done")
        return
    entry = found.entry
    if entry is None:
        raise AssertionError("a rehearsal ends in one of three ways")
    rejects = sum(extract.rejected for extract in entry.extracts)
    colour, word = ("yellow", "would be taken, with rejects") if rejects else ("green", "would be taken whole")
    out.print(f"[bold {colour}]{word}:[/] {name}", soft_wrap=True)
    counts = ["lines" if part == "records" else part for part in _PARTS]
    table = plain_table("extract", *counts, right=counts)
    for extract in entry.extracts:
        table.add_row(extract.extract, *(f"{getattr(extract, part):,}" for part in _PARTS))
    out.print(table, "")
    known = {extract.known_at for extract in entry.extracts}
    said = ", ".join("each record by its own date" if at is None else f"{at} UTC" for at in sorted(known, key=str))
    number = ""
    if entry.sequence is not None:
        number = f"; sequence {entry.sequence}" + (f" of stream {escape(entry.stream)}" if entry.stream else "")
    out.print(f"known at: {said}{number}; sha256 {entry.sha256[:16]}…", soft_wrap=True)
    for reason in found.rejected:
        where = f"line{'s' if reason.records > 1 else ''} {_lines(reason)}"
        out.print(
            f"[yellow]{reason.records:,} {escape(reason.extract)} rejected[/], {reason_of(reason)}, {where}: "
            f"{escape(reason.detail)}",
            soft_wrap=True,
        )
    _print_returned(found)


def _print_returned(found: Rehearsal) -> None:
    if found.returned is not None:
        out.print(f"marked for the sender, cell by cell: {escape(str(found.returned))}", soft_wrap=True)


def reconcile(
    home: opt.HomeOption = opt.DEFAULT,
    *,
    from_: Annotated[str | None, typer.Option("--from", metavar="DAY", help="First day of delivery.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day of delivery, included.")] = None,
    archive: Annotated[
        bool, typer.Option("--archive", help="Read every file in landing/ again for its digest, not only its size.")
    ] = False,
    contracts: Annotated[
        bool, typer.Option("--contracts", help="Judge every accepted row against its contract anew.")
    ] = False,
    rejects: Annotated[
        bool, typer.Option("--rejects", help="List the rejected records too, by file and reason, with their lines.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Prove that every record received is accepted, rejected or a duplicate, and still there.

    Counts the warehouse's rows anew and holds them against the ledger, its copy ledger.jsonl
    and the files in landing/. Lists the files in landing/ that the last run refused, with the
    cure. Exits with 1 if anything does not hold, and names the file.

    [bold]Examples[/]

        tierline reconcile --home /srv/tierline

        tierline reconcile --rejects --from 2024-06-30

        tierline reconcile --from 2024-06-01 --to 2024-06-30 --archive --json
    """
    from pipelines.intake import create_tables
    from pipelines.intake.ledger_copy import read_ledger_copy
    from pipelines.intake.mapping import with_identities
    from pipelines.intake.reconcile import Mismatch
    from pipelines.intake.reconcile import reconcile as recount
    from pipelines.night import Night

    first = None if from_ is None else opt.day(from_, "--from")
    last = None if to is None else opt.day(to, "--to")
    if first is not None and last is not None and last < first:
        fail(Exit.USAGE, f"--from {first} is after --to {last}")
    with told_errors():
        night = Night(home, _ANY_DAY)
        copy = night.intake_settings.ledger_copy
        if not night.warehouse.path.exists():
            fail(Exit.FAILED, f"{night.warehouse.path} is not there: nothing was taken yet, or see tierline rebuild")
        with night.warehouse.open() as con:
            create_tables(con)
            result = recount(
                con,
                copy=read_ledger_copy(copy) if copy is not None and copy.exists() else None,
                landing=night.landing,
                sources=with_identities(night.mappings),
                time_zone=night.settings.time_zone,
                first=first,
                last=last,
                read_archive=archive,
                list_rejects=rejects,
            )
            if contracts:
                from pipelines.contracts.judged import judge_all

                judged = judge_all(con, window=night.settings.duplicate_window_days)
                broken = tuple(Mismatch(verdict.table, said) for verdict in judged for said in verdict.broken)
                result = replace(result, mismatches=(*result.mismatches, *broken))
    if as_json:
        _print_json(asdict(result) | {"holds": not result.mismatches})
    else:
        _print_reconciliation(result)
    if result.mismatches:
        raise typer.Exit(int(Exit.FAILED))


def _print_reconciliation(result: Reconciliation) -> None:
    counts = ("files", "received", "accepted", "expired", "rejected", "duplicate")
    table = plain_table("extract", "delivered", *counts, "adds up", right=[*counts, "adds up"], gap=1)
    for total in result.totals:
        numbers = (getattr(total, name) for name in counts)
        holds = total.received == total.accepted + total.rejected + total.duplicate
        word = "[green]yes[/]" if holds else "[bold red]NO[/]"
        table.add_row(total.extract, str(total.day or "undated"), *(f"{n:,}" for n in numbers), word)
    out.print("[bold]received = accepted (expired call detail included) + rejected + duplicate, counted anew[/]")
    out.print(table, "")
    if result.rejected:
        _print_rejected(result.rejected)
    for file in result.refused:
        _print_refused(file)
    if result.refused_before:
        out.print(f"{_files(result.refused_before)} refused earlier, and gone from landing/ since")
    for mismatch in result.mismatches:
        out.print(f"[bold red]{escape(mismatch.file_name)}:[/] {escape(mismatch.what)}", soft_wrap=True)
    word = (
        "[green]everything holds[/]" if not result.mismatches else f"[bold red]{len(result.mismatches)} do not hold[/]"
    )
    refused = f"; [bold red]{_files(len(result.refused))} refused[/]" if result.refused else ""
    out.print(f"{result.files:,} files: {word}{refused}")


def _print_rejected(rejected: Sequence[RejectedFor]) -> None:
    numbers = ("rejected", "first lines")
    table = plain_table("extract", "file", *numbers, "reason", "what is wrong", right=numbers)
    for found in rejected:
        table.add_row(
            found.extract,
            escape(found.file_name),
            f"{found.records:,}",
            _lines(found),
            reason_of(found),
            escape(found.detail),
        )
    out.print(table, "")


def _print_refused(file: RefusedFile) -> None:
    line = "" if file.line is None else f", line {file.line:,}"
    fed = f" ({', '.join(file.extracts)})" if file.extracts else ""
    out.print(
        f"[bold red]refused:[/] {escape(file.file_name)}{line}{fed}: {escape(file.reason)} {escape(f'[{file.code}]')}\n"
        f"  [bold]cure:[/] {escape(file.cure)}",
        soft_wrap=True,
    )


def _lines(rejected: RejectedFor) -> str:
    more = " …" if rejected.records > len(rejected.first_lines) else ""
    return ", ".join(f"{line:,}" for line in rejected.first_lines) + more


def _files(count: int) -> str:
    return f"{count:,} file{'' if count == 1 else 's'}"


def _print_json(document: dict[str, Any]) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2, default=_as_text))


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
