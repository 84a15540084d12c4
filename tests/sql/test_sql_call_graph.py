"""sql/features/contact_pairs.sql, contact_counts.sql and call_graph.sql: who talks with how many, and who of them left.

30 June 2024 is a Sunday: the last four full weeks begin on 3 June, the four before on 6 May.
"""

from collections import Counter
from datetime import date, timedelta

import pytest
from sql_desk import SqlDesk

PAIRS = "features.contact_pairs"
COUNTS = "features.contact_counts"
CUSTOMERS = ("C1", "C2", "C3")


def given_customers(desk: SqlDesk, *customers: str) -> None:
    """Customers with a line in service."""
    rows = "\n".join(f"{customer} | {customer}" for customer in customers)
    desk.given("features.subscriptions", f"subscription_id | customer_id\n{rows}", in_service="true")


def given_contacts(desk: SqlDesk, *contacts: str) -> None:
    """`2024-06-10 C1 C2`: these customers talked with each other that day; `2024-06-10 C1 +8690` with a number."""
    rows = []
    talked = {(day, customer, other) for day, customer, other in (contact.split() for contact in contacts)}
    with_number = Counter((day, other) for day, _, other in talked)
    for day, customer, other in sorted(talked):
        if other.startswith("+"):
            rows.append(f"{day} | {customer} | | {other[1:]} | {with_number[day, other]}")
        else:  # a pair has one order
            rows.append(" | ".join([day, *sorted([customer, other]), "", ""]))
    header = "usage_date | customer_id | other_customer_id | other_number | number_contacts"
    desk.given("features.contact_days", "\n".join([header, *rows]))


def expect_counts(desk: SqlDesk, text: str, hub_contacts: int = 200) -> None:
    desk.build(PAIRS)
    desk.expect("features.contact_counts", text, hub_contacts=hub_contacts)


def expect_graph(desk: SqlDesk, text: str, hub_contacts: int = 200) -> None:
    desk.build(PAIRS)
    desk.build(COUNTS, hub_contacts=hub_contacts)
    desk.expect("features.call_graph", text)


def test_each_other_counts_once_a_window_from_either_side(desk: SqlDesk) -> None:
    given_contacts(
        desk,
        "2024-06-10 C1 C2",
        "2024-06-11 C2 C1",
        "2024-06-12 C1 +8690",
        "2024-06-13 C1 +8690",
        "2024-05-20 C3 C1",
    )
    text = """
        customer_id | is_hub | contacts | contacts_before | on_net_contacts | on_net_contacts_seen
        C1          | false  | 2        | 1               | 1               | 2
        C2          | false  | 1        | 0               | 1               | 1
        C3          | false  | 0        | 1               | 0               | 1
        """
    expect_counts(desk, text)
    expect_graph(desk, text)


def test_a_pair_says_in_which_of_the_two_windows_it_talked(desk: SqlDesk) -> None:
    given_contacts(
        desk, "2024-05-20 C1 C2", "2024-06-10 C1 C2", "2024-06-10 C3 C1", "2024-05-20 C2 C3", "2024-06-10 C1 +8690"
    )
    desk.expect(
        "features.contact_pairs",
        """
        customer_id | other_customer_id | is_recent | is_earlier
        C1          | C2                | 1         | 1
        C1          | C3                | 1         | 0
        C2          | C3                | 0         | 1
        """,
    )


@pytest.mark.parametrize(
    "as_of, day, contacts, before",
    [
        pytest.param("2024-06-30", "2024-06-30", 1, 0, id="on a Sunday its week is full"),
        pytest.param("2024-06-30", "2024-06-03", 1, 0, id="first day of four weeks"),
        pytest.param("2024-06-30", "2024-06-02", 0, 1, id="last day of the four before"),
        pytest.param("2024-06-30", "2024-05-06", 0, 1, id="first day of the four before"),
        pytest.param("2024-07-06", "2024-06-30", 1, 0, id="a Saturday's week is not full"),
        pytest.param("2024-07-06", "2024-06-03", 1, 0, id="the windows stand still within a week"),
        pytest.param("2024-07-07", "2024-07-07", 1, 0, id="and move on its last day"),
        pytest.param("2024-07-07", "2024-06-03", 0, 1, id="by a week"),
    ],
)
def test_windows_of_four_full_weeks(desk: SqlDesk, as_of: str, day: str, contacts: int, before: int) -> None:
    desk.at(date.fromisoformat(as_of))
    given_contacts(
        desk, f"{day} C1 +8690", f"{day} C3 C4", "2024-05-05 C2 +8690", "2024-05-05 C2 C5", "2024-07-08 C2 C5"
    )
    header = "customer_id | contacts | contacts_before\n"
    expect_counts(desk, header + "\n".join(f"{customer} | {contacts} | {before}" for customer in ("C1", "C3", "C4")))


@pytest.mark.parametrize("day", ["2024-07-01", "2024-07-06"])
def test_days_of_a_week_that_is_not_full_are_not_looked_at(desk: SqlDesk, day: str) -> None:
    desk.at(date(2024, 7, 6))
    given_contacts(desk, f"{day} C1 +8690", f"{day} C3 C4", "2024-06-30 C2 +8690")
    expect_counts(desk, "customer_id | contacts | contacts_before\n C2 | 1 | 0")


def test_who_has_no_line_in_service_any_more_left(desk: SqlDesk) -> None:
    given_customers(desk, "C1", "C3", "C5")
    ceased = "subscription_id | customer_id\n S2 | C2\n S3 | C3"
    desk.given("features.subscriptions", ceased, in_service="false")
    # C2 left; C3 gave up one of two lines; C5 is there.
    given_contacts(desk, "2024-05-10 C1 C2", "2024-06-10 C1 C3", "2024-06-10 C5 C1", "2024-06-10 C2 C5")
    expect_graph(
        desk,
        """
        customer_id | on_net_contacts_seen | contacts_left
        C1          | 3                    | 1
        C2          | 2                    | 0
        C3          | 1                    | 0
        C5          | 2                    | 1
        """,
    )


def test_contacts_in_the_best_tier_are_as_remembered_from_the_night_before(desk: SqlDesk) -> None:
    given_customers(desk, *CUSTOMERS, "C0")
    # C2 talked with C0, from the other side of the pair, and before the last four weeks with C3.
    given_contacts(
        desk, "2024-06-10 C1 C2", "2024-06-10 C1 C3", "2024-06-10 C1 +8690", "2024-06-10 C2 C0", "2024-05-10 C2 C3"
    )
    expect_graph(desk, "customer_id | best_tier_contacts\n C0 |\n C1 |\n C2 |\n C3 |")
    desk.given("features.tier_state", "customer_id | was_tier_flag\n C2 | 1\n C3 | 2\n C1 | 1\n C0 | 1")
    expect_graph(desk, "customer_id | best_tier_contacts\n C0 | 1\n C1 | 1\n C2 | 2\n C3 | 1")


def test_a_hub_is_nobodys_contact_and_has_no_counts(desk: SqlDesk) -> None:
    # C3 left, and was in the best tier.
    given_customers(desk, "C1", "C2")
    desk.given("features.tier_state", "customer_id | was_tier_flag\n C3 | 1")
    # With two at most: C3 talks with three, and three talk with +8690.
    given_contacts(
        desk,
        *(f"2024-06-10 C3 +869{n}" for n in (1, 2)),
        "2024-06-10 C1 C3",
        "2024-06-10 C2 C3",
        *(f"2024-06-1{n} C{n} +8690" for n in (1, 2, 3)),
        "2024-06-10 C1 C2",
    )
    expect_graph(
        desk,
        """
        customer_id | is_hub | contacts | on_net_contacts | on_net_contacts_seen | contacts_left | best_tier_contacts
        C1          | true   |          |                 |                      |               |
        C2          | true   |          |                 |                      |               |
        C3          | true   |          |                 |                      |               |
        """,
        hub_contacts=2,
    )
    expect_graph(
        desk,
        """
        customer_id | is_hub | contacts | on_net_contacts | on_net_contacts_seen | contacts_left | best_tier_contacts
        C1          | false  | 2        | 1               | 1                    | 0             | 0
        C2          | false  | 2        | 1               | 1                    | 0             | 0
        C3          | true   |          |                 |                      |               |
        """,
        hub_contacts=3,
    )


def test_as_many_as_the_bound_make_no_hub_and_windows_are_not_added_up(desk: SqlDesk) -> None:
    given_contacts(
        desk,
        "2024-06-10 C1 +8691",
        "2024-06-10 C1 +8692",
        "2024-05-10 C1 +8693",
        "2024-05-10 C1 +8694",
    )
    text = "customer_id | is_hub | contacts | contacts_before\n C1 | {}"
    expect_counts(desk, text.format("false | 2 | 2"), hub_contacts=2)
    expect_counts(desk, text.format("true | |"), hub_contacts=1)


@pytest.mark.parametrize("busy_days, is_hub", [(0, False), (1, True)])
def test_a_number_is_a_hub_by_all_days_of_a_window_together(desk: SqlDesk, busy_days: int, is_hub: bool) -> None:
    # Two others each day for 28 days, three on a busy one: 56 or 57 in all, none of them twice.
    days = [date(2024, 6, 3) + timedelta(days=n) for n in range(28)]
    given_contacts(
        desk,
        "2024-06-30 C1 +8690",
        *(f"{day} D{day:%m%d}{n} +8690" for k, day in enumerate(days) for n in range(2 + (k < busy_days) - (k == 27))),
    )
    desk.build(PAIRS)
    (found,) = [row for row in desk.run("features.contact_counts", hub_contacts=56).fetchall() if row[0] == "C1"]
    assert found[2] == (0 if is_hub else 1)
