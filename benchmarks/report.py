"""Results written into docs/performance.md, between its marks, and drawn beside it: no figure is typed by hand.

Belongs here: rendering JSON as Markdown and charts. Does not: measuring.

    python -m benchmarks.report            # benchmarks/results/*.json -> docs/performance.md, docs/images/

A mark is `<!-- figures: NAME -->`, its end `<!-- end -->`; NAME is that of a section below. What was not measured yet
says how to measure it.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.pictures import lines, part_bars
from benchmarks.results import middle

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "images"
_MARKED = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end -->)", flags=re.S)
_TOOLS = {"duckdb": "bare DuckDB (the floor)", "polars": "Polars", "pandas": "pandas", "spark": "PySpark local[2]"}
_MIB_A_GIB = 1024
Results = Mapping[str, list[dict[str, Any]]]


class MarkError(ValueError):
    """A mark in the page that no section has; the message names both."""


def read_results(folder: Path) -> Results:
    """Results by benchmark, each sorted by its customers."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(folder.glob("*.json")):
        one = json.loads(path.read_text(encoding="utf-8"))
        found.setdefault(one["benchmark"], []).append(one)
    return {name: sorted(several, key=customers_of) for name, several in found.items()}


def customers_of(result: Mapping[str, Any]) -> int:
    """How many customers a result is of."""
    return int(result["size"]["customers"] if "size" in result else result["customers"])


def rendered(page: str, results: Results) -> str:
    """The page with every marked place filled anew. Raises MarkError for a mark that no section has."""

    def fill(match: re.Match[str]) -> str:
        if match[2] not in SECTIONS:
            raise MarkError(f"no section {match[2]!r}; there are: {', '.join(SECTIONS)}")
        benchmark, command, section = SECTIONS[match[2]]
        text = section(results[benchmark]) if results.get(benchmark) else f"Not measured yet: `{command}`."
        return f"{match[1]}{text.strip()}\n{match[3]}"

    return _MARKED.sub(fill, page)


def charts(results: Results) -> dict[str, str]:
    """SVG text by file name."""
    drawn = {}
    for night in results.get("night", []):
        name = f"performance-night-{customers_of(night)}.svg"
        stages = {stage: one["wall"] for stage, one in night["night"]["stages"].items()}
        ten = {stage: one["wall"] for stage, one in night["fixed"]["stages"].items()}
        title = f"A night of {customers_of(night):,} customers, {night['size']['cdrs']:,} CDRs, stage by stage"
        tools = {_TOOLS[tool]: {"reading and rolling up": one["seconds"]} for tool, one in night["baselines"].items()}
        drawn[name] = part_bars(title, {"the night": stages, "ten customers": ten, **tools}, "s")
    for year in results.get("year", []):
        every = year["every_night"]
        title = f"{year['nights']} nights of {year['customers']:,} customers"
        drawn["performance-year-seconds.svg"] = lines(title, {"wall": every["seconds"], "CPU": every["cpu"]}, "seconds")
        sizes = {
            name: [size / 1e6 for size in all_] for name, all_ in every["bytes"].items() if name not in ("files", "all")
        }
        drawn["performance-year-disk.svg"] = lines(title, sizes, "MB on the disk")
    return drawn


def _table(head: list[str], rows: list[list[str]]) -> str:
    ruler = ["---", *["--:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ruler, *rows))


def _machine(result: Mapping[str, Any]) -> str:
    one = result["machine"]
    versions = ", ".join(f"{name} {one[name.lower()]}" for name in ("Python", "DuckDB", "Polars", "pandas", "Dagster"))
    return f"{one['cores']} cores, {one['memory_gib']:.0f} GiB, load {one['load']}; {versions}"


def _stages(nights: list[dict[str, Any]]) -> str:
    parts = []
    for night in nights:
        size, all_ = night["size"], night["night"]["all"]
        head = ["stage", "wall s", "CPU s", "peak MiB", "read MiB", "written MiB", "ten customers, wall s"]
        rows = []
        for stage, one in [*night["night"]["stages"].items(), ("**all**", all_)]:
            ten = night["fixed"]["all"] if stage == "**all**" else night["fixed"]["stages"].get(stage, {"wall": 0.0})
            rows.append(
                [
                    stage,
                    *(f"{one[name]:.1f}" for name in ("wall", "cpu")),
                    *(f"{one[name]:,.0f}" for name in ("peak_mib", "read_mib", "written_mib")),
                    f"{ten['wall']:.1f}",
                ]
            )
        counts = (
            f"{size['customers']:,} customers, {size['cdrs']:,} CDRs, {size['bills']:,} bills, "
            f"{size['days']} days of CDRs, {size['bill_months']} months of bills"
        )
        parts.append(
            f"**{counts}** ({_machine(night)})\n\n"
            f"{_table(head, rows)}\n\n"
            f"![The night, stage by stage](images/performance-night-{size['customers']}.svg)\n"
        )
    return "\n".join(parts)


def _bounds(nights: list[dict[str, Any]]) -> str:
    head = [
        "customers",
        "CDRs",
        "days of CDRs",
        "months of bills",
        "night",
        "peak",
        "fixed cost",
        "(night − fixed) ÷ floor",
        "in CPU",
        "nothing new",
    ]
    rows = [
        [
            f"{night['size']['customers']:,}",
            f"{night['size']['cdrs']:,}",
            f"{night['size']['days']}",
            f"{night['size']['bill_months']}",
            f"{night['night']['all']['wall']:.1f} s",
            f"{night['night']['all']['peak_mib'] / _MIB_A_GIB:.1f} GiB",
            f"{night['fixed']['all']['wall']:.1f} s",
            f"{night['ratios']['night net / floor']:.2f}",
            f"{night['ratios']['night net / floor, CPU']:.2f}",
            f"{night['again']['wall']:.1f} s" if "again" in night else "not run",
        ]
        for night in nights
    ]
    return _table(head, rows)


def _tools(nights: list[dict[str, Any]]) -> str:
    head = ["customers", "tool", "work s", "process s", "CPU s", "peak MiB", "intake and rollups ÷ this", "in CPU"]
    rows = [
        [
            f"{night['size']['customers']:,}",
            _TOOLS[tool],
            f"{one['seconds']:.1f}",
            f"{one['process']['wall']:.1f}",
            f"{one['cpu']:.1f}",
            f"{one['peak_mib']:,.0f}",
            f"{night['ratios'][f'same work / {tool}']:.2f}",
            f"{night['ratios'][f'same work / {tool}, CPU']:.2f}",
        ]
        for night in nights
        for tool, one in night["baselines"].items()
    ]
    return _table(head, rows)


def _cold(nights: list[dict[str, Any]]) -> str:
    head = ["customers", "rows", "cold load", "peak", "bare DuckDB, CSV to tables", "times", "in CPU"]
    rows = [
        [
            f"{night['size']['customers']:,}",
            f"{night['cold']['rows']:,}",
            f"{night['cold']['all']['wall']:.1f} s",
            f"{night['cold']['all']['peak_mib'] / _MIB_A_GIB:.1f} GiB",
            f"{night['cold']['bare']['seconds']:.1f} s",
            f"{night['cold']['times_bare']:.2f}",
            f"{night['cold']['times_bare_cpu']:.2f}",
        ]
        for night in nights
        if "cold" in night
    ]
    return _table(head, rows)


def _intake(results: list[dict[str, Any]]) -> str:
    seconds = ("bare DuckDB s", "intake s", "times", "DuckDB CPU s", "intake CPU s", "times")
    head = ["what", "records", "form", *seconds, "medians of"]
    rows = [
        [
            "a day of CDRs, rolled up" if one["what"] == "cdr" else "all bill runs",
            f"{one['records']:,}",
            one["form"],
            *(f"{one[side]['seconds']:.2f}" for side in ("floor", "ours", "ratios")),
            *(f"{one[side]['cpu']:.2f}" for side in ("floor", "ours", "ratios")),
            str(len(one["repetitions"])),
        ]
        for one in results
    ]
    return f"{_table(head, rows)}\n\n{_machine(results[-1])}"


def _demo(demos: list[dict[str, Any]]) -> str:
    one = demos[-1]
    head = ["wall s", "CPU s", "peak MiB", *(f"{stage} s" for stage in one["stages"])]
    row = [f"{one['seconds']:.1f}", f"{one['cpu']:.1f}", f"{one['peak_mib']:,.0f}"]
    return f"{_table(head, [row + [f'{seconds:.1f}' for seconds in one['stages'].values()]])}\n\n{_machine(one)}"


def _turns(turns: Mapping[str, Any]) -> list[list[str]]:
    rows = []
    for unit, label in (("seconds", "wall s"), ("cpu", "CPU s")):
        both = [f"{middle(turns[when][unit]):.2f}" for when in ("early", "late")]
        pairs = f"in turns, {len(turns['late'][unit])} pairs, {label}"
        rows.append([pairs, *both, f"{turns[f'times_{unit}']:.2f}"])
    return rows


def _year(years: list[dict[str, Any]]) -> str:
    year = years[-1]
    early, late = (f"night {number}" for number in year["compared"])
    rows = [
        [label, f"{year[f'{unit}_early']:.2f}", f"{year[f'{unit}_late']:.2f}", f"{year[f'times_{unit}']:.2f}"]
        for unit, label in (("seconds", "wall s"), ("cpu", "CPU s"))
    ]
    rows += _turns(year["turns"]) if "turns" in year else []  # figures are written while the year still runs
    disk = [
        [name, f"{one['early'] / 1e6:,.1f}", f"{one['late'] / 1e6:,.1f}", f"{one['a_night'] / 1e3:,.1f}"]
        for name, one in year["bytes"].items()
        if name != "files"
    ]
    return (
        f"{year['nights']} nights of {year['customers']:,} customers ({_machine(year)})\n\n"
        f"{_table(['medians of eleven nights, or of pairs', early, late, 'times'], rows)}\n\n"
        "![Seconds a night](images/performance-year-seconds.svg)\n\n"
        f"{_table(['on the disk', f'MB after {early}', 'MB after the last', 'kB more a night, last month'], disk)}\n\n"
        "![Sizes night by night](images/performance-year-disk.svg)"
    )


SECTIONS: Mapping[str, tuple[str, str, Callable[[list[dict[str, Any]]], str]]] = {
    "bounds": ("night", "make bench-night", _bounds),
    "stages": ("night", "make bench-night", _stages),
    "tools": ("night", "make bench-night", _tools),
    "cold": ("night", "make bench-night", _cold),
    "intake": ("intake", "make bench-intake", _intake),
    "year": ("year", "make bench-year", _year),
    "demo": ("demo", "make bench-demo", _demo),
}
"""Name of a mark -> whose results it shows, the command that makes them, how they are written."""


def main() -> None:
    """Writes the page and the charts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the JSON files")
    given = parser.parse_args()
    results = read_results(given.results)
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")
    for old in IMAGES.glob("performance-*.svg"):
        old.unlink()
    for name, picture in charts(results).items():
        (IMAGES / name).write_text(picture, encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} shows {sum(map(len, results.values()))} results")


if __name__ == "__main__":
    main()
