"""Figures get from results to the page by machine only, and the page shows the results that are there.

Belongs here: rendering, the year's comparison. Does not: measuring.
"""

import re
from datetime import date
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.year import deliveries, summary

ROOT = Path(__file__).parents[3]


def test_the_page_and_its_charts_show_the_results_that_are_there() -> None:
    results = report.read_results(report.RESULTS)
    written = report.PAGE.read_text(encoding="utf-8")
    assert written == report.rendered(written, results), "run: make bench-report"
    charts = report.charts(results)
    drawn = {path.name: path.read_text(encoding="utf-8") for path in report.IMAGES.glob("performance-*.svg")}
    assert drawn == charts, "run: make bench-report"
    assert set(re.findall(r"images/(performance-[\w-]+\.svg)", written)) == set(charts)


def test_a_mark_is_filled_and_filled_again() -> None:
    page = "before\n<!-- figures: year -->\nold\n<!-- end -->\nafter\n"
    year = summary(_found(60), {"intake": [1.0] * 60}, 500, date(2024, 1, 1))
    once = report.rendered(page, {"year": [year]})
    assert once.startswith("before\n<!-- figures: year -->\n60 nights of 500 customers")
    assert once.endswith("\n<!-- end -->\nafter\n")
    assert "old" not in once
    assert report.rendered(once, {"year": [year]}) == once
    assert "Not measured yet: `make bench-year`." in report.rendered(page, {})


def test_nights_in_turns_are_shown_beside_those_of_the_year() -> None:
    year = summary(_found(60), {"intake": [1.0] * 60}, 500, date(2024, 1, 1))
    page = "<!-- figures: year -->\n<!-- end -->"
    assert "in turns" not in report.rendered(page, {"year": [year]})
    times = {"early": {"seconds": [2.0, 4.0, 9.0], "cpu": [1.0] * 3}, "late": {"seconds": [3.0] * 3, "cpu": [2.0] * 3}}
    year["turns"] = {**times, "times_seconds": 1.1, "times_cpu": 2.0}
    shown = report.rendered(page, {"year": [year]})
    assert "| in turns, 3 pairs, wall s | 4.00 | 3.00 | 1.10 |" in shown
    assert "| in turns, 3 pairs, CPU s | 1.00 | 2.00 | 2.00 |" in shown


def test_an_unknown_mark_is_named() -> None:
    with pytest.raises(report.MarkError, match="no section 'yaer'"):
        report.rendered("<!-- figures: yaer -->\n<!-- end -->", {})


def _found(nights: int) -> dict:
    return {
        "seconds": [10.0 + n / 10 for n in range(nights)],
        "cpu": [5.0] * nights,
        "bytes": {"warehouse.duckdb": [1000 + 100 * n for n in range(nights)], "files": [9] * nights},
    }


def test_late_nights_are_compared_with_the_thirtieth() -> None:
    steps = {"intake": [1.0] * 30 + [3.0] * 30, "features__customer": [2.0] * 60}
    found = summary(_found(60), steps, 500, date(2024, 1, 1))
    assert found["compared"] == [30, 55]
    assert (found["seconds_early"], found["seconds_late"]) == (12.9, 15.4)
    assert found["times_seconds"] == round(15.4 / 12.9, 3)
    assert found["times_cpu"] == 1.0
    assert found["bytes"]["warehouse.duckdb"] == {"early": 3900, "late": 6900, "a_night": 100}
    assert found["stages"]["intake"] == {"early": 1.0, "late": 3.0}
    assert next(iter(found["steps_that_grew"])) == "intake"


class _Files:
    def __init__(self, *names: str) -> None:
        self.names = names

    def files(self) -> list[Path]:
        return [Path(name) for name in self.names]


def test_files_land_on_their_day_and_older_ones_before_the_first_night() -> None:
    files = _Files("bills/bills_20230105.csv.gz", "cdr/cdr_20240102.csv.gz", "cdr/cdr_20240102_2.csv.gz")
    landing = deliveries(files, date(2024, 1, 1))
    assert {day: [f.name for f in files] for day, files in landing.items()} == {
        date(2024, 1, 1): ["bills_20230105.csv.gz"],
        date(2024, 1, 2): ["cdr_20240102.csv.gz", "cdr_20240102_2.csv.gz"],
    }
