"""A year of nights in one home: does a night cost more as history grows, and what keeps growing on the disk?

Belongs here: landing each night's files as they come, seconds, CPU and sizes night by night. Does not: big nights
(night.py).

    python -m benchmarks.year --customers 2000 --nights 365 --json year.json

An hour later a machine that others share is another machine. So the home of night 30 is put by, and after the last
night copies of both homes go on with their next nights, one and the other in turns: the ratio of these pairs is what
history costs. `--only-turns` does that again from the same two homes.

The first night finds eighteen months of bills, payments and contacts; then every day's CDRs land, and each month's bill
run, payments, contacts and CRM delivery on their days. Nights run one after the other in this process, so that 365
starts of Python don't hide what grows; with --each every night is a `tierline run` of its own. Versions are kept by
count alone (keep_hours=0), because a simulated year passes within one day.
"""

from __future__ import annotations

import argparse
import gc
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
from pipelines.cli import collect_rarely
from pipelines.runs import run_night
from sample_data import generate
from tierline.verify import current_manifest

LAST = date(2024, 6, 30)
"""Day of the last night of the year; nights in turns come after it."""
EARLY = 30
"""The night that late ones are compared with: by then every window of a month is full."""
TURNS = 15
"""Days after the last night (and after the early one) that are made for nights in turns."""
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
    """An operator with CDRs on the last `nights` days and on those of the turns after them, a CRM delivery every month,
    and bills of 18 months before.
    """
    last = LAST + timedelta(days=TURNS)
    record, wanted = folder / "made.json", json.dumps({"customers": customers, "nights": nights, "last": str(last)})
    months = (nights + TURNS) // _DAYS_A_MONTH + 1
    if not record.exists():
        shutil.rmtree(folder / "making", ignore_errors=True)
        generate(
            folder / "making",
            customers=customers,
            as_of=last,
            bill_months=_HISTORY_MONTHS + months,
            cdr_days=nights + TURNS,
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
    gc.collect()  # as a process of its own begins
    started, used = time.perf_counter(), time.process_time()
    result = run_night(home, day, {"keep_hours": 0}, accept=_REASON)
    if not result.succeeded:
        sys.exit(f"the night of {day} failed: {'; '.join(failure.message for failure in result.failures)}")
    return time.perf_counter() - started, time.process_time() - used


def by_step(home: Path) -> dict[str, float]:
    """Seconds of each step of the last run."""
    return {name: end - start for name, start, end in steps(home)}


def early_night(nights: int) -> int:
    """The night that late ones are compared with, where fewer than a year are run too."""
    return min(EARLY, max(nights // 2, 1))


def run_year(operator: Operator, folder: Path, nights: int, given: argparse.Namespace) -> dict[str, Any]:
    """All nights; what each took, what lay on the disk after it, and the steps around the early and the last nights.
    The homes are `folder`/home and, put by after the early night, `folder`/early.
    """
    first = LAST - timedelta(days=nights - 1)
    found: dict[str, Any] = {"seconds": [], "cpu": [], "bytes": defaultdict(list)}
    home, young = folder / "home", folder / "early"
    landing = deliveries(operator, first)
    steps_of: dict[str, list[float]] = defaultdict(list)
    figures: dict[str, Any] = {}
    for number in range(nights):
        if number == early_night(nights):
            shutil.copytree(home, young, symlinks=True)
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


def in_turns(operator: Operator, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """The next nights of copies of both homes, one after the other: wall and CPU seconds of each, the median of the
    pairs' ratios and the medians of each step's seconds. The first of each is not counted: a copied home looks at its
    files again.
    """
    landing = deliveries(operator, LAST - timedelta(days=given.nights - 1))
    homes = {when: folder / "turns" / when for when in ("early", "late")}
    shutil.rmtree(folder / "turns", ignore_errors=True)
    shutil.copytree(folder / "early", homes["early"], symlinks=True)
    shutil.copytree(folder / "home", homes["late"], symlinks=True)
    after = {when: current_manifest(home / "published" / "customer_tiers").as_of_date for when, home in homes.items()}
    found: dict[str, Any] = {when: {"seconds": [], "cpu": []} for when in homes}
    steps_of: dict[str, dict[str, list[float]]] = {when: defaultdict(list) for when in homes}
    for turn in range(given.turns + 1):
        for when, home in homes.items():
            day = after[when] + timedelta(days=turn + 1)
            land(landing.get(day, []), home)
            seconds, cpu = one_night(home, day, each=given.each)
            if turn == 0:
                continue
            found[when]["seconds"].append(seconds)
            found[when]["cpu"].append(cpu)
            for step, took in by_step(home).items():
                steps_of[when][step].append(took)
    for unit in ("seconds", "cpu"):
        pairs = zip(found["early"][unit], found["late"][unit], strict=True)
        found[f"times_{unit}"] = middle([late / early for early, late in pairs])
    found["steps"] = {
        step: {when: middle(steps_of[when][step]) for when in homes if step in steps_of[when]}
        for step in steps_of["late"]
    }
    return found


def around(values: list[float], night: int) -> float:
    """The median of a night (counted from 1) and the five before and after it."""
    return middle(values[max(night - 1 - _AROUND, 0) : night + _AROUND])


def summary(
    found: Mapping[str, Any], steps_of: Mapping[str, list[float]], customers: int, first: date
) -> dict[str, Any]:
    """The early night beside the last: seconds, CPU, steps, bytes; and every night's figures."""
    nights = len(found["seconds"])
    late, early = nights - _AROUND, early_night(nights)
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
    turns = found["turns"]
    for unit, label in (("seconds", "wall s"), ("cpu", "CPU s")):
        both = (f"{middle(turns[when][unit]):.2f}" for when in ("early", "late"))
        table.add_row(f"in turns, {label}", *both, f"{turns[f'times_{unit}']:.2f}")
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
    parser.add_argument("--turns", type=int, default=9, help=f"pairs of nights in turns, at most {TURNS - 1}")
    parser.add_argument("--only-turns", action="store_true", help="the nights in turns again, from the homes of --keep")
    parser.add_argument("--each", action="store_true", help="every night as a command of its own")
    parser.add_argument("--keep", type=Path, help="folder in which extracts and the home stay")
    parser.add_argument("--json", type=Path, help="also write the figures here, while it runs")
    given = parser.parse_args()
    if not 1 <= given.turns < TURNS:
        parser.error(f"--turns is {given.turns}; give 1 to {TURNS - 1}")
    if given.only_turns and not (given.keep and given.json):
        parser.error("--only-turns goes on with the homes in --keep and the figures in --json: give both")
    collect_rarely()
    with tempfile.TemporaryDirectory(prefix="tierline-bench-") as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        operator = year_operator(folder, given.customers, given.nights)
        if given.only_turns:
            figures = json.loads(given.json.read_text(encoding="utf-8"))
        else:
            for left in ("home", "early"):
                shutil.rmtree(folder / left, ignore_errors=True)
            figures = run_year(operator, folder, given.nights, given)
        figures["turns"] = rounded(in_turns(operator, folder, given))
        write(given.json, "year", figures)
        show(figures)


if __name__ == "__main__":
    main()
