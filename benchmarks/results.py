"""What a benchmark found, as JSON: the machine beside the figures, so that seconds are read for what they are.

Belongs here: the machine, medians, writing. Does not: tables and charts (report.py).
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

_GIB = 1024**3


def machine() -> dict[str, Any]:
    """Cores, memory and versions, and how busy it was; nothing that names the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory, 1),
        "load_at_start": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{name: version(name) for name in ("duckdb", "polars", "pandas", "dagster")},
    }


def middle(values: Sequence[float]) -> float:
    """The median, of repetitions."""
    return float(median(values))


def write(path: Path | None, benchmark: str, found: Mapping[str, Any]) -> None:
    """Writes the figures to a JSON file, if one was asked for; the benchmark's name says how to read it."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"benchmark": benchmark, **found}, indent=1, default=_plain)
    path.write_text(content + "\n", encoding="utf-8")


def rounded(value: Any) -> Any:
    """The same figures to a thousandth, dataclasses as mappings."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {name: rounded(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(one) for one in value]
    return round(value, 3) if isinstance(value, float) else value


def _plain(value: Any) -> Any:
    return rounded(value)
