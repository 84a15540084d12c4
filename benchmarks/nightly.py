"""A night of a made-up operator: history loaded first, then CDRs landing, beside bare DuckDB reading the same files.

Belongs here: wall time and peak memory of `tierline run`. Does not: assertions; machines differ, ratios last.

    python -m benchmarks.nightly --customers 100000 --cdrs 1000000

The baseline is what nobody can do without: DuckDB reading the typed CSV columns of the same extracts into tables,
without ledger, checks, features or scores.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from data_contracts import contract, contract_names

AS_OF = "2024-06-30"

_BARE = """
import glob, sys, duckdb
from data_contracts import contract, contract_names
con = duckdb.connect(sys.argv[2])
con.execute("set TimeZone = 'UTC'")
for name in contract_names("staging"):
    zoned = {"TIMESTAMP": "TIMESTAMPTZ"}
    columns = {c.name: zoned.get(c.physical, c.physical) for c in contract("staging." + name).columns}
    files = sorted(f for f in glob.glob(f"{sys.argv[1]}/landing/{name}/*") if not f.endswith(".ctl"))
    form = f"header = true, columns = {columns!r}, auto_detect = false"
    con.execute(f"create table {name} as from read_csv({files!r}, {form})")
"""


def timed(command: list[str]) -> tuple[float, int]:
    """Seconds and peak memory (KiB) of a command; leaves if it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{command[:4]} failed with {done.returncode}:\n{done.stderr[-2000:]}")
    return seconds, max(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, before)


def stages(home: Path) -> dict[str, float]:
    """Seconds of each step of the last run, from the run's own record."""
    from pipelines.instance import open_instance

    with open_instance(home) as instance:
        run = instance.get_run_records(limit=1)[0].dagster_run.run_id
        steps = instance.get_run_step_stats(run)
    return {s.step_key: s.end_time - s.start_time for s in steps if s.end_time and s.start_time}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--cdrs", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tierline-bench-") as folder:
        home = Path(folder) / "home"
        size = ["--customers", str(given.customers), "--cdrs", str(given.cdrs)]
        print(f"making {given.customers:,} customers, {given.cdrs:,} CDRs, 18 months of bills")
        timed([sys.executable, "-m", "benchmarks.command", "sample", str(home), *size])
        bare, bare_memory = timed([sys.executable, "-c", _BARE, str(home), str(Path(folder) / "bare.duckdb")])
        run = [sys.executable, "-m", "benchmarks.command", "run", "--as-of", AS_OF, "--home", str(home)]
        cdr, aside = home / "landing" / "cdr", Path(folder) / "cdr"
        cdr.rename(aside)
        history, _ = timed(run)
        aside.rename(cdr)
        night, memory = timed(run)
        slowest = sorted(stages(home).items(), key=lambda item: -item[1])
        again, _ = timed(run)
    rows = sum(len(contract(f"staging.{name}").columns) for name in contract_names("staging"))
    print(f"\n{'step':<44}{'seconds':>9}")
    for name, seconds in slowest[:12]:
        print(f"{name:<44}{seconds:>9.2f}")
    print(f"{'all other steps':<44}{sum(s for _, s in slowest[12:]):>9.2f}")
    print(f"\nbare DuckDB, CSV to typed tables ({rows} columns): {bare:.1f} s, {bare_memory / 1024:,.0f} MiB")
    print(f"first night, everything but the CDRs landing: {history:.1f} s")
    print(f"the night, {given.cdrs:,} CDRs landing: {night:.1f} s, {memory / 1024:,.0f} MiB, command to exit")
    print(f"both nights: {history + night:.1f} s, {(history + night) / bare:.1f} x bare DuckDB")
    print(f"the same night again, nothing new: {again:.1f} s")
    if given.json:
        seconds = {"bare": bare, "history": history, "night": night, "again": again}
        figures = {"seconds": seconds, "peak_kib": memory}
        given.json.write_text(json.dumps({**figures, "steps": dict(slowest)}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
