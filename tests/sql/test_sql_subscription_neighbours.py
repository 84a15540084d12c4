"""sql/features/subscription_versions.sql: what an interval of a line says of those before and after it."""

from sql_desk import SqlDesk

ONE_FILE = "file_id | source | extract | known_at | status\n 1 | crm | subscriptions | 2024-06-01 00:00 | accepted"
FIRST = {
    "customer_id": "C1",
    "account_id": "A1",
    "payment_type": "postpaid",
    "activation_date": "2020-01-01",
    "known_at": "2024-06-01 00:00",
    "file_id": "1",
}


def test_an_interval_says_what_is_before_and_after_it(desk: SqlDesk) -> None:
    desk.given("intake.files", ONE_FILE)
    desk.given(
        "staging.subscriptions",
        """
        subscription_id | status    | status_reason | valid_from       | valid_to
        S1              | active    |               | 2024-01-01 00:00 |
        S1              | suspended | arrears       | 2024-02-01 00:00 |
        S1              | suspended | arrears       | 2024-03-01 00:00 |
        S1              | suspended | voluntary     | 2024-04-01 00:00 |
        S1              | suspended | arrears       | 2024-05-01 00:00 |
        S2              | suspended | arrears       | 2024-02-01 00:00 | 2024-02-01 00:00
        S2              | suspended | arrears       | 2024-02-15 00:00 |
        S3              | suspended |               | 2024-02-15 00:00 |
        """,
        **FIRST,
    )
    # An interval without length is none: it is nobody's neighbour.
    desk.expect(
        "features.subscription_versions",
        """
        subscription_id | valid_from       | is_first | next_from        | begins_arrears_stop
        S1              | 2024-01-01 00:00 | true     | 2024-02-01 00:00 | false
        S1              | 2024-02-01 00:00 | false    | 2024-03-01 00:00 | true
        S1              | 2024-03-01 00:00 | false    | 2024-04-01 00:00 | false
        S1              | 2024-04-01 00:00 | false    | 2024-05-01 00:00 | false
        S1              | 2024-05-01 00:00 | false    |                  | true
        S2              | 2024-02-15 00:00 | true     |                  | true
        S3              | 2024-02-15 00:00 | true     |                  | false
        """,
    )
