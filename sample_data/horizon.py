"""The calendar of a generated operator: its simulated months, billed months and days of CDRs.

Belongs here: which day is in which month, and busy days. Does not: what happens on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from sample_data.arrays import FloatArray, IntArray

EPOCH: Final = date(1970, 1, 1)
BILL_DELIVERY_DAY: Final = 5
DUE_DAY: Final = 20
WEEKDAY_CALLS: Final = (1.18, 1.06, 1.00, 1.01, 1.04, 0.86, 0.80)
"""Hotline load Monday to Sunday; Monday carries 18 % more than Wednesday, as in a real call centre's data."""


@dataclass(frozen=True)
class Horizon:
    """Days are integers since 1970-01-01, local. `starts` holds each simulated month's first day and the end."""

    as_of: int
    starts: IntArray
    first_billed: int
    billed: int
    first_cdr_day: int

    @property
    def months(self) -> int:
        """Simulated months, the as-of date's own being the last."""
        return len(self.starts) - 1

    @property
    def first_day(self) -> int:
        """First simulated day."""
        return int(self.starts[0])

    def label(self, month: int) -> str:
        """YYYY-MM of a simulated month."""
        return iso(int(self.starts[month]))[:7]

    def month_of(self, day: int) -> int:
        """Index of the simulated month that holds the day."""
        return int(np.searchsorted(self.starts, day, side="right")) - 1

    def due(self, month: int) -> int:
        """Last day to pay the bills of a month: the 20th of the next."""
        return int(self.starts[month + 1]) + DUE_DAY - 1

    def month_ends(self) -> list[int]:
        """Last day of each simulated month, the last one cut at the as-of date."""
        return [min(int(end) - 1, self.as_of) for end in self.starts[1:]]


def make_horizon(as_of: date, bill_months: int, cdr_days: int) -> Horizon:
    """Lays out enough months for the bills delivered by `as_of` (on the 5th of the month after) and for the CDRs."""
    today = (as_of - EPOCH).days
    month = np.datetime64(as_of, "M").astype(np.int64)
    closed = 1 if as_of.day >= BILL_DELIVERY_DAY else 2
    first_cdr_day = today - max(cdr_days, 1) + 1
    cdr_month = np.datetime64(first_cdr_day, "D").astype("datetime64[M]").astype(np.int64)
    first_billed = month - closed - bill_months + 1
    first = min(first_billed, cdr_month)
    starts = (first + np.arange(month - first + 2)).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return Horizon(today, starts, int(first_billed - first), bill_months, first_cdr_day)


def iso(day: int) -> str:
    """YYYY-MM-DD of a day."""
    return (EPOCH + timedelta(days=day)).isoformat()


def compact(day: int) -> str:
    """YYYYMMDD of a day, as in file names."""
    return iso(day).replace("-", "")


def call_weights(days: IntArray) -> FloatArray:
    """Relative hotline load of each day: weekday times the peak of days 1-3 and of a month's last three days."""
    moments = days.astype("datetime64[D]")
    months = moments.astype("datetime64[M]")
    number = days - months.astype("datetime64[D]").astype(np.int64) + 1
    length = (months + 1).astype("datetime64[D]").astype(np.int64) - months.astype("datetime64[D]").astype(np.int64)
    weekday = (days + 3) % 7
    weight = np.asarray(WEEKDAY_CALLS)[weekday]
    weight = np.where(number <= 3, weight * 2.0, weight)
    return np.asarray(np.where(number > length - 3, weight * 1.7, weight), dtype=np.float64)
