"""What a simulation found, as numbers: counts of customers by tier before and after, and nothing about any of them.

Belongs here: the result and sums over it. Does not: finding it (compare.py), showing it (page.py, the command).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Literal

from segmentation.migration import Rung
from segmentation.policy import Policy
from segmentation.policy_diff import Change

Which = Literal["before", "after"]


@dataclass(frozen=True)
class Side:
    """One of the two policies, and what to call it: its name and version, told apart where both have the same."""

    name: str
    origin: str
    policy: Policy


@dataclass(frozen=True)
class Cell:
    """Customers who are at place `before` of the ladder under one policy and at place `after` under the other.

    spend: their ARPU, summed, without those whose ARPU is unknown; expected_leavers: their churn risks, summed. Both as
    the policy of before measures them, so that only the tiers differ.
    """

    before: int
    after: int
    customers: int
    spend: Decimal
    expected_leavers: Decimal

    def place(self, which: Which) -> int:
        """The place under one of the policies."""
        return self.before if which == "before" else self.after


@dataclass(frozen=True)
class LeaverHistory:
    """Customers who were scored on `scored_on`, under both policies, and who of them had left since.

    Keys are places (before, after) of the ladder; values (scored, left).
    """

    scored_on: date
    counts: Mapping[tuple[int, int], tuple[int, int]]

    def by_place(self, which: Which, places: int) -> list[tuple[int, int]]:
        """(scored, left) of each place."""
        found = [(0, 0)] * places
        for (before, after), (scored, left) in self.counts.items():
            place = before if which == "before" else after
            found[place] = found[place][0] + scored, found[place][1] + left
        return found


@dataclass(frozen=True)
class Simulation:
    """Two policies compared on all customers in service on one day.

    causes: (direction, cause) -> customers who move; stages: (stage before, stage after) -> customers; history is None
    where nobody is known to have been in service so long ago, or it was not asked for.
    """

    as_of_date: date
    currency: str
    before: Side
    after: Side
    rungs: tuple[Rung, ...]
    cells: tuple[Cell, ...]
    causes: Mapping[tuple[str, str], int]
    stages: Mapping[tuple[str, str], int]
    history: LeaverHistory | None
    changes: tuple[Change, ...]

    @property
    def renamed_or_moved(self) -> int:
        """Customers whose tier would have another name: what the cap of an adoption counts."""
        return sum(
            cell.customers for cell in self.cells if self.rungs[cell.before].before != self.rungs[cell.after].after
        )

    @property
    def adoption(self) -> str:
        """Whether adopting the policy would stop at its own cap, in a sentence."""
        cap = self.after.policy.moves.caps.adoption.value
        named, stops = self.renamed_or_moved, self.renamed_or_moved > cap * self.customers
        end = "the publication stops until it is accepted with a reason" if stops else "it passes"
        return (
            f"Adopting it gives {named:,} customers ({share(named, self.customers)}) a tier of another name; its cap "
            f"for an adoption is {share(cap, Decimal(1))}: {end}."
        )

    @cached_property
    def customers(self) -> int:
        """All customers who were scored."""
        return sum(cell.customers for cell in self.cells)

    @cached_property
    def up(self) -> int:
        """Customers who would be in a better tier."""
        return sum(cell.customers for cell in self.cells if cell.after < cell.before)

    @cached_property
    def down(self) -> int:
        """Customers who would be in a worse tier."""
        return sum(cell.customers for cell in self.cells if cell.after > cell.before)

    @property
    def answer(self) -> str:
        """The one sentence."""
        moved = self.up + self.down
        if not moved:
            return f"None of {self.customers:,} customers would move to another tier."
        return (
            f"{moved:,} of {self.customers:,} customers ({share(moved, self.customers)}) would move, "
            f"{self.up:,} up, {self.down:,} down."
        )

    def counted(self, which: Which) -> list[int]:
        """Customers at each place of the ladder."""
        return [int(value) for value in self._summed(which, lambda cell: Decimal(cell.customers))]

    def spend(self, which: Which) -> list[Decimal]:
        """Spend a month at each place, in `currency`."""
        return self._summed(which, lambda cell: cell.spend)

    def expected_leavers(self, which: Which) -> list[Decimal]:
        """Sum of the churn risks at each place: so many are expected to leave within the horizon."""
        return self._summed(which, lambda cell: cell.expected_leavers)

    def matrix(self) -> list[list[int]]:
        """Customers by place before (rows) and place after (columns)."""
        found = [[0] * len(self.rungs) for _ in self.rungs]
        for cell in self.cells:
            found[cell.before][cell.after] += cell.customers
        return found

    def _summed(self, which: Which, value: Callable[[Cell], Decimal]) -> list[Decimal]:
        found = [Decimal(0)] * len(self.rungs)
        for cell in self.cells:
            found[cell.place(which)] += value(cell)
        return found


def share(part: int | Decimal, whole: int | Decimal) -> str:
    """A share in per cent with one decimal; a dash of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "–"
