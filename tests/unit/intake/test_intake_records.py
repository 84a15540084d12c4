"""Every reason for which one record is rejected, and what is read rightly instead.

Belongs here: lines and fields. Does not: whole files that are refused.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest
from intake_desk import CDR, Desk, cdr_file, cdr_row, extract_file

NAME = "cdr/cdr_20240630.csv"
GOOD = cdr_row(record_id="good")

FIELDS = [
    ("record_id", "", "required_missing"),
    ("call_duration", "10.6", "not_an_integer"),
    ("call_duration", "0x10", "not_an_integer"),
    ("call_duration", "1_000", "not_an_integer"),
    ("call_duration", "1e3", "not_an_integer"),
    ("call_duration", " 5", "not_an_integer"),
    ("call_duration", "+5", "not_an_integer"),
    ("call_duration", "５", "not_an_integer"),
    ("call_duration", "99999999999999999999", "out_of_range"),
    ("call_duration", "-1", "below_minimum"),
    ("call_duration", "8640001", "above_maximum"),
    ("charge", "NaN", "not_a_decimal"),
    ("charge", "inf", "not_a_decimal"),
    ("charge", "1e400", "not_a_decimal"),
    ("charge", "1e3", "not_a_decimal"),
    ("charge", "1.", "not_a_decimal"),
    ("charge", "1.23456", "too_many_decimals"),
    ("charge", "999999999999999999", "out_of_range"),
    ("charge", "-0.01", "below_minimum"),
    ("answer_time", "2024-06-30T12:00:00", "no_zone"),
    ("answer_time", "2024-02-30T12:00:00+08:00", "not_a_timestamp"),
    ("answer_time", "2024-06-30T24:00:00+08:00", "not_a_timestamp"),
    ("answer_time", "2024-06-30T12:00:00+25:00", "not_a_timestamp"),
    ("answer_time", "infinity", "not_a_timestamp"),
    ("answer_time", "1980-01-06T00:01:16+08:00", "below_minimum"),
    ("answer_time", "9999-12-31T23:59:59+08:00", "above_maximum"),
    ("direction", "sideways", "unknown_code"),
    ("direction", "Outgoing", "unknown_code"),
    ("served_msisdn", "8.61380E+12", "bad_number_form"),
    ("served_msisdn", "8613800000001", "bad_number_form"),
    ("served_msisdn", "+８６１３８００００００１", "bad_number_form"),
    ("served_msisdn", "+86 138 0000 0001", "bad_number_form"),
    ("roaming", "maybe", "not_a_boolean"),
]


@pytest.mark.parametrize(("column", "value", "reason"), FIELDS)
def test_a_field_that_is_not_what_the_contract_says(desk: Desk, column: str, value: str, reason: str) -> None:
    desk.put(NAME, cdr_file(GOOD, cdr_row(**{column: value})))
    desk.run()
    assert desk.reasons() == [(3, column, reason)]
    assert desk.ask("SELECT record_id FROM staging.cdr") == [("good",)]
    assert desk.ask("SELECT raw FROM intake.rejects") == [(cdr_row(**{column: value}),)]


def test_no_sentence_holds_the_value_of_a_personal_column(desk: Desk) -> None:
    desk.put(
        NAME, cdr_file(cdr_row(served_msisdn="8613812345678"), cdr_row(record_id="", calling_number="+8613812345678"))
    )
    desk.run()
    assert desk.ask("SELECT count(*) FROM intake.rejects") == [(2,)]
    assert desk.ask("SELECT count(*) FROM intake.rejects WHERE detail LIKE '%138%'") == [(0,)]


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("8.61380E+12", "exponent"),
        ("8613800000001", "plus sign"),
        ("+86 1380000001", "separators"),
        (" +8613800000001", "spaces"),
        ("+８６１３８００００００１", "full-width"),
    ],
)
def test_a_bad_number_says_how_it_came_about(desk: Desk, value: str, hint: str) -> None:
    desk.put(NAME, cdr_file(cdr_row(served_msisdn=value)))
    desk.run()
    assert hint in desk.ask("SELECT detail FROM intake.rejects")[0][0]


def test_the_contract_says_why_a_clock_at_1980_is_wrong(desk: Desk) -> None:
    desk.put(NAME, cdr_file(cdr_row(answer_time="1980-01-06T00:01:16+08:00")))
    desk.run()
    assert "the clock of the recording device was not set" in desk.ask("SELECT detail FROM intake.rejects")[0][0]


LINES = [
    (cdr_row() + ",more", "wrong_field_count"),
    ("just,three,fields", "wrong_field_count"),
    (cdr_row(cause_for_term='"open'), "quote_not_closed"),
    (cdr_row(cause_for_term='a"b"c'), "quote_misplaced"),
    (cdr_row(cause_for_term='"a"b'), "quote_misplaced"),
    (cdr_row(cause_for_term="a\x00b"), "control_character"),
    (cdr_row(cause_for_term="a\x1fb"), "control_character"),
    (cdr_row(cause_for_term="a\x7fb"), "control_character"),
    (cdr_row(cause_for_term="a\rb"), "control_character"),
]


@pytest.mark.parametrize(("line", "reason"), LINES)
def test_a_line_that_cannot_be_split(desk: Desk, line: str, reason: str) -> None:
    desk.put(NAME, cdr_file(GOOD, line, cdr_row(record_id="after")))
    desk.run()
    assert desk.reasons() == [(3, None, reason)]
    assert desk.ask("SELECT record_id FROM staging.cdr ORDER BY ALL") == [("after",), ("good",)]
    assert desk.ask("SELECT raw FROM intake.rejects") == [(line,)]


def test_a_field_too_many_here_and_too_few_there_do_not_make_up(desk: Desk) -> None:
    desk.put(NAME, cdr_file(GOOD, cdr_row() + ",more", cdr_row().rpartition(",")[0], cdr_row(record_id="after")))
    desk.run()
    assert desk.reasons() == [(3, None, "wrong_field_count"), (4, None, "wrong_field_count")]
    assert "15 fields, the header 14" in desk.ask("SELECT detail FROM intake.rejects ORDER BY line_number")[0][0]


def test_a_quote_that_spans_lines_rejects_these_lines_and_no_other(desk: Desk) -> None:
    desk.put(NAME, cdr_file(cdr_row(cause_for_term='"a'), cdr_row(record_id="r2", cause_for_term='b"'), GOOD))
    desk.run()
    assert desk.reasons() == [(2, None, "quote_not_closed"), (3, None, "quote_not_closed")]
    assert desk.ask("SELECT record_id FROM staging.cdr") == [("good",)]


def test_a_field_between_quotes_is_ordinary(desk: Desk) -> None:
    rows = [
        cdr_row(record_id="a", cause_for_term='"one, two"'),
        cdr_row(record_id="b", cause_for_term='"he said ""no"", twice"'),
        cdr_row(record_id='"c"', cause_for_term='""'),
        cdr_row(record_id="d", cause_for_term="原因"),
        ",".join(f'"{v}"' for v in (CDR | {"record_id": "e"}).values()),
        GOOD,
    ]
    desk.put(NAME, cdr_file(*rows))
    desk.run()
    assert desk.reasons() == []
    assert desk.ask("SELECT record_id, cause_for_term FROM staging.cdr ORDER BY ALL") == [
        ("a", "one, two"),
        ("b", 'he said "no", twice'),
        ("c", None),
        ("d", "原因"),
        ("e", "16"),
        ("good", "16"),
    ]


def test_blank_lines_crlf_and_a_missing_last_newline_are_counted_and_read(desk: Desk) -> None:
    text = "\r\n".join([",".join(CDR), GOOD, "", cdr_row(record_id="bad", charge="x"), "", cdr_row(record_id="last")])
    desk.put(NAME, text.encode())
    (outcome,) = desk.run().accepted
    assert (outcome.records, outcome.accepted, outcome.rejected) == (6, 2, 1)
    assert desk.reasons() == [(4, "charge", "not_a_decimal")]
    assert desk.ask("SELECT header, blank FROM intake.files") == [(1, 2)]


def test_values_arrive_as_they_were_written(desk: Desk) -> None:
    desk.put(
        NAME,
        cdr_file(
            cdr_row(
                record_id=" kept ", call_duration="007", charge="1.50000", answer_time="2024-07-01T01:30:00.5+08:00"
            ),
            cdr_row(record_id="x\ty", roaming="TRUE", calling_number="", answer_time="2024-06-30 00:00:00Z"),
        ),
    )
    desk.run()
    assert desk.ask(
        "SELECT record_id, call_duration, charge, answer_time, usage_date, usage_hour, roaming, calling_number "
        "FROM staging.cdr"
    ) == [
        (
            " kept ",
            7,
            Decimal("1.5000"),
            datetime(2024, 6, 30, 17, 30, 0, 500000),
            date(2024, 7, 1),
            1,
            False,
            "+8613800000001",
        ),
        ("x\ty", 61, Decimal("0.1500"), datetime(2024, 6, 30), date(2024, 6, 30), 8, True, None),
    ]


@pytest.mark.parametrize("far", [False, True], ids=["days", "years"])
def test_local_days_and_hours_over_a_change_of_clocks(desk: Desk, far: bool) -> None:
    times = ["2024-03-30T23:30:00Z", "2024-03-31T23:30:00Z", *(["2021-07-01T22:59:59Z"] if far else [])]
    desk.put(NAME, cdr_file(*(cdr_row(record_id=t, answer_time=t) for t in times)))
    desk.run(time_zone="Europe/London")
    assert desk.ask("SELECT usage_date, usage_hour FROM staging.cdr") == [
        (date(2024, 3, 30), 23),
        (date(2024, 4, 1), 0),
        *([(date(2021, 7, 1), 23)] if far else []),
    ]


def test_an_unusable_other_party_becomes_null_and_is_counted(desk: Desk) -> None:
    desk.put(
        NAME,
        cdr_file(cdr_row(called_number="1.42E+13"), cdr_row(record_id="r2", calling_number="x", called_number="y")),
    )
    (outcome,) = desk.run().accepted
    assert (outcome.accepted, outcome.nulled) == (2, 3)
    assert desk.ask("SELECT called_number FROM staging.cdr") == [(None,), (None,)]
    assert desk.ask("SELECT column_name, reason, records FROM intake.nulled ORDER BY ALL") == [
        ("called_number", "bad_number_form", 2),
        ("calling_number", "bad_number_form", 1),
    ]


def test_the_first_failing_column_in_contract_order_decides(desk: Desk) -> None:
    desk.put(NAME, cdr_file(cdr_row(charge="x", direction="y")))
    desk.run()
    assert desk.reasons() == [(2, "direction", "unknown_code")]


def test_dates_patterns_and_integers_of_other_extracts(desk: Desk) -> None:
    person = {"customer_id": "c", "customer_type": "individual"}
    desk.put(
        "customers/customers_20240630.csv",
        extract_file(
            "customers",
            person | {"birth_year": "1899"},
            person | {"customer_id": "c2", "credit_score": "100.5"},
            person | {"customer_id": "c3", "credit_score": "99.99999"},
            person | {"customer_id": "c4", "birth_year": "2147483648"},
        ),
    )
    line = {
        "subscription_id": "s", "customer_id": "c", "account_id": "a", "payment_type": "prepaid",
        "activation_date": "2024-1-5", "status": "active", "valid_from": "2024-01-05T00:00:00+08:00",
    }  # fmt: skip
    desk.put("subscriptions/subscriptions_20240630.csv", extract_file("subscriptions", line))
    payment = {"payment_id": "p", "account_id": "a", "kind": "payment", "billing_period": "2024-13", "amount": "1"}
    desk.put("payments/payments_20240630.csv", extract_file("payments", payment | {"paid_at": "2024-06-01T00:00:00Z"}))
    desk.run()
    assert desk.ask("SELECT extract, column_name, reason FROM intake.rejects ORDER BY ALL") == [
        ("customers", "birth_year", "below_minimum"),
        ("customers", "birth_year", "out_of_range"),
        ("customers", "credit_score", "above_maximum"),
        ("customers", "credit_score", "too_many_decimals"),
        ("payments", "billing_period", "bad_form"),
        ("subscriptions", "activation_date", "not_a_date"),
    ]


@pytest.mark.parametrize("blank_every", [0, 5_000], ids=["read as it stands", "normalised"])
def test_lines_are_found_again_in_a_file_of_many_chunks_and_threads(desk: Desk, blank_every: int) -> None:
    lines = [",".join(CDR)]
    for i in range(2, 300_001):
        if blank_every and i % blank_every == 1:
            lines.append("")
        else:
            lines.append(
                cdr_row(record_id=f"n{i}", charge="x" if i % 9_973 == 0 else "1", cause_for_term="c" * (i % 50))
            )
    lines[200_000 - 1] = lines[10 - 1]
    desk.put(NAME, "\n".join(lines).encode())
    (outcome,) = desk.run().accepted
    assert outcome.records == 300_000
    bad = [i for i in range(2, 300_001) if i % 9_973 == 0]
    assert desk.ask("SELECT line_number, raw FROM intake.rejects ORDER BY ALL") == [(i, lines[i - 1]) for i in bad]
    assert desk.ask("SELECT line_number, key FROM intake.duplicates") == [(200_000, "n10")]
    blank = len(range(blank_every + 1, 300_001, blank_every)) if blank_every else 0
    assert outcome.accepted == 299_999 - len(bad) - 1 - blank
