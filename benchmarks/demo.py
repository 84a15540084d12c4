"""`tierline demo` in an environment that is set up: what a newcomer waits for after `make demo`.

Belongs here: that command, whole and by stage. Does not: setting up.

    python -m benchmarks.demo --json demo.json
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks.results import machine, middle, rounded, write
from benchmarks.stages import by_stage, steps
from benchmarks.watch import watch


def main() -> None:
    """Runs the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3, help="runs, each in a new home; medians count")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    given = parser.parse_args()
    every = []
    for _ in range(given.repeat):
        with tempfile.TemporaryDirectory(prefix="tierline-bench-") as folder:
            home = Path(folder) / "home"
            watched = watch([sys.executable, "-m", "benchmarks.command", "demo", "--home", str(home)])
            every.append((watched.figures(), by_stage(watched, steps(home))))
    stages = {stage: middle([one[stage].wall for _, one in every]) for stage in every[0][1]}
    found = rounded(
        {
            "machine": machine(),
            "customers": 0,
            "seconds": middle([figures.wall for figures, _ in every]),
            "cpu": middle([figures.cpu for figures, _ in every]),
            "peak_mib": max(figures.peak_mib for figures, _ in every),
            "stages": stages,
        }
    )
    write(given.json, "demo", found)
    of_it = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in found["stages"].items())
    out = Console(width=118, highlight=False)
    out.print(f"demo: {found['seconds']:.1f} s, {found['cpu']:.1f} s CPU, {found['peak_mib']:,.0f} MiB; of it {of_it}")


if __name__ == "__main__":
    main()
