"""sql/audits/extract_not_delivered.sql, payment_of_nobody.sql, customer_unknown.sql: what the sources left out."""

import pytest
from sql_desk import SqlDesk

# 40 days before 2024-06-30 is 2024-05-21; it begins at 2024-05-20 16:00 UTC.
DELIVERIES = "extract | status | known_at"
OVERDUE = "extract | last_known_at"


@pytest.mark.parametrize(
    "known_at, overdue",
    [
        pytest.param("2024-05-20 15:59:59", True, id="before the 40 days"),
        pytest.param("2024-05-20 16:00", False, id="as they begin"),
        pytest.param("2024-06-30 15:59:59", False, id="today"),
    ],
)
def test_an_extract_is_overdue_after_40_days(desk: SqlDesk, known_at: str, overdue: bool) -> None:
    desk.given("intake.files", f"{DELIVERIES}\n bills | accepted | {known_at}")
    desk.expect("audits.extract_not_delivered", OVERDUE + (f"\n bills | {known_at}" if overdue else ""))


def test_the_last_accepted_delivery_known_on_the_day_counts_for_each_extract(desk: SqlDesk) -> None:
    desk.given(
        "intake.files",
        """
        extract       | status   | known_at
        bills         | accepted | 2024-03-05 00:00
        bills         | accepted | 2024-04-05 00:00
        customers     | accepted | 2024-04-01 00:00
        customers     | accepted | 2024-06-01 00:00
        payments      | accepted | 2024-04-06 00:00
        payments      | refused  | 2024-06-06 00:00
        subscriptions | accepted | 2024-04-07 00:00
        subscriptions | accepted | 2024-06-30 16:00
        cdr           | refused  | 2024-04-08 00:00
        service_lists | accepted | 2024-07-01 00:00
        """,
    )
    desk.expect(
        "audits.extract_not_delivered",
        """
        extract       | last_known_at
        bills         | 2024-04-05 00:00
        payments      | 2024-04-06 00:00
        subscriptions | 2024-04-07 00:00
        """,
    )


def test_without_any_delivery_none_is_overdue(desk: SqlDesk) -> None:
    desk.expect("audits.extract_not_delivered", OVERDUE)


def test_payments_that_settle_no_bill_are_listed_as_far_as_they_are_known(desk: SqlDesk) -> None:
    desk.given("features.account_owners", "account_id | customer_id\n A1 | C1")
    desk.given(
        "staging.payments",
        """
        payment_id       | account_id | billing_period | kind     | known_at
        settles          | A1         | 2024-05        | payment  | 2024-06-19 00:00
        no month         | A1         |                | payment  | 2024-06-19 00:00
        no line          | A9         | 2024-05        | payment  | 2024-06-19 00:00
        neither          | A9         |                | payment  | 2024-06-19 00:00
        a recharge       | A9         |                | recharge | 2024-06-19 00:00
        as the day ends  | A9         |                | payment  | 2024-06-30 15:59:59
        known after it   | A9         |                | payment  | 2024-06-30 16:00
        """,
    )
    desk.expect(
        "audits.payment_of_nobody",
        """
        payment_id      | account_id | billing_period
        no month        | A1         |
        no line         | A9         | 2024-05
        neither         | A9         |
        as the day ends | A9         |
        """,
    )


def test_payments_of_a_month_and_recharges_pass(desk: SqlDesk) -> None:
    desk.given("features.account_owners", "account_id | customer_id\n A1 | C1")
    same = {"account_id": "A1", "known_at": "2024-06-19 00:00"}
    desk.given(
        "staging.payments", "payment_id | kind | billing_period\n 1 | payment | 2024-05\n 2 | recharge |", **same
    )
    desk.expect("audits.payment_of_nobody", "payment_id")


def test_customers_with_lines_or_on_lists_whom_the_crm_does_not_have_are_listed(desk: SqlDesk) -> None:
    desk.given("features.customers_known", "customer_id | gone_at\n known | \n gone | 2024-06-01 00:00")
    desk.given(
        "features.subscriptions",
        """
        subscription_id | customer_id | in_service
        S1              | known       | true
        S2              | gone        | true
        S3              | two lines   | true
        S4              | two lines   | true
        S5              | ceased      | false
        """,
    )
    desk.given("features.service_lists", "customer_id | service_list\n known | red\n gone | red\n listed | black")
    desk.expect(
        "audits.customer_unknown",
        "customer_id | found_in\n two lines | subscriptions\n listed | service_lists",
    )


def test_customers_whom_the_crm_has_pass(desk: SqlDesk) -> None:
    desk.given("features.customers_known", "customer_id\n C1\n C2")
    desk.given("features.subscriptions", "subscription_id | customer_id | in_service\n S1 | C1 | true")
    desk.given("features.service_lists", "customer_id\n C2")
    desk.expect("audits.customer_unknown", "customer_id")
