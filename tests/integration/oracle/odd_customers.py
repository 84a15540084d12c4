"""Customers whom the sample does not have: each is one decided case, delivered beside the sample's files.

Belongs here: rows of extracts. Does not: what becomes of them (the oracle and the program each say).
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from data_contracts import contract

Rows = dict[str, list[dict[str, Any]]]
WINDOW = ("2024-03", "2024-04", "2024-05")
NOON = "T10:00:00+08:00"


def number(which: int) -> str:
    """A number that nobody in the sample has."""
    return f"+86199000000{which:02d}"


class Deliveries:
    """Rows collected by extract."""

    def __init__(self) -> None:
        self.rows: Rows = {"customers": [], "subscriptions": [], "bills": [], "payments": [], "cdr": [], "contacts": []}

    def customer(self, name: str, customer_type: str = "individual") -> None:
        self.rows["customers"].append({"customer_id": name, "customer_type": customer_type, "language": "zh-CN"})

    def line(self, line: str, customer: str, account: str, which: int, activated: str, *intervals: Any) -> None:
        """Intervals as (from, to or "", {changed columns})."""
        for start, end, changes in intervals:
            row = {
                "subscription_id": line, "customer_id": customer, "account_id": account, "msisdn": number(which),
                "brand": "GoTone", "plan_id": "G018", "payment_type": "postpaid", "activation_date": activated,
                "status": "active", "status_date": start, "valid_from": start + NOON,
                "valid_to": end + NOON if end else "",
            }  # fmt: skip
            self.rows["subscriptions"].append(row | changes)

    def bill(self, account: str, line: str, month: str, amount: str, due: str | None = None, **changes: str) -> None:
        year, of_year = int(month[:4]), int(month[5:])
        following = f"{year + of_year // 12}-{of_year % 12 + 1:02d}"
        parts = [c.name for c in contract("staging.bills").columns if c.name.endswith("_amount")]
        row = {
            "bill_id": f"BX{len(self.rows['bills'])}", "account_id": account, "subscription_id": line,
            "bill_type": "invoice", "billing_period": month, "bill_date": f"{following}-01",
            "payment_due_date": f"{following}-20" if due is None else due,
            **dict.fromkeys(parts, "0.00"), "rental_amount": amount, "amount_due": amount, "currency": "CNY",
        }  # fmt: skip
        self.rows["bills"].append(row | changes)

    def bills(self, account: str, line: str, amount: str) -> None:
        for month in WINDOW:
            self.bill(account, line, month, amount)

    def payment(self, account: str, month: str, paid: str, amount: str) -> None:
        row = {
            "payment_id": f"PX{len(self.rows['payments'])}", "account_id": account, "kind": "payment",
            "billing_period": month, "paid_at": paid + NOON, "amount": amount,
        }  # fmt: skip
        self.rows["payments"].append(row)

    def record(self, which: int, day: str, **changes: str) -> None:
        row = {
            "record_id": f"X{len(self.rows['cdr'])}", "served_msisdn": number(which), "calling_number": number(which),
            "called_number": "10086", "direction": "outgoing", "call_type": "voice",
            "answer_time": f"{day}T11:00:00+08:00", "call_duration": "60", "uplink_bytes": "0",
            "downlink_bytes": "0", "roaming": "false", "long_distance": "false", "charge": "1.0000",
        }  # fmt: skip
        self.rows["cdr"].append(row | changes)

    def contact(self, which: int, at: str, reason: str) -> None:
        row = {
            "contact_id": f"TX{len(self.rows['contacts'])}", "contact_address": number(which), "direction": "incoming",
            "channel": "agent", "offered_at": at + "+08:00", "reason_code": reason,
        }  # fmt: skip
        self.rows["contacts"].append(row)


STOPPED = {"status": "suspended", "status_reason": "arrears"}
ON_REQUEST = {"status": "suspended", "status_reason": "voluntary"}
CEASED = {"status": "ceased", "status_reason": "voluntary"}
PREPAID = {"payment_type": "prepaid"}


def odd_deliveries() -> Rows:
    """The rows of every case, each under its rule of the decided cases."""
    d = Deliveries()
    for name in ("X01", "X02", "X03", "X04", "X05", "X07", "X08", "X09", "X10", "X11", "X12", "X13", "X14", "X15"):
        d.customer(name)
    d.customer("X06", "group")
    # A parent pays for a child.
    d.line("SX01", "X01", "AX01", 1, "2019-01-10", ("2019-01-10", "", {}))
    d.line("SX02", "X02", "AX01", 2, "2021-01-10", ("2021-01-10", "", {}))
    d.bills("AX01", "SX01", "90.00")
    # Stopped on request, then for arrears, with a status date of its own or the old one kept: one stop each.
    for line, customer, account, which, since in (
        ("SX03", "X03", "AX03", 3, "2024-02-05"),
        ("SX13", "X13", "AX13", 13, "2023-01-05"),
    ):
        d.line(
            line, customer, account, which, "2020-01-10",
            ("2020-01-10", "2023-01-05", {}),
            ("2023-01-05", "2024-02-05", ON_REQUEST),
            ("2024-02-05", "", {**STOPPED, "status_date": since}),
        )  # fmt: skip
        d.bills(account, line, "50.00")
    # A stopped line changes its owner: the new one inherits no stop, and the old one has no line left.
    handed = {**STOPPED, "status_date": "2024-03-05"}
    d.line(
        "SX04", "X04", "AX04", 4, "2020-01-10", ("2020-01-10", "2024-03-05", {}), ("2024-03-05", "2024-04-15", handed)
    )
    d.line("SX04", "X05", "AX05", 4, "2020-01-10", ("2024-04-15", "2024-05-10", handed), ("2024-05-10", "", {}))
    for month, account in zip(WINDOW, ("AX04", "AX05", "AX05"), strict=True):
        d.bill(account, "SX04", month, "44.00")
    # A company whose line has ceased no longer pays the account of a person in service.
    d.line("SX06", "X06", "AX06", 6, "2018-01-10", ("2018-01-10", "2023-12-01", {}), ("2023-12-01", "", CEASED))
    d.line("SX16", "X06", "AX16", 16, "2018-01-10", ("2018-01-10", "", {}))
    d.line("SX07", "X07", "AX06", 7, "2020-01-10", ("2020-01-10", "", {}))
    d.bills("AX06", "SX07", "70.00")
    # The CRM's history of the line begins late; bills of the line and of the account before it.
    d.line("SX08", "X08", "AX08", 8, "2022-01-10", ("2024-05-20", "", {}))
    d.bills("AX08", "SX08", "66.60")
    d.bill("AX08", "", "2024-04", "10.00")
    d.bill("AX08", "", "2024-03", "7.00", due="")
    # Billed before it was activated: months before the activation are nobody's.
    d.line("SX09", "X09", "AX09", 9, "2024-05-10", ("2024-03-02", "", {}))
    d.bills("AX09", "SX09", "30.00")
    # A second line claims a number for a while; the first does not get it back by itself.
    d.line("SX10", "X10", "AX10", 10, "2020-01-10", ("2020-01-10", "", PREPAID))
    d.line("SX11", "X11", "AX11", 10, "2024-04-10", ("2024-04-10", "2024-05-10", PREPAID))
    d.line("SX11", "X11", "AX11", 11, "2024-04-10", ("2024-05-10", "", PREPAID))
    for day in ("2024-04-01", "2024-04-20", "2024-05-20", "2024-06-20"):
        d.record(10, day)
    d.record(
        10, "2024-04-20", calling_number="1860", called_number=number(10), direction="incoming", call_type="sms",
        call_duration="0", charge="0.0000",
    )  # fmt: skip
    # Abroad and far, and data: of the number's holder then, though the month is of the line's holder at its end.
    d.record(10, "2024-05-21", roaming="true", long_distance="true", call_duration="600")
    d.record(10, "2024-04-21", roaming="true", call_duration="300")
    d.record(
        10, "2024-04-22", call_type="data", call_duration="0", uplink_bytes="7", downlink_bytes="900000000000",
        called_number="",
    )  # fmt: skip
    # Complaints are of the holder too; the 90 days begin with 2 April. A line handed on takes none along.
    for at in ("2024-04-01T23:59:59", "2024-04-02T00:00:00", "2024-04-20T09:00:00", "2024-05-20T09:00:00"):
        d.contact(10, at, "投诉-资费")
    d.contact(10, "2024-04-21T09:00:00", "咨询-投诉")
    d.contact(4, "2024-04-14T09:00:00", "CMP-SERVICE")
    d.contact(4, "2024-04-15T10:00:00", "CMP-SERVICE")
    # An adjustment with a due date, a refund on a credit note, a period that owes nothing.
    d.line("SX12", "X12", "AX12", 12, "2020-01-10", ("2020-01-10", "", {}))
    d.bills("AX12", "SX12", "80.00")
    d.bill("AX12", "SX12", "2024-04", "5.00", due="2024-06-29", bill_type="adjustment")
    d.bill("AX12", "SX12", "2024-05", "9.00", due="", bill_type="credit", refund_amount="2.50")
    d.bill("AX12", "SX12", "2024-02", "20.00")
    d.bill("AX12", "SX12", "2024-02", "20.00", due="", bill_type="credit")
    d.payment("AX12", "2024-04", "2024-06-10", "85.00")
    d.payment("AX12", "2024-03", "2024-05-01", "80.00")
    # A line ceased before the window and a new one in May.
    d.line("SX14", "X14", "AX14", 14, "2020-01-10", ("2020-01-10", "2023-10-10", {}), ("2023-10-10", "", CEASED))
    d.line("SX15", "X14", "AX14", 15, "2024-05-10", ("2024-05-10", "", {}))
    d.bills("AX14", "SX15", "21.00")
    # A company pays for the line in service; a ceased one had an account of its own, which still tells how he pays.
    d.line("SX17", "X15", "AX17", 17, "2020-01-10", ("2020-01-10", "2024-04-10", {}), ("2024-04-10", "", CEASED))
    d.line("SX18", "X15", "AX16", 18, "2024-04-10", ("2024-04-10", "", {}))
    d.bill("AX17", "SX17", "2024-03", "33.00")
    return d.rows


def deliver(landing: Path) -> None:
    """Writes the odd customers beside the sample's files, in the contracts' columns."""
    for extract, rows in odd_deliveries().items():
        day = "20240605" if extract == "bills" else "20240630"
        with (landing / extract / f"{extract}_{day}_8.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [c.name for c in contract(f"staging.{extract}").columns], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
