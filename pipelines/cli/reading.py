"""lookup: one caller's row, as a routing system would read it.

Belongs here: the command. Does not: the reader (tierline).
"""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from pipelines.cli import options as opt
from pipelines.cli.console import Exit, err, fail, out
from tierline import TierTable


def lookup(
    key: Annotated[
        str,
        typer.Argument(metavar="KEY", help="Service key: an E.164 number with its +, or what the table is keyed by."),
    ],
    home: opt.HomeOption = opt.DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")] = False,
) -> None:
    """Look one caller up in the published table.

    Leaves with 5 when the caller is unknown or there is no table; a stale table answers, with a warning.

    [bold]Examples[/]

        tierline lookup +8613800000000

        tierline lookup +8613800000000 --json
    """
    table = TierTable(home / "published" / "customer_tiers")
    answer = table.lookup(key)
    if answer.freshness == "absent":
        fail(Exit.NOT_FOUND, f"no tier table to read: {table.problem or 'nothing is published yet'}")
    if answer.freshness == "stale":
        err.print(
            f"[yellow]warning:[/] the table of {answer.as_of_date} has expired: nights have failed since",
            soft_wrap=True,
        )
    if as_json:
        content = {"found": answer.found, "version": answer.version, "freshness": answer.freshness, **answer.row}
        typer.echo(json.dumps(content, default=str, ensure_ascii=False))
    elif answer.found:
        shown = Table(title=f"version {answer.version}, {answer.freshness}", title_justify="left", show_header=False)
        shown.add_column(overflow="fold")
        shown.add_column(overflow="fold")
        for name, value in answer.row.items():
            shown.add_row(name, escape(str(value).replace(";", "; ")))
        out.print(shown)
    else:
        err.print("unknown caller: no line in service has this key (numbers start with +)", soft_wrap=True)
    if not answer.found:
        raise typer.Exit(int(Exit.NOT_FOUND))
