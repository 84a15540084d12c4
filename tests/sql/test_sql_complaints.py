"""sql/features/complaints.sql: who complained how often in the last 90 days."""

import pytest
from sql_desk import SqlDesk

TABLE = "features.complaints"
LINES = """
    subscription_id | customer_id | msisdn | valid_from       | valid_to
    S1              | old         | +861   | 2020-01-01 00:00 | 2024-05-15 04:00
    S1              | new         | +861   | 2024-05-15 04:00 |
    S2              | two lines   | +862   | 2020-01-01 00:00 |
    S3              | two lines   | +863   | 2020-01-01 00:00 | 2024-05-01 00:00
    S4              | next        | +863   | 2024-06-01 00:00 |
"""
CONTACT = {"reason_code": "投诉-资费", "known_at": "2024-06-30 00:00"}


def given_lines(desk: SqlDesk) -> None:
    desk.given("features.subscription_versions", LINES, status="active", activation_date="2020-01-01")
    desk.build("features.number_holdings")


def test_a_complaint_is_of_who_held_the_number_when_it_was_made(desk: SqlDesk) -> None:
    given_lines(desk)
    desk.given(
        "staging.contacts",
        """
        contact_id | contact_address | offered_at
        T1         | +861            | 2024-05-15 03:59
        T2         | +861            | 2024-05-15 04:00
        T3         | +861            | 2024-06-20 00:00
        T4         | +862            | 2024-06-01 00:00
        T5         | +863            | 2024-04-30 23:59
        T6         | +863            | 2024-05-20 00:00
        T7         | +863            | 2024-06-02 00:00
        T8         | +869            | 2024-06-02 00:00
        T9         |                 | 2024-06-02 00:00
        """,
        **CONTACT,
    )
    # T6: between two holders the number was nobody's; T8: nobody ever held it.
    desk.expect(TABLE, "customer_id | complaints\n old | 1\n new | 2\n two lines | 2\n next | 1")


@pytest.mark.parametrize(
    ("reason", "counts"),
    [
        ("投诉", True),
        ("投诉-网络质量", True),
        ("CMP-SERVICE", True),
        ("CMP", True),
        ("咨询-投诉", False),
        ("cmp-service", False),
        ("ENQ", False),
        ("", False),
    ],
)
def test_a_reason_is_a_complaint_by_its_beginning(desk: SqlDesk, reason: str, counts: bool) -> None:
    given_lines(desk)
    contact = {**CONTACT, "reason_code": reason, "offered_at": "2024-06-01 00:00"}
    desk.given("staging.contacts", "contact_id | contact_address\n T1 | +862", **contact)
    desk.given("staging.contacts", "contact_id | contact_address | reason_code\n T2 | +862 | ", **contact)
    desk.expect(TABLE, "customer_id | complaints" + ("\n two lines | 1" if counts else ""))


def test_a_contact_counts_once_though_two_beginnings_fit(desk: SqlDesk) -> None:
    given_lines(desk)
    desk.given("run.complaint_reasons", "prefix\n 投\n 投诉-资\n")
    desk.given(
        "staging.contacts", "contact_id | contact_address | offered_at\n T1 | +862 | 2024-06-01 00:00", **CONTACT
    )
    desk.expect(TABLE, "customer_id | complaints\n two lines | 1")


def test_90_local_days_up_to_the_as_of_date_count_as_known_by_then(desk: SqlDesk) -> None:
    # 2 April begins at 2024-04-01 16:00 UTC, 1 July at 2024-06-30 16:00.
    given_lines(desk)
    desk.given(
        "staging.contacts",
        """
        contact_id | offered_at          | known_at
        too old    | 2024-04-01 15:59:59 | 2024-04-02 00:00
        first      | 2024-04-01 16:00    | 2024-04-02 00:00
        last       | 2024-06-30 15:59:59 | 2024-06-30 15:59:59
        tomorrow   | 2024-06-30 16:00    | 2024-06-30 12:00
        late       | 2024-06-15 00:00    | 2024-06-30 16:00
        """,
        contact_address="+862",
        reason_code="CMP",
    )
    desk.expect(TABLE, "customer_id | complaints\n two lines | 2")


def test_where_accounts_are_looked_up_a_contact_names_an_account(desk: SqlDesk) -> None:
    given_lines(desk)
    desk.at(desk.parameters["as_of_date"], key="account")
    desk.given("features.account_owners", "account_id | customer_id\n A1 | C1\n A2 | C1\n +862 | C2")
    desk.given("staging.contacts", "contact_address\n A1\n A1\n A2\n A9\n +863", offered_at="2024-06-02", **CONTACT)
    desk.expect(TABLE, "customer_id | complaints\n C1 | 3")


def test_where_numbers_are_looked_up_an_account_that_reads_alike_is_nobodys(desk: SqlDesk) -> None:
    given_lines(desk)
    desk.given("features.account_owners", "account_id | customer_id\n A1 | C1\n +862 | C2")
    desk.given("staging.contacts", "contact_address\n A1\n +862", offered_at="2024-06-02", **CONTACT)
    desk.expect(TABLE, "customer_id | complaints\n two lines | 1")
