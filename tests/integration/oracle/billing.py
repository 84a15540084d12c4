"""What each customer was billed and has consumed a month, and the ARPU of it.

Belongs here: service revenue, shares of company bills, ARPU, minutes of use. Does not: paying.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from oracle.days import first_day, half_up, last_day
from oracle.identity import Identity
from oracle.read import Row
from oracle.usage import Usage, monthly

SERVICE = ("rental", "voice", "long_distance", "roaming", "data", "messaging", "value_added")
FEES = ("rental", "value_added")
SIGN = {"invoice": 1, "adjustment": 1, "credit": -1}
UNIT = Decimal("0.0001")
Monthly = dict[tuple[str, str], Decimal]


@dataclass(frozen=True)
class Spend:
    """A customer's spend in the window: amounts, months that they are divided by, and what follows."""

    billed_amount: Decimal
    prepaid_usage_amount: Decimal
    prepaid_fee_amount: Decimal
    billed_months: int
    usage_months: int
    arpu: Fraction | None
    mou_minutes: Decimal | None
    latest_month: Decimal

    @property
    def arpu_amount(self) -> Decimal | None:
        return None if self.arpu is None else half_up(self.arpu, 4)


def amount_of(bill: Row, components: tuple[str, ...]) -> Decimal:
    """The components with the sign of the bill's type; a refund is taken off whatever the type."""
    total = sum((bill[f"{c}_amount"] for c in components), Decimal(0))
    return SIGN[bill["bill_type"]] * total - bill["refund_amount"]


def shared(amount: Decimal, lines: list[str]) -> dict[str, Decimal]:
    """Equal shares in units of 0.0001; the remainder goes one unit each to the first lines by identifier."""
    units = int(abs(amount) / UNIT)
    sign = -1 if amount < 0 else 1
    each, rest = divmod(units, len(lines))
    return {line: sign * (each + (i < rest)) * UNIT for i, line in enumerate(sorted(lines))}


def bear(identity: Identity, payers: dict[str, str], bill: Row) -> list[str]:
    """The lines that bear a bill without a line."""
    payer = payers.get(bill["account_id"])
    lines = []
    for line, interval in identity.in_service_in(bill["billing_period"]).items():
        group = identity.customers.get(interval.customer, {}).get("group_id")
        member = payer is not None and identity.is_company(payer) and group == payer
        if interval.payment_type == "postpaid" and (interval.account == bill["account_id"] or member):
            lines.append(line)
    return lines


def billed(identity: Identity, payers: dict[str, str], bills: list[Row], window: list[str]) -> tuple[Monthly, Monthly]:
    """Postpaid revenue and prepaid fees by (customer, month)."""
    revenue: Monthly = defaultdict(Decimal)
    fees: Monthly = defaultdict(Decimal)
    for bill in bills:
        month = bill["billing_period"]
        if month not in window:
            continue
        if bill["subscription_id"] is None:
            lines = bear(identity, payers, bill)
            shares = shared(amount_of(bill, SERVICE), lines) if lines else {}
            for line, share in shares.items():
                revenue[identity.in_service_in(month)[line].customer, month] += share
            continue
        interval = identity.held_in(bill["subscription_id"], month)
        if interval is None:
            continue
        if interval.payment_type == "postpaid":
            revenue[interval.customer, month] += amount_of(bill, SERVICE)
        else:
            fees[interval.customer, month] += amount_of(bill, FEES)
    return revenue, fees


def spend(
    identity: Identity, usage: Usage, payers: dict[str, str], bills: list[Row], window: list[str]
) -> dict[str, Spend]:
    """Every customer who holds a line, or was the last to hold one."""
    revenue, fees = billed(identity, payers, bills, window)
    charges = monthly(usage, identity, "charge_amount")
    seconds_in, seconds_out = (monthly(usage, identity, f"voice_{way}_seconds") for way in ("in", "out"))
    bill_months = {bill["billing_period"] for bill in bills}
    whole_months = [month for month in window if usage.loaded(first_day(month), last_day(month))]
    on_network = identity.on_network(window)

    def of(customer: str) -> Spend:
        months_billed = len(on_network[customer] & bill_months)
        months_used = len(on_network[customer].intersection(whole_months))
        consumed = {month: charges.get((customer, "prepaid", month), Decimal(0)) for month in whole_months}
        paid = {month: revenue.get((customer, month), Decimal(0)) for month in window}
        fee = {month: fees.get((customer, month), Decimal(0)) for month in window}
        parts = [
            Fraction(sum(amounts.values())) / months
            for amounts, months in ((paid, months_billed), (consumed, months_used), (fee, months_billed))
            if months
        ]
        seconds = sum(
            table.get((customer, kind, month), 0)
            for table in (seconds_in, seconds_out) for kind in ("postpaid", "prepaid") for month in whole_months
        )  # fmt: skip
        return Spend(
            billed_amount=sum(paid.values(), Decimal(0)),
            prepaid_usage_amount=sum(consumed.values(), Decimal(0)),
            prepaid_fee_amount=sum(fee.values(), Decimal(0)),
            billed_months=months_billed,
            usage_months=months_used,
            arpu=sum(parts, Fraction(0)) if parts else None,
            mou_minutes=half_up(Fraction(seconds) / 60 / months_used, 4) if months_used else None,
            latest_month=paid[window[-1]] + consumed.get(window[-1], 0) + fee[window[-1]],
        )

    return {customer: of(customer) for customer in sorted(identity.last_holders())}
