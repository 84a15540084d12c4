"""What each customer was billed and has consumed a month, and the ARPU of it.

Belongs here: service revenue, shares of company bills, ARPU, minutes of use and other use. Does not: paying.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from oracle.days import first_day, half_up, last_day
from oracle.identity import Identity
from oracle.read import Row
from oracle.usage import Usage, monthly

SERVICE = ("rental", "voice", "long_distance", "roaming", "data", "messaging", "value_added")
FEES = ("rental", "value_added")
SHOWN_APART = ("long_distance", "roaming")
SIGN = {"invoice": 1, "adjustment": 1, "credit": -1}
UNIT = Decimal("0.0001")
VOICE = ("voice_in_seconds", "voice_out_seconds")
DATA = ("uplink_bytes", "downlink_bytes")
USED = (*VOICE, *DATA, "long_distance_seconds", "roaming_seconds")
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
    long_distance_amount: Decimal
    roaming_amount: Decimal
    voice_seconds: int
    long_distance_seconds: int
    roaming_seconds: int
    data_bytes: int
    latest_month_voice_seconds: int | None
    latest_month_data_bytes: int | None

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


@dataclass(frozen=True)
class Billed:
    """Postpaid revenue, the parts of it that are shown apart, and prepaid fees, by (customer, month)."""

    revenue: Monthly
    apart: dict[str, Monthly]
    fees: Monthly


def billed(identity: Identity, payers: dict[str, str], bills: list[Row]) -> Billed:
    result = Billed(defaultdict(Decimal), {part: defaultdict(Decimal) for part in SHOWN_APART}, defaultdict(Decimal))

    def add(bill: Row, customer: str, revenue: Decimal, apart: dict[str, Decimal]) -> None:
        result.revenue[customer, bill["billing_period"]] += revenue
        for part, amount in apart.items():
            result.apart[part][customer, bill["billing_period"]] += amount

    for bill in bills:
        month = bill["billing_period"]
        # A refund is of the bill, not of a component.
        apart = {part: SIGN[bill["bill_type"]] * bill[f"{part}_amount"] for part in SHOWN_APART}
        if bill["subscription_id"] is None:
            lines = bear(identity, payers, bill)
            for line in lines:
                amount = shared(amount_of(bill, SERVICE), lines)[line]
                parts = {part: shared(value, lines)[line] for part, value in apart.items()}
                add(bill, identity.in_service_in(month)[line].customer, amount, parts)
            continue
        interval = identity.held_in(bill["subscription_id"], month)
        if interval is None:
            continue
        if interval.payment_type == "postpaid":
            add(bill, interval.customer, amount_of(bill, SERVICE), apart)
        else:
            result.fees[interval.customer, month] += amount_of(bill, FEES)
    return result


def spend(
    identity: Identity,
    usage: Usage,
    payers: dict[str, str],
    bills: list[Row],
    window_of: Callable[[str], list[str]],
) -> dict[str, Spend]:
    """Every customer who holds a line, or was the last to hold one, in the window of months that is the customer's."""
    customers = sorted(identity.last_holders())
    months = sorted({month for customer in customers for month in window_of(customer)})
    in_windows = [bill for bill in bills if bill["billing_period"] in months]
    amounts = billed(identity, payers, in_windows)
    charges = monthly(usage, identity, "charge_amount")
    used = {measure: monthly(usage, identity, measure) for measure in USED}
    bill_months = {bill["billing_period"] for bill in bills}
    on_network = identity.on_network(months)

    def use(customer: str, months: list[str], *measures: str) -> int:
        keys = [(customer, kind, month) for kind in ("postpaid", "prepaid") for month in months]
        return sum(int(used[measure].get(key, 0)) for measure in measures for key in keys)

    def of(customer: str) -> Spend:
        window = window_of(customer)
        whole_months = [month for month in window if usage.loaded(first_day(month), last_day(month))]
        latest = [month for month in whole_months if month == window[-1]]
        months_billed = len(on_network[customer] & bill_months & set(window))
        months_used = len(on_network[customer].intersection(whole_months))
        consumed = {month: charges.get((customer, "prepaid", month), Decimal(0)) for month in whole_months}
        paid = {month: amounts.revenue.get((customer, month), Decimal(0)) for month in window}
        fee = {month: amounts.fees.get((customer, month), Decimal(0)) for month in window}
        apart = {
            part: sum((table.get((customer, month), Decimal(0)) for month in window), Decimal(0))
            for part, table in amounts.apart.items()
        }
        parts = [
            Fraction(sum(values.values())) / months
            for values, months in ((paid, months_billed), (consumed, months_used), (fee, months_billed))
            if months
        ]
        seconds = use(customer, whole_months, *VOICE)
        return Spend(
            billed_amount=sum(paid.values(), Decimal(0)),
            prepaid_usage_amount=sum(consumed.values(), Decimal(0)),
            prepaid_fee_amount=sum(fee.values(), Decimal(0)),
            billed_months=months_billed,
            usage_months=months_used,
            arpu=sum(parts, Fraction(0)) if parts else None,
            mou_minutes=half_up(Fraction(seconds) / 60 / months_used, 4) if months_used else None,
            latest_month=paid[window[-1]] + consumed.get(window[-1], 0) + fee[window[-1]],
            long_distance_amount=apart["long_distance"],
            roaming_amount=apart["roaming"],
            voice_seconds=seconds,
            long_distance_seconds=use(customer, whole_months, "long_distance_seconds"),
            roaming_seconds=use(customer, whole_months, "roaming_seconds"),
            data_bytes=use(customer, whole_months, *DATA),
            latest_month_voice_seconds=use(customer, latest, *VOICE) if latest else None,
            latest_month_data_bytes=use(customer, latest, *DATA) if latest else None,
        )

    return {customer: of(customer) for customer in customers}
