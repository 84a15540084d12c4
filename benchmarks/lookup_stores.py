"""The stores that a caller can be looked up in, each opened and timed in a process of its own.

Belongs here: opening a store, one lookup in it, timing many. Does not: which are compared, and printing (lookup.py).

    python -m benchmarks.lookup_stores tiertable-five /tmp/bench 100000     # prints one JSON object
"""

from __future__ import annotations

import gc
import json
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.tier_rows import SEED, numbers
from tierline import TierTable, current_manifest, verified_file
from tierline.manifest import PARQUET_NAME

FIELDS = ("tier", "tier_flag", "lifecycle_stage", "account_manager_id", "is_vip")
COLUMNS = ", ".join(FIELDS)
TABLE = "customer_tiers"  # the published folder, in the benchmark's
SQLITE, DUCKDB = "lookup.sqlite", "lookup.duckdb"
ROUNDS = 10
UNKNOWN_SHARE = 0.05

Lookup = Callable[[str], object]  # the tier, None for an unknown caller


def tiertable_find(folder: Path) -> Lookup:
    table = TierTable(folder / TABLE)
    return lambda key: table.lookup(key, ()).found or None


def tiertable_five(folder: Path) -> Lookup:
    table = TierTable(folder / TABLE)
    return lambda key: table.lookup(key, FIELDS).tier


def tiertable_five_memory(folder: Path) -> Lookup:
    table = TierTable(folder / TABLE, hold="memory")
    return lambda key: table.lookup(key, FIELDS).tier


def tiertable_whole(folder: Path) -> Lookup:
    table = TierTable(folder / TABLE)
    return lambda key: table.lookup(key).tier


def dictionary(folder: Path) -> Lookup:
    import pyarrow.parquet as pq

    rows: dict[str, tuple[object, ...]] = {}
    with pq.ParquetFile(verified_file(folder / TABLE, PARQUET_NAME)) as file:
        for batch in file.iter_batches(columns=["service_key", *FIELDS]):
            keys, *cells = (batch.column(name).to_pylist() for name in ("service_key", *FIELDS))
            rows.update(zip(keys, zip(*cells, strict=True), strict=True))
    gc.freeze()
    return lambda key: row[0] if (row := rows.get(key)) is not None else None


def sqlite(folder: Path) -> Lookup:
    con = sqlite3.connect(f"file:{folder / SQLITE}?mode=ro&immutable=1", uri=True)
    query = f"select {COLUMNS} from t where service_key = ?"
    return lambda key: row[0] if (row := con.execute(query, (key,)).fetchone()) is not None else None


def duckdb_key(folder: Path) -> Lookup:
    import duckdb

    con = duckdb.connect(str(folder / DUCKDB), read_only=True)
    query = f"select {COLUMNS} from t where service_key = ?"
    return lambda key: rows[0][0] if (rows := con.execute(query, [key]).fetchall()) else None


def duckdb_parquet(folder: Path) -> Lookup:
    import duckdb

    con, path = duckdb.connect(), str(verified_file(folder / TABLE, PARQUET_NAME))
    query = f"select {COLUMNS} from read_parquet(?) where service_key = ?"
    return lambda key: rows[0][0] if (rows := con.execute(query, [path, key]).fetchall()) else None


# name -> what opens it, and of how many lookups asked for it does one
STORES: dict[str, tuple[Callable[[Path], Lookup], int]] = {
    "tiertable-find": (tiertable_find, 1),
    "tiertable-five": (tiertable_five, 1),
    "tiertable-five-memory": (tiertable_five_memory, 1),
    "tiertable-whole": (tiertable_whole, 1),
    "dict": (dictionary, 1),
    "sqlite": (sqlite, 1),
    "duckdb-key": (duckdb_key, 50),
    "duckdb-parquet": (duckdb_parquet, 400),
}


def callers(rows: int, count: int) -> list[str]:
    """Random numbers: known ones, and 5 % that nobody has."""
    chance, known = np.random.default_rng(1), numbers(rows, SEED)
    unknown = chance.random(count) < UNKNOWN_SHARE
    return [f"+{n}" for n in (known[chance.integers(0, rows, count)] + unknown).tolist()]


def timed(lookup: Lookup, keys: list[str]) -> np.ndarray:
    """Nanoseconds of each lookup, with the clock's own call in it."""
    taken, clock = np.empty(len(keys), np.int64), time.perf_counter_ns
    for index, key in enumerate(keys):
        start = clock()
        lookup(key)
        taken[index] = clock() - start
    return taken


def resident() -> dict[str, int]:
    """MiB of this process that are its own, and that are pages of files, which other processes share."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines())
    return {name: int(lines[f"Rss{name}"].split()[0]) // 1024 for name in ("Anon", "File")}


def main() -> None:
    name, folder, asked = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    opener, divisor = STORES[name]
    rows = current_manifest(folder / TABLE).rows
    keys = callers(rows, max(ROUNDS * 10, asked // divisor))
    before, start = resident(), time.perf_counter()
    lookup = opener(folder)
    opening = time.perf_counter() - start
    found = [lookup(key) for key in keys[: max(10, 20_000 // divisor)]]  # also warms up
    rounds = [timed(lookup, part.tolist()) / 1000 for part in np.array_split(np.array(keys, object), ROUNDS)]
    whole = np.concatenate(rounds)
    after = resident()
    figures = {
        "p50_us": float(np.percentile(whole, 50)),
        "p99_us": float(np.percentile(whole, 99)),
        "quietest_p99_us": min(float(np.percentile(part, 99)) for part in rounds),
        "lookups": len(keys),
        "opening_s": opening,
        "own_mib": after["Anon"] - before["Anon"],
        "shared_mib": after["File"] - before["File"],
        "found": [answer is not None for answer in found[:50]],
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
