"""A cold load and one steady night of a generated operator, stage by stage, beside the same work with other tools.

Belongs here: the order of the runs and their ratios. Does not: watching, dividing, baselines (modules of those names).

    python -m benchmarks.night --customers 1000000 --cdrs 4000000 --keep /tmp/operator --json night.json

The history is loaded by a first `tierline run` as of the day before (the cold load); then a day of CDRs and a bill run
land and a second one is the steady night. What a night costs without data is the same on a home of ten customers.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from benchmarks.baselines.work import MEASURES
from benchmarks.beside import columns, perform, usage_work
from benchmarks.made_operator import AS_OF, DAY_BEFORE, Operator, Size, land, made_operator
from benchmarks.results import machine, middle, rounded, write
from benchmarks.stages import by_stage, steps
from benchmarks.watch import Figures, Watched, watch
from data_contracts import contract_names
from pipelines.settings import SETTINGS_FILE

FLOOR = "duckdb"
BASELINES = {FLOOR: "bare DuckDB (the floor)", "polars": "Polars", "pandas": "pandas", "spark": "PySpark local[2]"}
_SAME_WORK = ("intake", "rollups")
_FIXED = Size(customers=10, cdrs=40)
out = Console(width=118, highlight=False)


@dataclass(frozen=True)
class Night:
    """A home's steady night with its stages and steps (seconds, longest first), and the same night once more."""

    all: Figures
    stages: dict[str, Figures]
    seconds_by_step: dict[str, float]
    again: Figures | None


def tierline(home: Path, as_of: date) -> Watched:
    """One `tierline run` as a process of its own. A made-up operator has nobody to ask about a gate."""
    command = [sys.executable, "-m", "benchmarks.command", "run", "--as-of", as_of.isoformat(), "--home", str(home)]
    return watch([*command, "--accept", "generated for a benchmark"])


def keep_settings(home: Path, settings: list[str]) -> None:
    """Writes settings (`name=value`) into a home, where every run of it finds them."""
    home.mkdir(parents=True, exist_ok=True)
    lines = [f"{name}: {value}\n" for name, _, value in (one.partition("=") for one in settings)]
    (home / SETTINGS_FILE).write_text("".join(lines), encoding="utf-8")


def cold_load(operator: Operator, home: Path, settings: list[str], *, loaded: Path | None = None) -> Figures:
    """Loads the history into an empty home under these settings. With `loaded` the home is kept there; where it is kept
    already, it is taken from there with the figures of then.
    """
    shutil.rmtree(home, ignore_errors=True)
    if loaded is not None and (loaded / "cold.json").exists():
        shutil.copytree(loaded / "home", home)
        keep_settings(home, settings)
        return Figures(**json.loads((loaded / "cold.json").read_text(encoding="utf-8")))
    keep_settings(home, settings)
    land(operator.history(), home)
    cold = tierline(home, DAY_BEFORE).figures()
    if loaded is not None:
        shutil.copytree(home, loaded / "home")
        (loaded / "cold.json").write_text(json.dumps(rounded(cold)), encoding="utf-8")
    return cold


def steady_night(operator: Operator, home: Path, *, once: bool = False) -> Night:
    """Lands the night's files in a loaded home and runs it, then, unless `once`, once more with nothing new."""
    land(operator.night(), home)
    night = tierline(home, AS_OF)
    taken = steps(home)
    again = None if once else tierline(home, AS_OF).figures()
    by_step = {name: end - start for name, start, end in sorted(taken, key=lambda step: step[1] - step[2])}
    return Night(night.figures(), by_stage(night, taken), by_step, again)


def beside_bare(operator: Operator, folder: Path, cold: Figures, fixed: Figures) -> dict[str, Any]:
    """A cold load beside bare DuckDB, CSV to tables."""
    extracts = {name: [str(f) for f in operator.history(name)] for name in contract_names("staging")}
    bare, process = perform("baselines.cold_load", {"extracts": extracts, "columns": columns()}, folder)
    return {
        "all": cold,
        "fixed": fixed,
        "rows": sum(bare["sums"].values()),
        "bare": {"seconds": bare["seconds"], "process": process},
        "times_bare": cold.less(fixed).wall / bare["seconds"],
        "times_bare_cpu": cold.less(fixed).cpu / bare["cpu"],
    }


def run_baselines(operator: Operator, folder: Path, names: list[str], spark: str, repeat: int) -> dict[str, Any]:
    """Each baseline `repeat` times, one after the other in turns; leaves where they do not come to the same sums."""
    work = usage_work(operator.night("cdr"), operator.night("bills"))
    found: dict[str, list[Any]] = {name: [] for name in names}
    for _ in range(repeat):
        for name in names:
            interpreter = spark if name == "spark" else sys.executable
            found[name].append(perform(f"baselines.with_{name}", work, folder, interpreter))
    sums = {name: runs[0][0]["sums"] for name, runs in found.items()}
    unequal = [name for name in names if sums[name] != sums[FLOOR]]
    if unequal:
        sys.exit(f"the baselines did unequal work, nothing can be compared: {json.dumps(sums, indent=1)}")
    return {
        name: {
            "seconds": middle([report["seconds"] for report, _ in runs]),
            "process": min((figures for _, figures in runs), key=lambda figures: figures.wall),
            # Spark works in a process of its own beside Python's, which counts itself alone.
            "cpu": middle([figures.cpu if name == "spark" else report["cpu"] for report, figures in runs]),
            "peak_mib": max(figures.peak_mib for _, figures in runs),
            "sums": sums[name],
        }
        for name, runs in found.items()
    }


def require_equal_work(home: Path, sums: Mapping[str, str]) -> None:
    """Leaves unless the night's own rollup of the day has the baselines' sums. Contacts are counted a line there, not a
    number, so they may differ by lines with two numbers a day.
    """
    names = [name for name in MEASURES if name != "distinct_contacts"]
    files = home / "published" / "usage_daily" / f"usage_date={AS_OF.isoformat()}" / "*.parquet"
    selected = ", ".join(f"sum({name})::decimal(38, 4)::varchar" for name in names)
    row = duckdb.sql(f"select {selected} from read_parquet('{files}')").fetchall()[0]
    wrong = {n: (v, sums[n]) for n, v in zip(names, row, strict=True) if float(v or 0) != float(sums[n])}
    if wrong:
        sys.exit(f"the night's rollup differs from the floor's: {wrong}")


def measure(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All runs of one size, and the ratios between them."""
    size = Size(given.customers, given.cdrs, given.days, given.bill_months, given.deliveries)
    found: dict[str, Any] = {"machine": machine()}
    operator, tiny = made_operator(folder, size), made_operator(folder / "ten", _FIXED)
    trial = folder / "trial"
    trial.mkdir(exist_ok=True)
    out.print(f"{size.customers:,} customers, {size.cdrs:,} CDRs a day, {size.days} days: cold load, then the night")
    home = given.loaded or trial / "home"
    if given.loaded is None:
        cold = cold_load(operator, home, given.set, loaded=folder / "loaded" if given.reuse_history else None)
    cold_fixed = cold_load(tiny, trial / "ten", given.set)
    # Right before the night, because other work on the machine changes from minute to minute.
    fixed = steady_night(tiny, trial / "ten")
    full = steady_night(operator, home, once=given.loaded is not None)
    if given.loaded is None:
        found["cold"] = beside_bare(operator, trial, cold, cold_fixed)
    names = [name for name in BASELINES if name not in given.skip]
    if "spark" in names and (given.spark_python is None or not given.spark_python.is_file()):
        out.print(f"PySpark is left out: no interpreter {given.spark_python}. Name one that has it by --spark-python")
        names.remove("spark")
    baselines = run_baselines(operator, trial, names, str(given.spark_python), given.repeat)
    require_equal_work(home, baselines[FLOOR]["sums"])
    shutil.rmtree(trial)
    net = full.all.less(fixed.all)
    same = {s: full.stages[s].less(fixed.stages[s]) for s in _SAME_WORK}
    same_wall, same_cpu = (sum(getattr(f, name) for f in same.values()) for name in ("wall", "cpu"))
    found |= {
        "size": {
            "customers": size.customers,
            "cdrs": int(baselines[FLOOR]["sums"]["records"]),
            "bills": int(baselines[FLOOR]["sums"]["bills"]),
            "days": size.days,
            "bill_months": size.bill_months,
            "history_bytes": sum(file.stat().st_size for file in operator.history()),
            "night_bytes": sum(file.stat().st_size for file in operator.night()),
        },
        "settings": given.set,
        "fixed": {"all": fixed.all, "stages": fixed.stages},
        "night": {"all": full.all, "net": net, "stages": full.stages, "seconds_by_step": full.seconds_by_step},
        **({} if full.again is None else {"again": full.again}),
        "baselines": baselines,
        "ratios": {
            "night net / floor": net.wall / baselines[FLOOR]["seconds"],
            "night net / floor, CPU": net.cpu / baselines[FLOOR]["cpu"],
            **{f"same work / {name}": same_wall / one["seconds"] for name, one in baselines.items()},
            **{f"same work / {name}, CPU": same_cpu / one["cpu"] for name, one in baselines.items()},
        },
    }
    return rounded(found)


def show(found: dict[str, Any]) -> None:
    """The figures as tables."""
    size = found["size"]
    title = f"The night: {size['customers']:,} customers, {size['cdrs']:,} CDRs, {size['bills']:,} bills"
    night = Table("stage", title=title)
    for name in ("wall s", "CPU s", "peak MiB", "read MiB", "written MiB", "wall s, ten customers"):
        night.add_column(name, justify="right")
    fixed = found["fixed"]["stages"]
    for stage, f in [*found["night"]["stages"].items(), ("all", found["night"]["all"])]:
        ten = found["fixed"]["all"] if stage == "all" else fixed.get(stage, {"wall": 0})
        numbers = (f["wall"], f["cpu"]), (f["peak_mib"], f["read_mib"], f["written_mib"])
        night.add_row(
            stage, *(f"{n:,.2f}" for n in numbers[0]), *(f"{n:,.0f}" for n in numbers[1]), f"{ten['wall']:.2f}"
        )
    out.print(night)
    others = Table("the same reading and rolling up", title="The same work with other tools")
    for name in ("work s", "process s", "CPU s", "peak MiB", "Tierline's stages take x times this"):
        others.add_column(name, justify="right")
    for name, one in found["baselines"].items():
        others.add_row(
            BASELINES[name], f"{one['seconds']:.2f}", f"{one['process']['wall']:.2f}", f"{one['cpu']:.2f}",
            f"{one['peak_mib']:,.0f}", f"{found['ratios'][f'same work / {name}']:.2f}",
        )  # fmt: skip
    out.print(others)
    ratios, all_, net = found["ratios"], found["night"]["all"], found["night"]["net"]
    if (cold := found.get("cold")) is not None:
        out.print(
            f"cold load of {cold['rows']:,} rows: {cold['all']['wall']:.1f} s, {cold['all']['peak_mib']:,.0f} MiB; "
            f"without the fixed cost {cold['times_bare']:.2f} x bare DuckDB, CSV to tables, which takes "
            f"{cold['bare']['seconds']:.1f} s"
        )
    out.print(
        f"night: {all_['wall']:.1f} s, {all_['peak_mib']:,.0f} MiB; without the fixed cost of "
        f"{found['fixed']['all']['wall']:.1f} s: {net['wall']:.1f} s, {ratios['night net / floor']:.1f} x the floor "
        f"({ratios['night net / floor, CPU']:.1f} x in CPU)"
    )
    if "again" in found:
        out.print(f"the same night again, nothing new: {found['again']['wall']:.1f} s")


def main() -> None:
    """Runs the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--cdrs", type=int, help="CDRs of a day; four a customer by default")
    parser.add_argument("--days", type=int, default=8, help="days of CDRs, the night's own among them")
    parser.add_argument("--bill-months", type=int, default=18, help="months of bills, payments and contacts")
    parser.add_argument("--deliveries", type=int, default=3, help="deliveries of the CRM (the newest left out)")
    parser.add_argument("--keep", type=Path, help="folder in which the generated extracts stay for the next time")
    parser.add_argument("--reuse-history", action="store_true", help="keep the loaded home too, and start from it")
    parser.add_argument(
        "--loaded", type=Path, metavar="HOME", help="a home that has the history already: no cold load, one night in it"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the homes made here, not of HOME"
    )
    parser.add_argument("--repeat", type=int, default=3, help="runs of each baseline; medians count")
    parser.add_argument("--skip", type=lambda text: text.split(","), default=[], help="baselines to leave out")
    parser.add_argument("--spark-python", type=Path, help="an interpreter that has pyspark; left out without one")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    given = parser.parse_args()
    given.cdrs = 4 * given.customers if given.cdrs is None else given.cdrs
    if FLOOR in given.skip:
        parser.error("the floor can't be left out: all ratios stand on it")
    with tempfile.TemporaryDirectory(prefix="tierline-bench-") as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        found = measure(given, folder)
    write(given.json, "night", found)
    show(found)


if __name__ == "__main__":
    main()
