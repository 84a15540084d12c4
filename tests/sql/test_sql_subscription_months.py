"""sql/features/subscription_months.sql: who held a line at the end of a closed month."""

from sql_desk import SqlDesk

VERSIONS = "features.subscription_versions"
LINE = {
    "subscription_id": "S1",
    "customer_id": "C1",
    "account_id": "A1",
    "payment_type": "postpaid",
    "activation_date": "2023-01-01",
    "status": "active",
}


def test_a_transferred_line_belongs_to_its_holder_at_the_end_of_each_month(desk: SqlDesk) -> None:
    # March ends on 2024-03-31 16:00 UTC, April on 2024-04-30 16:00 UTC.
    desk.given(
        VERSIONS,
        """
        customer_id | account_id | payment_type | valid_from          | valid_to
        old         | A1         | prepaid      | 2023-01-01 00:00    | 2024-04-30 15:59:59
        new         | A2         | postpaid     | 2024-04-30 15:59:59 | 2024-05-31 16:00
        newest      | A3         | prepaid      | 2024-05-31 16:00    |
        """,
        **LINE,
    )
    desk.expect(
        "features.subscription_months",
        """
        billing_period | subscription_id | customer_id | account_id | payment_type | in_service
        2024-03        | S1              | old         | A1         | prepaid      | true
        2024-04        | S1              | new         | A2         | postpaid     | true
        2024-05        | S1              | new         | A2         | postpaid     | true
        """,
    )


def test_a_line_that_ended_keeps_its_last_holder_and_is_out_of_service(desk: SqlDesk) -> None:
    desk.given(
        VERSIONS,
        """
        subscription_id | status    | valid_from       | valid_to
        ceased          | active    | 2023-01-01 00:00 | 2024-04-10 00:00
        ceased          | ceased    | 2024-04-10 00:00 |
        gone            | active    | 2023-01-01 00:00 | 2024-04-10 00:00
        ends with month | active    | 2023-01-01 00:00 | 2024-04-30 16:00
        suspended       | suspended | 2023-01-01 00:00 |
        """,
        **LINE,
    )
    desk.expect(
        "features.subscription_months",
        """
        subscription_id | billing_period | customer_id | in_service
        ceased          | 2024-03        | C1          | true
        ceased          | 2024-04        | C1          | false
        ceased          | 2024-05        | C1          | false
        gone            | 2024-03        | C1          | true
        gone            | 2024-04        | C1          | false
        gone            | 2024-05        | C1          | false
        ends with month | 2024-03        | C1          | true
        ends with month | 2024-04        | C1          | true
        ends with month | 2024-05        | C1          | false
        suspended       | 2024-03        | C1          | true
        suspended       | 2024-04        | C1          | true
        suspended       | 2024-05        | C1          | true
        """,
    )


def test_a_line_has_no_month_before_its_activation(desk: SqlDesk) -> None:
    desk.given(
        VERSIONS,
        """
        subscription_id | activation_date | valid_from
        last of april   | 2024-04-30      | 2024-04-29 16:00
        first of may    | 2024-05-01      | 2024-04-30 16:00
        ordered earlier | 2024-05-10      | 2024-03-01 00:00
        june            | 2024-06-01      | 2024-05-31 16:00
        ordered in may  | 2024-06-01      | 2024-05-20 00:00
        """,
        **LINE,
    )
    desk.expect(
        "features.subscription_months",
        """
        subscription_id | billing_period | in_service
        last of april   | 2024-04        | true
        last of april   | 2024-05        | true
        first of may    | 2024-05        | true
        ordered earlier | 2024-05        | true
        """,
    )


def test_the_first_known_holder_is_taken_for_the_months_before_the_history_starts(desk: SqlDesk) -> None:
    desk.given(
        VERSIONS,
        """
        subscription_id | customer_id | account_id | payment_type | activation_date | valid_from | valid_to
        long active     | C1          | A1         | prepaid      | 2010-01-01      | 2024-06-10 |
        handed on       | first       | A1         | prepaid      | 2010-01-01      | 2024-05-10 | 2024-05-20
        handed on       | second      | A2         | postpaid     | 2010-01-01      | 2024-05-20 | 2024-06-10
        handed on       | third       | A3         | postpaid     | 2010-01-01      | 2024-06-10 |
        since april     | C1          | A1         | postpaid     | 2024-04-15      | 2024-06-10 |
        """,
        status="active",
    )
    desk.expect(
        "features.subscription_months",
        """
        subscription_id | billing_period | customer_id | account_id | payment_type | in_service
        long active     | 2024-03        | C1          | A1         | prepaid      | true
        long active     | 2024-04        | C1          | A1         | prepaid      | true
        long active     | 2024-05        | C1          | A1         | prepaid      | true
        handed on       | 2024-03        | first       | A1         | prepaid      | true
        handed on       | 2024-04        | first       | A1         | prepaid      | true
        handed on       | 2024-05        | second      | A2         | postpaid     | true
        since april     | 2024-04        | C1          | A1         | postpaid     | true
        since april     | 2024-05        | C1          | A1         | postpaid     | true
        """,
    )
