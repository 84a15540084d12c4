"""Calendar months: the one arithmetic that windows, validity and stays share.
What a date means for a customer belongs elsewhere; nothing here knows one."""

from __future__ import annotations

import calendar
import datetime as dt


def last_full_week_end(day: dt.date) -> dt.date:
    """The Sunday on which the last full week, Monday to Sunday, ended: `day` itself when it is one."""
    return day - dt.timedelta(days=day.isoweekday() % 7)


def month_start(day: dt.date, months_back: int) -> dt.date:
    """First day of the month that lies `months_back` whole months before the month of `day`."""
    index = day.year * 12 + day.month - 1 - months_back
    return dt.date(index // 12, index % 12 + 1, 1)


def month_end(day: dt.date) -> dt.date:
    """Last day of the month of `day`."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def months_after(day: dt.date, months: int) -> dt.date:
    """The same day `months` later (earlier if negative); where a short month lacks it, the month's last day."""
    first = month_start(day, -months)
    return first.replace(day=min(day.day, month_end(first).day))


def last_closed_month(as_of: dt.date, closing_day: int) -> dt.date:
    """First day of the last month whose bills are complete: a month closes on `closing_day` of the month after it."""
    return month_start(as_of, 1 if as_of.day >= closing_day else 2)


def next_day_of_year(as_of: dt.date, month_day: str) -> dt.date:
    """The first day after `as_of` that follows a `month_day` (such as 01-31: then 1 February)."""
    month, day = map(int, month_day.split("-"))
    for year in (as_of.year - 1, as_of.year, as_of.year + 1):
        following = dt.date(year, month, day) + dt.timedelta(days=1)
        if following > as_of:
            return following
    raise ValueError(f"no {month_day} after {as_of}")
