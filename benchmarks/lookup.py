"""Looking a caller up: TierTable beside a dict, SQLite and DuckDB, on the same rows in the same run.

Belongs here: building the stores, running each in its own process, the table. Does not: assertions on times; machines
differ, ratios last.

    python -m benchmarks.lookup --rows 5000000

The other stores hold the key and five routing fields only, TierTable all columns of the contract. `quiet p99` is that
of the quietest of ten rounds: what other work on the machine adds is the difference to p99.
"""

from __future__ import annotations

import argparse
import json
import mmap
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from benchmarks.lookup_stores import COLUMNS, DUCKDB, SQLITE, STORES, TABLE
from benchmarks.tier_rows import publish_made_rows
from tierline import current_manifest, verified_file
from tierline.held import HeldFile
from tierline.manifest import ARROW_NAME, KEYS_NAME, PARQUET_NAME, POINTER_NAME


def child(module: str, *arguments: str) -> dict:
    """What a benchmark module prints, run in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{module} {arguments} failed with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def build(folder: Path) -> None:
    """The same rows as an SQLite and a DuckDB table, each with the number as primary key."""
    import duckdb

    parquet = str(verified_file(folder / TABLE, PARQUET_NAME))
    columns = f"service_key, {COLUMNS}"
    with duckdb.connect(str(folder / DUCKDB)) as con:
        con.execute("create table t (service_key varchar primary key, tier varchar, tier_flag smallint, "
                    "lifecycle_stage varchar, account_manager_id varchar, is_vip boolean)")  # fmt: skip
        con.execute(f"insert into t select {columns} from read_parquet(?)", [parquet])
        with sqlite3.connect(folder / SQLITE) as lite:
            lite.execute("pragma journal_mode = off")
            lite.execute(f"create table t (service_key text primary key, {COLUMNS}) without rowid")
            rows = con.execute(f"select {columns} from t order by service_key")
            while some := rows.fetchmany(100_000):
                lite.executemany("insert into t values (?, ?, ?, ?, ?, ?)", some)


def opening(table: Path) -> dict[str, float]:
    """Mapping without verification, in seconds; verification by mapping and by copying, in GB/s."""
    manifest = current_manifest(table)
    entries = [manifest.file(name) for name in (ARROW_NAME, KEYS_NAME)]
    start = time.perf_counter()
    for entry in entries:
        with (table / entry.path).open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            if entry.name == ARROW_NAME:
                reader = pa.ipc.open_file(pa.py_buffer(content))
                batches = [reader.get_batch(index) for index in range(reader.num_record_batches)]
    mapping = time.perf_counter() - start
    assert sum(batch.num_rows for batch in batches) == manifest.rows
    figures = {"mapping_s": mapping}
    for hold in ("map", "memory"):
        start = time.perf_counter()
        for entry in entries:
            HeldFile(table, entry, hold)
        figures[f"verifying_{hold}_gb_s"] = sum(e.bytes for e in entries) / 1e9 / (time.perf_counter() - start)
    return figures


def show(figures: dict, rows: int) -> None:
    print(f"{rows:,} rows")
    print(f"{'store':<24}{'p50 µs':>10}{'p99 µs':>10}{'quiet p99':>11}{'own MiB':>10}{'shared':>8}{'opens s':>9}")
    for name, one in figures["stores"].items():
        times = f"{one['p50_us']:>10.2f}{one['p99_us']:>10.2f}{one['quietest_p99_us']:>11.2f}"
        print(f"{name:<24}{times}{one['own_mib']:>10,}{one['shared_mib']:>8,}{one['opening_s']:>9.2f}")
    print(f"\nmapping without verification: {figures['opening']['mapping_s']:.3f} s")
    for hold in ("map", "memory"):
        print(f"verifying, hold={hold}: {figures['opening'][f'verifying_{hold}_gb_s']:.2f} GB/s")
    print(f"\n{'gaps between lookups':<24}{'p99.9 µs':>10}{'max':>10}{'net p99.9':>11}{'net max':>10}")
    for name, one in figures["pause"].items():
        print(
            f"{name:<24}{one['p999_us']:>10.1f}{one['max_us']:>10.0f}{one['net_p999_us']:>11.1f}{one['net_max_us']:>10.0f}"
        )
    print("net: without the time that the thread waited for a processor")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--lookups", type=int, default=200_000, help="of the fast stores; DuckDB gets fewer")
    parser.add_argument("--folder", type=Path, help="where to build; a temporary folder by default")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tierline-bench-", dir=given.folder) as temporary:
        folder = Path(temporary)
        publish_made_rows(folder / TABLE, given.rows)
        older = folder / "older.json"
        older.write_bytes((folder / TABLE / POINTER_NAME).read_bytes())
        build(folder)
        figures: dict = {"rows": given.rows, "stores": {}}
        for name in STORES:
            figures["stores"][name] = child("lookup_stores", name, str(folder), str(given.lookups))
        answers = {name: one.pop("found") for name, one in figures["stores"].items()}
        fewest = min(map(len, answers.values()))
        if len({tuple(found[:fewest]) for found in answers.values()}) != 1:
            sys.exit("the stores do not know the same callers")
        figures["opening"] = opening(folder / TABLE)
        publish_made_rows(folder / TABLE, given.rows, run_key="bench again")
        figures["pause"] = child("switch_pause", str(folder / TABLE), str(older))
    show(figures, given.rows)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
