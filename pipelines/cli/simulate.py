"""simulate: what a new policy would do, before it is adopted.

Belongs here: the command, its tables on the terminal. Does not: scoring and comparing (pipelines/simulation), the page
(pipelines/simulation/page.py).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from pipelines.cli import options as opt
from pipelines.cli.console import Exit, StepBar, fail, out, plain_table, told_errors

if TYPE_CHECKING:  # what needs DuckDB and Polars is imported by the command itself
    from pipelines.simulation import Simulation


def simulate(  # noqa: PLR0917 (each is an option by name on the command line)
    policy: Annotated[str, typer.Option("--policy", help="The new policy: a file, or a shipped one by name.")],
    against: Annotated[
        str,
        typer.Option("--against", help="The policy to compare with: a file, a shipped one by name, or current."),
    ] = "current",
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DAY", help="The day to score. Default: the published version's.")
    ] = None,
    home: opt.HomeOption = opt.DEFAULT,
    html: Annotated[
        Path | None, typer.Option("--html", dir_okay=False, help="Also write the result as one page to open and print.")
    ] = None,
    churners: Annotated[
        bool,
        typer.Option(
            "--churners/--no-churners", help="Also score the day a churn horizon earlier: who has left since?"
        ),
    ] = True,
    set_: opt.SetOption = None,
) -> None:
    """Score everybody under a new policy and the current one, and show who would move, and why.

    Nothing is published and nothing is changed: both nights are built in a scratch
    database beside the warehouse. A run that begins meanwhile goes first: then this
    leaves with 4, call it again. Current is the policy of the published version,
    without one the policy of the settings.

    [bold]Examples[/]

        tierline simulate --policy my_policy.yaml

        tierline simulate --policy my_policy.yaml --html report.html

        tierline simulate --policy quantile --against default --as-of 2024-06-30
    """
    from pipelines.simulation import both_nights
    from pipelines.simulation import simulate as compare

    if html is not None and not html.parent.is_dir():
        fail(Exit.USAGE, f"--html {html}: no folder {html.parent}")
    with told_errors():
        day = opt.day(as_of, "--as-of") if as_of is not None else None
        nights = both_nights(home, policy, against, day, opt.settings_options(None, set_))
        if nights is None:
            fail(Exit.NOT_FOUND, f"nothing is published in {home}: say which day to score with --as-of")
        with StepBar("simulate", 4 if churners else 2) as bar:
            found = compare(*nights, bar, churners=churners)
        _show(found)
        if html is not None:
            from pipelines.simulation.page import write_page

            try:
                write_page(found, html)
            except OSError as error:
                fail(Exit.FAILED, f"{html} can't be written: {error.strerror}")
            out.print(f"\nThe same as a page: {escape(str(html))}", soft_wrap=True)


def _show(found: Simulation) -> None:
    out.print(
        f"{escape(found.after.name)} ({escape(found.after.origin)}) tried against {escape(found.before.name)} "
        f"({escape(found.before.origin)}), as of {found.as_of_date}",
        soft_wrap=True,
    )
    out.print(f"[bold]{found.answer}[/]\n{found.adoption}\n", soft_wrap=True)
    _show_tiers(found)
    _show_moves(found)
    _show_spend_and_leavers(found)
    _show_history(found)


def _show_tiers(found: Simulation) -> None:
    from pipelines.simulation.page import signed
    from pipelines.simulation.result import share

    before, after = found.counted("before"), found.counted("after")
    table = _table("tier", "before", "share", "after", "share", "change")
    for rung, was, will in zip(found.rungs, before, after, strict=True):
        colour = "green" if will > was else "red" if will < was else "dim"
        table.add_row(
            rung.label,
            *((f"{was:,}", share(was, found.customers)) if rung.before else ("none such", "")),
            *((f"{will:,}", share(will, found.customers)) if rung.after else ("none such", "")),
            f"[{colour}]{signed(will - was)}[/]",
        )
    _print("Customers by tier", table)


def _show_moves(found: Simulation) -> None:
    from pipelines.simulation.page import cause_rows
    from segmentation.migration import CAUSES

    columns = [(j, rung.after) for j, rung in enumerate(found.rungs) if rung.after is not None]
    table = _table("before ↓ after →", *(name for _, name in columns))
    for i, row in enumerate(found.matrix()):
        name = found.rungs[i].before
        if name is not None:
            table.add_row(name, *(_moved(i, j, row[j]) for j, _ in columns))
    _print("From tier to tier", table)
    causes = cause_rows(found)
    if causes:
        reasons = _table("cause", "up", "down", "meaning")
        for cause, up, down in causes:
            reasons.add_row(cause, f"{up:,}", f"{down:,}", CAUSES[cause])
        _print("Why they move", reasons)


def _moved(before: int, after: int, customers: int) -> str:
    if not customers:
        return "[dim]·[/]"
    colour = "default" if before == after else "green" if after < before else "red"
    return f"[{colour}]{customers:,}[/]"


def _show_spend_and_leavers(found: Simulation) -> None:
    from pipelines.simulation.page import money, one_decimal

    spend = found.spend("before"), found.spend("after")
    _print(f"Spend a month by tier, a proxy of revenue ({found.currency})", _shares(found, *spend, money))
    leavers = found.expected_leavers("before"), found.expected_leavers("after")
    title = f"Expected leavers within {found.before.policy.churn.window}: churn risks summed"
    _print(title, _shares(found, *leavers, one_decimal))


def _shares(
    found: Simulation, before: list[Decimal], after: list[Decimal], said: Callable[[int | Decimal], str]
) -> Table:
    from pipelines.simulation.result import share

    whole = sum(before, Decimal(0))
    table = _table("tier", "before", "share", "after", "share")
    for rung, was, will in zip(found.rungs, before, after, strict=True):
        table.add_row(
            rung.label,
            *((said(was), share(was, whole)) if rung.before else ("none such", "")),
            *((said(will), share(will, whole)) if rung.after else ("none such", "")),
        )
    return table


def _show_history(found: Simulation) -> None:
    from pipelines.simulation.result import share

    if found.history is None:
        return
    places = len(found.rungs)
    table = _table(f"tier on {found.history.scored_on}", "before", "left", "rate", "after", "left", "rate")
    sides = found.history.by_place("before", places), found.history.by_place("after", places)
    for rung, *pair in zip(found.rungs, *sides, strict=True):
        cells: list[str] = []
        for name, (scored, left) in zip((rung.before, rung.after), pair, strict=True):
            cells += [f"{scored:,}", f"{left:,}", share(left, scored)] if name else ["none such", "", ""]
        table.add_row(rung.label, *cells)
    _print(f"Seen: customers of {found.history.scored_on} without a line in service on {found.as_of_date}", table)


def _table(*columns: str) -> Table:
    """Numbers to the right, words to the left."""
    return plain_table(*columns, right=[name for name in columns[1:] if name != "meaning"])


def _print(title: str, table: Table) -> None:
    out.print(f"[bold]{escape(title)}[/]", soft_wrap=True)
    out.print(table, "")
