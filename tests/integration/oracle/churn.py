"""Who left in the past, and the risk that it gives each band.

Belongs here: exposures, leavers, bands, shrunk rates. Does not: the stage that a risk leads to.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from oracle.days import half_up, last_day, month_before, month_of, whole_months
from oracle.identity import Identity, Interval
from oracle.usage import Usage

Band = tuple[str, int]


def by_customer(identity: Identity, day: date) -> dict[str, list[Interval]]:
    """Customers with their lines in service at the end of a day."""
    result: dict[str, list[Interval]] = defaultdict(list)
    for interval in identity.in_service(day).values():
        result[interval.customer].append(interval)
    return result


def payment_type(intervals: list[Interval]) -> str:
    kinds = {interval.payment_type for interval in intervals}
    return kinds.pop() if len(kinds) == 1 else "mixed"


def tenure_months(intervals: list[Interval], day: date) -> int:
    return whole_months(min(interval.row["activation_date"] for interval in intervals), day)


def band_of(intervals: list[Interval], day: date, tenure_bands: list[int]) -> Band:
    """Any postpaid line makes a customer postpaid here."""
    months = tenure_months(intervals, day)
    kind = "prepaid" if payment_type(intervals) == "prepaid" else "postpaid"
    return kind, max(start for start in tenure_bands if start <= months)


def month_ends(day: date, horizon: int, count: int) -> list[date]:
    """The last month ends whose gap and horizon have passed by the end of the day."""
    month = month_of(day)
    while last_day(month) + timedelta(days=horizon) > day:
        month = month_before(month)
    return [last_day(month_before(month, back)) for back in range(count)]


def history(identity: Identity, usage: Usage, policy: dict[str, Any]) -> dict[Band, tuple[int, int]]:
    """(exposed, left) of every band that was seen, in customer-months."""
    gap, horizon, silent = policy["gap_days"], policy["horizon_days"], policy["prepaid_inactive_days"]
    counts: dict[Band, list[int]] = defaultdict(lambda: [0, 0])
    for end in month_ends(identity.day, gap + horizon, policy["history_months"]):
        then = end + timedelta(days=gap + horizon)
        there, later = by_customer(identity, end + timedelta(days=gap)), by_customer(identity, then)
        # Gone on the last of the silent days: not within the gap, but by the end of the horizon.
        active_from = end + timedelta(days=gap - silent + 1)
        silent_from, silent_until = then - timedelta(days=silent - 1), then
        for customer, intervals in by_customer(identity, end).items():
            if customer not in there:
                continue
            left = customer not in later
            if payment_type(intervals) == "prepaid":
                days = usage.active_days.get(customer, set())
                was_active = any(active_from <= day <= end for day in days)
                if not usage.loaded(active_from, silent_until) or not was_active:
                    continue
                left = left or not any(silent_from <= day <= silent_until for day in days)
            count = counts[band_of(intervals, end, policy["tenure_bands_months"])]
            count[0] += 1
            count[1] += left
    return {band: (exposed, left) for band, (exposed, left) in counts.items()}


def risk(band: Band, seen: dict[Band, tuple[int, int]], policy: dict[str, Any]) -> Decimal:
    exposed, left = seen.get(band, (0, 0))
    everybody, leavers = (sum(pair[i] for pair in seen.values()) for i in (0, 1))
    base = Fraction(leavers, everybody) if everybody else Fraction(policy["prior_rate"])
    prior = Fraction(policy["prior_exposures"])
    return half_up((left + prior * base) / (exposed + prior), 6)


def risk_band(value: Decimal, bands: list[dict[str, Any]]) -> str:
    return next(band["name"] for band in bands if value >= band["min_risk"])
