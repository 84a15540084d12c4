"""The simulation as one HTML page that opens anywhere: no network, no script, light and dark, to be printed.

Belongs here: which figure and table says what. Does not: numbers (result.py), shapes (figures.py), the look (the
template beside it).
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from pipelines.simulation.figures import Number, flow, opposed_bars, paired_bars
from pipelines.simulation.result import Simulation, Which, share
from segmentation.migration import CAUSES

_STAGES = ("identification", "growth", "stable", "warning")
_SIDES: tuple[Which, Which] = ("before", "after")


def write_page(simulation: Simulation, path: Path) -> None:
    """Writes the page, replacing what is there. Raises OSError."""
    path.write_text(page(simulation), encoding="utf-8")


def page(simulation: Simulation) -> str:
    """The page's HTML. It holds counts and sums only: nobody can be found in it."""
    environment = Environment(
        loader=PackageLoader("pipelines.simulation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"share": share, "whole": whole, "signed": signed, "money": money, "decimal": one_decimal}
    return environment.get_template("page.html.j2").render(
        s=simulation,
        figures=_figures(simulation),
        causes=cause_rows(simulation),
        meanings=CAUSES,
        **_tables(simulation),
    )


def cause_rows(simulation: Simulation) -> list[tuple[str, int, int]]:
    """(cause, customers up, customers down) of the causes that move anybody, most first."""
    found = [
        (name, simulation.causes.get(("up", name), 0), simulation.causes.get(("down", name), 0)) for name in CAUSES
    ]
    return sorted((row for row in found if row[1] or row[2]), key=lambda row: -(row[1] + row[2]))


def stage_rows(simulation: Simulation) -> list[tuple[str, int, int]]:
    """(stage, customers before, customers after) of the lifecycle stages."""
    names = dict.fromkeys(name for pair in simulation.stages for name in pair)
    return [
        (
            name,
            sum(n for (was, _), n in simulation.stages.items() if was == name),
            sum(n for (_, will), n in simulation.stages.items() if will == name),
        )
        for name in sorted(names, key=lambda name: (_STAGES.index(name) if name in _STAGES else len(_STAGES), name))
    ]


def whole(number: Number) -> str:
    """A count: 16,105."""
    return f"{number:,.0f}"


def signed(number: Number) -> str:
    """A difference with its sign; 0 without."""
    return f"{number:+,.0f}".replace("-", "−") if number else "0"


def money(number: Number) -> str:
    """An amount without its currency, in whole units."""
    return f"{number:,.0f}"


def one_decimal(number: Number) -> str:
    """A sum of risks."""
    return f"{number:,.1f}"


def _figures(simulation: Simulation) -> dict[str, str]:
    labels = [rung.label for rung in simulation.rungs]
    counted = [simulation.counted(side) for side in _SIDES]
    spend = [simulation.spend(side) for side in _SIDES]
    leavers = [simulation.expected_leavers(side) for side in _SIDES]
    return {
        "tiers": paired_bars("Customers by tier, before and after", _rows(simulation, labels, counted), whole),
        "moves": flow(
            "Customers from tier to tier",
            [rung.before or "" for rung in simulation.rungs],
            [rung.after or "" for rung in simulation.rungs],
            simulation.matrix(),
        ),
        "causes": opposed_bars("Customers who move, by cause", cause_rows(simulation), whole),
        "spend": paired_bars("Spend a month by tier, before and after", _rows(simulation, labels, spend), money),
        "leavers": paired_bars("Expected leavers by tier", _rows(simulation, labels, leavers), one_decimal),
    }


def _rows(simulation: Simulation, labels: list[str], values: list[Any]) -> list[tuple[str, Any, Any]]:
    """A bar is left out where that policy has no such tier."""
    return [
        (label, before if rung.before else None, after if rung.after else None)
        for label, rung, before, after in zip(labels, simulation.rungs, *values, strict=True)
    ]


def _tables(simulation: Simulation) -> dict[str, Any]:
    places = len(simulation.rungs)
    history = simulation.history
    left = [history.by_place(side, places) for side in _SIDES] if history else []
    return {
        "counted": {side: simulation.counted(side) for side in _SIDES},
        "spend": {side: simulation.spend(side) for side in _SIDES},
        "total_spend": sum(simulation.spend("before"), Decimal(0)),
        "leavers": {side: simulation.expected_leavers(side) for side in _SIDES},
        "total_leavers": sum(simulation.expected_leavers("before"), Decimal(0)),
        "left": dict(zip(_SIDES, left, strict=True)) if history else None,
        "stages": stage_rows(simulation),
    }
