"""sql/features/service_lists.sql: who is on a red, black or VIP list on the as-of date."""

import pytest
from sql_desk import SqlDesk

TABLE = "features.service_lists"
FILES = """
    file_id | source | extract       | known_at         | status
    1       | crm    | service_lists | 2024-06-01 00:00 | accepted
    2       | crm    | service_lists | 2024-06-10 00:00 | accepted
    3       | crm    | service_lists | 2024-06-30 16:00 | accepted
    4       | crm    | service_lists | 2024-06-20 00:00 | refused
    5       | retail | service_lists | 2024-06-05 00:00 | accepted
"""
ENTRY = {"customer_id": "C1", "list": "red", "valid_from": "2024-01-01", "known_at": "2024-06-10 00:00", "file_id": "2"}


@pytest.mark.parametrize(
    "valid_from, valid_to, listed",
    [
        pytest.param("2024-01-01", "", True, id="open"),
        pytest.param("2024-06-30", "", True, id="from today"),
        pytest.param("2024-07-01", "", False, id="from tomorrow"),
        pytest.param("2024-01-01", "2024-07-01", True, id="last day is today"),
        pytest.param("2024-01-01", "2024-06-30", False, id="first day on which it holds no more is today"),
        pytest.param("2023-01-01", "2023-06-01", False, id="expired"),
    ],
)
def test_an_entry_holds_from_its_first_day_until_the_day_before_its_end(
    desk: SqlDesk, valid_from: str, valid_to: str, listed: bool
) -> None:
    desk.given("intake.files", FILES)
    desk.given("staging.service_lists", f"valid_from | valid_to\n {valid_from} | {valid_to}", **ENTRY)
    desk.expect(TABLE, "customer_id | service_list | is_vip\n" + ("C1 | red | false" if listed else ""))


LISTS = """
    customer_id | list  | account_manager_id
    red         | red   |
    black       | black |
    both        | red   |
    both        | black |
    vip         | vip   | M1
    vip red     | vip   | M2
    vip red     | red   | M9
    vip black   | vip   |
    vip black   | black |
"""


def test_lists_are_brought_together_and_the_policys_precedence_decides(desk: SqlDesk) -> None:
    desk.given("intake.files", FILES)
    desk.given("staging.service_lists", LISTS, **ENTRY)
    # The default policy's precedence is black, red, vip. The manager is the one of the VIP list.
    desk.expect(
        TABLE,
        """
        customer_id | service_list | is_vip | vip_account_manager_id
        red         | red          | false  |
        black       | black        | false  |
        both        | black        | false  |
        vip         |              | true   | M1
        vip red     | red          | true   | M2
        vip black   | black        | true   |
        """,
    )


def test_with_red_before_black_red_wins(desk: SqlDesk) -> None:
    desk.con.execute("delete from run.list_precedence")
    desk.given("run.list_precedence", "list | position\n vip | 1\n red | 2\n black | 3")
    desk.given("intake.files", FILES)
    desk.given("staging.service_lists", LISTS, **ENTRY)
    desk.expect(
        TABLE,
        """
        customer_id | service_list
        red         | red
        black       | black
        both        | red
        vip         |
        vip red     | red
        vip black   | black
        """,
    )


def test_validity_is_that_of_the_list_that_counts(desk: SqlDesk) -> None:
    desk.given("intake.files", FILES)
    desk.given(
        "staging.service_lists",
        """
        customer_id | list  | valid_from | valid_to
        both        | red   | 2024-01-01 |
        both        | black | 2024-02-01 | 2024-12-31
        red vip     | red   | 2024-03-01 | 2024-08-01
        red vip     | vip   | 2024-04-01 |
        """,
        **{name: value for name, value in ENTRY.items() if name in ("known_at", "file_id")},
    )
    desk.expect(
        TABLE,
        """
        customer_id | service_list | list_valid_from | list_valid_to | vip_valid_from | vip_valid_to
        both        | black        | 2024-02-01      | 2024-12-31    |                |
        red vip     | red          | 2024-03-01      | 2024-08-01    | 2024-04-01     |
        """,
    )


def test_an_entry_missing_from_the_last_accepted_delivery_of_its_source_holds_no_more(desk: SqlDesk) -> None:
    desk.given("intake.files", FILES)
    desk.given(
        "staging.service_lists",
        """
        customer_id | list  | known_at         | file_id
        vanished    | red   | 2024-06-01 00:00 | 1
        stays       | red   | 2024-06-01 00:00 | 1
        stays       | red   | 2024-06-10 00:00 | 2
        half        | red   | 2024-06-01 00:00 | 1
        half        | black | 2024-06-10 00:00 | 2
        known later | red   | 2024-06-30 16:00 | 3
        of retail   | black | 2024-06-05 00:00 | 5
        """,
        **ENTRY,
    )
    desk.expect(
        TABLE,
        """
        customer_id | service_list
        stays       | red
        half        | black
        of retail   | black
        """,
    )


def test_the_last_delivery_tells_the_validity_and_the_manager(desk: SqlDesk) -> None:
    desk.given("intake.files", FILES)
    desk.given(
        "staging.service_lists",
        """
        customer_id | list | valid_to   | account_manager_id | known_at         | file_id
        ended       | vip  |            | M1                 | 2024-06-01 00:00 | 1
        ended       | vip  | 2024-06-05 | M1                 | 2024-06-10 00:00 | 2
        moved       | vip  |            | M1                 | 2024-06-01 00:00 | 1
        moved       | vip  |            | M2                 | 2024-06-10 00:00 | 2
        """,
        **ENTRY,
    )
    desk.expect(TABLE, "customer_id | is_vip | vip_account_manager_id\n moved | true | M2")


def test_of_two_valid_entries_of_a_list_the_later_start_names_the_manager(desk: SqlDesk) -> None:
    desk.given("intake.files", FILES)
    desk.given(
        "staging.service_lists",
        """
        list | valid_from | valid_to   | account_manager_id
        vip  | 2024-01-01 |            | M9
        vip  | 2024-06-01 |            | M1
        vip  | 2024-07-01 |            | M5
        vip  | 2024-06-10 | 2024-06-20 | M7
        """,
        **ENTRY,
    )
    desk.expect(TABLE, "customer_id | service_list | is_vip | vip_account_manager_id\n C1 | | true | M1")
