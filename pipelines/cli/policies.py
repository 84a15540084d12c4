"""policy check, diff and show: policies as texts, without any customer.

Belongs here: the commands and what they print. Does not: what a policy may say (segmentation/policy.py), what differs
(segmentation/policy_diff.py), what it would do to customers (simulate).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.syntax import Syntax

from pipelines.cli import options as opt
from pipelines.cli.console import out, plain_table, told_errors

if TYPE_CHECKING:  # Polars and what needs it are imported by the commands that use them
    from pipelines.policy_source import PolicyText
    from segmentation.policy import Policy
    from segmentation.policy_diff import Change

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Read, check and compare policies.\n\n"
    "[bold]Examples[/]\n\n"
    "    tierline policy show default > my_policy.yaml\n\n"
    "    tierline policy check my_policy.yaml\n\n"
    "    tierline policy diff current my_policy.yaml",
)

_NAME = "a file, a shipped one by name, or current"


@app.command()
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help=f"The policy: {_NAME}.")],
    home: opt.HomeOption = opt.DEFAULT,
) -> None:
    """Tell all faults of a policy, or what it says, value by value.

    Leaves with 2 when the policy can't be used.

    [bold]Examples[/]

        tierline policy check my_policy.yaml
    """
    from segmentation.policy_diff import policy_lines

    with told_errors():
        text, policy = _read(file, home)
        lines = policy_lines(policy)
        width = max(len(line.key) for line in lines)
        for line in lines:
            grounds = f"  [dim]({escape(_grounds(line.reason, line.date))})[/]" if line.reason or line.date else ""
            out.print(f"{escape(line.key.ljust(width))}  [bold]{escape(line.value)}[/]{grounds}", soft_wrap=True)
        out.print(
            f"\n[green]{policy.label}[/] can be used: {escape(text.origin)}, fingerprint {policy.fingerprint[:16]}",
            soft_wrap=True,
        )


@app.command()
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help=f"The policy before: {_NAME}.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help=f"The policy after: {_NAME}.")],
    home: opt.HomeOption = opt.DEFAULT,
) -> None:
    """Tell what a policy says otherwise than another one: value by value, with reason and date of the new.

    Compares what is meant: 75 and 75.0, or a default written out, are no difference.
    Leaves with 0 whether they differ or not.

    [bold]Examples[/]

        tierline policy diff current my_policy.yaml

        tierline policy diff default quantile
    """
    from segmentation.policy_diff import policy_diff

    with told_errors():
        (before, old_policy), (after, new_policy) = _read(old, home), _read(new, home)
        changes = policy_diff(old_policy, new_policy)
        out.print(
            f"[bold]{old_policy.label}[/] ({escape(before.origin)}) → [bold]{new_policy.label}[/] "
            f"({escape(after.origin)}): {_counted(changes)}",
            soft_wrap=True,
        )
        for change in changes:
            out.print(_said(change), soft_wrap=True)


@app.command()
def show(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help=f"The policy: {_NAME}.")] = None,
    home: opt.HomeOption = opt.DEFAULT,
) -> None:
    """Print a policy's text, ready to be copied and changed; without NAME, list what there is.

    [bold]Examples[/]

        tierline policy show

        tierline policy show default > my_policy.yaml
    """
    from segmentation.policy import PRESETS

    with told_errors():
        if name is None:
            table = plain_table("name", "policy", "tiers", "where it is from")
            for known in (*PRESETS, "current"):
                text, policy = _read(known, home)
                table.add_row(known, policy.label, ", ".join(policy.tier_names), escape(text.origin))
            out.print(table)
            return
        content = _text(name, home).content.decode("utf-8", errors="replace")
        if out.is_terminal:
            out.print(Syntax(content, "yaml", background_color="default", word_wrap=True))
        else:
            typer.echo(content, nl=False)


def _text(name: str, home: Path) -> PolicyText:
    from pipelines.policy_source import named_policy
    from pipelines.publishing.history import current_version
    from pipelines.settings import load

    manifest = current_version(home / "published" / "customer_tiers")
    return named_policy(name, home, load(home).policy, manifest)


def _read(name: str, home: Path) -> tuple[PolicyText, Policy]:
    from segmentation.policy import read_policy

    text = _text(name, home)
    return text, read_policy(*text)


def _counted(changes: tuple[Change, ...]) -> str:
    if not changes:
        return "no difference"
    kinds = [change.kind for change in changes]
    words = {"changed": "changed", "added": "added", "removed": "removed", "grounds": "with other grounds only"}
    return ", ".join(f"{kinds.count(kind)} {word}" for kind, word in words.items() if kind in kinds)


def _said(change: Change) -> str:
    key, grounds = escape(change.key), _grounds(change.reason, change.date)
    old, new = escape(change.old or ""), escape(change.new or "")
    told = {
        "changed": f"[yellow]~ {key}[/]: [red]{old}[/] → [green]{new}[/]",
        "added": f"[green]+ {key}[/]: [green]{new}[/]",
        "removed": f"[red]- {key}[/]: [red]{old}[/]",
        "grounds": f"[dim]~ {key}[/]: the value stays; its grounds were: {old or 'none'}",
    }[change.kind]
    return told + (f"  [dim]({escape(grounds)})[/]" if grounds else "")


def _grounds(reason: str | None, since: str | None) -> str:
    return ", ".join(part for part in (reason, since) if part)
