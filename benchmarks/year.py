"""A year of nights in one home: does a night cost more as history grows, and what keeps growing on the disk?

Belongs here: landing each night's files as they come, seconds, CPU and sizes night by night. Does not: big nights
(night.py).

    python -m benchmarks.year --customers 2000 --nights 365 --json year.json

The first night finds eighteen months of bills, payments and contacts; then every day's CDRs land, and each month's bill
run, payments, contacts and CRM delivery on their days. Nights run one after the other in this process, so that 365
starts of Python don't hide what grows; with --each every night is a `tierline run` of its own. Versions are kept by
count alone (keep_hours=0), because a simulated year passes within one day.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.made_operator import Operator, land
from benchmarks.results import machine, middle, rounded, write
from benchmarks.stages import stage_of, steps
from benchmarks.watch import watch
from pipelines.runs import run_night
from sample_data import generate

LAST = date(2024, 6, 30)
EARLY = 30
"""The night that late ones are compared with: by then every window of a month is full."""
_AROUND = 5
_DAY_IN_NAME = re.compile(r"_(\d{8})[_.]")
_FOLDERS = (
    "warehouse.duckdb",
    "published/customer_tiers",
    "published/tier_history",
    "published/usage_daily",
    "published/analytics.duckdb",
    "contact_days",
    "dagster",
    "ledger.jsonl",
)
_DAYS_A_MONTH = 30
_HISTORY_MONTHS = 18
_WRITE_EVERY = 10
_REASON = "generated for a benchmark"
out = Console(width=118, highlight=False)


def year_operator(folder: Path, customers: int, nights: int) -> Operator:
    """An operator with CDRs on the last `nights` days, a CRM delivery every month, and bills of 18 months before."""
    record, wanted = folder / "made.json", json.dumps({"customers": customers, "nights": nights, "last": str(LAST)})
    months = nights // _DAYS_A_MONTH + 1
    if not record.exists():
        shutil.rmtree(folder / "making", ignore_errors=True)
        generate(
            folder / "making",
            customers=customers,
            as_of=LAST,
            bill_months=_HISTORY_MONTHS + months,
            cdr_days=nights,
            snapshots=months + 2,
        )
        (folder / "making" / "landing").rename(folder / "extracts")
        shutil.rmtree(folder / "making")
        record.write_text(wanted, encoding="utf-8")
    if record.read_text(encoding="utf-8") != wanted:
        sys.exit(f"{folder} keeps another operator: {record.read_text()}. Name another folder")
    return Operator(folder)


def deliveries(operator: Operator, first: date) -> Mapping[date, list[Path]]:
    """Files by the night before which they land; all that is older than the first night lands before it."""
    found = defaultdict(list)
    for file in operator.files():
        named = _DAY_IN_NAME.search(file.name)
        day = date.fromisoformat(named[1]) if named else first
        found[max(day, first)].append(file)
    return found


def sizes(home: Path) -> dict[str, int]:
    """Bytes of what a home keeps beside its landing folder; `all` of them."""
    found = {name: _bytes(home / name) for name in _FOLDERS}
    found["all"] = _bytes(home) - _bytes(home / "landing")
    found["files"] = sum(1 for path in home.rglob("*") if path.is_file()) - len(list((home / "landing").rglob("*")))
    return found


def _bytes(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def one_night(home: Path, day: date, *, each: bool) -> tuple[float, float]:
    """Runs a night; wall and CPU seconds. Leaves where it fails."""
    if each:
        command = [sys.executable, "-m", "benchmarks.command", "run", "--as-of", str(day), "--home", str(home)]
        figures = watch([*command, "--accept", _REASON, "--set", "keep_hours=0"]).figures()
        return figures.wall, figures.cpu
    started, used = time.perf_counter(), time.process_time()
    result = run_night(home, day, {"keep_hours": 0}, accept=_REASON)
    if not result.succeeded:
        sys.exit(f"the night of {day} failed: {'; '.join(failure.message for failure in result.failures)}")
    return time.perf_counter() - started, time.process_time() - used


def by_step(home: Path) -> dict[str, float]:
    """Seconds of each step of the last run."""
    return {name: end - start for name, start, end in steps(home)}


def run_year(operator: Operator, home: Path, nights: int, given: argparse.Namespace) -> dict[str, Any]:
    """All nights; what each took, what lay on the disk after it, and the steps around the early and the last nights."""
    first, found = LAST - timedelta(days=nights - 1), {"seconds": [], "cpu": [], "bytes": defaultdict(list)}
    landing, steps_of = deliveries(operator, first), defaultdict(list)
    figures: dict[str, Any] = {}
    for number in range(nights):
        day = first + timedelta(days=number)
        land(landing.get(day, []), home)
        seconds, cpu = one_night(home, day, each=given.each)
        found["seconds"].append(seconds)
        found["cpu"].append(cpu)
        for name, size in sizes(home).items():
            found["bytes"][name].append(size)
        for step, took in by_step(home).items():
            steps_of[step].append(took)
        if (number + 1) % _WRITE_EVERY == 0 or number + 1 == nights:
            figures = summary(found, steps_of, given.customers, first)
            write(given.json, "year", figures)
            out.print(f"{number + 1} of {nights} nights, the last {seconds:.1f} s, {cpu:.1f} s CPU", soft_wrap=True)
    return figures


def around(values: list[float], night: int) -> float:
    """The median of a night (counted from 1) and the five before and after it."""
    return middle(values[max(night - 1 - _AROUND, 0) : night + _AROUND])


def summary(
    found: Mapping[str, Any], steps_of: Mapping[str, list[float]], customers: int, first: date
) -> dict[str, Any]:
    """The early night beside the last: seconds, CPU, steps, bytes; and every night's figures."""
    nights = len(found["seconds"])
    late, early = nights - _AROUND, min(EARLY, max(nights // 2, 1))
    times = {u: {"early": around(found[u], early), "late": around(found[u], late)} for u in ("seconds", "cpu")}
    compared = {name: {"early": around(took, early), "late": around(took, late)} for name, took in steps_of.items()}
    grown = sorted(compared.items(), key=lambda item: item[1]["early"] - item[1]["late"])
    stages: dict[str, dict[str, float]] = defaultdict(lambda: {"early": 0.0, "late": 0.0})
    for name, both in compared.items():
        for when, took in both.items():
            stages[stage_of(name)][when] += took
    disk = {
        name: {
            "early": all_[early - 1],
            "late": all_[-1],
            # Over the last month, so that a month's close does not count as growth.
            "a_night": (all_[-1] - all_[max(nights - 1 - _DAYS_A_MONTH, 0)]) // min(_DAYS_A_MONTH, nights),
        }
        for name, all_ in found["bytes"].items()
    }
    return rounded(
        {
            "machine": machine(),
            "customers": customers,
            "first": str(first),
            "nights": nights,
            "compared": [early, late],
            **{f"{unit}_{when}": took for unit, both in times.items() for when, took in both.items()},
            "times_seconds": times["seconds"]["late"] / times["seconds"]["early"],
            "times_cpu": times["cpu"]["late"] / times["cpu"]["early"],
            "stages": dict(stages),
            "steps_that_grew": dict(grown[:12]),
            "bytes": disk,
            "every_night": {"seconds": found["seconds"], "cpu": found["cpu"], "bytes": dict(found["bytes"])},
        }
    )


def show(found: Mapping[str, Any]) -> None:
    """The figures as tables."""
    early, late = found["compared"]
    table = Table("medians of eleven nights", title=f"{found['nights']} nights of {found['customers']:,} customers")
    for name in (f"night {early}", f"night {late}", "times"):
        table.add_column(name, justify="right")
    for unit, label in (("seconds", "wall s"), ("cpu", "CPU s")):
        table.add_row(
            label, *(f"{found[f'{unit}_{when}']:.2f}" for when in ("early", "late")), f"{found[f'times_{unit}']:.2f}"
        )
    for label, group in (("stage", found["stages"]), ("step", found["steps_that_grew"])):
        for name, both in group.items():
            times = both["late"] / both["early"] if both["early"] else 0.0
            table.add_row(f"{label} {name}", f"{both['early']:.2f}", f"{both['late']:.2f}", f"{times:.2f}")
    out.print(table)
    disk = Table("on the disk", title="What a home keeps beside landing/")
    for name in (f"after night {early}, MB", "after the last, MB", "more a night in the last month, kB"):
        disk.add_column(name, justify="right")
    for name, one in found["bytes"].items():
        scale = (1, 1) if name == "files" else (1e6, 1e3)
        disk.add_row(
            "number of files" if name == "files" else name,
            *(f"{one[when] / scale[0]:,.1f}" for when in ("early", "late")),
            f"{one['a_night'] / scale[1]:,.1f}",
        )
    out.print(disk)


def main() -> None:
    """Runs the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=2000)
    parser.add_argument("--nights", type=int, default=365)
    parser.add_argument("--each", action="store_true", help="every night as a command of its own")
    parser.add_argument("--keep", type=Path, help="folder in which extracts and the home stay")
    parser.add_argument("--json", type=Path, help="also write the figures here, while it runs")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tierline-bench-") as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        operator = year_operator(folder, given.customers, given.nights)
        shutil.rmtree(folder / "home", ignore_errors=True)
        show(run_year(operator, folder / "home", given.nights, given))


if __name__ == "__main__":
    main()
