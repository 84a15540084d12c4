"""sql/features/churn.sql: exact sums and counts of a customer's last weeks, months and payments.

On 30 June 2024 the last 28 days begin with 3 June (weeks with the 24th, 17th, 10th and 3rd), the 28 before with 6 May.
"""

from datetime import date, timedelta

import pytest
from sql_desk import AS_OF, SqlDesk

TABLE = "features.churn"
VERSIONS = "features.subscription_versions"
CUSTOMER = {"customer_id": "C1", "lines_in_service": "1", "has_postpaid_line": "true", "has_prepaid_line": "false"}
USE = dict.fromkeys(
    (
        *("voice_out_seconds", "voice_in_seconds", "long_distance_seconds", "roaming_seconds", "night_seconds"),
        *("uplink_bytes", "downlink_bytes", "sms_out", "sms_in", "charge_amount", "hotline_calls"),
    ),
    "0",
) | {"customer_id": "C1"}
RECHARGE = {"subscription_id": "S1", "kind": "recharge", "known_at": "2024-06-30 00:00", "amount": "1"}


@pytest.fixture
def desk(desk: SqlDesk) -> SqlDesk:
    """One customer with one line."""
    desk.given("features.customer", "customer_id\n C1", **CUSTOMER)
    desk.given(VERSIONS, "subscription_id | customer_id\n S1 | C1", valid_from="2020-01-01 00:00")
    return desk


def given_use(desk: SqlDesk, text: str, **same: str) -> None:
    """Usage of C1 by day."""
    desk.given("features.usage_daily", text, **{**USE, **same})


def given_loaded(desk: SqlDesk, first: date, *without: date) -> None:
    """Every other day of usage from `first` on is loaded: records of nobody say so."""
    days = [first + timedelta(days=n) for n in range((AS_OF - first).days + 1)]
    rows = "\n".join(str(day) for day in days if day not in without)
    desk.given("features.usage_daily", f"usage_date\n{rows}", **{name: "0" for name in USE if name != "customer_id"})


CONTACTS = (
    *("contacts", "contacts_before", "on_net_contacts", "on_net_contacts_seen", "contacts_left", "best_tier_contacts"),
)
EARLIER, RECENT = date(2024, 5, 6), date(2024, 6, 3)


def test_windows_of_28_days_and_a_week(desk: SqlDesk) -> None:
    given_loaded(desk, EARLIER)
    given_use(
        desk,
        """
        usage_date | voice_out_seconds | voice_in_seconds | uplink_bytes | downlink_bytes
        2024-05-05 | 9000              | 9000             | 9000         | 9000
        2024-05-06 | 100               | 0                | 5            | 5
        2024-06-02 | 10                | 1                | 0            | 1
        2024-06-03 | 20                | 2                | 0            | 100
        2024-06-23 | 30                | 3                | 0            | 200
        2024-06-24 | 40                | 4                | 0            | 300
        2024-06-30 | 50                | 5                | 0            | 400
        """,
    )
    given_use(
        desk,
        """
        usage_date | sms_out | sms_in | charge_amount
        2024-05-05 | 90      | 90     | 900
        2024-05-06 | 1       | 0      | 0.5
        2024-06-02 | 0       | 1      | 0.25
        2024-06-03 | 1       | 1      | 1.5
        2024-06-23 | 0       | 0      | 0
        2024-06-24 | 0       | 0      | 0
        2024-06-30 | 0       | 3      | 0.0001
        """,
    )
    desk.expect(
        TABLE,
        """
        voice_seconds | voice_seconds_before | voice_seconds_week | voice_in_seconds
        154           | 111                  | 99                 | 14
        """,
    )
    desk.expect(TABLE, "data_bytes | data_bytes_before | data_bytes_week\n 1000 | 11 | 700")
    desk.expect(
        TABLE,
        """
        messages | messages_before | charge_amount | charge_amount_before | active_days | active_days_before
        5        | 2               | 1.5001        | 0.75                 | 4           | 2
        """,
    )


def test_the_quietest_and_the_busiest_of_four_weeks(desk: SqlDesk) -> None:
    given_loaded(desk, EARLIER)
    given_use(
        desk,
        """
        usage_date | voice_out_seconds | downlink_bytes
        2024-06-02 | 999               | 999
        2024-06-03 | 10                | 1
        2024-06-09 | 10                | 1
        2024-06-10 | 15                | 7
        2024-06-16 | 0                 | 0
        2024-06-17 | 16                | 3
        2024-06-24 | 50                | 4
        """,
    )
    desk.expect(
        TABLE,
        """
        voice_seconds_lowest_week | voice_seconds_highest_week | data_bytes_lowest_week | data_bytes_highest_week
        15                        | 50                         | 2                      | 7
        """,
    )


def test_kinds_of_calls_are_of_the_last_28_days(desk: SqlDesk) -> None:
    given_loaded(desk, EARLIER)
    given_use(
        desk,
        """
        usage_date | long_distance_seconds | roaming_seconds | night_seconds | hotline_calls
        2024-06-02 | 1000                  | 1000            | 1000          | 10
        2024-06-03 | 1                     | 2               | 3             | 4
        2024-06-20 | 10                    | 20              | 30            | 1
        """,
    )
    desk.expect(TABLE, "long_distance_seconds | roaming_seconds | night_seconds | hotline_calls\n 11 | 22 | 33 | 5")


@pytest.mark.parametrize(
    "first, missing, recent, before",
    [
        pytest.param(EARLIER, 0, 28, 28, id="both windows loaded"),
        pytest.param(EARLIER + timedelta(days=1), 0, 28, None, id="the earlier one a day short"),
        pytest.param(RECENT, 0, 28, None, id="the last 28 days alone"),
        pytest.param(RECENT + timedelta(days=1), 0, None, None, id="27 days"),
        pytest.param(EARLIER, 3, 25, 28, id="three days missing"),
        pytest.param(EARLIER, 4, None, 28, id="four days missing"),
    ],
)
def test_a_window_that_is_not_loaded_is_null_and_never_zero(
    desk: SqlDesk, first: date, missing: int, recent: int | None, before: int | None
) -> None:
    given_loaded(desk, first, *(date(2024, 6, 10) + timedelta(days=n) for n in range(missing)))
    desk.given("features.call_graph", "customer_id | is_hub\n C9 | false")
    now, then = ("0" if days else "" for days in (recent, before))
    header = "usage_days | usage_days_before | voice_seconds | voice_seconds_before"
    header += " | active_days | contacts | contacts_before"
    seen = "0" if recent and before else ""
    desk.expect(
        TABLE,
        f"{header} | is_hub | contacts_left | on_net_contacts_seen\n"
        f"{recent or ''} | {before or ''} | {now} | {then} | {now} | {now} | {then}"
        f" | {'false' if recent else ''} | {seen} | {seen}",
    )


def test_without_any_usage_loaded_there_is_still_a_row(desk: SqlDesk) -> None:
    desk.expect(TABLE, "customer_id | usage_days | voice_seconds | recharges\n C1 | | |")


def test_customers_out_of_service_have_no_row(desk: SqlDesk) -> None:
    desk.given("features.customer", "customer_id | lines_in_service\n C2 | 0\n C3 | 2", **CUSTOMER)
    desk.expect(TABLE, "customer_id\n C1\n C3")


def test_a_recharge_is_of_who_held_the_line_then_and_usage_of_whose_it_is_said_to_be(desk: SqlDesk) -> None:
    given_loaded(desk, EARLIER)
    desk.con.execute("delete from features.subscription_versions")
    desk.given(
        VERSIONS,
        """
        customer_id | valid_from       | valid_to
        C0          | 2020-01-01 00:00 | 2024-06-10 04:00
        C1          | 2024-06-10 04:00 |
        """,
        subscription_id="S1",
    )
    given_use(desk, "customer_id | usage_date | voice_out_seconds\n C0 | 2024-06-09 | 100\n C1 | 2024-06-10 | 7")
    desk.given(
        "staging.payments",
        """
        paid_at             | amount
        2024-05-01 04:00    | 1
        2024-06-10 03:59:59 | 100
        2024-06-10 04:00    | 30
        2024-06-29 04:00    | 20
        """,
        **RECHARGE,
    )
    desk.expect(TABLE, "customer_id | voice_seconds | recharges | recharge_amount\n C1 | 7 | 2 | 50")


def test_recharges_count_by_window_with_the_last_one_of_90_days(desk: SqlDesk) -> None:
    desk.given(
        "staging.payments",
        """
        payment_id | kind     | paid_at          | amount | known_at
        1          | recharge | 2024-04-01 04:00 | 1000   | 2024-04-02 00:00
        2          | recharge | 2024-05-05 04:00 | 500    | 2024-05-06 00:00
        3          | recharge | 2024-05-06 04:00 | 10     | 2024-05-07 00:00
        4          | recharge | 2024-06-02 04:00 | 20     | 2024-06-03 00:00
        5          | recharge | 2024-06-03 04:00 | 30     | 2024-06-04 00:00
        6          | payment  | 2024-06-28 04:00 | 9000   | 2024-06-29 00:00
        7          | recharge | 2024-06-29 04:00 | 9000   | 2024-06-30 16:00
        """,
        subscription_id="S1",
    )
    desk.given("staging.payments", "paid_at\n 2024-06-28 04:00", **RECHARGE | {"subscription_id": "S9"})
    desk.expect(
        TABLE,
        """
        recharges | recharges_before | recharge_amount | recharge_amount_before | last_recharge_date
        1         | 2                | 30              | 30                     | 2024-06-03
        """,
    )


@pytest.mark.parametrize(
    "first, last, known",
    [
        pytest.param("2024-05-06", "2024-06-27", True, id="three days late"),
        pytest.param("2024-05-06", "2024-06-26", False, id="the month's delivery is still to come"),
        pytest.param("2024-05-07", "2024-06-30", False, id="not from the first day on"),
    ],
)
def test_recharges_that_are_not_loaded_are_unknown(desk: SqlDesk, first: str, last: str, known: bool) -> None:
    days = f"paid_at\n {first} 04:00\n {last} 04:00"
    desk.given("staging.payments", days, **RECHARGE | {"subscription_id": "S9"})
    desk.expect(TABLE, f"recharges | recharge_amount_before\n {'0 | 0' if known else ' | '}")


def test_the_lowest_and_the_highest_billed_month_are_of_the_customers_segment(desk: SqlDesk) -> None:
    desk.segments(short=(("M-Zone",), (), 2), base=((), (), 3))
    desk.con.execute("update features.customer set policy_segment = 'short'")
    desk.given("features.customer", "customer_id | policy_segment\n C2 | base\n C3 | base", **CUSTOMER)
    rows = "\n".join(
        f"{customer} | {month} | {amount} | {amount / 5}"
        for customer in ("C1", "C2")
        for month, amount in (("2024-03", 5), ("2024-04", 30), ("2024-04", 10), ("2024-05", 20))
    )
    desk.given("features.bill_shares", f"customer_id | billing_period | amount | rental_amount\n{rows}")
    desk.expect(
        TABLE,
        """
        customer_id | lowest_month_amount | highest_month_amount | rental_amount
        C1          | 20                  | 40                   | 12
        C2          | 5                   | 40                   | 13
        C3          |                     |                      |
        """,
    )


def test_a_contract_that_has_ended_is_the_last_one_of_the_lines_in_service(desk: SqlDesk) -> None:
    desk.given(
        "features.subscriptions",
        """
        subscription_id | contract_end_date | in_service
        S1              | 2024-01-31        | true
        S2              | 2024-06-29        | true
        S3              | 2024-06-30        | true
        S4              | 2024-06-28        | false
        """,
        customer_id="C1",
    )
    desk.expect(TABLE, "contract_ended_date\n 2024-06-29")


def test_marks_are_whether_something_is_said(desk: SqlDesk) -> None:
    desk.given(
        "features.customer",
        "customer_id | group_id | ported_in_from | previous_operator\n C2 | CO | CU | CT",
        **CUSTOMER,
    )
    desk.expect(
        TABLE,
        "customer_id | is_member | is_ported_in | has_switched\n C1 | false | false | false\n C2 | true | true | true",
    )


@pytest.mark.parametrize(
    "first, missing, recent, before",
    [
        pytest.param(date(2024, 5, 6), 0, True, True, id="eight full weeks loaded"),
        pytest.param(date(2024, 5, 7), 0, True, False, id="a day less"),
        pytest.param(date(2024, 6, 3), 0, True, False, id="four full weeks"),
        pytest.param(date(2024, 6, 4), 0, False, False, id="a day less than four"),
        pytest.param(date(2024, 5, 6), 4, False, True, id="four days missing"),
    ],
)
def test_contacts_count_where_their_full_weeks_are_loaded(
    desk: SqlDesk, first: date, missing: int, recent: bool, before: bool
) -> None:
    # On a Saturday the last 28 days and the last four full weeks, which ended on Sunday the 30th, are not the same.
    desk.at(date(2024, 7, 6))
    given_loaded(desk, first, *(date(2024, 6, 10) + timedelta(days=n) for n in range(missing)))
    desk.given("features.usage_daily", "usage_date\n" + "\n".join(f"2024-07-0{n}" for n in range(1, 7)))
    desk.given("features.call_graph", "customer_id | is_hub\n C9 | false")
    now, then, seen = ("0" if known else "" for known in (recent, before, recent and before))
    desk.expect(
        TABLE,
        "is_hub | contacts | on_net_contacts | contacts_before | on_net_contacts_seen | contacts_left\n"
        f"{'false' if recent else ''} | {now} | {now} | {then} | {seen} | {seen}",
    )


def test_contacts_are_the_call_graphs_and_a_hub_has_none(desk: SqlDesk) -> None:
    given_loaded(desk, EARLIER)
    desk.given("features.customer", "customer_id\n hub\n alone", **CUSTOMER)
    desk.given("features.tier_state", "customer_id | was_tier_flag\n C1 | 1")
    header = "customer_id | is_hub | " + " | ".join(CONTACTS)
    graph = f"{header}\n C1 | false | 9 | 8 | 5 | 6 | 2 | 1\n hub | true | | | | | |"
    desk.given("features.call_graph", graph)
    desk.expect(TABLE, f"{graph}\n alone | false | 0 | 0 | 0 | 0 | 0 | 0")
    desk.con.execute("delete from features.tier_state")
    desk.expect(TABLE, "customer_id | best_tier_contacts\n C1 |\n hub |\n alone |")


def test_who_is_not_judged_by_what_they_are(desk: SqlDesk) -> None:
    found = set(desk.run(TABLE).columns)
    assert not found & {"region", "gender", "birth_year", "language"}
