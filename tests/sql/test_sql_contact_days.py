"""sql/features/contact_days.sql: who talked with whom in a day, and whose the numbers were then."""

from datetime import date

import pytest
from sql_desk import SqlDesk

DAY = date(2024, 6, 10)  # from 2024-06-09 16:00 UTC to 2024-06-10 16:00 UTC
HELD = """
    msisdn | subscription_id | customer_id | held_from
    +861   | S1              | C1          | 2020-01-01 00:00
    +862   | S2              | C2          | 2020-01-01 00:00
    +863   | S3              | C1          | 2020-01-01 00:00
"""
CALL = {
    "served_msisdn": "+861",
    "calling_number": "+861",
    "direction": "outgoing",
    "call_type": "voice",
    "answer_time": "2024-06-10 04:00",
    "call_duration": "10",
    "known_at": "2024-06-11 00:00",
}


def expect_contacts(desk: SqlDesk, text: str) -> None:
    desk.expect("features.contact_days", text, usage_date=DAY)


@pytest.fixture
def desk(desk: SqlDesk) -> SqlDesk:
    desk.given("features.number_holdings", HELD)
    return desk


def test_calls_and_messages_with_a_number_are_one_contact_whichever_side_began(desk: SqlDesk) -> None:
    desk.given(
        "staging.cdr",
        """
        record_id | call_type | direction | calling_number | called_number | call_duration | answer_time
        1         | voice     | outgoing  | +861           | +8690         | 60            | 2024-06-10 04:00
        2         | voice     | incoming  | +8690          | +861          | 0             | 2024-06-10 09:00
        3         | sms       | incoming  | +8690          | +861          | 3             | 2024-06-10 05:00
        4         | data      | outgoing  | +8690          | +8690         | 500           | 2024-06-10 10:00
        """,
        **CALL,
    )
    expect_contacts(
        desk,
        """
        usage_date | customer_id | other_customer_id | other_number
        2024-06-10 | C1          |                   | 8690
        """,
    )


def test_two_customers_are_one_pair_from_either_side(desk: SqlDesk) -> None:
    desk.given(
        "staging.cdr",
        """
        record_id | served_msisdn | direction | calling_number | called_number
        1         | +861          | outgoing  | +861           | +862
        2         | +862          | incoming  | +861           | +862
        3         | +862          | outgoing  | +862           | +863
        """,
        **CALL,
    )
    expect_contacts(desk, "customer_id | other_customer_id | other_number\n C1 | C2 |")


def test_a_number_of_ours_is_of_whoever_held_its_line_then(desk: SqlDesk) -> None:
    desk.con.execute("delete from features.number_holdings where msisdn = '+862'")
    desk.given(
        "features.number_holdings",
        """
        msisdn | customer_id | held_from        | held_to
        +862   | C2          | 2020-01-01 00:00 | 2024-06-10 04:00
        +862   | C0          | 2024-06-10 04:00 | 2024-06-10 06:00
        """,
    )
    desk.given(
        "staging.cdr",
        """
        record_id | answer_time
        1         | 2024-06-10 03:59:59
        2         | 2024-06-10 04:00
        3         | 2024-06-10 06:00
        """,
        **CALL | {"called_number": "+862"},
    )
    expect_contacts(desk, "customer_id | other_customer_id | other_number\n C1 | C2 | \n C0 | C1 | \n C1 | | 862")


@pytest.mark.parametrize(
    "called",
    [
        pytest.param("10086", id="a service number"),
        pytest.param("95588", id="a short code"),
        pytest.param("", id="withheld"),
        pytest.param("+861", id="the line itself"),
        pytest.param("+863", id="the customer's other line"),
    ],
)
def test_who_is_nobodys_contact(desk: SqlDesk, called: str) -> None:
    desk.given("staging.cdr", f"record_id | called_number\n 1 | {called}\n 2 | +862", **CALL)
    expect_contacts(desk, "customer_id | other_customer_id\n C1 | C2")


def test_a_service_number_written_in_full_is_no_contact(desk: SqlDesk) -> None:
    desk.con.execute("insert into run.service_numbers values ('+8610086')")
    desk.given("staging.cdr", "called_number\n +8610086\n +862", **CALL)
    expect_contacts(desk, "customer_id | other_customer_id\n C1 | C2")


def test_records_of_nobody_of_other_days_or_not_yet_known_are_left_out(desk: SqlDesk) -> None:
    desk.given(
        "staging.cdr",
        """
        served_msisdn | called_number | answer_time         | known_at
        +8699         | +8691         | 2024-06-10 04:00    | 2024-06-11 00:00
        +861          | +8692         | 2024-06-10 16:00    | 2024-06-11 00:00
        +861          | +8693         | 2024-06-10 15:59:59 | 2024-06-30 16:00
        +861          | +8694         | 2024-06-10 15:59:59 | 2024-06-30 15:59:59
        """,
        **CALL,
    )
    expect_contacts(desk, "customer_id | other_number\n C1 | 8694")


def test_a_number_is_told_with_the_customers_who_talked_with_it_that_day(desk: SqlDesk) -> None:
    desk.given(
        "staging.cdr",
        """
        record_id | served_msisdn | called_number
        1         | +861          | +8690
        2         | +863          | +8690
        3         | +862          | +8690
        4         | +862          | +8691
        5         | +862          | +861
        """,
        **CALL,
    )
    # C1 has two lines and is one customer.
    expect_contacts(
        desk,
        """
        customer_id | other_customer_id | other_number | number_contacts
        C1          |                   | 8690         | 2
        C2          |                   | 8690         | 2
        C2          |                   | 8691         | 1
        C1          | C2                |              |
        """,
    )
