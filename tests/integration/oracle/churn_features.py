"""What a churn model may look at: a customer's last eight weeks of usage, recharges and contacts.

Belongs here: windows of 28 days, whom a day's usage and a contact are of, who left. Does not: ratios made of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from oracle.days import ZONE, local_date
from oracle.identity import Identity
from oracle.read import Row
from oracle.usage import Usage, other_party

WINDOW = 28
SUMS = {
    "voice_seconds": lambda row: row["voice_out_seconds"] + row["voice_in_seconds"],
    "data_bytes": lambda row: row["uplink_bytes"] + row["downlink_bytes"],
    "messages": lambda row: row["sms_out"] + row["sms_in"],
    "charge_amount": lambda row: row["charge_amount"],
    "active_days": lambda row: 0,
}
RECENT_ONLY = ("voice_in_seconds", "long_distance_seconds", "roaming_seconds", "night_seconds", "hotline_calls")
Contacts = dict[tuple[str, int], set[str]]


def window_of(day: date, as_of: date) -> int | None:
    """0 for the last 28 days, 1 for the 28 before, None for any other day."""
    back = (as_of - day).days // WINDOW
    return back if back in (0, 1) else None


def recompute(identity: Identity, usage: Usage, tables: dict[str, list[Row]], as_of: date) -> dict[str, Row]:
    """Each customer in service with the columns of features.churn that come from usage, recharges and contacts."""
    served = {interval.customer for interval in identity.in_service(as_of).values()}
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    days: dict[tuple[str, int], set[date]] = defaultdict(set)
    weeks: dict[str, dict[str, list[int]]] = defaultdict(lambda: {"voice_seconds": [0] * 4, "data_bytes": [0] * 4})
    for (line, day), row in usage.daily.items():
        interval = identity.held_at(line, row["last_activity_at"]) if line else None
        window = window_of(day, as_of)
        if interval is None or window is None:
            continue
        his = sums[interval.customer]
        days[interval.customer, window].add(day)
        for name, measure in SUMS.items():
            his[name if window == 0 else f"{name}_before"] += measure(row)
        if window == 0:
            his.update({name: row[name] for name in RECENT_ONLY})
            for name, by_week in weeks[interval.customer].items():
                by_week[(as_of - day).days // 7] += SUMS[name](row)
    contacts, hubs = talked(identity, tables["cdr"], as_of)
    recharged = recharges(identity, tables["payments"], as_of)
    result = {}
    for customer in served:
        his, mine = sums[customer], {w: contacts.get((customer, w), set()) for w in (0, 1)}
        row: dict[str, Any] = {name: his[name] for name in (*SUMS, *RECENT_ONLY)}
        row |= {f"{name}_before": his[f"{name}_before"] for name in SUMS}
        row |= {"active_days": len(days[customer, 0]), "active_days_before": len(days[customer, 1])}
        for name, by_week in weeks[customer].items():
            row |= {f"{name}_week": by_week[0], f"{name}_lowest_week": min(by_week)}
            row[f"{name}_highest_week"] = max(by_week)
        ours = {other for other in mine[0] | mine[1] if not other.startswith("+")}
        row["is_hub"] = customer in hubs
        counts = {
            "contacts": len(mine[0]), "contacts_before": len(mine[1]), "on_net_contacts": len(mine[0] & ours),
            "on_net_contacts_seen": len(ours), "contacts_left": len(ours - served),
        }  # fmt: skip
        row |= dict.fromkeys(counts) if row["is_hub"] else counts
        result[customer] = row | recharged(customer)
    return result


def talked(identity: Identity, cdrs: list[Row], as_of: date, bound: int = 200) -> tuple[Contacts, set[str]]:
    """Customers of ours (by identifier) and numbers of others that a customer talked with in each window, from either
    side; and who is a hub, in neither side's contacts.
    """
    last: dict[tuple[str, date, str, str | None], datetime] = {}
    for cdr in cdrs:
        holder, other, at = (
            identity.holder(cdr["served_msisdn"], cdr["answer_time"]),
            other_party(cdr),
            cdr["answer_time"],
        )
        if holder is None or other is None or not other.startswith("+"):
            continue
        there = identity.holder(other, at)
        key = (holder.line, at.astimezone(ZONE).date(), other, there.line if there else None)
        last[key] = max(at, last.get(key, at))
    contacts: Contacts = defaultdict(set)
    for (line, day, other, other_line), at in last.items():
        window, one = window_of(day, as_of), identity.held_at(line, at)
        two = identity.held_at(other_line, at) if other_line else None
        if window is None or one is None or (two is not None and two.customer == one.customer):
            continue
        contacts[one.customer, window].add(two.customer if two else other)
        if two:
            contacts[two.customer, window].add(one.customer)
    of_numbers: Counter[tuple[str, int]] = Counter()
    for (_, window), others in contacts.items():
        of_numbers.update((other, window) for other in others if other.startswith("+"))
    hubs = {customer for (customer, _), others in contacts.items() if len(others) > bound}
    hubs |= {number for (number, _), count in of_numbers.items() if count > bound}
    return {key: others - hubs for key, others in contacts.items()}, hubs


def recharges(identity: Identity, payments: list[Row], as_of: date) -> Any:
    """A function of the customer: recharges and their amounts by window, and the last one of 90 days."""
    counts: Counter[tuple[str, int]] = Counter()
    amounts: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    last: dict[str, date] = {}
    for payment in payments:
        day = local_date(payment["paid_at"])
        if payment["kind"] != "recharge" or not as_of - timedelta(days=90) < day <= as_of:
            continue
        interval = identity.held_at(payment["subscription_id"], payment["paid_at"])
        if interval is None:
            continue
        last[interval.customer] = max(day, last.get(interval.customer, day))
        window = window_of(day, as_of)
        if window is not None:
            counts[interval.customer, window] += 1
            amounts[interval.customer, window] += payment["amount"]

    def of(customer: str) -> Row:
        return {
            "recharges": counts[customer, 0], "recharges_before": counts[customer, 1],
            "recharge_amount": amounts[customer, 0], "recharge_amount_before": amounts[customer, 1],
            "last_recharge_date": last.get(customer),
        }  # fmt: skip

    return of
