"""demo, run and backfill: the nightly job from the command line.

Belongs here: the commands and what they print. Does not: running the job (pipelines/runs.py).
"""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from pipelines.cli import options as opt
from pipelines.cli.console import Exit, StepBar, err, fail, out, plain_table, told_errors
from pipelines.cli.report import intake_table, published_summary, rejected_table, where_things_are

if TYPE_CHECKING:  # the modules that need Dagster are imported by the commands that run it
    from pipelines.rebuild import RemadeVersion
    from pipelines.runs import Failure, NightResult

DEMO_AS_OF = date(2024, 6, 30)
_EXIT_OF = {"refused": Exit.REFUSED, "busy": Exit.BUSY, "check": Exit.FAILED, "failed": Exit.FAILED}


def demo(home: opt.HomeOption = opt.DEFAULT) -> None:
    """Run the whole job on the sample data: extracts -> DuckDB -> scores -> published tier table.

    [bold]Examples[/]

        tierline demo

        tierline demo --home /tmp/tierline-demo
    """
    with told_errors():
        _land_sample(home)
        out.print(f"[bold]Tierline demo[/]: the sample operator, as of {DEMO_AS_OF}, in [bold]{escape(str(home))}[/]\n")
        result = _night(home, DEMO_AS_OF, {})
        _require_well(home, result)
        _tell_well(result)
        intake_table(home / "published", out)
        rejected_table(result.rejected, home, out)
        published_summary(home / "published", out, examples=5)
        where_things_are(home, out)


def run(  # noqa: PLR0917 (each is an option by name on the command line)
    as_of: Annotated[
        str, typer.Option("--as-of", metavar="DAY", help="The day to describe, to its end, as YYYY-MM-DD.")
    ],
    home: opt.HomeOption = opt.DEFAULT,
    policy: opt.PolicyOption = None,
    set_: opt.SetOption = None,
    known_at: Annotated[
        str | None,
        typer.Option(
            "--known-at",
            metavar="DAY|TIME",
            help="See the night with what was known by then, into replays/; published/ stays as it is. A day counts to "
            "its end, a time needs its zone.",
        ),
    ] = None,
    accept: Annotated[
        str | None,
        typer.Option("--accept", metavar="REASON", help="Publish though a gate is shut; the manifest keeps it."),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print warnings and errors only, for the log of cron.")
    ] = False,
) -> None:
    """Run one night: read new files in landing/, score, check, publish.

    The same inputs, policy and code again change nothing. A failed check, or an
    extract that can't be read, leaves the published table as it was. A gate that
    is shut (an empty delivery, far fewer records, a tier's share that jumped)
    does so too, until you accept it with a reason.

    [bold]Examples[/]

        tierline run --as-of 2024-06-30

        tierline run --as-of 2024-06-30 --home /srv/tierline --policy my_policy.yaml

        tierline run --as-of 2024-06-30 --accept "brand sold, 70 % fewer prepaid lines"

        tierline run --as-of 2024-06-28 --known-at 2024-06-28
    """
    if accept is not None and not accept.strip():
        fail(Exit.USAGE, "--accept needs a reason that your successor will understand")
    with told_errors():
        given = opt.settings_options(policy, set_)
        result = _night(home, opt.day(as_of, "--as-of"), given, known_at, accept, quiet=quiet)
        _require_well(home, result)
        if quiet:
            return
        _tell_well(result)
        published = result.published or home / "published"
        intake_table(published, out)
        rejected_table(result.rejected, home, out)
        published_summary(published, out, examples=0)
        if known_at is not None:
            out.print(f"This night is in {escape(str(published))}; the published table is as it was.", soft_wrap=True)


def backfill(
    from_: Annotated[str, typer.Option("--from", metavar="DAY", help="First day.")],
    to: Annotated[str, typer.Option("--to", metavar="DAY", help="Last day, included.")],
    home: opt.HomeOption = opt.DEFAULT,
    policy: opt.PolicyOption = None,
    set_: opt.SetOption = None,
) -> None:
    """Run several nights in order; stops at the first that fails.

    [bold]Examples[/]

        tierline backfill --from 2024-06-01 --to 2024-06-30
    """
    first, last = opt.day(from_, "--from"), opt.day(to, "--to")
    if last < first:
        fail(Exit.USAGE, f"--from {first} is after --to {last}")
    with told_errors():
        given = opt.settings_options(policy, set_)
        nights = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        table = plain_table("night", "version", "what came of it", right=["version"])
        for night in nights:
            result = _night(home, night, given)
            if not result.succeeded:
                table.add_row(str(night), "", "[red]failed[/]")
                out.print(table)
                _require_well(home, result)
            table.add_row(str(night), str(result.version), "published" if result.created else result.reason or "")
        out.print(table)


def rebuild(
    home: opt.HomeOption = opt.DEFAULT,
    set_: opt.SetOption = None,
    every_version: Annotated[
        bool, typer.Option("--every-version", help="Make every kept version again, not only the current one.")
    ] = False,
) -> None:
    """Make the warehouse anew from landing/, and published versions again to compare.

    Takes the files in the order of ledger.jsonl, each to the same counts, makes the
    current version again with its kept policy, and compares the digests of its files.
    The published table is not touched. Leaves with 1 where a file came out otherwise.

    [bold]Examples[/]

        tierline rebuild --home /srv/tierline

        tierline rebuild --every-version
    """
    with told_errors():
        from pipelines.rebuild import rebuild as rebuilt

        with StepBar("rebuild") as bar:
            result = rebuilt(home, opt.settings_options(None, set_), bar, every_version=every_version)
        out.print(f"[green]The warehouse was made anew[/] from {result.files:,} files of landing/.\n")
        if result.versions:
            table = plain_table("version", "as of", "made again", right=["version"])
            for version in result.versions:
                table.add_row(str(version.version), str(version.as_of_date), _compared(version))
            out.print(table)
        if not all(version.same for version in result.versions):
            kept = f"; the old warehouse is kept as {result.kept}" if result.kept is not None else ""
            fail(Exit.FAILED, f"not every version came out as it was published{kept}")


def _compared(version: RemadeVersion) -> str:
    if version.same:
        return "[green]the same bytes[/]"
    said = "; ".join(map(_said, version.failures)) or f"other bytes: {', '.join(version.differing)}"
    return f"[red]{escape(said)}[/]" + (" (published by other code)" if version.other_code else "")


def _night(
    home: Path,
    as_of: date,
    given: dict[str, Any],
    known_at: str | None = None,
    accept: str | None = None,
    *,
    quiet: bool = False,
) -> NightResult:
    from pipelines.runs import nightly_steps, run_night

    if quiet:
        return run_night(home, as_of, given, known_at=known_at, accept=accept)
    with StepBar(f"night of {as_of}", nightly_steps()) as bar:
        return run_night(home, as_of, given, bar, known_at=known_at, accept=accept)


def _tell_well(result: NightResult) -> None:
    word = "published" if result.created else f"nothing new ({result.reason})"
    told = f"version {result.version} {escape(word)}, run key {(result.run_key or '')[:16]}"
    out.print(f"[green]Night of {result.as_of_date}[/]: {told}\n", soft_wrap=True)
    if result.expired:
        out.print(f"{result.expired}.\n", soft_wrap=True)


def _require_well(home: Path, result: NightResult) -> None:
    """Tells the warnings of a night and, where it failed, why; then leaves with the code of that."""
    for warning in result.warnings:
        err.print(f"[yellow]warning:[/] {escape(warning)}", soft_wrap=True)
    if result.succeeded:
        return
    rejected_table(result.rejected, home, err)
    err.print(f"[bold red]The night of {result.as_of_date} failed.[/]")
    for failure in result.failures:
        err.print(f"[bold red]error:[/] {escape(_said(failure))}", soft_wrap=True)
    left = f"Version {result.version} had been published" if result.created else "The published table was left as it is"
    err.print(
        f"{left}. Details of run {result.run_id[:8]}: tierline ui --home {home}",
        soft_wrap=True,
    )
    codes = [_EXIT_OF[failure.kind] for failure in result.failures]
    raise typer.Exit(int(Exit.REFUSED if Exit.REFUSED in codes else codes[0]))


def _said(failure: Failure) -> str:
    return failure.message if failure.kind in ("refused", "busy") else f"{failure.where}: {failure.message}"


def _land_sample(home: Path) -> None:
    """Copies the committed sample into the home's landing folder, unless its files are there."""
    (home / "landing").mkdir(parents=True, exist_ok=True, mode=0o750)
    with resources.as_file(resources.files("sample_data").joinpath("small", "landing")) as sample:
        for file in sorted(sample.rglob("*")):
            target = home / "landing" / file.relative_to(sample)
            if file.is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
                shutil.copyfile(file, target)
    settings = home / "tierline.yaml"
    if not settings.exists():
        settings.write_text("# Settings of this home: docs/reference/settings.md lists them.\n", encoding="utf-8")
