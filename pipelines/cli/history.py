"""history: the history of tiers as one ordered file, and what the last nights changed.

Belongs here: the command. Does not: how the history is kept (pipelines/tier_history.py) or told apart into intervals
(sql/marts/tier_history.sql).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import options as opt
from pipelines.cli.console import Exit, fail, out, plain_table, told_errors

_SHOWN = 14


def history(
    home: opt.HomeOption = opt.DEFAULT,
    out_file: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.parquet", dir_okay=False, help="Write the whole history as one file."),
    ] = None,
) -> None:
    """Show how many tiers each of the last nights changed, and why; with --out, export the history.

    The file has one row a customer and night that changed what is remembered, ordered by
    customer and night: nights made again from the same extracts give the same SHA-256,
    which is printed. Leaves with 5 when nothing is published.

    [bold]Examples[/]

        tierline history

        tierline history --out history.parquet
    """
    from pipelines.publishing.history import current_version
    from pipelines.tier_history import FOLDER, PROVENANCE, changes_by_night, export_history, nights_up_to

    published = home / "published"
    manifest = current_version(published / "customer_tiers") if (published / "customer_tiers").is_dir() else None
    if manifest is None:
        fail(Exit.NOT_FOUND, f"nothing is published in {home}")
    with told_errors():
        nights = nights_up_to(published / FOLDER, manifest.provenance.get(PROVENANCE))
        if out_file is not None:
            if not out_file.parent.is_dir():
                fail(Exit.USAGE, f"--out {out_file}: no folder {out_file.parent}")
            rows, sha256 = export_history(nights, out_file)
            out.print(f"{rows:,} rows of {len(nights):,} nights in {out_file}", soft_wrap=True)
            out.print(f"SHA-256 {sha256}", soft_wrap=True)
            return
        table = plain_table("night", "tiers changed", "why", right=["tiers changed"])
        for night, causes in changes_by_night(nights[-_SHOWN:]):
            said = ", ".join(f"{cause.replace('_', ' ')} {count:,}" for cause, count in causes.items())
            table.add_row(str(night), f"{sum(causes.values()):,}", said)
        out.print(table)
