"""report: answers for people who work in Excel.

Belongs here: the command. Does not: the questions (pipelines/reports.py), how a workbook looks (pipelines/workbook.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pipelines.cli import options as opt
from pipelines.cli.console import Exit, err, fail, out, told_errors


def report(
    name: Annotated[
        str,
        typer.Argument(
            metavar="REPORT",
            help="tiers: customers by tier, with spend and risk. lists: VIPs with their managers, red and black lists, "
            "overrides, and how long each holds. migration: who came from which tier to which in the last 12 months, "
            "and how calm the tiers are. campaigns: who was called and kept out, who stayed, and the uplift.",
        ),
    ],
    path: Annotated[
        Path, typer.Option("--out", metavar="FILE.xlsx", dir_okay=False, help="Where to write it; replaced if there.")
    ],
    home: opt.HomeOption = opt.DEFAULT,
) -> None:
    """Write a report as an Excel workbook, from the analysts' database.

    Every column explains itself in a note on its header. Text that Excel could run as a
    formula stays text. The file holds data of customers: its mode is 0640.

    [bold]Examples[/]

        tierline report tiers --out tiers.xlsx

        tierline report lists --out lists.xlsx --home /srv/tierline

        tierline report migration --out migration.xlsx
    """
    from pipelines.reports import REPORTS, ReportError, write_report

    if name not in REPORTS:
        fail(Exit.USAGE, f"no report {name!r}; there are: {', '.join(REPORTS)}")
    if path.suffix.lower() != ".xlsx":
        fail(Exit.USAGE, f"--out {path}: give it a name that ends in .xlsx")
    if not path.parent.is_dir():
        fail(Exit.USAGE, f"--out {path}: there is no folder {path.parent}")
    with told_errors():
        try:
            with err.status(f"writing {escape(path.name)}"):
                write_report(home / "published" / "analytics.duckdb", name, path)
        except ReportError as error:
            fail(Exit.FAILED, str(error))
        out.print(f"wrote {escape(str(path))}, {path.stat().st_size:,} bytes", soft_wrap=True)
