"""The page and the sums of a simulation, from literal counts.

Belongs here: pipelines/simulation/result.py and page.py. Does not: finding the counts
(tests/integration/test_simulate.py).
"""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from xml.etree import ElementTree

import pytest

from pipelines.simulation import Cell, LeaverHistory, Side, Simulation
from pipelines.simulation.figures import flow, opposed_bars, paired_bars
from pipelines.simulation.page import page
from pipelines.simulation.result import share
from segmentation.migration import Rung
from segmentation.policy import preset, read_policy
from segmentation.policy_diff import Change

POLICY = read_policy(preset("default"))
FOUND = Simulation(
    as_of_date=date(2024, 6, 30),
    currency="CNY",
    before=Side("default@1", "preset default", POLICY),
    after=Side("new@2", "new.yaml", POLICY),
    rungs=(Rung(None, "top"), Rung("high", "high"), Rung("ordinary", "ordinary")),
    cells=(
        Cell(1, 0, 812, Decimal("81200.5000"), Decimal("4.100000")),
        Cell(1, 1, 10_000, Decimal("900000.0000"), Decimal("90.000000")),
        Cell(1, 2, 392, Decimal("10000.0000"), Decimal("3.000000")),
        Cell(2, 2, 8796, Decimal("300000.0000"), Decimal("200.000000")),
    ),
    causes={("up", "thresholds"): 812, ("down", "arpu"): 392},
    stages={("stable", "stable"): 19_000, ("growth", "stable"): 1000},
    history=LeaverHistory(date(2024, 5, 31), {(1, 0): (800, 4), (1, 1): (9000, 60), (2, 2): (9000, 300)}),
    changes=(Change("tiers[top].min_score", "added", None, "90", "a hotline of their own", "2026-11-01"),),
)


def test_sums_are_by_place_under_either_policy() -> None:
    assert (FOUND.customers, FOUND.up, FOUND.down) == (20_000, 812, 392)
    assert FOUND.answer == "1,204 of 20,000 customers (6.0 %) would move, 812 up, 392 down."
    assert FOUND.counted("before") == [0, 11_204, 8796]
    assert FOUND.counted("after") == [812, 10_000, 9188]
    assert FOUND.spend("after") == [Decimal("81200.5"), Decimal("900000"), Decimal("310000")]
    assert FOUND.expected_leavers("before") == [0, Decimal("97.1"), Decimal("200")]
    assert FOUND.matrix() == [[0, 0, 0], [812, 10_000, 392], [0, 0, 8796]]
    assert FOUND.history is not None
    assert FOUND.history.by_place("before", 3) == [(0, 0), (9800, 64), (9000, 300)]
    assert FOUND.history.by_place("after", 3) == [(800, 4), (9000, 60), (9000, 300)]


def test_nobody_moves() -> None:
    still = replace(FOUND, cells=(FOUND.cells[1],), causes={}, history=None, changes=())
    assert still.answer == "None of 10,000 customers would move to another tier."
    text = page(still)
    assert "Nobody moves." in text
    assert "nobody is known to have been in service a horizon ago" in text


def test_words_from_outside_are_words_on_the_page() -> None:
    named = replace(FOUND, after=Side("new@2", "<script>alert(1)</script>.yaml", POLICY))
    reasoned = replace(named, changes=(replace(FOUND.changes[0], reason="</td><img src=x>"),))
    text = page(reasoned)
    assert "<script" not in text and "<img" not in text
    assert "&lt;script&gt;" in text


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314 (our own words)


@pytest.mark.parametrize(
    "svg",
    [
        paired_bars('a "title" & more', [("a & b <c>", 3, None), ("d", Decimal("0"), 5)], str),
        paired_bars("nothing", [("a", 0, 0)], str),
        opposed_bars("t", [("a & b", 0, 7), ("c", 3, 0)], str),
        opposed_bars("t", [], str),
        flow("t", ["a & b", "c"], ["a" * 40, "d"], [[0, 5], [1, 0]]),
        flow("t", ["a"], ["a"], [[0]]),
    ],
)
def test_figures_are_well_formed_and_named(svg: str) -> None:
    root = parsed(svg)
    assert root.get("role") == "img" and root.get("aria-label")
    for shape in root.iter("rect"):
        assert float(shape.get("width") or -1) >= 0


def test_bars_are_as_long_as_their_numbers() -> None:
    svg = parsed(paired_bars("t", [("a", 50, 100)], str))
    short, long = (float(bar.get("width") or 0) for bar in svg.iter("rect"))
    assert long == pytest.approx(2 * short, rel=0.01)


def test_a_share_of_nothing_is_none() -> None:
    assert (share(1, 3), share(0, 0)) == ("33.3 %", "–")
