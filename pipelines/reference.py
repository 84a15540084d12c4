"""The reference pages under docs/reference/, written from contracts, settings, commands and reason codes themselves.

Belongs here: turning definitions into Markdown. Does not: prose that a person writes (docs/*.md).
Run `python -m pipelines.reference docs/reference` to write them; a test holds that they are current.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import typer
from typer.core import TyperGroup

from data_contracts import Column, Contract, contract, contract_names, metrics
from pipelines.settings import Settings
from pipelines.sql_catalogue import sql_tables
from segmentation.churn.features import DRIVERS
from segmentation.explain import reason_table_markdown
from segmentation.lifecycle import STAGE_CAUSES
from segmentation.moves import CAUSES
from segmentation.outlook import LIFTS

_NOTE = "<!-- Written by `python -m pipelines.reference docs/reference`; change the source instead. -->\n"


def pages() -> dict[str, str]:
    """File name -> Markdown of every reference page."""
    return {
        "contracts.md": _contracts(),
        "metrics.md": _metrics(),
        "tables.md": _tables(),
        "settings.md": _settings(),
        "commands.md": _commands(),
        "reasons.md": _reasons(),
    }


def _reasons() -> str:
    parts = [f"# Reason codes\n\n{_NOTE}\nColumn `reasons`, joined by semicolons:\n\n{reason_table_markdown()}"]
    for title, codes in (
        (
            "Why a tier changed: column `tier_cause`",
            {**CAUSES, "out_of_service": "no line is in service (history only)"},
        ),
        ("What drives the churn risk: column `churn_drivers`, in words for the hotline", DRIVERS),
        ("Why a stage was entered: column `stage_cause`, beside the `warn_…` codes above", STAGE_CAUSES),
        ("What alone would bring the next tier: column `lifted_by`, such as `arpu=120`", LIFTS),
    ):
        rows = "\n".join(f"| `{code}` | {meaning} |" for code, meaning in codes.items())
        parts.append(f"\n## {title}\n\n| code | meaning |\n|---|---|\n{rows}\n")
    parts.append(
        "\n## What changed since the end of last month: column `changes`\n\n`tier=mid>high`, "
        "`lifecycle_stage=growth>stable`, `arpu_points=40>60`: a column, what it was, what it is.\n"
    )
    return "".join(parts)


def _contracts() -> str:
    parts = [f"# Contracts\n\n{_NOTE}\nWhat goes in and out, as in `data_contracts/` (ODCS v3).\n"]
    for title, schema in (
        ("Extracts: what the operator delivers", "staging"),
        ("Published for routing systems", "published"),
        ("For analysts, in analytics.duckdb", "marts"),
        ("For analysts, as a view over Parquet files", "features"),
    ):
        parts.append(f"\n## {title}\n")
        parts += [_contract(contract(f"{schema}.{name}")) for name in contract_names(schema)]
    return "".join(parts)


def _contract(source: Contract) -> str:
    lines = [f"\n### {source.name} {source.version}\n", f"{source.purpose} {source.usage}\n"]
    within = f", within the days of `{source.key_within}`" if source.key_within else ""
    lines.append(f"Grain: {source.grain}. Owner: {source.owner}. Key: {', '.join(source.key) or 'none'}{within}.")
    if source.delivery == "snapshot":
        lines.append("Delivered as whole snapshots; the file name or control file says of which day.")
    elif source.delivery == "append":
        lines.append(f"Delivered as new records; without a date in the file name, {source.business_date} says when.")
    if source.limitations:
        lines.append(source.limitations)
    lines += ["\n| column | type | required | meaning | allowed | source of the term |", "|---|---|---|---|---|---|"]
    lines += [_column(column) for column in source.columns]
    return "\n".join(lines) + "\n"


def _column(column: Column) -> str:
    allowed = []
    if column.enum:
        allowed.append(", ".join(f"`{value}`" for value in column.enum))
    if column.pattern:
        allowed.append("`" + column.pattern.replace("|", "\\|") + "`")
    if column.minimum or column.maximum:
        allowed.append(f"{column.minimum or '…'} to {column.maximum or '…'}")
    meaning = column.description + (f" Unit: {column.unit}." if column.unit else "")
    meaning += " Personal." if column.is_personal else ""
    cells = [f"`{column.name}`", column.physical, "yes" if column.required else "", meaning, "; ".join(allowed)]
    return "| " + " | ".join([*cells, column.standard or ""]) + " |"


def _metrics() -> str:
    lines = [
        "# Metrics\n",
        _NOTE,
        "The figures that analysts read, each defined once in `data_contracts/metrics.yaml`; columns that carry one "
        "explain themselves with it.\n",
    ]
    for metric in metrics().values():
        facts = {
            "formula": metric.formula,
            "window": metric.window,
            "of": metric.includes,
            "per": metric.denominator or "not a ratio",
            "unit": metric.unit,
            "source": metric.source,
            "claimed": metric.claim,
            "columns": ", ".join(f"`{column}`" for column in metric.columns),
        }
        lines += [f"## {metric.name}\n", f"{metric.description}\n", "| | |", "|---|---|"]
        lines += [f"| {name} | {fact} |" for name, fact in facts.items() if fact] + [""]
    return "\n".join(lines)


def _tables() -> str:
    lines = [
        "# Tables of the warehouse\n",
        _NOTE,
        "The warehouse is private to the pipeline; this is for those who work on it. Analysts open analytics.duckdb.\n",
    ]
    for schema in ("features", "scores", "marts", "audits"):
        lines.append(f"\n## {schema}\n")
        for table in sql_tables(schema):
            lines += [f"### {table.table}\n", f"{table.meaning}\n", f"Grain: {table.grain}. Owner: {table.owner}."]
            lines.append(f"Reads: {', '.join(f'`{name}`' for name in table.upstreams)}.\n")
            lines += ["| column | meaning |", "|---|---|"]
            lines += [f"| `{name}` | {note} |" for name, note in table.column_notes.items()] + [""]
    return "\n".join(lines)


def _settings() -> str:
    lines = [
        "# Settings\n",
        _NOTE,
        "Defaults are beaten by `<home>/tierline.yaml`, that by the environment, that by `--set NAME=VALUE`. "
        "There are no secrets among the settings.\n",
        "| setting | default | environment | meaning |",
        "|---|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        default = list(default) if isinstance(default, tuple) else default
        lines.append(f"| `{name}` | `{default}` | `TIERLINE_{name.upper()}` | {field.description} |")
    lines.append("\n`TIERLINE_HOME` (or `--home`) says which home folder a command works on; default `.tierline/`.\n")
    return "\n".join(lines)


def _commands() -> str:
    from pipelines.cli.app import app  # noqa: PLC0415 (the commands import much that the other pages do not need)

    lines = [
        "# Commands\n",
        _NOTE,
        "Exit codes: 0 well; 1 the run failed, the last table stays; 2 wrong use, settings or policy; 3 an extract was "
        "refused; 4 another run is at work; 5 unknown caller or no table.\n",
    ]
    root = typer.main.get_command(app)
    lines += [*_options(root), ""]
    for name, command in commands(root):
        help_text = (command.help or "").replace("[bold]", "**").replace("[/]", "**")
        lines += [f"## tierline {name}\n", help_text.strip()]
        lines += ["", *options] if (options := _options(command)) else []
        lines.append("")
    return "\n".join(lines)


def _options(command: click.Command) -> list[str]:
    """A table of options and arguments, none without any."""
    rows = []
    for parameter in command.params:
        names = ", ".join(f"`{o}`" for o in (*parameter.opts, *parameter.secondary_opts))
        meaning = (getattr(parameter, "help", "") or "").replace("|", "\\|")
        if parameter.param_type_name == "argument":
            names = f"`{(parameter.name or '').upper()}`"
        rows.append(f"| {names} | {meaning}{'' if not parameter.required else ' Required.'} |")
    return ["| option | meaning |", "|---|---|", *rows] if rows else []


def commands(group: click.Command, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command by its words (`policy diff`), sorted; those of a group follow the group."""
    if isinstance(group, TyperGroup):
        for name, command in sorted(group.commands.items()):
            yield prefix + name, command
            yield from commands(command, f"{prefix}{name} ")


def main() -> None:
    """Writes the pages into the folder named on the command line."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
