"""sql/features/subscription_versions.sql: what held of a line from when to when."""

import pytest
from sql_desk import SqlDesk

FILES = """
    file_id | source | extract       | known_at         | status
    1       | crm    | subscriptions | 2024-06-01 00:00 | accepted
    2       | crm    | subscriptions | 2024-06-10 00:00 | accepted
    3       | crm    | subscriptions | 2024-06-20 00:00 | accepted
    4       | crm    | subscriptions | 2024-06-30 16:00 | accepted
"""
ONE_FILE = "file_id | source | extract | known_at | status\n 1 | crm | subscriptions | 2024-06-01 00:00 | accepted"
LINE = {
    "customer_id": "C1",
    "account_id": "A1",
    "payment_type": "postpaid",
    "activation_date": "2020-01-01",
    "status": "active",
}
FIRST = {**LINE, "known_at": "2024-06-01 00:00", "file_id": "1"}


@pytest.mark.parametrize(
    "stated_end, end",
    [
        pytest.param("", "2024-03-01 00:00", id="open"),
        pytest.param("2024-03-01 00:00", "2024-03-01 00:00", id="to the next start"),
        pytest.param("2024-04-01 00:00", "2024-03-01 00:00", id="beyond the next start"),
        pytest.param("2024-02-01 00:00", "2024-02-01 00:00", id="a gap stays"),
    ],
)
def test_an_interval_ends_where_the_lines_next_one_starts(desk: SqlDesk, stated_end: str, end: str) -> None:
    desk.given("intake.files", ONE_FILE)
    desk.given(
        "staging.subscriptions",
        f"""
        subscription_id | plan_id | valid_from       | valid_to
        S1              | old     | 2024-01-01 00:00 | {stated_end}
        S1              | new     | 2024-03-01 00:00 |
        S2              | other   | 2024-02-15 00:00 |
        """,
        **FIRST,
    )
    desk.expect(
        "features.subscription_versions",
        f"""
        subscription_id | plan_id | valid_from       | valid_to
        S1              | old     | 2024-01-01 00:00 | {end}
        S1              | new     | 2024-03-01 00:00 |
        S2              | other   | 2024-02-15 00:00 |
        """,
    )


def test_a_later_delivery_of_the_same_start_replaces_the_row_and_one_known_later_is_ignored(desk: SqlDesk) -> None:
    desk.given("intake.files", FILES)
    desk.given(
        "staging.subscriptions",
        """
        subscription_id | plan_id | valid_from       | valid_to         | known_at         | file_id
        S1              | first   | 2024-01-01 00:00 | 2024-05-01 00:00 | 2024-06-01 00:00 | 1
        S1              | second  | 2024-01-01 00:00 | 2024-04-01 00:00 | 2024-06-20 00:00 | 3
        S1              | third   | 2024-01-01 00:00 |                  | 2024-06-30 16:00 | 4
        """,
        **LINE,
    )
    desk.expect(
        "features.subscription_versions",
        """
        subscription_id | plan_id | valid_from       | valid_to
        S1              | second  | 2024-01-01 00:00 | 2024-04-01 00:00
        """,
    )


def test_an_interval_that_only_an_earlier_delivery_had_is_kept(desk: SqlDesk) -> None:
    # Deliveries of current rows only: history is what the earlier ones said.
    desk.given("intake.files", FILES)
    desk.given(
        "staging.subscriptions",
        """
        subscription_id | plan_id | valid_from       | known_at         | file_id
        S1              | old     | 2024-01-01 00:00 | 2024-06-01 00:00 | 1
        S1              | new     | 2024-06-05 00:00 | 2024-06-10 00:00 | 2
        S1              | new     | 2024-06-05 00:00 | 2024-06-20 00:00 | 3
        """,
        **LINE,
    )
    desk.expect(
        "features.subscription_versions",
        """
        plan_id | valid_from       | valid_to
        old     | 2024-01-01 00:00 | 2024-06-05 00:00
        new     | 2024-06-05 00:00 |
        """,
    )


def test_a_line_is_gone_from_the_first_delivery_that_no_longer_has_it(desk: SqlDesk) -> None:
    desk.given("intake.files", FILES)
    desk.given(
        "staging.subscriptions",
        """
        subscription_id | valid_from       | valid_to         | known_at         | file_id
        gone            | 2024-01-01 00:00 |                  | 2024-06-01 00:00 | 1
        gone later      | 2024-01-01 00:00 |                  | 2024-06-01 00:00 | 1
        gone later      | 2024-01-01 00:00 |                  | 2024-06-10 00:00 | 2
        back            | 2024-01-01 00:00 |                  | 2024-06-01 00:00 | 1
        back            | 2024-01-01 00:00 |                  | 2024-06-20 00:00 | 3
        ended before    | 2024-01-01 00:00 | 2024-02-01 00:00 | 2024-06-01 00:00 | 1
        ends after      | 2024-01-01 00:00 | 2024-08-01 00:00 | 2024-06-01 00:00 | 1
        stays           | 2024-01-01 00:00 |                  | 2024-06-20 00:00 | 3
        """,
        **LINE,
    )
    desk.expect(
        "features.subscription_versions",
        """
        subscription_id | valid_from       | valid_to
        gone            | 2024-01-01 00:00 | 2024-06-10 00:00
        gone later      | 2024-01-01 00:00 | 2024-06-20 00:00
        back            | 2024-01-01 00:00 |
        ended before    | 2024-01-01 00:00 | 2024-02-01 00:00
        ends after      | 2024-01-01 00:00 | 2024-06-10 00:00
        stays           | 2024-01-01 00:00 |
        """,
    )


def test_only_an_accepted_delivery_of_the_same_source_and_extract_ends_a_line(desk: SqlDesk) -> None:
    desk.given(
        "intake.files",
        """
        file_id | source | extract       | known_at         | status
        1       | crm    | subscriptions | 2024-06-01 00:00 | accepted
        2       | crm    | subscriptions | 2024-06-10 00:00 | refused
        3       | retail | subscriptions | 2024-06-10 00:00 | accepted
        4       | crm    | customers     | 2024-06-10 00:00 | accepted
        5       | crm    | subscriptions | 2024-06-30 16:00 | accepted
        6       | crm    | subscriptions | 2024-06-01 00:00 | accepted
        """,
    )
    desk.given(
        "staging.subscriptions",
        """
        subscription_id | valid_from       | known_at         | file_id
        S1              | 2024-01-01 00:00 | 2024-06-01 00:00 | 1
        S2              | 2024-01-01 00:00 | 2024-06-10 00:00 | 3
        S3              | 2024-01-01 00:00 | 2024-06-01 00:00 | 6
        """,
        **LINE,
    )
    desk.expect("features.subscription_versions", "subscription_id | valid_to\n S1 | \n S2 | \n S3 | ")


def test_two_sources_of_one_line_keep_both_their_histories(desk: SqlDesk) -> None:
    # The old system delivered its history once and the CRM goes on: neither ends the other's intervals.
    desk.given(
        "intake.files",
        """
        file_id | source | known_at
        1       | old    | 2024-05-01 00:00
        2       | crm    | 2024-06-10 00:00
        3       | crm    | 2024-06-20 00:00
        """,
        extract="subscriptions",
        status="accepted",
    )
    desk.given(
        "staging.subscriptions",
        """
        subscription_id | plan_id | valid_from       | known_at         | file_id
        moved           | history | 2020-01-01 00:00 | 2024-05-01 00:00 | 1
        moved           | now     | 2024-05-20 00:00 | 2024-06-20 00:00 | 3
        corrected       | history | 2020-01-01 00:00 | 2024-05-01 00:00 | 1
        corrected       | now     | 2020-01-01 00:00 | 2024-06-20 00:00 | 3
        gone            | history | 2020-01-01 00:00 | 2024-05-01 00:00 | 1
        gone            | now     | 2024-05-20 00:00 | 2024-06-10 00:00 | 2
        """,
        **LINE,
    )
    desk.expect(
        "features.subscription_versions",
        """
        subscription_id | plan_id | valid_from       | valid_to
        moved           | history | 2020-01-01 00:00 | 2024-05-20 00:00
        moved           | now     | 2024-05-20 00:00 |
        corrected       | now     | 2020-01-01 00:00 |
        gone            | history | 2020-01-01 00:00 | 2024-05-20 00:00
        gone            | now     | 2024-05-20 00:00 | 2024-06-20 00:00
        """,
    )


def test_the_older_source_ends_only_its_own_word_on_a_line(desk: SqlDesk) -> None:
    desk.given(
        "intake.files",
        """
        file_id | source | known_at
        1       | old    | 2024-05-01 00:00
        2       | old    | 2024-05-10 00:00
        3       | crm    | 2024-06-20 00:00
        """,
        extract="subscriptions",
        status="accepted",
    )
    desk.given(
        "staging.subscriptions",
        """
        plan_id | valid_from       | known_at         | file_id
        history | 2020-01-01 00:00 | 2024-05-01 00:00 | 1
        now     | 2024-05-20 00:00 | 2024-06-20 00:00 | 3
        """,
        **LINE | {"subscription_id": "S1"},
    )
    desk.expect(
        "features.subscription_versions",
        """
        plan_id | valid_from       | valid_to
        history | 2020-01-01 00:00 | 2024-05-10 00:00
        now     | 2024-05-20 00:00 |
        """,
    )


def test_lines_of_a_customer_gone_from_the_crm_end_when_the_customer_went(desk: SqlDesk) -> None:
    desk.given("intake.files", FILES)
    desk.given(
        "features.customers_known",
        """
        customer_id | gone_at
        gone        | 2024-06-05 00:00
        gone later  | 2024-06-15 00:00
        stays       |
        """,
    )
    desk.given(
        "staging.subscriptions",
        """
        subscription_id | customer_id | valid_from       | valid_to         | known_at         | file_id
        open            | gone        | 2024-01-01 00:00 |                  | 2024-06-20 00:00 | 3
        ended before    | gone        | 2024-01-01 00:00 | 2024-02-01 00:00 | 2024-06-20 00:00 | 3
        ends after      | gone        | 2024-01-01 00:00 | 2024-08-01 00:00 | 2024-06-20 00:00 | 3
        both gone       | gone        | 2024-01-01 00:00 |                  | 2024-06-01 00:00 | 1
        line first      | gone later  | 2024-01-01 00:00 |                  | 2024-06-01 00:00 | 1
        line gone       | stays       | 2024-01-01 00:00 |                  | 2024-06-01 00:00 | 1
        handed on       | gone        | 2024-01-01 00:00 |                  | 2024-06-20 00:00 | 3
        handed on       | stays       | 2024-03-01 00:00 |                  | 2024-06-20 00:00 | 3
        begun later     | gone        | 2024-06-05 00:00 |                  | 2024-06-20 00:00 | 3
        stays           | stays       | 2024-01-01 00:00 |                  | 2024-06-20 00:00 | 3
        not in the CRM  | X           | 2024-01-01 00:00 |                  | 2024-06-20 00:00 | 3
        """,
        **{name: value for name, value in LINE.items() if name != "customer_id"},
    )
    desk.expect(
        "features.subscription_versions",
        """
        subscription_id | customer_id | valid_from       | valid_to
        open            | gone        | 2024-01-01 00:00 | 2024-06-05 00:00
        ended before    | gone        | 2024-01-01 00:00 | 2024-02-01 00:00
        ends after      | gone        | 2024-01-01 00:00 | 2024-06-05 00:00
        both gone       | gone        | 2024-01-01 00:00 | 2024-06-05 00:00
        line first      | gone later  | 2024-01-01 00:00 | 2024-06-10 00:00
        line gone       | stays       | 2024-01-01 00:00 | 2024-06-10 00:00
        handed on       | gone        | 2024-01-01 00:00 | 2024-03-01 00:00
        handed on       | stays       | 2024-03-01 00:00 |
        stays           | stays       | 2024-01-01 00:00 |
        not in the CRM  | X           | 2024-01-01 00:00 |
        """,
    )


def test_a_planned_interval_is_a_version_too_and_ends_the_present_one_on_its_day(desk: SqlDesk) -> None:
    desk.given("intake.files", ONE_FILE)
    desk.given(
        "staging.subscriptions",
        """
        subscription_id | plan_id  | valid_from          | valid_to
        S1              | now      | 2024-01-01 00:00    |
        S1              | tomorrow | 2024-06-30 16:00    |
        S2              | now      | 2024-01-01 00:00    | 2024-07-10 00:00
        """,
        **FIRST,
    )
    desk.expect(
        "features.subscription_versions",
        """
        subscription_id | plan_id  | valid_from          | valid_to
        S1              | now      | 2024-01-01 00:00    | 2024-06-30 16:00
        S1              | tomorrow | 2024-06-30 16:00    |
        S2              | now      | 2024-01-01 00:00    | 2024-07-10 00:00
        """,
    )


def test_an_interval_without_a_length_is_left_out(desk: SqlDesk) -> None:
    desk.given("intake.files", FILES)
    desk.given(
        "staging.subscriptions",
        """
        subscription_id | plan_id | valid_from       | valid_to         | known_at         | file_id
        S1              | none    | 2024-05-01 00:00 | 2024-05-01 00:00 | 2024-06-20 00:00 | 3
        S1              | short   | 2024-05-01 00:01 | 2024-05-01 00:02 | 2024-06-20 00:00 | 3
        S2              | planned | 2024-06-10 00:00 |                  | 2024-06-01 00:00 | 1
        """,
        **LINE,
    )
    # S2 was to start at the very instant of the delivery that no longer had it.
    desk.expect("features.subscription_versions", "subscription_id | plan_id\n S1 | short")


def test_what_the_crm_said_is_carried(desk: SqlDesk) -> None:
    row = """
        subscription_id | customer_id | account_id | msisdn       | brand  | plan_id | payment_type | activation_date
        S1              | C1          | A1         | +86139000001 | GoTone | P1      | prepaid      | 2020-01-01
    """
    state = """
        contract_end_date | status    | status_date | status_reason | ported_in_from | valid_from
        2025-01-01        | suspended | 2024-05-01  | arrears       | Unicom         | 2024-05-01 00:00
    """
    desk.given("intake.files", ONE_FILE)
    head, line = (" | ".join(parts) for parts in zip(row.strip().splitlines(), state.strip().splitlines(), strict=True))
    desk.given("staging.subscriptions", f"{head}\n{line}", known_at="2024-06-01 00:00", file_id="1")
    desk.expect("features.subscription_versions", row)
    desk.expect("features.subscription_versions", state)
