"""The deliberate faults of single records: what is written into which column, and what must come of it.

Belongs here: the catalogue as data. Does not: where the lines are put (faults.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

Outcome = Literal["rejected", "duplicate", "copy_ignored", "nulled", "unattributed", "ordinary", "blank"]
Base = Literal["new", "same", "same_key"]


@dataclass(frozen=True)
class Fault:
    """One record: `values` replace columns of a valid line, `tail` is appended to it, `cut` fields are left out.

    `base`: the line has a key of its own ('new'), repeats an accepted line ('same'), or its key only ('same_key').
    """

    what: str
    outcome: Outcome = "rejected"
    reason: str = ""
    column: str = ""
    values: dict[str, str] = field(default_factory=dict)
    base: Base = "new"
    cut: int = 0
    tail: str = ""


def _bad(reason: str, column: str, value: str, what: str) -> Fault:
    return Fault(what, reason=reason, column=column, values={column: value})


NUL: Final = Fault("a NUL byte inside the line", reason="control_character", tail="\x00")
REPEATED: Final = Fault("the same record a second time", "duplicate", base="same")
ACROSS_FILES: Final = Fault("the same record as in another file", "duplicate", base="same")
GAP: Final = Fault("use of a recycled number after one line lost it and before the next got it", "unattributed")
QUOTED: Final = Fault(
    'a quoted field with a comma and doubled quotes: its value is 0,"normal" and the record is right',
    "ordinary",
    column="cause_for_term",
    values={"cause_for_term": '"0,""normal"""'},
)
REGION: Final = Fault(
    'a quoted field with a comma and doubled quotes: its value is 广州, "天河" and the record is right',
    "ordinary",
    column="region",
    values={"region": '"广州, ""天河"""'},
)

CDR: Final = (
    _bad("not_an_integer", "call_duration", "10.6", "a fraction of a second in an integer; never 11"),
    _bad("not_an_integer", "call_duration", "0x10", "a hexadecimal number; never 16"),
    _bad("not_an_integer", "uplink_bytes", "1_000", "an underscore in a number; never 1000"),
    _bad("not_a_decimal", "charge", "NaN", "not a number, though floats read it"),
    _bad("below_minimum", "call_duration", "-5", "a negative duration"),
    _bad("bad_number_form", "served_msisdn", "8.61380E+12", "a number as a spreadsheet rewrites it"),
    _bad("bad_number_form", "served_msisdn", "＋８６１３８００００１２３４", "full-width digits"),
    _bad("bad_number_form", "served_msisdn", "8613800001234", "no plus sign"),
    _bad("no_zone", "answer_time", "2024-06-13T10:15:00", "a time without its zone"),
    _bad("above_maximum", "answer_time", "9999-12-31T23:59:59+08:00", "the year 9999"),
    _bad("below_minimum", "answer_time", "1980-01-06T00:00:00+08:00", "the clock of the device was not set"),
    Fault("a quote that is opened and not closed", reason="quote_not_closed", values={"cause_for_term": '"0'}),
    Fault("one field too few", reason="wrong_field_count", cut=1),
    Fault("one field too many", reason="wrong_field_count", tail=",0"),
    Fault("a control character (BEL) inside the line", reason="control_character", tail="\x07"),
    _bad("unknown_code", "call_type", "fax", "a code that the contract does not know"),
    _bad("required_missing", "direction", "", "a required value is missing"),
    _bad("too_many_decimals", "charge", "1.23456", "five decimals; nothing is rounded here"),
    REPEATED,
    Fault(
        "the key of an accepted record with another charge",
        reason="key_conflict",
        values={"charge": "77.7700"},
        base="same_key",
    ),
    Fault(
        "an other party that nobody can use: nulled and counted, the record stays",
        "nulled",
        column="called_number",
        values={
            "call_type": "voice",
            "direction": "outgoing",
            "called_number": "1.42E+13",
            "served_msisdn": "{served}",
            "calling_number": "{served}",
        },
    ),
    Fault(
        "a number that nobody holds: the record is kept and counted",
        "unattributed",
        column="served_msisdn",
        values={"served_msisdn": "{unheld}", "calling_number": "{unheld}", "direction": "outgoing"},
    ),
    QUOTED,
)

BILLS: Final = (
    _bad("not_a_decimal", "rental_amount", "inf", "infinity"),
    _bad("too_many_decimals", "amount_due", "58.00001", "five decimals"),
    _bad("required_missing", "account_id", "", "a bill that nobody owes"),
    _bad("unknown_code", "bill_type", "rebate", "a code that the contract does not know"),
    _bad("not_a_date", "bill_date", "2024-02-30", "a day that does not exist"),
    _bad("bad_form", "billing_period", "2024-13", "a month that does not exist"),
    REPEATED,
    Fault(
        "the key of an accepted bill with another amount",
        reason="key_conflict",
        values={"rental_amount": "99999.00"},
        base="same_key",
    ),
)

PAYMENTS: Final = (
    _bad("not_a_decimal", "amount", '"12,50"', "a decimal comma"),
    _bad("below_minimum", "amount", "-20.00", "a negative payment"),
    _bad("unknown_code", "kind", "cheque", "a code that the contract does not know"),
    _bad("no_zone", "paid_at", "2024-06-13 10:15:00", "a time without its zone"),
    REPEATED,
)

CUSTOMERS: Final = (
    _bad("above_maximum", "credit_score", "101.00", "a credit score above the scale"),
    _bad("unknown_code", "customer_type", "company", "a code that the contract does not know"),
    _bad("not_a_boolean", "contact_consent", "yes", "neither true nor false"),
    _bad("not_an_integer", "birth_year", "1984.0", "a year with decimals"),
    REPEATED,
)

SUBSCRIPTIONS: Final = (
    _bad("bad_number_form", "msisdn", "8613800001234", "no plus sign"),
    _bad("unknown_code", "status", "closed", "a code that the contract does not know"),
    _bad("required_missing", "activation_date", "", "a required value is missing"),
    _bad("no_zone", "valid_from", "2024-06-13T10:15:00", "a time without its zone"),
    Fault(
        "the key of an accepted interval with another plan",
        reason="key_conflict",
        values={"plan_id": "G999"},
        base="same_key",
    ),
)

SERVICE_LISTS: Final = (
    _bad("unknown_code", "list", "gold", "a list that the contract does not know"),
    _bad("not_a_date", "valid_from", "30/06/2024", "a date in another form"),
)

CONTACTS: Final = (
    _bad("unknown_code", "channel", "fax", "a code that the contract does not know"),
    _bad("no_zone", "offered_at", "2024-06-13T10:15:00", "a time without its zone"),
    _bad("required_missing", "direction", "", "a required value is missing"),
)
