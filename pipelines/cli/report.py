"""What a person sees after a night: where every record went, who is in which tier, and where things are.

Belongs here: summaries read back from what was written. Does not: making any of it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipelines.cli.console import plain_table
from pipelines.sql_text import literal
from tierline import TierTable

if TYPE_CHECKING:  # the modules that need Dagster are imported by the commands that run it
    from pipelines.intake.rejected import RejectedFile, RejectedFor
    from pipelines.runs import NewlyRejected

_COLOURS = ("green", "yellow", "blue", "magenta", "cyan")
_ROW_FIELDS = {
    "tier": "tier",
    "tier_flag": "flag",
    "value_score": "score",
    "lifecycle_stage": "stage",
    "churn_risk": "risk",
    "service_list": "list",
    "is_vip": "vip",
}


def intake_table(published: Path, console: Console) -> None:
    """Every record of every accepted file, by extract. Other: header, trailer, blank."""
    with duckdb.connect(str(published / "analytics.duckdb"), read_only=True) as con:
        rows = con.execute(
            "select extract, count(*), sum(records), sum(header + trailer + blank), sum(accepted), sum(rejected), "
            "sum(duplicate), sum(nulled) from intake_files where status = 'accepted' group by extract order by extract"
        ).fetchall()
    names = ("files", "lines", "other", "accepted", "rejected", "duplicate", "nulled")
    table = plain_table("extract", *names, right=names)
    for extract, *counts in rows:
        table.add_row(extract, *(f"{int(n):,}" for n in counts))
    _print(console, "Intake of all files so far: lines = other + accepted + rejected + duplicate", table)


def rejected_table(rejected: NewlyRejected, home: Path, console: Console) -> None:
    """What a night rejected: the files with most, each with its first line; nothing where nothing was."""
    if not rejected.files:
        return
    table = plain_table(
        "extract",
        "file",
        "rejected",
        "duplicate",
        "first line",
        "reason",
        right=["rejected", "duplicate", "first line"],
    )
    for file in rejected.most:
        counts = (f"{n:,}" for n in (file.rejected, file.duplicate, file.first_line))
        table.add_row(file.extract, escape(file.file_name), *counts, reason_of(file))
    _print(
        console, f"Rejected this night: {_many(rejected.records, 'record')} of {_many(rejected.files, 'file')}", table
    )
    more = rejected.files - len(rejected.most)
    console.print(
        (f"And {_many(more, 'more file')}. " if more else "")
        + f"All, by file and reason: {_command()} reconcile --rejects --home {escape(str(home))}\n",
        soft_wrap=True,
    )


def reason_of(rejected: RejectedFile | RejectedFor) -> str:
    """The code of a reason, and the column that it is about, if any; never a value."""
    return f"{rejected.reason} in {escape(rejected.column)}" if rejected.column else rejected.reason


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def published_summary(published: Path, console: Console, *, examples: int) -> None:
    """Tier counts of the current version and, for made-up data, example rows with their keys."""
    table = TierTable(published / "customer_tiers")
    manifest = table.manifest
    if manifest is None:
        console.print(f"[red]No tier table: {escape(table.problem or 'none published')}[/]")
        return
    total = max(sum(manifest.tiers.values()), 1)
    title = f"Tiers: {manifest.rows:,} lines in service, as of {manifest.as_of_date}"
    counts = plain_table("tier", "lines", "share", "", right=["lines", "share"])
    for i, (tier, count) in enumerate(manifest.tiers.items()):
        bar = f"[{_COLOURS[i % len(_COLOURS)]}]{'█' * round(40 * count / total)}[/]"
        counts.add_row(tier, f"{count:,}", f"{count / total:.1%}", bar)
    _print(console, title, counts)
    if examples:
        _examples(published, console, manifest.files[0].path, examples)


def _examples(published: Path, console: Console, parquet: str, examples: int) -> None:
    path = published / "customer_tiers" / parquet
    fields = ", ".join(f'"{name}"' for name in _ROW_FIELDS)
    with duckdb.connect() as con:
        # One of each tier and stage first, so that five rows show the range.
        rows = con.sql(
            f"select service_key, {fields} from read_parquet({literal(str(path))}) "
            "qualify row_number() over (partition by tier, lifecycle_stage order by service_key) = 1 "
            f"order by lifecycle_stage, tier_flag, service_key limit {examples:d}"
        ).fetchall()
    table = plain_table("service key", *_ROW_FIELDS.values())
    for key, *values in rows:
        table.add_row(key, *(_said(value) for value in values))
    _print(console, f"{len(rows)} of the published rows", table)


def where_things_are(home: Path, console: Console) -> None:
    """Paths and the next commands to try."""
    table = TierTable(home / "published" / "customer_tiers")
    console.print("\n[bold]Where things are[/]")
    for name, place in (
        ("tier table", home / "published" / "customer_tiers"),
        ("analysts' database", home / "published" / "analytics.duckdb"),
        ("one caller", f"{_command()} lookup KEY --home {home}"),
        ("web UI", f"{_command()} ui --home {home}   (then open http://127.0.0.1:3000)"),
    ):
        console.print(f"  {name:<20} {escape(str(place))}", soft_wrap=True)
    manifest = table.manifest
    if manifest is not None:
        expires = f"{manifest.expires_at:%Y-%m-%d %H:%M} UTC"
        console.print(f"  {'table is':<20} {table.status}, version {manifest.version}, expires {expires}")


def _command() -> str:
    """The command as it was called, so that what is shown can be typed even where it is not on PATH."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "tierline" and not called.is_absolute() else "tierline"


def _said(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _print(console: Console, title: str, table: Table) -> None:
    console.print(f"[bold]{title}[/]", soft_wrap=True)
    console.print(table, "")
