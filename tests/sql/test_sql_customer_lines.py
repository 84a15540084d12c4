"""sql/features/customer.sql: what the lines and the CRM say (amounts are in test_sql_customer_amounts.py)."""

import pytest
from sql_desk import SqlDesk

from segmentation.columns import FEATURES

TABLE = "features.customer"
LINE = {
    "subscription_id": "S1",
    "customer_id": "C1",
    "account_id": "A1",
    "payment_type": "postpaid",
    "activation_date": "2020-01-01",
    "status": "active",
    "in_service": "true",
    "arrears_stops": "0",
}


def test_columns_have_the_types_that_segmentation_takes(desk: SqlDesk) -> None:
    desk.given("features.subscriptions", "customer_id\n C1", **LINE)
    desk.build(TABLE)
    found = desk.con.sql("select * from features.customer").pl()
    assert {name: found.schema[name] for name in FEATURES} == dict(FEATURES)


def test_lines_are_counted_and_a_customer_has_one_row(desk: SqlDesk) -> None:
    desk.given(
        "features.subscriptions",
        """
        subscription_id | customer_id | status    | in_service | arrears_stops
        S1              | C1          | active    | true       | 1
        S2              | C1          | active    | true       | 0
        S3              | C1          | suspended | true       | 2
        S4              | C1          | ceased    | false      | 4
        S5              | C1          | active    | false      | 0
        S6              | C2          | suspended | true       | 0
        """,
        **LINE,
    )
    desk.expect(
        TABLE,
        """
        customer_id | lines_in_service | lines_active | lines_suspended | lines_ceased | arrears_stops
        C1          | 3                | 2            | 1               | 2            | 7
        C2          | 1                | 0            | 1               | 0            | 0
        """,
    )


def test_dates_and_brand_are_of_the_lines_in_service(desk: SqlDesk) -> None:
    desk.given(
        "features.subscriptions",
        """
        subscription_id | in_service | activation_date | contract_end_date | brand   | ported_in_from
        S1              | false      | 2010-01-01      | 2024-07-01        | GoTone  | Telecom
        S2              | true       | 2022-01-01      | 2024-06-29        | Easyown |
        S3              | true       | 2021-01-01      | 2024-12-31        | M-Zone  |
        S4              | true       | 2023-01-01      | 2024-06-30        | GoTone  | Unicom
        """,
        **LINE,
    )
    # A contract that ended yesterday is not to come; one that ends today is.
    desk.expect(
        TABLE,
        """
        first_activation_date | contract_end_date | brand  | ported_in_from
        2021-01-01            | 2024-06-30        | M-Zone | Unicom
        """,
    )


@pytest.mark.parametrize(
    "lines, payment_type, postpaid, prepaid",
    [
        pytest.param("S1 | postpaid | true | 2020-01-01", "postpaid", True, False, id="postpaid"),
        pytest.param("S1 | prepaid | true | 2020-01-01", "prepaid", False, True, id="prepaid"),
        pytest.param(
            "S1 | prepaid | true | 2020-01-01\n S2 | postpaid | true | 2021-01-01", "mixed", True, True, id="mixed"
        ),
        pytest.param(
            "S1 | prepaid | true | 2020-01-01\n S2 | postpaid | false | 2021-01-01",
            "prepaid",
            False,
            True,
            id="the ceased line does not count",
        ),
        pytest.param(
            "S1 | prepaid | false | 2020-01-01\n S2 | postpaid | false | 2021-01-01",
            "postpaid",
            True,
            False,
            id="all ceased: the line activated last",
        ),
    ],
)
def test_payment_type_is_of_the_lines_in_service_else_of_the_last_one(
    desk: SqlDesk, lines: str, payment_type: str, postpaid: bool, prepaid: bool
) -> None:
    header = "subscription_id | payment_type | in_service | activation_date"
    desk.given("features.subscriptions", f"{header}\n{lines}", **LINE)
    desk.expect(TABLE, f"payment_type | has_postpaid_line | has_prepaid_line\n {payment_type} | {postpaid} | {prepaid}")


def test_a_ceased_customer_keeps_a_row(desk: SqlDesk) -> None:
    desk.given("features.subscriptions", "status | in_service\n ceased | false", **LINE)
    desk.expect(
        TABLE,
        """
        customer_id | lines_in_service | lines_ceased | first_activation_date | contract_end_date | churn_band
        C1          | 0                | 1            |                       |                   | postpaid:none
        """,
    )


def test_what_the_crm_said_is_carried_and_a_customer_unknown_to_it_is_a_person(desk: SqlDesk) -> None:
    desk.given("features.subscriptions", "subscription_id | customer_id\n S1 | C1\n S2 | C2", **LINE)
    desk.given(
        "features.customers_known",
        """
        customer_id | customer_type | group_id | account_manager_id | region | language | credit_score | contact_consent
        C1          | group         | G1       | M1                 | north  | zh-CN    | 71.5         | true
        no line     | individual    |          |                    |        |          |              |
        """,
    )
    desk.expect(
        TABLE,
        """
        customer_id | customer_type | group_id | account_manager_id | region | language | contact_consent
        C1          | group         | G1       | M1                 | north  | zh-CN    | true
        C2          | individual    |          |                    |        |          |
        """,
    )
    desk.expect(TABLE, "customer_id | operator_credit_score\n C1 | 71.5\n C2 | ")


def test_what_the_crm_does_not_say_of_a_person_stays_unknown(desk: SqlDesk) -> None:
    said = """
        customer_id | gender | birth_year | identity_verified | previous_operator
        C1          | female | 1980       | false             | Unicom
        C2          |        |            |                   |
    """
    desk.given("features.subscriptions", "subscription_id | customer_id\n S1 | C1\n S2 | C2", **LINE)
    desk.given("features.customers_known", said)
    desk.expect(TABLE, said)


def test_complaints_are_carried_and_none_are_none(desk: SqlDesk) -> None:
    desk.given("features.subscriptions", "subscription_id | customer_id\n S1 | C1\n S2 | C2", **LINE)
    desk.given("features.complaints", "customer_id | complaints\n C1 | 3")
    desk.expect(TABLE, "customer_id | complaints\n C1 | 3\n C2 | 0")


def test_the_first_segment_that_fits_brand_and_payment_type_is_taken(desk: SqlDesk) -> None:
    desk.segments(
        students=(("M-Zone", "Campus"), ("prepaid",), 1),
        billed=((), ("postpaid",), 1),
        gotone=(("GoTone",), (), 1),
        base=((), (), 1),
    )
    desk.given(
        "features.subscriptions",
        """
        subscription_id | customer_id      | brand   | payment_type | in_service | activation_date
        S01             | student          | M-Zone  | prepaid      | true       | 2020-01-01
        S02             | other brand      | Campus  | prepaid      | true       | 2020-01-01
        S03             | billed student   | M-Zone  | postpaid     | true       | 2020-01-01
        S04             | billed           | GoTone  | postpaid     | true       | 2020-01-01
        S05             | prepaid gotone   | GoTone  | prepaid      | true       | 2020-01-01
        S06             | any              | Easyown | prepaid      | true       | 2020-01-01
        S07             | no brand         |         | prepaid      | true       | 2020-01-01
        S08             | mixed            | M-Zone  | prepaid      | true       | 2020-01-01
        S09             | mixed            | GoTone  | postpaid     | true       | 2021-01-01
        S10             | ceased           | M-Zone  | prepaid      | false      | 2020-01-01
        S11             | no longer billed | GoTone  | postpaid     | false      | 2020-01-01
        S12             | no longer billed | M-Zone  | prepaid      | true       | 2021-01-01
        """,
        **LINE,
    )
    # Mixed customers are taken where postpaid ones are, never where prepaid ones are.
    desk.expect(
        TABLE,
        """
        customer_id      | policy_segment
        student          | students
        other brand      | students
        billed student   | billed
        billed           | billed
        prepaid gotone   | gotone
        any              | base
        no brand         | base
        mixed            | billed
        ceased           | students
        no longer billed | students
        """,
    )


def test_mixed_customers_may_have_a_segment_of_their_own(desk: SqlDesk) -> None:
    desk.segments(both=((), ("mixed",), 1), base=((), (), 1))
    desk.given(
        "features.subscriptions",
        "subscription_id | customer_id | payment_type\n S1 | C1 | postpaid\n S2 | C1 | prepaid\n S3 | C2 | postpaid",
        **LINE,
    )
    desk.expect(TABLE, "customer_id | policy_segment\n C1 | both\n C2 | base")


def test_without_segments_everybody_is_in_the_base(desk: SqlDesk) -> None:
    desk.given("features.subscriptions", "subscription_id | customer_id\n S1 | C1\n S2 | C2", **LINE)
    desk.expect(TABLE, "customer_id | policy_segment\n C1 | base\n C2 | base")


def test_service_lists_are_carried(desk: SqlDesk) -> None:
    desk.given("features.subscriptions", "subscription_id | customer_id\n S1 | C1\n S2 | C2\n S3 | C3", **LINE)
    desk.given(
        "features.service_lists",
        "customer_id | service_list | is_vip | vip_account_manager_id\n C1 | black | false | \n C2 | | true | M1",
    )
    desk.expect(
        TABLE,
        """
        customer_id | service_list | is_vip | vip_account_manager_id
        C1          | black        | false  |
        C2          |              | true   | M1
        C3          |              | false  |
        """,
    )


def test_churn_history_is_of_the_customers_band_and_of_everybody(desk: SqlDesk) -> None:
    desk.given(
        "features.churn_bands",
        """
        churn_band     | exposed | churned
        postpaid:3-12  | 100     | 4
        prepaid:3-12   | 50      | 10
        postpaid:36+   | 1000    | 1
        """,
    )
    # On 30 June: three months began with 31 March, twelve with 30 June 2023.
    desk.given(
        "features.subscriptions",
        """
        subscription_id | customer_id | payment_type | activation_date
        S1              | three       | postpaid     | 2024-03-31
        S2              | two         | postpaid     | 2024-04-01
        S3              | twelve      | postpaid     | 2023-06-30
        S4              | prepaid     | prepaid      | 2024-01-01
        S5              | mixed       | prepaid      | 2010-01-01
        S6              | mixed       | postpaid     | 2024-01-01
        """,
        **LINE,
    )
    desk.expect(
        TABLE,
        """
        customer_id | churn_band     | band_exposed | band_churned | base_exposed | base_churned
        three       | postpaid:3-12  | 100          | 4            | 1150         | 15
        two         | postpaid:0-3   | 0            | 0            | 1150         | 15
        twelve      | postpaid:12-24 | 0            | 0            | 1150         | 15
        prepaid     | prepaid:3-12   | 50           | 10           | 1150         | 15
        mixed       | postpaid:36+   | 1000         | 1            | 1150         | 15
        """,
    )


def test_without_history_the_base_is_nobody(desk: SqlDesk) -> None:
    desk.given("features.subscriptions", "customer_id\n C1", **LINE)
    desk.expect(TABLE, "band_exposed | band_churned | base_exposed | base_churned\n 0 | 0 | 0 | 0")
