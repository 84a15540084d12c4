"""sql/features/number_holdings.sql, sql/audits/number_claimed_twice.sql: who held a number, and who claimed it too."""

from sql_desk import SqlDesk

VERSIONS = "features.subscription_versions"


def expect_holdings(desk: SqlDesk, text: str) -> None:
    desk.expect("features.number_holdings", text)


def expect_claimed_twice(desk: SqlDesk, text: str = "") -> None:
    desk.expect("audits.number_claimed_twice", f"subscription_id | next_subscription_id | next_claim_from\n{text}")


def test_a_recycled_number_belongs_to_one_line_after_the_other(desk: SqlDesk) -> None:
    desk.given(
        VERSIONS,
        """
        subscription_id | msisdn | status    | valid_from       | valid_to
        S1              | +861   | active    | 2023-01-01 00:00 | 2023-06-01 00:00
        S1              | +861   | ceased    | 2023-06-01 00:00 |
        S2              | +861   | active    | 2024-01-01 00:00 |
        """,
    )
    expect_holdings(
        desk,
        """
        msisdn | subscription_id | held_from        | held_to
        +861   | S1              | 2023-01-01 00:00 | 2023-06-01 00:00
        +861   | S2              | 2024-01-01 00:00 |
        """,
    )
    expect_claimed_twice(desk)


def test_a_change_of_number_ends_one_holding_and_begins_another(desk: SqlDesk) -> None:
    desk.given(
        VERSIONS,
        """
        subscription_id | msisdn | status    | valid_from       | valid_to
        S1              | +861   | active    | 2023-01-01 00:00 | 2023-06-01 00:00
        S1              | +862   | suspended | 2023-06-01 00:00 |
        S2              | +861   | active    | 2023-06-01 00:00 |
        """,
    )
    expect_holdings(
        desk,
        """
        msisdn | subscription_id | held_from        | held_to
        +861   | S1              | 2023-01-01 00:00 | 2023-06-01 00:00
        +862   | S1              | 2023-06-01 00:00 |
        +861   | S2              | 2023-06-01 00:00 |
        """,
    )
    expect_claimed_twice(desk)


def test_of_two_claims_at_once_the_later_start_holds_the_number(desk: SqlDesk) -> None:
    desk.given(
        VERSIONS,
        """
        subscription_id | msisdn | status | valid_from       | valid_to
        S1              | +861   | active | 2024-02-01 00:00 |
        S2              | +861   | active | 2024-01-01 00:00 |
        S3              | +862   | active | 2024-01-01 00:00 | 2024-05-01 00:00
        S4              | +862   | active | 2024-04-01 00:00 |
        """,
    )
    expect_holdings(
        desk,
        """
        msisdn | subscription_id | held_from        | held_to
        +861   | S2              | 2024-01-01 00:00 | 2024-02-01 00:00
        +861   | S1              | 2024-02-01 00:00 |
        +862   | S3              | 2024-01-01 00:00 | 2024-04-01 00:00
        +862   | S4              | 2024-04-01 00:00 |
        """,
    )
    expect_claimed_twice(desk, "S2 | S1 | 2024-02-01 00:00\n S3 | S4 | 2024-04-01 00:00")


def test_the_first_line_does_not_get_a_number_back_that_another_claimed_for_a_while(desk: SqlDesk) -> None:
    desk.given(
        VERSIONS,
        """
        subscription_id | msisdn | status | valid_from       | valid_to
        S1              | +861   | active | 2024-01-01 00:00 |
        S2              | +861   | active | 2024-03-01 00:00 | 2024-04-01 00:00
        """,
    )
    expect_holdings(
        desk,
        """
        subscription_id | held_from        | held_to
        S1              | 2024-01-01 00:00 | 2024-03-01 00:00
        S2              | 2024-03-01 00:00 | 2024-04-01 00:00
        """,
    )


def test_a_number_is_not_held_before_the_history_of_its_line_starts(desk: SqlDesk) -> None:
    desk.given(
        VERSIONS,
        """
        subscription_id | msisdn | status | activation_date | valid_from
        S1              | +861   | active | 2010-01-01      | 2024-06-10 00:00
        """,
    )
    expect_holdings(desk, "subscription_id | held_from\n S1 | 2024-06-10 00:00")


def test_of_two_claims_from_one_instant_exactly_one_holds_the_number(desk: SqlDesk) -> None:
    desk.given(
        VERSIONS,
        """
        subscription_id | msisdn | status | valid_from
        S2              | +861   | active | 2024-01-01 00:00
        S1              | +861   | active | 2024-01-01 00:00
        """,
    )
    expect_holdings(desk, "subscription_id | held_from | held_to\n S2 | 2024-01-01 00:00 | ")
    expect_claimed_twice(desk, "S1 | S2 | 2024-01-01 00:00")


def test_ceased_lines_and_lines_without_a_number_hold_nothing_and_end_nothing(desk: SqlDesk) -> None:
    desk.given(
        VERSIONS,
        """
        subscription_id | msisdn | status | valid_from       | valid_to
        S1              | +861   | active | 2023-01-01 00:00 |
        S2              | +861   | ceased | 2024-01-01 00:00 |
        S3              |        | active | 2024-01-01 00:00 |
        S4              |        | active | 2024-02-01 00:00 |
        """,
    )
    expect_holdings(desk, "msisdn | subscription_id | held_to\n +861 | S1 | ")
    expect_claimed_twice(desk)


def test_a_line_does_not_claim_against_itself(desk: SqlDesk) -> None:
    desk.given(
        VERSIONS,
        """
        subscription_id | msisdn | status    | valid_from       | valid_to
        S1              | +861   | active    | 2024-01-01 00:00 | 2024-02-01 00:00
        S1              | +861   | suspended | 2024-02-01 00:00 | 2024-03-01 00:00
        S1              | +861   | active    | 2024-03-01 00:00 |
        """,
    )
    expect_holdings(
        desk,
        """
        subscription_id | held_from        | held_to
        S1              | 2024-01-01 00:00 | 2024-02-01 00:00
        S1              | 2024-02-01 00:00 | 2024-03-01 00:00
        S1              | 2024-03-01 00:00 |
        """,
    )
    expect_claimed_twice(desk)
