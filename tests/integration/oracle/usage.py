"""Call detail records by line and day, and when a customer was last heard of.

Belongs here: attribution, daily measures, charges and seconds a month, activity. Does not: bills.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from oracle.days import ZONE, local_date, month_of
from oracle.identity import Identity
from oracle.read import Row

HOTLINE = ("10086", "1860")
COUNTS = (
    "records", "voice_out_seconds", "voice_in_seconds", "voice_out_calls", "voice_in_calls", "long_distance_seconds",
    "roaming_seconds", "night_seconds", "sms_out", "sms_in", "uplink_bytes", "downlink_bytes", "charge_amount",
    "hotline_calls", "hotline_seconds",
)  # fmt: skip
MEASURES = (*COUNTS, "distinct_contacts", "last_activity_at")


@dataclass
class Usage:
    """Daily rows by (line or None, day), days of activity by customer, and the days that CDRs are loaded for."""

    daily: dict[tuple[str | None, date], dict[str, Any]] = field(default_factory=dict)
    active_days: dict[str, set[date]] = field(default_factory=lambda: defaultdict(set))
    loaded_days: set[date] = field(default_factory=set)

    def loaded(self, first: date, last: date) -> bool:
        """Whether a span of days lies inside the loaded usage."""
        return bool(self.loaded_days) and min(self.loaded_days) <= first and last <= max(self.loaded_days)


def use(identity: Identity, tables: dict[str, list[Row]]) -> Usage:
    usage = Usage()
    contacts: dict[tuple[str | None, date], set[str]] = defaultdict(set)
    for cdr in tables["cdr"]:
        local = cdr["answer_time"].astimezone(ZONE)
        holder = identity.holder(cdr["served_msisdn"], cdr["answer_time"])
        key = (holder.line if holder else None, local.date())
        usage.loaded_days.add(local.date())
        if holder:
            usage.active_days[holder.customer].add(local.date())
        empty = {**dict.fromkeys(COUNTS, 0), "charge_amount": Decimal(0), "last_activity_at": None}
        row = usage.daily.setdefault(key, empty)
        add(row, cdr, local.hour)
        other = other_party(cdr)
        if other:
            contacts[key].add(other)
    for key, row in usage.daily.items():
        row["distinct_contacts"] = len(contacts[key])
    for payment in tables["payments"]:
        if payment["kind"] == "recharge":
            interval = identity.held_at(payment["subscription_id"], payment["paid_at"])
            if interval:
                usage.active_days[interval.customer].add(local_date(payment["paid_at"]))
    return usage


def add(row: dict[str, Any], cdr: Row, hour: int) -> None:
    row["records"] += 1
    row["charge_amount"] += cdr["charge"]
    row["uplink_bytes"] += cdr["uplink_bytes"]
    row["downlink_bytes"] += cdr["downlink_bytes"]
    before: datetime | None = row["last_activity_at"]
    row["last_activity_at"] = cdr["answer_time"] if before is None else max(before, cdr["answer_time"])
    way = "out" if cdr["direction"] == "outgoing" else "in"
    if cdr["call_type"] == "sms":
        row[f"sms_{way}"] += 1
    if cdr["call_type"] == "voice":
        seconds = cdr["call_duration"]
        row[f"voice_{way}_calls"] += 1
        row[f"voice_{way}_seconds"] += seconds
        row["long_distance_seconds"] += seconds if cdr["long_distance"] else 0
        row["roaming_seconds"] += seconds if cdr["roaming"] else 0
        row["night_seconds"] += seconds if hour >= 22 or hour < 6 else 0
        if cdr["called_number"] in HOTLINE:
            row["hotline_calls"] += 1
            row["hotline_seconds"] += seconds


def other_party(cdr: Row) -> str | None:
    """Who was called, messaged or heard from; a service number is nobody, and a data session has no other party."""
    if cdr["call_type"] == "data":
        return None
    other = cdr["called_number"] if cdr["direction"] == "outgoing" else cdr["calling_number"]
    return None if other in HOTLINE else other


def monthly(usage: Usage, identity: Identity, measure: str) -> dict[tuple[str, str, str], Any]:
    """A measure by (customer, payment type, month): a month's usage is of who held the line at the month's end.

    The as-of date's own month has not ended; nothing asks for it.
    """
    totals: dict[tuple[str, str, str], Any] = defaultdict(Decimal)
    for (line, day), row in usage.daily.items():
        interval = identity.held_in(line, month_of(day)) if line else None
        if interval is not None:
            totals[interval.customer, interval.payment_type, month_of(day)] += row[measure]
    return totals
