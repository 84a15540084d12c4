"""sql/features/call_graph.sql: with how many others a customer talks, and who of them left.

On 30 June 2024 the last 28 days begin with 3 June, the 28 before with 6 May.
"""

import pytest
from sql_desk import SqlDesk

TABLE = "features.call_graph"
VERSIONS = "features.subscription_versions"
LINES = """
    subscription_id | customer_id
    S1              | C1
    S2              | C2
    S3              | C3
"""
CONTACT = {"contacts": "1", "seconds": "10"}


def given_lines(desk: SqlDesk, text: str = LINES, ceased: str = "") -> None:
    """Lines held since 2020; all in service but `ceased` ones."""
    desk.given(VERSIONS, text, valid_from="2020-01-01 00:00")
    for line in text.split("\n")[2:]:
        if line.strip():
            subscription, customer = (cell.strip() for cell in line.split("|")[:2])
            served = "false" if subscription in ceased.split() else "true"
            desk.given(
                "features.subscriptions",
                f"subscription_id | customer_id\n {subscription} | {customer}",
                in_service=served,
            )


def given_contacts(desk: SqlDesk, *contacts: str) -> None:
    """`2024-06-10 S1 S2`: the line S1 talked with the line S2 on that day; `2024-06-10 S1 +8690` with a number."""
    rows = []
    for day, line, other in (contact.split() for contact in contacts):
        number, there = (other, "") if other.startswith("+") else (f"+{other}", other)
        rows.append(f"{line} | {day} | {day} 04:00 | {number} | {there}")
    header = "subscription_id | usage_date | last_contact_at | other_number | other_subscription_id"
    desk.given("features.contact_days", "\n".join([header, *rows]), **CONTACT)


def test_each_other_counts_once_a_window_from_either_side(desk: SqlDesk) -> None:
    given_lines(desk)
    given_contacts(
        desk,
        "2024-06-10 S1 S2",
        "2024-06-11 S2 S1",
        "2024-06-12 S1 +8690",
        "2024-06-13 S1 +8690",
        "2024-05-20 S3 S1",
    )
    desk.expect(
        TABLE,
        """
        customer_id | is_hub | contacts | contacts_before | on_net_contacts | on_net_contacts_seen
        C1          | false  | 2        | 1               | 1               | 2
        C2          | false  | 1        | 0               | 1               | 1
        C3          | false  | 0        | 1               | 0               | 1
        """,
    )


@pytest.mark.parametrize(
    "day, contacts, before",
    [("2024-06-30", 1, 0), ("2024-06-03", 1, 0), ("2024-06-02", 0, 1), ("2024-05-06", 0, 1)],
)
def test_windows_of_28_days(desk: SqlDesk, day: str, contacts: int, before: int) -> None:
    given_lines(desk)
    given_contacts(desk, f"{day} S1 +8690", "2024-05-05 S2 +8690")
    desk.expect(TABLE, f"customer_id | contacts | contacts_before\n C1 | {contacts} | {before}")


def test_own_other_lines_are_no_contacts_and_the_lines_of_one_customer_are_one(desk: SqlDesk) -> None:
    given_lines(desk, "\n subscription_id | customer_id\n S1 | C1\n S2 | C1\n S3 | C3\n S4 | C3")
    given_contacts(desk, "2024-06-10 S1 S2", "2024-06-10 S1 S3", "2024-06-10 S2 S4")
    desk.expect(TABLE, "customer_id | contacts\n C1 | 1\n C3 | 1")


def test_a_contact_is_of_who_held_the_lines_at_that_moment(desk: SqlDesk) -> None:
    desk.given(
        VERSIONS,
        """
        subscription_id | customer_id | valid_from       | valid_to
        S1              | old         | 2020-01-01 00:00 | 2024-06-10 04:00
        S1              | new         | 2024-06-10 04:00 |
        S2              | other       | 2020-01-01 00:00 | 2024-06-09 16:00
        S2              | later       | 2024-06-09 16:00 |
        """,
    )
    given_contacts(desk, "2024-06-09 S1 S2", "2024-06-10 S1 S2", "2024-06-10 S2 +8690")
    desk.expect(
        TABLE,
        """
        customer_id | contacts | on_net_contacts
        old         | 1        | 1
        other       | 1        | 1
        new         | 1        | 1
        later       | 2        | 1
        """,
    )


def test_who_has_no_line_in_service_any_more_left(desk: SqlDesk) -> None:
    given_lines(
        desk,
        """
        subscription_id | customer_id
        S1              | C1
        S2              | C2
        S3              | C3
        S4              | C3
        S5              | C5
        """,
        ceased="S2 S3",
    )
    # C2 left; C3 gave up one of two lines; C5 is there.
    given_contacts(desk, "2024-05-10 S1 S2", "2024-06-10 S1 S3", "2024-06-10 S5 S1")
    desk.expect(
        TABLE,
        """
        customer_id | on_net_contacts_seen | contacts_left
        C1          | 3                    | 1
        C2          | 1                    | 0
        C3          | 1                    | 0
        C5          | 1                    | 0
        """,
    )


def test_contacts_in_the_best_tier_are_as_remembered_from_the_night_before(desk: SqlDesk) -> None:
    given_lines(desk)
    given_contacts(desk, "2024-06-10 S1 S2", "2024-06-10 S1 S3", "2024-06-10 S1 +8690")
    desk.expect(TABLE, "customer_id | best_tier_contacts\n C1 |\n C2 |\n C3 |")
    desk.given("features.tier_state", "customer_id | was_tier_flag\n C2 | 1\n C3 | 2\n C1 | 1")
    desk.expect(TABLE, "customer_id | best_tier_contacts\n C1 | 1\n C2 | 1\n C3 | 1")


def test_a_hub_is_nobodys_contact_and_has_no_counts(desk: SqlDesk) -> None:
    given_lines(desk)
    # With two at most: S3 talks with three, and three talk with +8690.
    given_contacts(
        desk,
        *(f"2024-06-10 S3 +869{n}" for n in (1, 2)),
        "2024-06-10 S1 S3",
        *(f"2024-06-1{n} S{n} +8690" for n in (1, 2, 3)),
        "2024-06-10 S1 S2",
    )
    desk.expect(
        TABLE,
        """
        customer_id | is_hub | contacts | on_net_contacts | contacts_left
        C1          | true   |          |                 |
        C2          | false  | 0        | 0               | 0
        C3          | true   |          |                 |
        """,
        hub_contacts=2,
    )


def test_as_many_as_the_bound_make_no_hub_and_windows_are_not_added_up(desk: SqlDesk) -> None:
    given_lines(desk)
    given_contacts(
        desk,
        "2024-06-10 S1 +8691",
        "2024-06-10 S1 +8692",
        "2024-05-10 S1 +8693",
        "2024-05-10 S1 +8694",
    )
    text = "customer_id | is_hub | contacts | contacts_before\n C1 | {}"
    desk.expect(TABLE, text.format("false | 2 | 2"), hub_contacts=2)
    desk.expect(TABLE, text.format("true | |"), hub_contacts=1)
