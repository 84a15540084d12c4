"""sql/features/account_periods.sql: what was owed for a month, when it was settled, and what is overdue."""

import pytest
from sql_desk import SqlDesk

TABLE = "features.account_periods"
BILL = {
    "bill_id": "B1",
    "account_id": "A1",
    "bill_type": "invoice",
    "billing_period": "2024-03",
    "payment_due_date": "2024-04-20",
    "known_at": "2024-04-05 00:00",
}
PAYMENT = {
    "payment_id": "P1",
    "account_id": "A1",
    "kind": "payment",
    "billing_period": "2024-03",
    "known_at": "2024-06-29 00:00",
}


@pytest.mark.parametrize(
    "payments, paid, settled, lateness",
    [
        # lateness: paid on time, days past due, overdue amount
        pytest.param("04-10 | 100", "100", "2024-04-10", "true | 0 | 0", id="early"),
        pytest.param("04-20 | 100", "100", "2024-04-20", "true | 0 | 0", id="on the last day"),
        pytest.param("04-21 | 100", "100", "2024-04-21", "false | 1 | 0", id="a day late"),
        pytest.param("04-10 | 60", "60", "", "false | 71 | 40", id="in part"),
        pytest.param("04-10 | 60\n 04-22 | 40", "100", "2024-04-22", "false | 2 | 0", id="the second of two late"),
        pytest.param("04-22 | 40\n 04-10 | 60", "100", "2024-04-22", "false | 2 | 0", id="delivered in another order"),
        pytest.param("04-10 | 60\n 04-20 | 40", "100", "2024-04-20", "true | 0 | 0", id="two in time"),
        pytest.param("04-10 | 99.9999\n 05-01 | 1", "100.9999", "2024-05-01", "false | 11 | 0", id="a unit short"),
        pytest.param("04-10 | 150", "150", "2024-04-10", "true | 0 | 0", id="too much"),
        pytest.param("04-10 | 100\n 05-10 | 20", "120", "2024-04-10", "true | 0 | 0", id="again after it was settled"),
        pytest.param("", "0", "", "false | 71 | 100", id="never"),
    ],
)
def test_a_period_is_settled_on_the_day_on_which_its_payments_reach_what_was_owed(
    desk: SqlDesk, payments: str, paid: str, settled: str, lateness: str
) -> None:
    desk.given("staging.bills", "amount_due\n 100", **BILL)
    rows = [line.split("|") for line in payments.splitlines()]
    text = "\n".join(f"P{n} | 2024-{day.strip()} 10:00 | {amount}" for n, (day, amount) in enumerate(rows))
    desk.given("staging.payments", f"payment_id | paid_at | amount\n{text}", **PAYMENT)
    desk.expect(
        TABLE,
        f"""
        account_id | billing_period | payment_due_date | amount_due | paid_amount | settled_date
        A1         | 2024-03        | 2024-04-20       | 100        | {paid}      | {settled}
        """,
    )
    desk.expect(TABLE, f"paid_on_time | days_past_due | overdue_amount\n {lateness}")


def test_the_day_of_payment_is_the_operators(desk: SqlDesk) -> None:
    desk.given("staging.bills", "account_id | amount_due\n A1 | 100\n A2 | 100", **BILL)
    desk.given(
        "staging.payments",
        """
        account_id | paid_at             | amount
        A1         | 2024-04-20 15:59:59 | 100
        A2         | 2024-04-20 16:00    | 100
        """,
        **PAYMENT,
    )
    desk.expect(
        TABLE,
        """
        account_id | settled_date | paid_on_time | days_past_due
        A1         | 2024-04-20   | true         | 0
        A2         | 2024-04-21   | false        | 1
        """,
    )


def test_owed_is_invoices_minus_credits_plus_adjustments(desk: SqlDesk) -> None:
    desk.given(
        "staging.bills",
        """
        account_id | bill_id | bill_type  | amount_due
        A1         | 1       | invoice    | 100
        A1         | 2       | invoice    | 50
        A1         | 3       | credit     | 30
        A1         | 4       | adjustment | -20.5
        A1         | 5       | adjustment | 0.5
        cleared    | 6       | invoice    | 100
        cleared    | 7       | credit     | 100
        zero       | 10      | invoice    | 0
        owed to    | 8       | invoice    | 10
        owed to    | 9       | credit     | 25
        """,
        **BILL,
    )
    desk.given("staging.payments", "paid_at | amount\n 2024-04-15 00:00 | 100", **PAYMENT)
    # A period of which nothing was owed is none.
    desk.expect(
        TABLE,
        """
        account_id | amount_due | settled_date | paid_on_time | overdue_amount
        A1         | 100        | 2024-04-15   | true         | 0
        """,
    )


@pytest.mark.parametrize("bill_type", ["adjustment", "credit"])
@pytest.mark.parametrize("due", ["2024-04-01", "2024-06-20", "2024-07-20", ""])
def test_the_due_date_is_the_invoices_and_an_adjustment_or_a_credit_moves_none(
    desk: SqlDesk, bill_type: str, due: str
) -> None:
    desk.given(
        "staging.bills",
        f"""
        bill_id | bill_type   | payment_due_date | amount_due
        1       | {bill_type} | {due}            | 5
        2       | invoice     | 2024-04-20       | 100
        """,
        **BILL,
    )
    desk.given("staging.payments", "paid_at | amount\n 2024-04-30 00:00 | 105", **PAYMENT)
    desk.expect(TABLE, "payment_due_date | settled_date | paid_on_time\n 2024-04-20 | 2024-04-30 | false")
    desk.expect(TABLE, "days_past_due | overdue_amount\n 10 | 0")


@pytest.mark.parametrize(
    "due, days",
    [
        pytest.param("2023-06-30", None, id="older than 12 months"),
        pytest.param("2023-07-01", 365, id="first day of the 12 months"),
        pytest.param("2024-06-29", 1, id="due yesterday"),
        pytest.param("2024-06-30", 0, id="due today"),
        pytest.param("2024-07-01", None, id="due tomorrow"),
        pytest.param("", None, id="nothing to pay (prepaid statement)"),
    ],
)
def test_periods_count_that_fell_due_in_the_last_12_months(desk: SqlDesk, due: str, days: int | None) -> None:
    desk.given("staging.bills", f"payment_due_date | amount_due\n {due} | 100", **BILL)
    row = "" if days is None else f"{due} | false | {days} | 100"
    desk.expect(TABLE, f"payment_due_date | paid_on_time | days_past_due | overdue_amount\n{row}")


def test_what_is_paid_or_known_after_the_as_of_date_is_not_yet_paid(desk: SqlDesk) -> None:
    desk.given(
        "staging.bills",
        "account_id | amount_due\n paid tomorrow | 100\n known tomorrow | 100\n paid today | 100",
        **BILL,
    )
    desk.given(
        "staging.payments",
        """
        account_id     | paid_at             | amount | known_at
        paid tomorrow  | 2024-06-30 16:00    | 100    | 2024-06-29 00:00
        known tomorrow | 2024-06-29 00:00    | 100    | 2024-06-30 16:00
        paid today     | 2024-06-30 15:59:59 | 100    | 2024-06-30 15:59:59
        """,
        **PAYMENT,
    )
    desk.expect(
        TABLE,
        """
        account_id     | paid_amount | settled_date | days_past_due | overdue_amount
        paid tomorrow  | 0           |              | 71            | 100
        known tomorrow | 0           |              | 71            | 100
        paid today     | 100         | 2024-06-30   | 71            | 0
        """,
    )


def test_a_bill_known_later_is_not_yet_owed(desk: SqlDesk) -> None:
    desk.given(
        "staging.bills",
        """
        bill_id | account_id | amount_due | known_at
        1       | A1         | 100        | 2024-04-05 00:00
        2       | A1         | 50         | 2024-06-30 16:00
        3       | A2         | 50         | 2024-06-30 16:00
        """,
        **BILL,
    )
    desk.expect(TABLE, "account_id | amount_due\n A1 | 100")


def test_recharges_and_payments_for_something_else_pay_nothing(desk: SqlDesk) -> None:
    desk.given("staging.bills", "amount_due\n 100", **BILL)
    desk.given(
        "staging.payments",
        """
        payment_id | account_id | billing_period | kind     | amount
        1          | A1         | 2024-03        | recharge | 1000
        2          | A1         | 2024-02        | payment  | 1000
        3          | A2         | 2024-03        | payment  | 1000
        4          | A1         | 2024-03        | payment  | 1
        """,
        **{**PAYMENT, "paid_at": "2024-04-10 00:00"},
    )
    desk.expect(TABLE, "account_id | billing_period | paid_amount\n A1 | 2024-03 | 1")


def test_each_account_and_period_has_its_own_row(desk: SqlDesk) -> None:
    desk.given(
        "staging.bills",
        """
        bill_id | account_id | billing_period | payment_due_date | amount_due
        1       | A1         | 2024-03        | 2024-04-20       | 10
        2       | A1         | 2024-04        | 2024-05-20       | 20
        3       | A2         | 2024-03        | 2024-04-20       | 40
        """,
        **BILL,
    )
    desk.given("staging.payments", "billing_period | paid_at | amount\n 2024-04 | 2024-05-20 00:00 | 20", **PAYMENT)
    desk.expect(
        TABLE,
        """
        account_id | billing_period | amount_due | overdue_amount
        A1         | 2024-03        | 10         | 10
        A1         | 2024-04        | 20         | 0
        A2         | 2024-03        | 40         | 40
        """,
    )


@pytest.mark.parametrize("bill_type", ["adjustment", "credit"])
def test_only_an_invoice_sets_a_due_date(desk: SqlDesk, bill_type: str) -> None:
    desk.given(
        "staging.bills",
        f"""
        account_id      | bill_id | bill_type   | payment_due_date | amount_due
        no invoice      | 1       | {bill_type} | 2024-04-20       | 100
        none, negative  | 2       | {bill_type} | 2024-04-20       | -100
        invoice undated | 3       | invoice     |                  | 100
        invoice undated | 4       | {bill_type} | 2024-04-20       | 5
        invoice dated   | 5       | invoice     | 2024-04-20       | 100
        """,
        **BILL,
    )
    desk.expect(TABLE, "account_id | payment_due_date\n invoice dated | 2024-04-20")
