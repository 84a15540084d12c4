"""Who held which line, number and account at what time.

Belongs here: intervals of lines, in service, gone from the CRM, months held, payers. Does not: amounts.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from oracle.days import end_of, last_day
from oracle.read import Row

OPEN = ("active", "suspended")


@dataclass(frozen=True)
class Interval:
    """One row of a line, cut where the line's next row starts or where the line or its customer is gone."""

    line: str
    start: datetime
    end: datetime | None
    row: Row

    @property
    def customer(self) -> str:
        return self.row["customer_id"]

    @property
    def account(self) -> str:
        return self.row["account_id"]

    @property
    def payment_type(self) -> str:
        return self.row["payment_type"]

    def holds_at_end_of(self, day: date) -> bool:
        return self.start < end_of(day) and (self.end is None or self.end >= end_of(day))


def last_seen(rows: list[Row], name: str) -> dict[str, datetime | None]:
    """For each identifier the delivery from which on it is gone, None while it is in the latest one."""
    deliveries = sorted({row["known_at"] for row in rows})
    latest: dict[str, datetime] = {}
    for row in rows:
        latest[row[name]] = max(latest.get(row[name], row["known_at"]), row["known_at"])
    after = dict(zip(deliveries, [*deliveries[1:], None], strict=True))
    return {identifier: after[known_at] for identifier, known_at in latest.items()}


class Identity:
    """Lines, customers and accounts as known by the as-of date."""

    def __init__(self, tables: dict[str, list[Row]], day: date) -> None:
        self.day = day
        self.customers: dict[str, Row] = {
            row["customer_id"]: row for row in sorted(tables["customers"], key=lambda r: r["known_at"])
        }
        rows: dict[tuple[str, datetime], Row] = {}
        for row in sorted(tables["subscriptions"], key=lambda r: r["known_at"]):
            rows[row["subscription_id"], row["valid_from"]] = row
        gone_lines = last_seen(tables["subscriptions"], "subscription_id")
        gone_customers = last_seen(tables["customers"], "customer_id")
        self.lines: dict[str, list[Interval]] = defaultdict(list)
        for (line, start), row in sorted(rows.items()):
            self.lines[line].append(Interval(line, start, row["valid_to"], row))
        for line, intervals in self.lines.items():
            starts = [interval.start for interval in intervals[1:]]
            for i, interval in enumerate(intervals):
                next_start = starts[i] if i < len(starts) else None
                cuts = [interval.end, next_start, gone_lines[line], gone_customers.get(interval.customer)]
                intervals[i] = replace(interval, end=min((c for c in cuts if c is not None), default=None))
        self._claims: dict[str, list[Interval]] = defaultdict(list)
        for intervals in self.lines.values():
            for interval in intervals:
                lasts = interval.end is None or interval.start < interval.end
                if lasts and interval.row["msisdn"] and interval.row["status"] in OPEN:
                    self._claims[interval.row["msisdn"]].append(interval)
        for claims in self._claims.values():
            claims.sort(key=lambda i: i.start)
        self._in_service: dict[date, dict[str, Interval]] = {}
        self._in_service_in: dict[str, dict[str, Interval]] = {}

    def in_service(self, day: date) -> dict[str, Interval]:
        """Line to the interval that is in service at the end of the day."""
        if day not in self._in_service:
            self._in_service[day] = {
                line: interval
                for line, intervals in self.lines.items()
                for interval in intervals
                if interval.holds_at_end_of(day)
                and interval.row["status"] in OPEN
                and interval.row["activation_date"] <= day
            }
        return self._in_service[day]

    def held(self, line: str | None, day: date) -> Interval | None:
        """The last interval of the line that began before the end of the day."""
        intervals = self.lines.get(line or "", [])
        at = bisect_left(intervals, end_of(day), key=lambda i: i.start)
        return intervals[at - 1] if at else None

    def held_in(self, line: str | None, month: str) -> Interval | None:
        """Who held the line at the month's end, or its first known holder; nobody before its activation."""
        interval = self.held(line, last_day(month)) or next(iter(self.lines.get(line or "", [])), None)
        return interval if interval is not None and interval.row["activation_date"] <= last_day(month) else None

    def in_service_in(self, month: str) -> dict[str, Interval]:
        """Line to the interval in service at the month's end, the first known one for months before it."""
        if month not in self._in_service_in:
            before = {line: self.held_in(line, month) for line in self.lines if not self.held(line, last_day(month))}
            first = {line: i for line, i in before.items() if i is not None and i.row["status"] in OPEN}
            self._in_service_in[month] = self.in_service(last_day(month)) | first
        return self._in_service_in[month]

    def held_at(self, line: str | None, instant: datetime) -> Interval | None:
        """The interval of the line that holds at an instant."""
        for interval in self.lines.get(line or "", []):
            if interval.start <= instant and (interval.end is None or instant < interval.end):
                return interval
        return None

    def holder(self, number: str, instant: datetime) -> Interval | None:
        """The line that held a number: the one that claimed it last, and nobody once that claim has ended."""
        claims = self._claims.get(number, [])
        at = bisect_right(claims, instant, key=lambda i: i.start)
        if at and (claims[at - 1].end is None or instant < claims[at - 1].end):
            return claims[at - 1]
        return None

    def payers(self) -> dict[str, str]:
        """Account to who pays it: of its lines in service a company's, else the oldest; else of those that were."""
        now = self.in_service(self.day)
        on_account: dict[str, dict[str, tuple[Any, ...]]] = defaultdict(dict)
        for line, intervals in self.lines.items():
            for interval in intervals:
                if interval.start < end_of(self.day):
                    company = self.is_company(interval.customer)
                    rank = (now.get(line) is not interval, not company, interval.row["activation_date"], line)
                    on_account[interval.account][line] = (*rank, interval.customer)
        return {account: min(ranks.values())[-1] for account, ranks in on_account.items()}

    def is_company(self, customer: str) -> bool:
        return self.customers.get(customer, {}).get("customer_type") == "group"

    def last_holders(self) -> set[str]:
        """Customers who hold a line, or were the last to hold it; who handed on his last line is none."""
        last = (self.held(line, self.day) for line in self.lines)
        return {interval.customer for interval in last if interval is not None}

    def on_network(self, months: list[str]) -> dict[str, set[str]]:
        """Customer to the months at whose end he held a line, ceased since or not, that was activated by then."""
        result: dict[str, set[str]] = defaultdict(set)
        for line in self.lines:
            for month in months:
                interval = self.held_in(line, month)
                if interval is not None:
                    result[interval.customer].add(month)
        return result
