"""sql/features/customer.sql: spend, usage, payments and activity (the rest is in test_sql_customer_lines.py)."""

import pytest
from sql_desk import SqlDesk

TABLE = "features.customer"
LINE = {
    "subscription_id": "S1",
    "customer_id": "C1",
    "account_id": "A1",
    "payment_type": "postpaid",
    "activation_date": "2020-01-01",
    "status": "active",
    "in_service": "true",
    "arrears_stops": "0",
}
VERSIONS = "features.subscription_versions"
VERSION = {name: value for name, value in LINE.items() if name not in ("in_service", "arrears_stops")}
MONTH = {"subscription_id": "S1", "customer_id": "C1", "account_id": "A1", "in_service": "true"}
BILLED_MONTHS = """
    bill_id | billing_period
    B3      | 2024-03
    B4      | 2024-04
    B5      | 2024-05
"""


def given_bills(desk: SqlDesk, text: str = BILLED_MONTHS, **same: str) -> None:
    desk.given(
        "features.bill_shares", text, **{"customer_id": "other", "payment_type": "postpaid", "amount": "1", **same}
    )


def given_months_held(desk: SqlDesk, customer_id: str = "C1", **same: str) -> None:
    """A line held through the whole window."""
    text = "billing_period\n 2024-03\n 2024-04\n 2024-05"
    desk.given("features.subscription_months", text, **{**MONTH, "customer_id": customer_id, **same})


def given_usage_loaded(desk: SqlDesk, first: str, last: str) -> None:
    """Days of another line: they tell which days are loaded."""
    desk.given("features.usage_daily", f"usage_date\n {first}\n {last}", subscription_id="other", records="1")


@pytest.mark.parametrize(
    "activation_date, months",
    [
        ("2020-01-01", 3),
        ("2024-03-31", 3),
        ("2024-04-01", 2),
        ("2024-05-31", 1),
        pytest.param("2024-06-01", 0, id="brand-new"),
    ],
)
def test_months_count_from_the_activation(desk: SqlDesk, activation_date: str, months: int) -> None:
    given_bills(desk)
    given_usage_loaded(desk, "2024-03-01", "2024-06-30")
    desk.given(VERSIONS, f"activation_date | valid_from\n {activation_date} | {activation_date}", **VERSION)
    desk.build("features.subscriptions", "features.subscription_months")
    desk.expect(TABLE, f"billed_months | usage_months\n {months} | {months}")


def test_months_count_in_which_the_customer_held_any_line_ceased_since_or_not(desk: SqlDesk) -> None:
    given_bills(desk)
    given_usage_loaded(desk, "2024-04-01", "2024-06-30")
    desk.given("features.subscriptions", "customer_id\n never held\n held two\n ceased", **LINE)
    desk.given(
        "features.subscription_months",
        """
        billing_period | subscription_id | customer_id | in_service
        2024-03        | S1              | held two    | true
        2024-03        | S2              | held two    | true
        2024-05        | S2              | held two    | true
        2024-03        | S3              | ceased      | true
        2024-04        | S3              | ceased      | false
        2024-05        | S3              | ceased      | false
        2024-02        | S2              | held two    | true
        """,
        **MONTH,
    )
    desk.expect(
        TABLE,
        """
        customer_id | billed_months | usage_months
        never held  | 0             | 0
        held two    | 2             | 1
        ceased      | 3             | 2
        """,
    )


def test_a_ceased_line_counts_for_the_time_on_the_network(desk: SqlDesk) -> None:
    given_bills(desk)
    desk.given(
        VERSIONS,
        """
        subscription_id | status | activation_date | valid_from       | valid_to
        S1              | active | 2020-01-01      | 2020-01-01 00:00 | 2024-03-20 00:00
        S1              | ceased | 2020-01-01      | 2024-03-20 00:00 |
        S2              | active | 2024-05-20      | 2024-05-20 00:00 |
        """,
        **VERSION,
    )
    desk.build("features.subscriptions", "features.subscription_months")
    desk.expect(TABLE, "first_activation_date | billed_months\n 2024-05-20 | 3")


def test_a_new_owner_takes_over_the_activation_date_and_not_the_months(desk: SqlDesk) -> None:
    # The old owner has another line since May; the line handed on in April was that owner's in March only.
    given_bills(desk)
    given_usage_loaded(desk, "2024-03-01", "2024-06-30")
    desk.given(
        VERSIONS,
        """
        subscription_id | customer_id | activation_date | valid_from       | valid_to
        S1              | old         | 2020-01-01      | 2020-01-01 00:00 | 2024-04-15 00:00
        S1              | new         | 2020-01-01      | 2024-04-15 00:00 |
        S2              | old         | 2024-05-10      | 2024-05-10 00:00 |
        """,
        **VERSION,
    )
    desk.build("features.subscriptions", "features.subscription_months")
    desk.expect(
        TABLE,
        """
        customer_id | first_activation_date | billed_months | usage_months
        new         | 2020-01-01            | 2             | 2
        old         | 2024-05-10            | 2             | 2
        """,
    )


def test_only_months_whose_bills_are_loaded_count(desk: SqlDesk) -> None:
    given_bills(desk, "bill_id | billing_period\n B4 | 2024-04\n B4b | 2024-04\n B5 | 2024-05")
    given_months_held(desk)
    desk.given("features.subscriptions", "customer_id\n C1", **LINE)
    desk.expect(TABLE, "billed_months | usage_months | bills_in_window | billed_amount\n 2 | 0 | 0 | 0")


@pytest.mark.parametrize(
    "first, last, months",
    [
        pytest.param("2024-03-01", "2024-05-31", 3, id="the whole window"),
        pytest.param("2024-03-02", "2024-06-30", 2, id="a day of March missing"),
        pytest.param("2024-01-01", "2024-05-30", 2, id="a day of May missing"),
        pytest.param("2024-04-02", "2024-05-30", 0, id="no whole month"),
        pytest.param("2024-06-01", "2024-06-30", 0, id="after the window"),
    ],
)
def test_only_months_inside_the_loaded_usage_count(desk: SqlDesk, first: str, last: str, months: int) -> None:
    given_usage_loaded(desk, first, last)
    given_months_held(desk)
    desk.given("features.subscriptions", "customer_id\n C1", **LINE)
    desk.expect(TABLE, f"usage_months | billed_months\n {months} | 0")


def test_postpaid_bills_prepaid_fees_and_prepaid_usage_are_summed_over_lines_and_months(desk: SqlDesk) -> None:
    given_usage_loaded(desk, "2024-03-01", "2024-06-30")
    desk.given(
        "features.subscriptions",
        "subscription_id | customer_id | payment_type\n S1 | C1 | postpaid\n S2 | C1 | prepaid\n S3 | C2 | postpaid",
        **LINE,
    )
    given_bills(
        desk,
        """
        bill_id | billing_period | customer_id | payment_type | amount
        B1      | 2024-03        | C1          | postpaid     | 100
        B2      | 2024-05        | C1          | postpaid     | 10.0001
        B3      | 2024-05        | C1          | postpaid     | -2
        B4      | 2024-04        | C1          | prepaid      | 5
        B5      | 2024-05        | C1          | prepaid      | 6
        B6      | 2024-05        |             | postpaid     | 1000
        """,
    )
    desk.given(
        "features.subscription_months",
        """
        billing_period | subscription_id | payment_type
        2024-03        | S1              | postpaid
        2024-03        | S2              | prepaid
        2024-05        | S2              | prepaid
        """,
        **MONTH,
    )
    given_months_held(desk, "C2", subscription_id="S3")
    desk.given(
        "features.usage_monthly",
        """
        subscription_id | billing_period | charge_amount | voice_seconds
        S1              | 2024-03        | 77            | 60
        S2              | 2024-03        | 20            | 600
        S2              | 2024-05        | 30            | 6000
        """,
    )
    # What a postpaid line used is in its bill: only its seconds count here.
    desk.expect(
        TABLE,
        """
        customer_id | bills_in_window | billed_amount | prepaid_fee_amount | prepaid_usage_amount | voice_seconds
        C1          | 5               | 108.0001      | 11                 | 50                   | 6660
        C2          | 0               | 0             | 0                  | 0                    | 0
        """,
    )
    desk.expect(
        TABLE,
        """
        customer_id | latest_month_amount | billed_months | usage_months
        C1          | 44.0001             | 2             | 2
        C2          | 0                   | 3             | 3
        """,
    )


def test_usage_of_a_month_that_is_loaded_in_part_is_left_out(desk: SqlDesk) -> None:
    given_usage_loaded(desk, "2024-03-15", "2024-06-30")
    desk.given("features.subscriptions", "payment_type\n prepaid", **LINE)
    desk.given(
        "features.subscription_months", "billing_period | payment_type\n 2024-03 | prepaid\n 2024-04 | prepaid", **MONTH
    )
    desk.given(
        "features.usage_monthly",
        "billing_period | charge_amount | voice_seconds\n 2024-03 | 10 | 100\n 2024-04 | 20 | 200",
        subscription_id="S1",
    )
    desk.expect(TABLE, "usage_months | prepaid_usage_amount | voice_seconds\n 1 | 20 | 200")


def test_a_months_bills_and_usage_stay_with_who_held_the_line_then(desk: SqlDesk) -> None:
    given_usage_loaded(desk, "2024-03-01", "2024-06-30")
    desk.given(
        "features.subscriptions",
        "subscription_id | customer_id\n S1 | new\n S2 | old",
        **LINE | {"payment_type": "prepaid"},
    )
    desk.given(
        "features.subscription_months",
        "billing_period | customer_id\n 2024-03 | old\n 2024-04 | new",
        **MONTH | {"payment_type": "prepaid"},
    )
    desk.given(
        "features.usage_monthly",
        "billing_period | charge_amount | voice_seconds\n 2024-03 | 10 | 100\n 2024-04 | 20 | 200",
        subscription_id="S1",
    )
    given_bills(
        desk,
        "bill_id | billing_period | customer_id | amount\n B3 | 2024-03 | old | 3\n B4 | 2024-04 | new | 4",
        payment_type="prepaid",
    )
    desk.expect(
        TABLE,
        """
        customer_id | prepaid_usage_amount | prepaid_fee_amount | voice_seconds
        new         | 20                   | 4                  | 200
        old         | 10                   | 3                  | 100
        """,
    )


def test_calls_data_and_billed_components_are_summed_over_lines_and_months(desk: SqlDesk) -> None:
    given_usage_loaded(desk, "2024-04-01", "2024-06-30")
    desk.given(
        "features.subscriptions",
        "subscription_id | customer_id | payment_type\n S1 | C1 | postpaid\n S2 | C1 | prepaid",
        **LINE,
    )
    given_months_held(desk, payment_type="postpaid")
    given_months_held(desk, payment_type="prepaid", subscription_id="S2")
    desk.given(
        "features.usage_monthly",
        """
        subscription_id | billing_period | voice_seconds | long_distance_seconds | roaming_seconds | data_bytes
        S1              | 2024-03        | 900           | 900                   | 900             | 900
        S1              | 2024-04        | 100           | 10                    | 1               | 5000
        S1              | 2024-05        | 200           | 20                    | 2               | 6000
        S2              | 2024-05        | 400           | 40                    | 4               | 70000000000000
        """,
        charge_amount="0",
    )
    given_bills(
        desk,
        """
        bill_id | billing_period | long_distance_amount | roaming_amount
        B3      | 2024-03        | 10.5                 | 100
        B4      | 2024-04        | -0.5                 | 0
        B5      | 2024-05        | 1                    | -101.0001
        """,
        customer_id="C1",
    )
    # Usage of March is loaded in part and left out; bills of March are there.
    desk.expect(
        TABLE,
        """
        voice_seconds | long_distance_seconds | roaming_seconds | data_bytes     | long_distance_amount | roaming_amount
        700           | 70                    | 7               | 70000000011000 | 11                   | -1.0001
        """,
    )
    desk.expect(TABLE, "latest_month_voice_seconds | latest_month_data_bytes\n 600 | 70000000006000")


def test_usage_of_the_last_closed_month_is_unknown_unless_it_is_loaded_whole(desk: SqlDesk) -> None:
    given_usage_loaded(desk, "2024-03-01", "2024-05-30")
    desk.given("features.subscriptions", "customer_id\n C1", **LINE)
    given_months_held(desk, payment_type="postpaid")
    desk.given(
        "features.usage_monthly",
        "billing_period | voice_seconds | data_bytes\n 2024-04 | 100 | 10\n 2024-05 | 200 | 20",
        subscription_id="S1",
        charge_amount="0",
    )
    header = "voice_seconds | data_bytes | latest_month_voice_seconds | latest_month_data_bytes"
    desk.expect(TABLE, f"{header}\n 100 | 10 | | ")
    given_usage_loaded(desk, "2024-05-31", "2024-05-31")
    desk.expect(TABLE, f"{header}\n 300 | 30 | 200 | 20")


def test_who_used_nothing_in_the_last_closed_month_used_0(desk: SqlDesk) -> None:
    given_usage_loaded(desk, "2024-03-01", "2024-06-30")
    desk.given("features.subscriptions", "customer_id\n C1", **LINE)
    desk.expect(TABLE, "latest_month_voice_seconds | latest_month_data_bytes\n 0 | 0")


def test_each_customer_is_measured_over_the_window_of_the_own_segment(desk: SqlDesk) -> None:
    # The same months of the same amounts, of a postpaid customer over one month and of a prepaid one over four.
    desk.segments(bills=((), ("postpaid",), 1), base=((), (), 4))
    given_usage_loaded(desk, "2024-03-01", "2024-06-30")
    periods = ["2024-02", "2024-03", "2024-04", "2024-05"]
    for customer, line, kind in (("post", "S1", "postpaid"), ("pre", "S2", "prepaid")):
        desk.given(
            "features.subscriptions",
            f"subscription_id | customer_id | payment_type\n {line} | {customer} | {kind}",
            **LINE,
        )
        months = "billing_period\n" + "\n".join(periods)
        desk.given(
            "features.subscription_months", months, **MONTH | {"customer_id": customer, "subscription_id": line},
            payment_type=kind,
        )  # fmt: skip
        used = dict.fromkeys(("voice_seconds", "long_distance_seconds", "roaming_seconds", "data_bytes"), "60")
        desk.given("features.usage_monthly", months, subscription_id=line, charge_amount="5", **used)
        bills = "bill_id | billing_period\n" + "\n".join(f"{line}-{period} | {period}" for period in periods)
        components = {"long_distance_amount": "2", "roaming_amount": "1"}
        given_bills(desk, bills, customer_id=customer, payment_type=kind, amount="10", **components)
    desk.expect(
        TABLE,
        """
        customer_id | policy_segment | billed_months | bills_in_window | billed_amount | prepaid_fee_amount
        post        | bills          | 1             | 1               | 10            | 0
        pre         | base           | 4             | 4               | 0             | 40
        """,
    )
    # Usage of February is not loaded.
    desk.expect(
        TABLE,
        """
        customer_id | usage_months | prepaid_usage_amount | voice_seconds | data_bytes | latest_month_amount
        post        | 1            | 0                    | 60            | 60         | 10
        pre         | 3            | 15                   | 180           | 180        | 15
        """,
    )
    desk.expect(
        TABLE,
        """
        customer_id | long_distance_seconds | roaming_seconds | long_distance_amount | roaming_amount
        post        | 60                    | 60              | 2                    | 1
        pre         | 180                   | 180             | 8                    | 4
        """,
    )
    desk.expect(TABLE, "customer_id | latest_month_voice_seconds\n post | 60\n pre | 60")


PERIODS = """
    account_id | billing_period | paid_on_time | days_past_due | amount_due | overdue_amount
    A1         | 2024-02        | true         | 0             | 100        | 0
    A1         | 2024-03        | false        | 12            | 50.5       | 0
    A2         | 2024-03        | false        | 71            | 30         | 20.25
"""


def test_payment_behaviour_is_summed_over_the_accounts_that_the_customer_pays(desk: SqlDesk) -> None:
    desk.given("features.account_periods", PERIODS)
    desk.given("features.account_owners", "account_id | customer_id\n A1 | C1\n A2 | C1\n A3 | C2")
    desk.given(
        "features.subscriptions",
        "subscription_id | customer_id | account_id\n S1 | C1 | A1\n S2 | C1 | A2\n S3 | C2 | A3",
        **LINE,
    )
    desk.expect(
        TABLE,
        """
        customer_id | bills_due | bills_paid_on_time | days_past_due | amount_due_total | overdue_amount
        C1          | 3         | 1                  | 83            | 180.5            | 20.25
        C2          | 0         | 0                  | 0             | 0                | 0
        """,
    )


def test_a_member_whose_company_pays_has_no_payment_behaviour(desk: SqlDesk) -> None:
    desk.given("features.account_periods", PERIODS)
    desk.given(
        "features.account_owners",
        "account_id | customer_id | customer_type\n A1 | CO | group\n A2 | both | individual",
    )
    desk.given(
        "features.subscriptions",
        """
        subscription_id | customer_id | account_id
        S1              | CO          | A1
        S2              | member      | A1
        S3              | both        | A1
        S4              | both        | A2
        """,
        **LINE,
    )
    desk.expect(
        TABLE,
        """
        customer_id | pays_own_account | bills_due | overdue_amount
        CO          | true             | 2         | 0
        member      | false            | 0         | 0
        both        | true             | 1         | 20.25
        """,
    )


def test_a_customer_of_whom_nothing_is_loaded_has_zeros(desk: SqlDesk) -> None:
    desk.given("features.subscriptions", "customer_id\n C1", **LINE)
    desk.given("features.account_owners", "account_id | customer_id\n A1 | C1")
    desk.expect(
        TABLE,
        """
        billed_months | usage_months | billed_amount | voice_seconds | last_activity_date | usage_observed_days
        0             | 0            | 0             | 0             |                    | 0
        """,
    )
    desk.expect(TABLE, "bills_due | amount_due_total | pays_own_account | is_vip\n 0 | 0 | true | false")


def test_last_activity_is_that_up_to_the_as_of_date(desk: SqlDesk) -> None:
    desk.given("features.subscriptions", "subscription_id | customer_id\n S1 | C1\n S2 | C2", **LINE)
    desk.given(
        "features.activity",
        """
        customer_id | last_active_date
        C1          | 2024-06-20
        C3          | 2024-05-20
        """,
    )
    desk.expect(TABLE, "customer_id | last_activity_date\n C1 | 2024-06-20\n C2 | ")


def test_a_new_owner_does_not_inherit_the_last_activity(desk: SqlDesk) -> None:
    desk.given(
        VERSIONS,
        """
        customer_id | valid_from       | valid_to
        old         | 2020-01-01 00:00 | 2024-05-15 00:00
        new         | 2024-05-15 00:00 |
        """,
        **{name: value for name, value in VERSION.items() if name != "customer_id"},
    )
    desk.given("features.usage_daily", "usage_date\n 2024-04-10", subscription_id="S1", customer_id="old")
    desk.build("features.subscriptions", "features.activity")
    desk.expect(TABLE, "customer_id | last_activity_date | lines_in_service\n new | | 1")


def test_days_with_usage_loaded_in_the_last_90_days_are_counted(desk: SqlDesk) -> None:
    # 90 days up to 30 June begin with 2 April; whose usage it is does not matter.
    desk.given("features.subscriptions", "customer_id\n C1", **LINE)
    desk.given(
        "features.usage_daily",
        """
        subscription_id | usage_date
        S1              | 2024-04-01
        S1              | 2024-04-02
        S1              | 2024-06-30
        S2              | 2024-06-30
                        | 2024-06-29
        """,
    )
    desk.expect(TABLE, "customer_id | usage_observed_days\n C1 | 3")
