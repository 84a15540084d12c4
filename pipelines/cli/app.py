"""The commands and their common options.

Belongs here: registering commands. Does not: what they do (the modules beside this one).
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from pipelines.cli import (
    explain,
    extracts,
    history,
    intake,
    models,
    nights,
    policies,
    reading,
    simulate,
    versions,
    web,
    workbooks,
    worklist,
)

app = typer.Typer(
    name="tierline",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Scores an operator's customers every night and publishes the tier table that hotline routing systems "
    "read.\n\n"
    "[bold]Start:[/] tierline demo. [bold]One night:[/] tierline run --as-of 2024-06-30. "
    "[bold]One caller:[/] tierline lookup +8613800000000.\n\n"
    "Exit codes: 0 well, 1 the run failed (the last table stays), 2 wrong use, settings or policy, "
    "3 an extract was refused, 4 another run is at work, 5 unknown caller or no table.",
)


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"tierline {version('tierline')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version_asked: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Print the installed version and end."),
    ] = False,
) -> None:
    """Options of the command itself."""


app.command(rich_help_panel="Nights")(nights.demo)
app.command(rich_help_panel="Nights")(nights.run)
app.command(rich_help_panel="Nights")(nights.backfill)
app.command(rich_help_panel="Nights")(nights.rebuild)
app.command(rich_help_panel="Policies")(simulate.simulate)
app.add_typer(policies.app, name="policy", rich_help_panel="Policies")
app.command(rich_help_panel="Churn models")(models.train)
app.command(rich_help_panel="Churn models")(models.models)
app.command(rich_help_panel="Extracts")(extracts.land)
app.command(rich_help_panel="Extracts")(intake.validate)
app.command(rich_help_panel="Extracts")(intake.reconcile)
app.command(rich_help_panel="Extracts")(extracts.sample)
app.command(rich_help_panel="Reading")(reading.lookup)
app.command(rich_help_panel="Reading")(explain.explain)
app.command(rich_help_panel="Reading")(history.history)
app.command(rich_help_panel="Reading")(workbooks.report)
app.command(rich_help_panel="Reading")(web.ui)
app.add_typer(worklist.app, name="worklist", rich_help_panel="Retention")
app.command(rich_help_panel="Versions")(versions.versions)
app.command(rich_help_panel="Versions")(versions.rollback)
app.command(rich_help_panel="Versions")(versions.verify)
app.command(rich_help_panel="Versions")(versions.mirror)
