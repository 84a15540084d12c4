"""The `tierline` command.

Belongs here: options, output, exit codes. Does not: any work; each command calls one function of the house.
"""

from __future__ import annotations

import gc
import os
import sys


def collect_rarely() -> None:
    """Python's collector for a run: that makes a million objects that stay, most of them Dagster's, and at Python's own
    thresholds they are walked so often that it takes a tenth of a small night.
    """
    gc.set_threshold(100_000, 50, 1_000)


def main() -> None:
    """Entry point of the console script. The base install has no pipeline, and says how to get it."""
    collect_rarely()
    try:
        from pipelines.cli.app import app
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in {"pipelines", "segmentation", "data_contracts"}:
            raise
        print(  # noqa: T201
            f"tierline: {error.name} is not installed: this is the reader alone. The command needs the pipeline: "
            "pip install '/path/to/the/clone[pipeline]'",
            file=sys.stderr,
        )
        sys.exit(2)
    os.umask(0o027)  # what is written holds personal data: nobody but owner and group
    app()
