"""Command line of the generator: an operator of any size, or the committed sample again.

Belongs here: arguments and messages. Does not: anything that is generated.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from sample_data.faults import table
from sample_data.generate import CDR_PER_LINE_DAY, generate
from sample_data.small import MARK, README, SMALL, SMALL_ARGUMENTS


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sample_data", description="Generates a made-up operator.")
    parser.add_argument("destination", nargs="?", type=Path, help="new folder; with --small the committed one")
    parser.add_argument("--small", action="store_true", help="the committed sample; other options are ignored")
    parser.add_argument("--customers", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--as-of", type=date.fromisoformat, default=date(2024, 6, 30))
    parser.add_argument("--bill-months", type=int, default=18)
    parser.add_argument("--cdr-days", type=int, default=120)
    parser.add_argument("--cdr-per-line-day", type=float, default=CDR_PER_LINE_DAY)
    parser.add_argument("--cdr-total", type=int, default=None)
    parser.add_argument("--snapshots", type=int, default=3)
    parser.add_argument("--faults", action="store_true")
    given = vars(parser.parse_args(arguments))
    small, destination = given.pop("small"), given.pop("destination")
    if destination is None and not small:
        parser.error("name a destination folder, or give --small")
    if small:
        given = dict(SMALL_ARGUMENTS)
        if destination is None:
            destination = SMALL
            shutil.rmtree(SMALL / "landing", ignore_errors=True)
    try:
        summary = generate(destination, **given)
    except (ValueError, FileExistsError) as error:
        parser.error(str(error))
    if destination == SMALL:
        before, _, rest = README.read_text(encoding="utf-8").partition(MARK)
        after = rest.partition(MARK)[2]
        shown = table((SMALL / "faults.yaml").read_text(encoding="utf-8"))
        README.write_text(f"{before}{MARK}\n{shown}{MARK}{after}", encoding="utf-8")
    for extract, rows in sorted(summary.rows.items()):
        sys.stdout.write(f"{extract:15} {rows:>12,} rows\n")
    sys.stdout.write(f"{summary.files} files, {summary.bytes:,} bytes, {summary.faults} faults in {destination}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
