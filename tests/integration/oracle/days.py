"""Days, months and rounding as the decided cases define them.

Belongs here: time zone, months and their ends, month steps, half-up rounding. Does not: any rule about customers.
"""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")


def local_date(instant: datetime) -> date:
    return instant.astimezone(ZONE).date()


def start_of(day: date) -> datetime:
    """The midnight that a local day begins with."""
    return datetime.combine(day, time(), ZONE).astimezone(UTC)


def end_of(day: date) -> datetime:
    """The midnight after a local day; what is at the end of the day began before it and ends at it or later."""
    return start_of(day + timedelta(days=1))


def month_of(day: date) -> str:
    return f"{day.year:04d}-{day.month:02d}"


def last_day(month: str) -> date:
    year, number = int(month[:4]), int(month[5:7])
    return date(year, number, calendar.monthrange(year, number)[1])


def first_day(month: str) -> date:
    return last_day(month).replace(day=1)


def month_before(month: str, steps: int = 1) -> str:
    count = int(month[:4]) * 12 + int(month[5:7]) - 1 - steps
    return f"{count // 12:04d}-{count % 12 + 1:02d}"


def months_after(day: date, steps: int) -> date:
    """`steps` months later; a step that overshoots a short month ends on its last day."""
    month = month_before(month_of(day), -steps)
    return min(last_day(month), first_day(month) + timedelta(days=day.day - 1))


def whole_months(start: date, day: date) -> int:
    """How many monthly steps from `start` do not pass `day`."""
    steps = max(0, (day.year - start.year) * 12 + day.month - start.month - 1)
    while months_after(start, steps + 1) <= day:
        steps += 1
    return steps


def closed_window(day: date, window_months: int, closing_day: int) -> list[str]:
    """The last closed months, oldest first: a month is closed from the closing day of the next month on."""
    latest = month_before(month_of(day))
    if day.day < closing_day:
        latest = month_before(latest)
    return [month_before(latest, back) for back in reversed(range(window_months))]


def half_up(value: Fraction, places: int) -> Decimal:
    """Half away from zero, once."""
    scaled = abs(value) * 10**places + Fraction(1, 2)
    units = scaled.numerator // scaled.denominator
    return Decimal(units if value >= 0 else -units).scaleb(-places)
