"""The floor of a cold load: bare DuckDB reading typed CSV columns of every extract into tables of a fresh file.

Belongs here: that. Does not: the night's work (with_duckdb.py).

    python -m benchmarks.baselines.cold_load work.json

The work file holds `extracts` (name -> CSV paths), `columns` (of each: name -> type) and `out` (a new folder).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.baselines.with_duckdb import read_into
from benchmarks.baselines.work import Sums, perform


def load(work: Mapping[str, Any], out: Path) -> Callable[[], Sums]:
    """CSV -> tables; the sums are the rows of each."""
    extracts = {name: files for name, files in work["extracts"].items() if files}
    with duckdb.connect(str(out / "floor.duckdb")) as con:
        con.execute("set TimeZone = 'UTC'")
        for name, files in extracts.items():
            read_into(con, name, files, work["columns"][name])

    def sums() -> Sums:
        with duckdb.connect(str(out / "floor.duckdb"), read_only=True) as again:
            return {name: again.execute(f"select count(*) from {name}").fetchall()[0][0] for name in extracts}

    return sums


if __name__ == "__main__":
    perform(load)
