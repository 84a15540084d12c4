"""How customers pay: credit, what is overdue, stops for arrears.

Belongs here: billing periods, their settlement, the policy's credit formula. Does not: spend.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from oracle.billing import SIGN
from oracle.days import end_of, half_up, local_date, months_after
from oracle.identity import Identity, Interval
from oracle.read import Row


@dataclass(frozen=True)
class Credit:
    """A customer's credit and what it rests on."""

    credit: Decimal
    source: str
    bills_due: int
    due_total: Decimal
    overdue_amount: Decimal
    arrears_stops: int


@dataclass(frozen=True)
class Period:
    """One account's billing period that fell due."""

    owed: Decimal
    late_days: int
    open_amount: Decimal


def periods_due(tables: dict[str, list[Row]], day: date) -> dict[str, list[Period]]:
    """By account, the periods that owe something and whose invoices' due date lies in the 12 months up to the day."""
    owed: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    due: dict[tuple[str, str], date] = {}
    for bill in tables["bills"]:
        key = (bill["account_id"], bill["billing_period"])
        owed[key] += SIGN[bill["bill_type"]] * bill["amount_due"]
        if bill["bill_type"] == "invoice" and bill["payment_due_date"] is not None:
            due[key] = max(due.get(key, bill["payment_due_date"]), bill["payment_due_date"])
    paid: dict[tuple[str, str], list[tuple[date, Decimal]]] = defaultdict(list)
    for payment in tables["payments"]:
        if payment["kind"] == "payment":
            key = (payment["account_id"], payment["billing_period"])
            paid[key].append((local_date(payment["paid_at"]), payment["amount"]))
    result: dict[str, list[Period]] = defaultdict(list)
    for key, due_day in due.items():
        if owed[key] > 0 and months_after(day, -12) < due_day <= day:
            result[key[0]].append(settle(owed[key], due_day, sorted(paid[key]), day))
    return result


def settle(owed: Decimal, due: date, payments: list[tuple[date, Decimal]], day: date) -> Period:
    """Late days run to the day on which payments reach what is owed, or to the as-of date."""
    left = owed
    settled = None
    for paid_on, amount in payments:
        left -= amount
        if settled is None and left <= 0:
            settled = paid_on
    return Period(owed, max(0, ((settled or day) - due).days), max(Decimal(0), left))


def stops(identity: Identity, day: date) -> dict[str, int]:
    """Stops for arrears begun in the last 12 months, by who held the line then; rows that go on with one add none."""
    counts: dict[str, int] = defaultdict(int)
    for intervals in identity.lines.values():
        before: Interval | None = None
        for interval in intervals:
            began = begin(interval, before)
            if began is not None and months_after(day, -12) < began <= day and interval.start < end_of(day):
                counts[interval.customer] += 1
            before = interval
    return counts


def begin(interval: Interval, before: Interval | None) -> date | None:
    """The day on which a stop for arrears began with this row; None if none did, or under an earlier owner."""
    if not in_arrears(interval) or (before is not None and in_arrears(before)):
        return None
    row, start = interval.row, local_date(interval.start)
    if before is None or row["status_date"] != before.row["status_date"]:
        start = row["status_date"] or start
    inherited = before is not None and before.customer != interval.customer and start < local_date(interval.start)
    return None if inherited else start


def in_arrears(interval: Interval) -> bool:
    return (interval.row["status"], interval.row["status_reason"]) == ("suspended", "arrears")


def capped(value: Fraction, cap: Any) -> Fraction:
    return 1 - min(value, Fraction(cap)) / Fraction(cap)


def by_payments(periods: list[Period], arrears_stops: int, policy: dict[str, Any]) -> Decimal:
    """The policy's formula: on time, days past due, overdue, arrears stops."""
    weights, caps = policy["weights"], policy["caps"]
    count = len(periods)
    mean = Fraction(sum(p.owed for p in periods)) / count
    overdue = Fraction(sum(p.open_amount for p in periods))
    ratio = overdue / mean if mean > 0 else Fraction(caps["overdue_ratio"] if overdue else 0)
    on_time = Fraction(sum(p.late_days == 0 for p in periods), count)
    mean_late = Fraction(sum(p.late_days for p in periods), count)
    score = (
        Fraction(weights["on_time"]) * on_time
        + Fraction(weights["days_past_due"]) * capped(mean_late, caps["days_past_due"])
        + Fraction(weights["overdue"]) * capped(ratio, caps["overdue_ratio"])
        + Fraction(weights["arrears_stops"]) * capped(Fraction(arrears_stops), caps["arrears_stops"])
    )
    return half_up(100 * score, 4)


def credit(
    identity: Identity, payers: dict[str, str], tables: dict[str, list[Row]], policy: dict[str, Any]
) -> dict[str, Credit]:
    """Customers with a line in service."""
    day = identity.day
    by_account = periods_due(tables, day)
    arrears = stops(identity, day)
    of_payer: dict[str, list[Period]] = defaultdict(list)
    for account, payer in payers.items():
        of_payer[payer] += by_account.get(account, [])
    result = {}
    for customer in sorted({interval.customer for interval in identity.in_service(day).values()}):
        periods = of_payer[customer]
        own = identity.customers.get(customer, {}).get("credit_score")
        other_pays = customer not in payers.values()
        if own is not None:
            value, source = own, "operator"
        elif other_pays:
            value, source = policy["neutral"], "other_pays"
        elif not periods:
            value, source = policy["neutral"], "neutral"
        else:
            value, source = by_payments(periods, arrears[customer], policy), "payments"
        result[customer] = Credit(
            credit=Decimal(value),
            source=source,
            bills_due=len(periods),
            due_total=sum((p.owed for p in periods), Decimal(0)),
            overdue_amount=sum((p.open_amount for p in periods), Decimal(0)),
            arrears_stops=arrears[customer],
        )
    return result
