"""sql/features/usage_daily.sql: what a line used in a day, whose number it was, and the records of nobody."""

from datetime import date
from typing import Any

import pytest
from sql_desk import SqlDesk

from data_contracts import contract
from pipelines.table_types import table_types

DAY = date(2024, 6, 10)  # from 2024-06-09 16:00 UTC to 2024-06-10 16:00 UTC
HELD = "msisdn | subscription_id | held_from\n +861 | S1 | 2020-01-01 00:00"
RECORD = {
    "served_msisdn": "+861",
    "direction": "outgoing",
    "call_type": "voice",
    "answer_time": "2024-06-10 04:00",
    "call_duration": "0",
    "uplink_bytes": "0",
    "downlink_bytes": "0",
    "roaming": "false",
    "long_distance": "false",
    "charge": "0",
    "known_at": "2024-06-11 00:00",
}


def given_records(desk: SqlDesk, text: str, held: str = HELD, **same: str) -> None:
    desk.given("features.number_holdings", held)
    desk.given("staging.cdr", text, **{**RECORD, **same})


def expect_day(desk: SqlDesk, text: str, **given: Any) -> None:
    desk.expect("features.usage_daily", text, **{"usage_date": DAY, **given})


def test_voice_is_counted_by_direction_with_unanswered_calls_as_calls(desk: SqlDesk) -> None:
    given_records(
        desk,
        """
        record_id | call_type | direction | call_duration
        1         | voice     | outgoing  | 60
        2         | voice     | outgoing  | 0
        3         | voice     | incoming  | 7
        4         | data      | outgoing  | 500
        5         | sms       | outgoing  | 3
        """,
    )
    expect_day(
        desk,
        """
        subscription_id | records | voice_out_seconds | voice_in_seconds | voice_out_calls | voice_in_calls
        S1              | 5       | 60                | 7                | 2               | 1
        """,
    )


def test_messages_data_and_charges_are_summed(desk: SqlDesk) -> None:
    given_records(
        desk,
        """
        record_id | call_type | direction | uplink_bytes | downlink_bytes | charge
        1         | sms       | outgoing  | 0            | 0              | 0.1000
        2         | sms       | outgoing  | 0            | 0              | 0.1000
        3         | sms       | incoming  | 0            | 0              | 0
        4         | data      | outgoing  | 1000         | 3000000000     | 0.0001
        5         | data      | outgoing  | 24           | 3000000000     | 0.0002
        6         | voice     | outgoing  | 0            | 0              | 1.5000
        """,
    )
    expect_day(
        desk,
        """
        sms_out | sms_in | uplink_bytes | downlink_bytes | charge_amount
        2       | 1      | 1024         | 6000000000     | 1.7003
        """,
    )


def test_long_distance_and_roaming_are_seconds_of_calls_in_and_out(desk: SqlDesk) -> None:
    given_records(
        desk,
        """
        record_id | call_type | direction | call_duration | long_distance | roaming
        1         | voice     | outgoing  | 1             | true          | false
        2         | voice     | incoming  | 2             | true          | true
        3         | voice     | incoming  | 4             | false         | true
        4         | data      | outgoing  | 100           | true          | true
        """,
    )
    expect_day(desk, "long_distance_seconds | roaming_seconds\n 3 | 6")


@pytest.mark.parametrize(
    "local, answer_time, night",
    [
        ("05:59", "2024-06-09 21:59:59", 90),
        ("06:00", "2024-06-09 22:00", 0),
        ("21:59", "2024-06-10 13:59:59", 0),
        ("22:00", "2024-06-10 14:00", 90),
        ("00:00", "2024-06-09 16:00", 90),
        ("23:59, a call counts whole where it began", "2024-06-10 15:59:59", 90),
    ],
)
def test_night_is_22_to_6_of_the_operators_clock(desk: SqlDesk, local: str, answer_time: str, night: int) -> None:
    given_records(desk, f"answer_time | call_duration\n {answer_time} | 90")
    expect_day(desk, f"night_seconds | voice_out_seconds\n {night} | 90")


def test_only_calls_count_as_night_seconds(desk: SqlDesk) -> None:
    given_records(desk, "call_type | call_duration\n data | 90\n sms | 90", answer_time="2024-06-10 15:00")
    expect_day(desk, "night_seconds\n 0")


def test_the_day_is_the_operators(desk: SqlDesk) -> None:
    given_records(
        desk,
        """
        record_id | answer_time
        before    | 2024-06-09 15:59:59
        first     | 2024-06-09 16:00
        last      | 2024-06-10 15:59:59
        after     | 2024-06-10 16:00
        """,
    )
    expect_day(
        desk,
        """
        subscription_id | usage_date | records | last_activity_at
        S1              | 2024-06-10 | 2       | 2024-06-10 15:59:59
        """,
    )
    expect_day(desk, "usage_date | records\n 2024-06-11 | 1", usage_date=date(2024, 6, 11))


def test_a_record_belongs_to_the_line_that_held_the_number_at_its_answer_time(desk: SqlDesk) -> None:
    given_records(
        desk,
        """
        record_id | answer_time         | call_duration
        1         | 2024-06-10 01:59:59 | 1
        2         | 2024-06-10 02:00    | 2
        3         | 2024-06-10 02:59:59 | 4
        4         | 2024-06-10 03:00    | 8
        5         | 2024-06-10 03:59:59 | 16
        6         | 2024-06-10 04:00    | 32
        """,
        held="""
        msisdn | subscription_id | held_from        | held_to
        +861   | S1              | 2024-06-10 02:00 | 2024-06-10 03:00
        +861   | S2              | 2024-06-10 04:00 |
        +862   | S3              | 2020-01-01 00:00 |
        """,
    )
    expect_day(
        desk,
        """
        subscription_id | records | voice_out_seconds
                        | 3       | 25
        S1              | 2       | 6
        S2              | 1       | 32
        """,
    )


def test_records_of_nobody_are_one_row_a_day(desk: SqlDesk) -> None:
    given_records(
        desk,
        """
        served_msisdn | charge
        +867          | 1
        +868          | 2
        +861          | 4
        """,
    )
    expect_day(desk, "subscription_id | records | charge_amount\n | 2 | 3\n S1 | 1 | 4")


def test_a_day_without_records_has_no_row(desk: SqlDesk) -> None:
    desk.given("features.number_holdings", HELD)
    expect_day(desk, "subscription_id | records")


def test_what_is_known_only_after_the_as_of_date_is_left_out(desk: SqlDesk) -> None:
    given_records(
        desk,
        """
        record_id | call_duration | known_at
        1         | 1             | 2024-06-30 15:59:59
        2         | 2             | 2024-06-30 16:00
        """,
    )
    expect_day(desk, "records | voice_out_seconds\n 1 | 1")


def test_calls_to_the_service_numbers_are_hotline_calls(desk: SqlDesk) -> None:
    given_records(
        desk,
        """
        call_type | direction | calling_number | called_number | call_duration
        voice     | outgoing  | +861           | 10086         | 100
        voice     | outgoing  | +861           | 1860          | 10
        voice     | outgoing  | +861           | 10010         | 1
        voice     | outgoing  | +861           |               | 1
        sms       | outgoing  | +861           | 10086         | 0
        voice     | incoming  | +869           | 10086         | 1
        """,
    )
    expect_day(desk, "hotline_calls | hotline_seconds | voice_out_seconds\n 2 | 110 | 112")


def test_contacts_are_different_numbers_of_calls_and_messages_in_or_out(desk: SqlDesk) -> None:
    given_records(
        desk,
        """
        call_type | direction | calling_number | called_number
        voice     | outgoing  | +861           | +8611
        sms       | outgoing  | +861           | +8611
        voice     | incoming  | +8611          | +861
        voice     | incoming  | +8612          | +861
        sms       | incoming  | +8614          | +861
        sms       | outgoing  | +861           | 95588
        data      | outgoing  | +861           | +8613
        voice     | outgoing  | +861           | 10086
        sms       | outgoing  | +861           | 1860
        voice     | incoming  |                | +861
        voice     | outgoing  | +861           |
        """,
    )
    # +8611, +8612, +8614 and 95588: not the data session, not the hotline, not the unknown ones.
    expect_day(desk, "distinct_contacts\n 4")


def test_a_message_or_call_from_a_service_number_is_no_contact_and_no_hotline_call(desk: SqlDesk) -> None:
    given_records(
        desk,
        """
        call_type | direction | calling_number | called_number | call_duration
        sms       | incoming  | 10086          | +861          | 0
        voice     | incoming  | 1860           | +861          | 30
        voice     | incoming  | +8611          | 10086         | 5
        """,
    )
    # Of an incoming record the other number is the calling one: only +8611 is a contact.
    expect_day(desk, "distinct_contacts | hotline_calls | hotline_seconds\n 1 | 0 | 0")
    expect_day(desk, "voice_in_seconds | sms_in\n 35 | 1")


def test_without_service_numbers_there_are_no_hotline_calls(desk: SqlDesk) -> None:
    desk.con.execute("delete from run.service_numbers")
    given_records(desk, "called_number | call_duration\n 10086 | 5\n | 5")
    expect_day(desk, "records | hotline_calls | hotline_seconds | distinct_contacts\n 2 | 0 | 0 | 1")


def test_columns_and_types_are_the_contracts() -> None:
    promised = {column.name: column.physical for column in contract("features.usage_daily").columns}
    assert table_types("features.usage_daily") == promised


@pytest.mark.parametrize(
    "last, holder",
    [
        pytest.param("2024-06-10 03:59:59", "old", id="before the transfer"),
        pytest.param("2024-06-10 04:00", "new", id="at the transfer"),
        pytest.param("2024-06-10 15:00", "new", id="after the transfer"),
    ],
)
def test_a_lines_day_is_of_who_held_the_line_at_its_last_record(desk: SqlDesk, last: str, holder: str) -> None:
    desk.given(
        "features.subscription_versions",
        """
        customer_id | valid_from       | valid_to
        old         | 2020-01-01 00:00 | 2024-06-10 04:00
        new         | 2024-06-10 04:00 |
        """,
        subscription_id="S1",
    )
    given_records(desk, f"record_id | answer_time\n 1 | 2024-06-10 01:00\n 2 | {last}")
    expect_day(desk, f"subscription_id | customer_id | records\n S1 | {holder} | 2")


def test_records_of_nobody_have_no_customer(desk: SqlDesk) -> None:
    given_records(desk, "served_msisdn\n +8699")
    expect_day(desk, "subscription_id | customer_id | records\n | | 1")
