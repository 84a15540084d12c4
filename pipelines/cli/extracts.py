"""land and sample: getting extracts into a home folder.

Belongs here: the commands. Does not: reading extracts (pipelines/intake), making them up (sample_data).
"""

from __future__ import annotations

import os
import shutil
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pipelines.cli import options as opt
from pipelines.cli.console import Exit, StepBar, fail, out, plain_table, told_errors


def land(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file as the operator delivered it.")],
    source: Annotated[
        str,
        typer.Option("--source", help="What it is: an extract, or a source mapping (shipped, or in <home>/sources/)."),
    ],
    home: opt.HomeOption = opt.DEFAULT,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put a mended file in the place of a refused one of the same name.")
    ] = False,
) -> None:
    """Put a file into landing/, whole or not at all, for the next run to read; with the control file beside it, if any.

    [bold]Examples[/]

        tierline land cdr_20240630.csv.gz --source cdr

        tierline land calls.csv --source nodobo_calls --home /tmp/nodobo
    """
    from data_contracts import contract_names
    from pipelines.intake.control import controls_beside
    from pipelines.intake.discover import delivery_of
    from pipelines.intake.refusal import IntakeRefusal
    from pipelines.night import Night

    with told_errors():
        known = sorted({*contract_names("staging"), *Night(home, date.min).mappings})
        if source not in known:
            fail(
                Exit.USAGE,
                f"--source {source!r} is neither an extract nor a source mapping; there are: {', '.join(known)}",
            )
        if isinstance(found := delivery_of(file, source), IntakeRefusal) and file.suffix.lower() != ".ctl":
            fail(Exit.USAGE, str(found))
        folder = home / "landing" / source
        target = folder / file.name
        if target.exists() and not replace:
            fail(
                Exit.USAGE,
                f"{target} is there already. To mend a refused file add --replace; "
                "a correction of an accepted one needs a new name",
            )
        if target.exists() and f"{source}/{file.name}" in _accepted(home):
            fail(
                Exit.USAGE,
                f"{target} was accepted, and is the only copy of what was taken. Give the correction a new name",
            )
        if file.suffix.lower() == ".ctl" and f"{source}/{file.stem}" in _accepted(home):
            fail(
                Exit.USAGE,
                f"{folder / file.stem} was accepted already, and no control file of it is looked at any more. "
                "Land a file with its control file beside it, or the control file first",
            )
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        controls = controls_beside(file)
        # The control file first: a run that begins in between refuses it, and takes no file unchecked.
        for given in (*controls, file):
            partial = folder / f".{given.name}.part"
            shutil.copyfile(given, partial)
            os.replace(partial, folder / given.name)  # noqa: PTH105 (atomic by contract, and says so)
        checked = f" with {', '.join(c.name for c in controls)}" if controls else ""
        out.print(
            f"landed {escape(str(target))}, {target.stat().st_size:,} bytes{escape(checked)}; "
            f"next: tierline run --as-of DAY --home {escape(str(home))}",
            soft_wrap=True,
        )


def _accepted(home: Path) -> set[str]:
    from pipelines.intake import read_ledger_copy
    from pipelines.night import Night

    copy = Night(home, date.min).intake_settings.ledger_copy
    return {entry.file_name for entry in read_ledger_copy(copy)} if copy is not None else set()


def sample(  # noqa: PLR0917 (each is an option by name on the command line)
    destination: Annotated[Path, typer.Argument(help="Folder to make; its landing/ must not hold files.")],
    customers: Annotated[int, typer.Option(min=10, help="How many customers.")] = 1000,
    seed: Annotated[int, typer.Option(help="Same seed and size, same bytes.")] = 7,
    as_of: Annotated[
        str, typer.Option("--as-of", metavar="DAY", help="Last day of the made-up history.")
    ] = "2024-06-30",
    bill_months: Annotated[int, typer.Option(min=1, help="Months of bills.")] = 18,
    cdr_days: Annotated[int, typer.Option(min=0, help="Days of call detail records.")] = 120,
    cdrs: Annotated[int | None, typer.Option(min=0, help="Exactly so many call detail records over all days.")] = None,
    snapshots: Annotated[
        int, typer.Option(min=1, help="Deliveries of the CRM: the last day's, and month ends before.")
    ] = 3,
    faults: Annotated[
        bool, typer.Option("--faults/--no-faults", help="Plant the faults listed in faults.yaml.")
    ] = False,
) -> None:
    """Make up an operator: seeded extracts of any size, ready to run.

    [bold]Examples[/]

        tierline sample /tmp/operator --customers 100000 --cdrs 1000000

        tierline run --as-of 2024-06-30 --home /tmp/operator

        tierline sample /tmp/to-train-on --customers 6000 --cdr-days 300 --snapshots 14
    """
    from sample_data import generate

    try:
        with StepBar("sample") as bar:
            summary = generate(
                destination,
                customers=customers,
                seed=seed,
                as_of=opt.day(as_of, "--as-of"),
                bill_months=bill_months,
                cdr_days=cdr_days,
                cdr_total=cdrs,
                snapshots=snapshots,
                faults=faults,
                progress=bar.step,
            )
    except (FileExistsError, ValueError) as error:
        fail(Exit.USAGE, str(error))
    table = plain_table("extract", "rows", right=["rows"])
    for name, rows in summary.rows.items():
        table.add_row(name, f"{rows:,}")
    out.print(table)
    out.print(f"{summary.files:,} files, {summary.bytes:,} bytes in {escape(str(destination))}", soft_wrap=True)
