"""CPU of each step of a night on Spark: the constants of the cost model in docs/spark.md.

In the environment of `make setup-spark`, on two homes of different size:
`python -m benchmarks.spark_night /path/to/home 2024-06-30`. What a step costs without rows is nearly the same in both,
so the difference is that of the rows. CPU seconds of Java and its Python workers change little on a busy machine.
"""

from __future__ import annotations

import argparse
import os
import time
from datetime import date
from pathlib import Path

from pipelines.runs import run_night

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu() -> tuple[float, float]:
    """CPU seconds so far of this process, and of all that it started."""
    spent: dict[int, tuple[int, float]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = file.read_text()
        except OSError:  # it has ended
            continue
        fields = text[text.rindex(")") + 2 :].split()
        spent[int(file.parent.name)] = int(fields[1]), sum(map(int, fields[11:15])) / _TICKS
    ours, found = {os.getpid()}, 0
    while found < len(ours):
        found = len(ours)
        ours |= {process for process, (parent, _) in spent.items() if parent in ours}
    return spent[os.getpid()][1], sum(spent[process][1] for process in ours - {os.getpid()})


class Told:
    """Prints a line a step."""

    def __init__(self) -> None:
        self._before = (time.monotonic(), *cpu())

    def step(self, name: str, done: int, total: int) -> None:
        """As of Progress."""
        if done == total:
            now = (time.monotonic(), *cpu())
            wall, here, spark = (b - a for a, b in zip(self._before, now, strict=True))
            print(f"{name:45} wall {wall:7.1f} s   CPU here {here:6.1f} s   CPU of Spark {spark:7.1f} s", flush=True)
            self._before = now


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("as_of", type=date.fromisoformat)
    parser.add_argument("--master", default="local[2]")
    given = parser.parse_args()
    options = {"engine": "spark", "spark_master": given.master}
    result = run_night(given.home, given.as_of, options, Told())
    print(f"version {result.version}, failures {result.failures}")
    place = given.home / "spark"
    for table in sorted(place.glob("*/*")):
        print(f"{table.relative_to(place)!s:45} {sum(f.stat().st_size for f in table.rglob('*.parquet')):14,} bytes")


if __name__ == "__main__":
    main()
