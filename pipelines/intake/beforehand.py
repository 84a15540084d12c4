"""Records that were found faulty before they were text: which line, which column, why.

Belongs here: that list. Does not: finding them (xlsx/), rejecting them (normalise.py).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field

import numpy as np

from pipelines.intake.lines import Positions

# A line keeps the position of its reason in this list: a byte a line.
CELL_REASONS = (
    "cell_error",
    "cell_formula",
    "cell_rounded",
    "cell_exponent",
    "cell_scaled",
    "cell_date",
    "cell_control",
)


@dataclass
class Beforehand:
    """`lines` ascend; `reasons` and `columns` (0-based) run parallel to them."""

    lines: array[int] = field(default_factory=lambda: array("q"))
    reasons: array[int] = field(default_factory=lambda: array("b"))
    columns: array[int] = field(default_factory=lambda: array("q"))

    def note(self, line: int, reason: str, column: int) -> None:
        """Adds a line beyond the last one. Raises ValueError for a reason that is not of CELL_REASONS."""
        self.lines.append(line)
        self.reasons.append(CELL_REASONS.index(reason))
        self.columns.append(column)

    def at(self, line: int) -> tuple[str, int] | None:
        """(reason, column) of a line, None if nothing is wrong with it."""
        place = bisect_left(self.lines, line)
        if place == len(self.lines) or self.lines[place] != line:
            return None
        return CELL_REASONS[self.reasons[place]], self.columns[place]

    def between(self, first: int, after: int) -> Positions:
        """The faulty lines from `first` up to, without, `after`."""
        return np.array(self.lines[bisect_left(self.lines, first) : bisect_left(self.lines, after)], np.int64)
