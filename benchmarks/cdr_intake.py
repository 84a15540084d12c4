"""Intake alone beside bare DuckDB: a day of CDRs with all its accounting, or eighteen bill runs, each on its own.

Belongs here: preparing homes, alternating repetitions, ratios. Does not: a whole night (night.py).

    python -m benchmarks.cdr_intake --cdrs 4000000 --keep /tmp/operator
    python -m benchmarks.cdr_intake --customers 1000000 --bills --keep /tmp/operator

CDRs: seven days of the same volume are accepted already, so the duplicate check has its whole window. Ours is
everything from opening the warehouse to closing it: digests, prescan, types, reasons, keys, ledger, accepted rows, the
day's rollup by the line that held the number. The floor is bare DuckDB reading the same file into a table of a fresh
file, each column typed, and rolling up the same measures by number. Files are plain CSV unless --form gz: unpacking is
the same for both and would only bring the ratio nearer to one.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.baselines.work import MEASURES
from benchmarks.beside import columns, perform, usage_work
from benchmarks.made_operator import AS_OF, DAY_BEFORE, Operator, Size, land, made_operator, unpacked
from benchmarks.results import machine, middle, rounded, write

out = Console(width=118, highlight=False)


def loaded_home(operator: Operator) -> Path:
    """A home with lines, customers and the days of CDRs before, accepted and rolled up; kept with the operator."""
    ready = operator.folder / "seven_days"
    if not ready.exists():
        making = operator.folder / "seven_days.making"
        shutil.rmtree(making, ignore_errors=True)
        land(operator.history("customers", "subscriptions", "cdr"), making)
        perform("intake_alone", _work(making, DAY_BEFORE, rollup=True, prepare=True), operator.folder)
        making.rename(ready)
    return ready


def _work(home: Path, as_of: date, *, rollup: bool, prepare: bool = False) -> dict[str, Any]:
    return {"home": str(home), "as_of": as_of.isoformat(), "rollup": rollup, "prepare": prepare}


def cdr_pair(operator: Operator, files: list[Path], trial: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """One repetition of a day of CDRs: the floor's report and ours. Leaves where they come to different sums."""
    floor, _ = perform("baselines.with_duckdb", usage_work(files, []), trial)
    home = trial / "home"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(loaded_home(operator), home)
    # A copied archive is read once more, as each file looks new; no night does that, so it is not one's cost.
    perform("intake_alone", _work(home, DAY_BEFORE, rollup=False), trial)
    land(files, home)
    ours, _ = perform("intake_alone", _work(home, AS_OF, rollup=True), trial)
    found = ours["sums"]["measures"]
    # Contacts are counted a line in ours and a number in the floor: equal but for lines of two numbers in one day.
    wrong = [n for n in MEASURES if n != "distinct_contacts" and float(found[n]) != float(floor["sums"][n])]
    if wrong:
        sys.exit(f"unequal work: {[(name, found[name], floor['sums'][name]) for name in wrong]}")
    return floor, ours


def bills_pair(files: list[Path], trial: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """One repetition of all bill runs into an empty home. Leaves where rows were lost."""
    work = {"extracts": {"bills": [str(f) for f in files]}, "columns": columns()}
    floor, _ = perform("baselines.cold_load", work, trial)
    home = trial / "home"
    shutil.rmtree(home, ignore_errors=True)
    land(files, home)
    ours, _ = perform("intake_alone", _work(home, AS_OF, rollup=False), trial)
    if ours["sums"]["accepted"] != floor["sums"]["bills"]:
        sys.exit(f"unequal work: {ours['sums']} beside {floor['sums']}")
    return floor, ours


def compare(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    """Medians of both sides, and the median of the ratios of each pair."""
    sides = {
        name: {unit: middle([pair[side][unit] for pair in pairs]) for unit in ("seconds", "cpu")}
        for side, name in enumerate(("floor", "ours"))
    }
    ratios = {unit: middle([ours[unit] / floor[unit] for floor, ours in pairs]) for unit in ("seconds", "cpu")}
    every = [{"floor": floor["seconds"], "ours": ours["seconds"]} for floor, ours in pairs]
    parts = {name: middle([ours["sums"]["parts"][name] for _, ours in pairs]) for name in pairs[0][1]["sums"]["parts"]}
    records = pairs[0][1]["sums"]["records"]
    return {"records": records, **sides, "parts": parts, "ratios": ratios, "repetitions": every}


def main() -> None:
    """Runs the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cdrs", type=int, help="CDRs of a day; four a customer by default")
    parser.add_argument("--customers", type=int, help="a fourth of the CDRs by default, else 250,000")
    parser.add_argument("--days", type=int, default=8, help="days of CDRs, the measured one among them")
    parser.add_argument("--bills", action="store_true", help="measure the eighteen bill runs instead")
    parser.add_argument("--form", choices=("csv", "gz"), default="csv", help="how the measured files are delivered")
    parser.add_argument("--repeat", type=int, default=3, help="alternating repetitions; medians count")
    parser.add_argument("--keep", type=Path, help="folder in which the generated extracts stay for the next time")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    given = parser.parse_args()
    customers = given.customers or (given.cdrs or 1_000_000) // 4
    size = Size(customers, 4 * customers if given.cdrs is None else given.cdrs, given.days)
    with tempfile.TemporaryDirectory(prefix="tierline-bench-") as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        operator = made_operator(folder, size)
        files = operator.files("bills") if given.bills else operator.night("cdr")
        if given.form == "csv":
            files = unpacked(files, folder / "plain")
        trial = folder / "trial-intake"
        trial.mkdir(exist_ok=True)
        pairs = [
            bills_pair(files, trial) if given.bills else cdr_pair(operator, files, trial) for _ in range(given.repeat)
        ]
        shutil.rmtree(trial)
    what = "bills" if given.bills else "cdr"
    found = rounded({"machine": machine(), "what": what, "form": given.form, "customers": customers, **compare(pairs)})
    write(given.json, "intake", found)
    show(found)


def show(found: dict[str, Any]) -> None:
    """The figures as a table."""
    title = f"{found['records']:,} {'bills' if found['what'] == 'bills' else 'CDRs'} as {found['form']}, medians"
    table = Table("", title=title)
    for name in ("wall s", "CPU s"):
        table.add_column(name, justify="right")
    for name, side in (
        ("bare DuckDB (the floor)", "floor"),
        ("intake with its accounting", "ours"),
        ("times", "ratios"),
    ):
        table.add_row(name, f"{found[side]['seconds']:.2f}", f"{found[side]['cpu']:.2f}")
    out.print(table)
    out.print("of it " + ", ".join(f"{name} {seconds:.2f}" for name, seconds in found["parts"].items()))
    every = ", ".join(f"{one['ours']:.2f} / {one['floor']:.2f}" for one in found["repetitions"])
    out.print(f"each repetition, wall seconds: {every}")


if __name__ == "__main__":
    main()
