"""The floor: bare DuckDB reading typed CSV columns into tables of a fresh file, and the rollup as Parquet.

Belongs here: the quickest way that DuckDB offers. Does not: ledger, checks, duplicates, who held which number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.baselines.work import Sums, perform, rollup_sql, sums_of, sums_sql


def read_into(con: duckdb.DuckDBPyConnection, table: str, files: list[str], columns: Mapping[str, str]) -> None:
    """A new table of the files' rows, each column of its contract's type; times with their zone."""
    types = {name: "TIMESTAMPTZ" if kind == "TIMESTAMP" else kind for name, kind in columns.items()}
    con.execute(
        f"create table {table} as from read_csv({files!r}, header = true, auto_detect = false, columns = {types!r})"
    )


def floor(work: Mapping[str, Any], out: Path) -> Callable[[], Sums]:
    """CSV -> tables, tables -> rollup."""
    with duckdb.connect(str(out / "floor.duckdb")) as con:
        con.execute(f"set TimeZone = '{work['time_zone']}'")
        for table in (name for name in ("cdr", "bills") if work[name]):
            read_into(con, table, work[table], work["columns"][table])
        rollup = rollup_sql(work, local_date="cast(answer_time as date)", local_hour="hour(answer_time)")
        con.execute(f"copy ({rollup}) to '{out / 'rollup.parquet'}' (compression zstd)")

    def sums() -> Sums:
        with duckdb.connect(str(out / "floor.duckdb"), read_only=True) as again:
            bills = "bills" if work["bills"] else "(select 0 as amount_due where false)"
            row = again.execute(sums_sql(f"read_parquet('{out / 'rollup.parquet'}')", bills)).fetchall()[0]
            return sums_of(row)

    return sums


if __name__ == "__main__":
    perform(floor)
