"""Running a program on a work file, ours or a baseline's, in a process of its own.

Belongs here: work files, reports. Does not: what the programs do (baselines/, intake_alone.py), what is compared.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.watch import Figures, watch
from data_contracts import contract, contract_names
from pipelines.settings import Settings


def columns() -> dict[str, dict[str, str]]:
    """Names and types of every extract's columns, from its contract."""
    return {n: {c.name: c.physical for c in contract(f"staging.{n}").columns} for n in contract_names("staging")}


def usage_work(cdr: list[Path], bills: list[Path]) -> dict[str, Any]:
    """What baselines/work.py asks for, with the default settings' time zone and service numbers."""
    given = Settings.model_fields
    return {
        "cdr": [str(f) for f in cdr],
        "bills": [str(f) for f in bills],
        "columns": columns(),
        "time_zone": given["time_zone"].default,
        "service_numbers": list(given["service_numbers"].default),
    }


def perform(
    module: str, work: Mapping[str, Any], folder: Path, interpreter: str = sys.executable
) -> tuple[dict[str, Any], Figures]:
    """Runs a program of `benchmarks` on a work file in `folder`; its own report, and its figures from outside.

    What it makes in `out` is removed. Leaves with the program's words where it fails.
    """
    file, results = folder / "work.json", folder / "out"
    shutil.rmtree(results, ignore_errors=True)
    file.write_text(json.dumps({**work, "out": str(results)}), encoding="utf-8")
    watched = watch([interpreter, "-m", f"benchmarks.{module}", str(file)])
    shutil.rmtree(results, ignore_errors=True)
    # Spark draws its progress before the line.
    last = watched.output.strip().splitlines()[-1]
    return json.loads(last[last.index("{") :]), watched.figures()
