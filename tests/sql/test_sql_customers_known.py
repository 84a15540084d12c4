"""sql/features/customers_known.sql: the CRM's last word on a customer."""

from sql_desk import SqlDesk

FILES = """
    file_id | source | extract       | known_at         | status
    1       | crm    | customers     | 2024-06-01 00:00 | accepted
    2       | crm    | customers     | 2024-06-15 00:00 | accepted
    3       | crm    | customers     | 2024-06-30 16:00 | accepted
    4       | crm    | customers     | 2024-06-20 00:00 | refused
    5       | retail | customers     | 2024-06-10 00:00 | accepted
    6       | crm    | subscriptions | 2024-06-25 00:00 | accepted
"""


def test_the_latest_delivery_known_by_the_end_of_the_day_wins(desk: SqlDesk) -> None:
    desk.given("intake.files", FILES)
    desk.given(
        "staging.customers",
        """
        customer_id | customer_type | region | known_at         | file_id
        C1          | individual    | north  | 2024-06-01 00:00 | 1
        C1          | individual    | south  | 2024-06-15 00:00 | 2
        C1          | group         | west   | 2024-06-30 16:00 | 3
        C2          | group         | north  | 2024-06-15 00:00 | 2
        C3          | individual    | east   | 2024-06-30 16:00 | 3
        """,
    )
    desk.expect(
        "features.customers_known",
        """
        customer_id | customer_type | region | known_at         | gone_at
        C1          | individual    | south  | 2024-06-15 00:00 |
        C2          | group         | north  | 2024-06-15 00:00 |
        """,
    )


def test_a_delivery_of_the_last_second_of_the_day_counts(desk: SqlDesk) -> None:
    desk.given(
        "intake.files",
        """
        file_id | source | extract   | known_at            | status
        1       | crm    | customers | 2024-06-01 00:00    | accepted
        2       | crm    | customers | 2024-06-30 15:59:59 | accepted
        """,
    )
    desk.given(
        "staging.customers",
        """
        customer_id | region | known_at            | file_id
        C1          | north  | 2024-06-01 00:00    | 1
        C1          | south  | 2024-06-30 15:59:59 | 2
        """,
    )
    desk.expect("features.customers_known", "customer_id | region\n C1 | south")


def test_a_customer_missing_from_a_later_accepted_delivery_is_gone_and_keeps_the_row(desk: SqlDesk) -> None:
    # Refused files, files of another extract and files known later end nobody: only file 2 does.
    desk.given("intake.files", FILES)
    desk.given(
        "staging.customers",
        """
        customer_id | region | known_at         | file_id
        C1          | north  | 2024-06-01 00:00 | 1
        C2          | north  | 2024-06-15 00:00 | 2
        """,
    )
    desk.expect(
        "features.customers_known",
        """
        customer_id | region | known_at         | gone_at
        C1          | north  | 2024-06-01 00:00 | 2024-06-15 00:00
        C2          | north  | 2024-06-15 00:00 |
        """,
    )


def test_a_customer_who_came_back_is_not_gone(desk: SqlDesk) -> None:
    desk.at(desk.parameters["as_of_date"].replace(month=7, day=1))
    desk.given("intake.files", FILES)
    desk.given(
        "staging.customers",
        """
        customer_id | known_at         | file_id
        C1          | 2024-06-01 00:00 | 1
        C1          | 2024-06-30 16:00 | 3
        C2          | 2024-06-01 00:00 | 1
        C2          | 2024-06-15 00:00 | 2
        """,
    )
    desk.expect("features.customers_known", "customer_id | gone_at\n C1 | \n C2 | 2024-06-30 16:00")


def test_a_customer_is_gone_from_the_first_delivery_that_no_longer_has_it(desk: SqlDesk) -> None:
    desk.given(
        "intake.files",
        """
        file_id | source | known_at
        1       | crm    | 2024-06-01 00:00
        2       | crm    | 2024-06-10 00:00
        3       | crm    | 2024-06-10 00:00
        4       | crm    | 2024-06-20 00:00
        5       | crm    | 2024-06-30 15:59:59
        6       | retail | 2024-06-05 00:00
        """,
        extract="customers",
        status="accepted",
    )
    desk.given(
        "staging.customers",
        """
        customer_id | known_at            | file_id
        first       | 2024-06-01 00:00    | 1
        second      | 2024-06-01 00:00    | 1
        second      | 2024-06-10 00:00    | 2
        two files   | 2024-06-10 00:00    | 3
        last second | 2024-06-20 00:00    | 4
        back        | 2024-06-01 00:00    | 1
        back        | 2024-06-30 15:59:59 | 5
        """,
    )
    # Two files of one moment are one delivery; a file of another source ends nobody here.
    desk.expect(
        "features.customers_known",
        """
        customer_id | gone_at
        first       | 2024-06-10 00:00
        second      | 2024-06-20 00:00
        two files   | 2024-06-20 00:00
        last second | 2024-06-30 15:59:59
        back        |
        """,
    )


def test_an_empty_delivery_ends_everybody_of_its_source(desk: SqlDesk) -> None:
    desk.given("intake.files", FILES)
    desk.given("staging.customers", "customer_id | known_at | file_id\n C1 | 2024-06-01 00:00 | 1")
    desk.expect("features.customers_known", "customer_id | gone_at\n C1 | 2024-06-15 00:00")


def test_two_sources_do_not_end_each_others_customers(desk: SqlDesk) -> None:
    desk.given("intake.files", FILES)
    desk.given(
        "staging.customers",
        """
        customer_id | region | known_at         | file_id
        C1          | retail | 2024-06-10 00:00 | 5
        C2          | crm    | 2024-06-15 00:00 | 2
        C3          | crm    | 2024-06-01 00:00 | 1
        C3          | retail | 2024-06-10 00:00 | 5
        """,
    )
    # C3 moved from one source to the other: the later word is the retail one, and it still stands.
    desk.expect(
        "features.customers_known",
        """
        customer_id | region | gone_at
        C1          | retail |
        C2          | crm    |
        C3          | retail |
        """,
    )


def test_what_the_crm_said_is_carried(desk: SqlDesk) -> None:
    row = """
        customer_id | customer_type | group_id | account_manager_id | region | language | credit_score | contact_consent
        C1          | individual    | G1       | M7                 | north  | zh-CN    | 71.5         | false
    """
    desk.given("intake.files", FILES)
    more = "birth_year | gender | identity_verified | previous_operator\n 1980 | female | false | Unicom"
    header, values = (line.split(" | ") for line in more.split("\n "))
    desk.given("staging.customers", row, known_at="2024-06-15", file_id="2", **dict(zip(header, values, strict=True)))
    desk.expect("features.customers_known", row)
    desk.expect("features.customers_known", more)
