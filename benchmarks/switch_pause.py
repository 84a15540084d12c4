"""The longest time between two lookups of a serving thread while a new version is verified and switched to beside it.

Belongs here: that one measurement. Does not: how long a lookup takes (lookup_stores.py).

    python -m benchmarks.switch_pause /tmp/bench/customer_tiers /tmp/bench/older.json     # prints one JSON object

The second argument is the CURRENT.json of an older version that the folder still holds.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.lookup_stores import FIELDS, callers
from tierline import TierTable
from tierline.manifest import POINTER_NAME

ALONE_SECONDS = 2.0


def gaps(table: TierTable, keys: list[str], ended: Callable[[], bool]) -> dict[str, float]:
    """Looks up without a break until `ended`; the gaps between two lookups in µs.

    On a busy machine a thread also waits for a processor. Linux tells for how long; `net` is without that wait.
    """
    waits = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)
    wall, net, index, clock = [], [], 0, time.perf_counter_ns
    waited = int(os.pread(waits, 100, 0).split()[1])
    while not ended():
        start = clock()
        table.lookup(keys[index], FIELDS)
        index = (index + 1) % len(keys)
        now = int(os.pread(waits, 100, 0).split()[1])
        gap = clock() - start
        wall.append(gap)
        net.append(gap - (now - waited))
        waited = now
    os.close(waits)
    return {
        "lookups": len(wall),
        "p999_us": float(np.percentile(wall, 99.9)) / 1000,
        "max_us": max(wall) / 1000,
        "net_p999_us": float(np.percentile(net, 99.9)) / 1000,
        "net_max_us": max(net) / 1000,
    }


def measure(folder: Path, older_pointer: bytes) -> dict[str, dict[str, float]]:
    """Open the older version, serve alone, then switch to the current one while serving."""
    newer_pointer = (folder / POINTER_NAME).read_bytes()
    _replace(folder, older_pointer)
    table = TierTable(folder)
    assert table.manifest is not None
    keys = callers(table.manifest.rows, 50_000)
    for key in keys:
        table.lookup(key, FIELDS)
    gc.collect()  # what starting up left for Python's collector is no part of a switch
    end = time.monotonic() + ALONE_SECONDS
    alone = gaps(table, keys, lambda: time.monotonic() > end)
    _replace(folder, newer_pointer)
    switch = threading.Thread(target=table.refresh)
    switch.start()
    during = gaps(table, keys, lambda: not switch.is_alive())
    switch.join()
    assert table.problem is None, table.problem
    return {"alone": alone, "switching": during}


def _replace(folder: Path, pointer: bytes) -> None:
    temporary = folder / "CURRENT.bench"
    temporary.write_bytes(pointer)
    temporary.replace(folder / POINTER_NAME)


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), Path(sys.argv[2]).read_bytes())))
