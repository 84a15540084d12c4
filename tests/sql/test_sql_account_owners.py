"""sql/features/account_owners.sql: who pays an account."""

import pytest
from sql_desk import SqlDesk

CUSTOMERS = """
    customer_id | customer_type
    P1          | individual
    P2          | individual
    CO1         | group
    CO2         | group
"""


VERSIONS = "features.subscription_versions"


@pytest.mark.parametrize(
    "lines, owner",
    [
        pytest.param(
            "S1 | P1 | active | 2020-01-01\n S2 | CO1 | active | 2023-01-01", "CO1 | group", id="company first"
        ),
        pytest.param("S1 | P1 | active | 2021-01-01\n S2 | P2 | active | 2020-01-01", "P2 | individual", id="oldest"),
        pytest.param(
            "S1 | P1 | ceased | 2020-01-01\n S2 | P2 | active | 2021-01-01", "P2 | individual", id="in service"
        ),
        pytest.param(
            "S1 | P1 | ceased | 2021-01-01\n S2 | P2 | ceased | 2020-01-01", "P2 | individual", id="all ceased"
        ),
        pytest.param("S2 | P2 | active | 2020-01-01\n S1 | P1 | active | 2020-01-01", "P1 | individual", id="same age"),
        pytest.param(
            "S1 | CO1 | ceased | 2020-01-01\n S2 | CO2 | active | 2021-01-01", "CO2 | group", id="two companies"
        ),
        pytest.param("S1 | CO1 | ceased | 2010-01-01\n S2 | P1 | active | 2020-01-01", "P1 | individual", id="it left"),
        pytest.param("S1 | P1 | ceased | 2010-01-01\n S2 | CO1 | ceased | 2020-01-01", "CO1 | group", id="both left"),
        pytest.param("S1 | X | active | 2020-01-01", "X | individual", id="not in the CRM"),
        pytest.param(
            "S1 | X | active | 2020-01-01\n S2 | CO1 | active | 2021-01-01", "CO1 | group", id="over one who is not"
        ),
    ],
)
def test_a_company_in_service_pays_else_the_holder_of_the_oldest_line(desk: SqlDesk, lines: str, owner: str) -> None:
    desk.given("features.customers_known", CUSTOMERS)
    header = "subscription_id | customer_id | status | activation_date"
    desk.given(VERSIONS, f"{header}\n{lines}", account_id="A1", valid_from="2023-06-01 00:00")
    desk.build("features.subscriptions")
    desk.expect("features.account_owners", f"account_id | customer_id | customer_type\n A1 | {owner}")


def test_each_account_has_one_payer(desk: SqlDesk) -> None:
    desk.given("features.customers_known", CUSTOMERS)
    desk.given(
        VERSIONS,
        """
        subscription_id | account_id | customer_id | activation_date
        S1              | A1         | P1          | 2020-01-01
        S2              | A1         | P1          | 2021-01-01
        S3              | A2         | P1          | 2022-01-01
        S4              | A3         | CO1         | 2022-01-01
        """,
        status="active",
        valid_from="2023-06-01 00:00",
    )
    desk.build("features.subscriptions")
    desk.expect("features.account_owners", "account_id | customer_id\n A1 | P1\n A2 | P1\n A3 | CO1")


def test_an_account_that_lines_were_on_before_is_still_paid_by_their_last_holder_on_it(desk: SqlDesk) -> None:
    # S1 moves from A1 to A2; S2 is handed on with its account, S3 to somebody with another one.
    desk.given("features.customers_known", CUSTOMERS)
    desk.given(
        VERSIONS,
        """
        subscription_id | account_id | customer_id | valid_from       | valid_to
        S1              | A1         | P1          | 2023-01-01 00:00 | 2024-05-01 00:00
        S1              | A2         | P1          | 2024-05-01 00:00 |
        S2              | A3         | P1          | 2023-01-01 00:00 | 2024-05-01 00:00
        S2              | A3         | P2          | 2024-05-01 00:00 |
        S3              | A4         | P1          | 2023-01-01 00:00 | 2024-05-01 00:00
        S3              | A5         | P2          | 2024-05-01 00:00 |
        """,
        status="active",
        activation_date="2020-01-01",
    )
    desk.build("features.subscriptions")
    desk.expect("features.account_owners", "account_id | customer_id\n A1 | P1\n A2 | P1\n A3 | P2\n A4 | P1\n A5 | P2")


def test_a_line_in_service_on_the_account_goes_before_one_that_was_on_it(desk: SqlDesk) -> None:
    # The company's S1 is in service, but on A2 by now.
    desk.given("features.customers_known", CUSTOMERS)
    desk.given(
        VERSIONS,
        """
        subscription_id | account_id | customer_id | activation_date | valid_from       | valid_to
        S1              | A1         | CO1         | 2010-01-01      | 2023-01-01 00:00 | 2024-05-01 00:00
        S1              | A2         | CO1         | 2010-01-01      | 2024-05-01 00:00 |
        S2              | A1         | P1          | 2020-01-01      | 2023-01-01 00:00 |
        """,
        status="active",
    )
    desk.build("features.subscriptions")
    desk.expect("features.account_owners", "account_id | customer_id\n A1 | P1\n A2 | CO1")


def test_who_is_to_take_an_account_over_does_not_pay_it_yet(desk: SqlDesk) -> None:
    desk.given(
        VERSIONS,
        """
        customer_id | valid_from       | valid_to
        P1          | 2024-01-01 00:00 | 2024-07-01 00:00
        P2          | 2024-07-01 00:00 |
        """,
        subscription_id="S1",
        account_id="A1",
        status="active",
        activation_date="2020-01-01",
    )
    desk.build("features.subscriptions")
    desk.expect("features.account_owners", "account_id | customer_id\n A1 | P1")
