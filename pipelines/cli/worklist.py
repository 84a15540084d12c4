"""worklist: make a retention campaign's list, and see what came of campaigns.

Belongs here: the commands and what they print. Does not: the work (pipelines/retention).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from pipelines.cli import options as opt
from pipelines.cli.console import Exit, err, fail, out, plain_table, told_errors

if TYPE_CHECKING:
    from pipelines.retention.results import Result
    from pipelines.retention.worklist import Worklist

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Lists of whom to call before they leave, and what came of calling.\n\n"
    "[bold]Examples[/]\n\n    tierline worklist make --campaign 2024-07-contracts --csv contracts.csv\n\n"
    "    tierline worklist results",
)


@app.command()
def make(  # noqa: PLR0917 -- options, never called by position
    campaign: Annotated[
        str, typer.Option("--campaign", metavar="NAME", help="The campaign's name, used once: 2024-07-contracts.")
    ],
    size: Annotated[
        int | None,
        typer.Option("--size", min=1, help="Customers to take, the control group among them. Default: the policy's."),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE.csv", dir_okay=False, help="Write the list for the agents.")
    ] = None,
    xlsx: Annotated[
        Path | None, typer.Option("--xlsx", metavar="FILE.xlsx", dir_okay=False, help="The same as an Excel workbook.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only; nothing is written.")] = False,
    home: opt.HomeOption = opt.DEFAULT,
) -> None:
    """Choose whom a campaign calls, from the published night, by the policy's section retention.

    The choice is kept as <home>/published/campaigns/<NAME>/worklist.parquet and never changes. A part
    drawn by lot is kept out, to compare with; the files for agents don't have it. The same campaign
    asked for again in the same night gives the same files.

    [bold]Examples[/]

        tierline worklist make --campaign 2024-07-contracts --dry-run

        tierline worklist make --campaign 2024-07-contracts --size 500 --xlsx contracts.xlsx
    """
    from pipelines.retention.handout import write_csv, write_xlsx
    from pipelines.retention.worklist import make_worklist

    for path, suffix in ((csv, ".csv"), (xlsx, ".xlsx")):
        if path is not None and path.suffix.lower() != suffix:
            fail(Exit.USAGE, f"--{suffix[1:]} {path}: give it a name that ends in {suffix}")
        if path is not None and not path.parent.is_dir():
            fail(Exit.USAGE, f"--{suffix[1:]} {path}: there is no folder {path.parent}")
    if dry_run and (csv or xlsx):
        fail(Exit.USAGE, "--dry-run writes nothing; leave out --csv and --xlsx")
    with told_errors():
        with err.status("choosing customers"):
            made = make_worklist(home, campaign, size, dry_run=dry_run)
        _told(made, dry_run=dry_run)
        for path, write in ((csv, write_csv), (xlsx, write_xlsx)):
            if path is not None:
                write(made, path)
                out.print(f"wrote {escape(str(path))}, {path.stat().st_size:,} bytes", soft_wrap=True)


def _told(made: Worklist, *, dry_run: bool) -> None:
    from pipelines.retention.worklist import counts

    if made.funnel:
        out.print(_funnel(made))
    found = counts(made)
    verb = "would be made" if dry_run else "was made before" if made.made_before else "is made"
    out.print(
        f"Campaign [bold]{escape(made.campaign)}[/] {verb} from the night of {made.list_date} under policy "
        f"{escape(made.policy)}: {found['listed']:,} to call, {found['control']:,} kept out to compare with. Who "
        f"stayed is counted on {made.outcome_date}.",
        soft_wrap=True,
    )


def _funnel(made: Worklist) -> Table:
    """From everybody in service to the list, by tier: each row takes away from what is left."""
    from segmentation.worklist import BEYOND, CONTROL, LISTED, REASONS

    tiers = (*made.funnel, "all")
    table = plain_table("", *tiers, right=tiers)

    def row(words: str, *places: str, style: str = "") -> None:
        numbers = [sum(tier[place] for place in places) for tier in made.funnel.values()]
        table.add_row(words, *(f"{number:,}" for number in (*numbers, sum(numbers))), style=style)

    off = [reason for reason in REASONS if reason != BEYOND]
    row("in service", *off, BEYOND, LISTED, CONTROL, style="bold")
    for reason in off:
        row(f"- {reason.replace('_', ' ')}", reason)
    row("eligible", BEYOND, LISTED, CONTROL, style="bold")
    row("- beyond the size", BEYOND)
    row("- control", CONTROL)
    row("listed", LISTED, style="bold")
    return table


@app.command()
def results(
    campaign: Annotated[str | None, typer.Argument(metavar="[CAMPAIGN]", help="One campaign, by tier.")] = None,
    home: opt.HomeOption = opt.DEFAULT,
) -> None:
    """Show what came of campaigns: who was called, who stayed, and what the calling changed.

    Uplift is the share that stayed of all who were listed, called or not, minus that of the
    control group, in percentage points with its 95 % interval; an interval that holds 0 shows no
    effect. The money is an estimate: uplift times the lifetime value of the listed.
    Leaves with 5 when there is no such campaign.

    [bold]Examples[/]

        tierline worklist results

        tierline worklist results 2024-07-contracts
    """
    from pipelines.retention.results import results_of

    with told_errors():
        found = results_of(home / "published" / "analytics.duckdb", campaign)
    if not found:
        fail(
            Exit.NOT_FOUND,
            f"no campaign {campaign!r} in the last night: a night after `tierline worklist make` counts it"
            if campaign
            else "no campaign in the last night: `tierline worklist make` makes one, and the next night counts it",
        )
    out.print(_results_table(found, by_tier=campaign is not None))
    whole = found[0].uplift if campaign is not None else None
    if whole is not None:
        out.print(
            "The interval leaves out 0: calling changed something."
            if whole.is_clear
            else "The interval holds 0: chance alone would often give such a difference."
        )


def _results_table(found: list[Result], *, by_tier: bool) -> Table:
    counts = ("listed", "contacted", "accepted", "stayed", "control", "stayed", "uplift (pp)", "retained value")
    table = plain_table("tier" if by_tier else "campaign", "listed on", *counts, right=counts)
    for result in found:
        table.add_row(
            (result.tier or "all") if by_tier else result.campaign,
            str(result.list_date),
            f"{result.listed:,}",
            f"{result.contacted:,}",
            f"{result.accepted:,}",
            _share(result.listed_retained, result.listed_judged),
            f"{result.control:,}",
            _share(result.control_retained, result.control_judged),
            _points(result) or f"on {result.outcome_date}",
            _money(result) or "",
        )
    return table


def _share(part: int | None, whole: int | None) -> str:
    return f"{part / whole:.1%}" if part is not None and whole else ""


def _points(result: Result) -> str | None:
    found = result.uplift
    if found is None:
        return None if result.listed_judged is None else "nobody to compare"
    return f"{100 * found.difference:+.1f} ({100 * found.low:+.1f} to {100 * found.high:+.1f})"


def _money(result: Result) -> str | None:
    found = result.retained_value
    return f"{found.estimate:,.0f} ({found.low:,.0f} to {found.high:,.0f})" if found is not None else None
