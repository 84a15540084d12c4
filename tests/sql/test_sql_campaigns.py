"""sql/features/campaign_outcomes.sql, marts/campaign_uplift.sql, audits/campaign_result_of_nobody.sql: what came of
campaigns."""

import pytest
from sql_desk import SqlDesk

from data_contracts import contract
from pipelines.table_types import table_types

OUTCOMES = "features.campaign_outcomes"
UPLIFT = "marts.campaign_uplift"
AUDIT = "audits.campaign_result_of_nobody"
# Judged on 20 June, in the operator's zone; prepaid customers by 22 May to 20 June.
DUE = {
    "campaign": "may",
    "list_date": "2024-04-30",
    "outcome_date": "2024-06-20",
    "outcome_at": "2024-06-20 16:00",
    "active_from": "2024-05-22",
}


def test_columns_and_types_are_the_contracts() -> None:
    assert table_types(UPLIFT) == {c.name: c.physical for c in contract(UPLIFT).columns}


def members(desk: SqlDesk, *customers: str, payment_type: str = "postpaid", **other: str) -> None:
    rows = "\n".join(f"{customer} | false" for customer in customers)
    same = {**DUE, "payment_type": payment_type, **other}
    desk.given("run.campaign_members", f"customer_id | is_control\n{rows}", **same)


def test_who_has_a_line_in_service_at_the_end_of_the_day_stayed(desk: SqlDesk) -> None:
    members(desk, "stays", "left that day", "left after", "had left", "suspended", "came back", "nobody")
    desk.given(
        "features.subscription_versions",
        """
        customer_id   | subscription_id | status    | valid_from       | valid_to
        stays         | S1              | active    | 2020-01-01 00:00 |
        left that day | S2              | active    | 2020-01-01 00:00 | 2024-06-20 15:59
        left that day | S2              | ceased    | 2024-06-20 15:59 |
        left after    | S3              | active    | 2020-01-01 00:00 | 2024-06-20 16:00
        had left      | S4              | ceased    | 2020-01-01 00:00 |
        suspended     | S5              | suspended | 2020-01-01 00:00 |
        came back     | S6              | active    | 2020-01-01 00:00 | 2024-05-01 00:00
        came back     | S7              | active    | 2024-06-01 00:00 |
        """,
        activation_date="2020-01-01",
    )
    desk.expect(
        OUTCOMES,
        """
        customer_id   | is_retained
        stays         | true
        left that day | false
        left after    | true
        had left      | false
        suspended     | true
        came back     | true
        nobody        | false
        """,
    )


def test_nothing_is_known_until_the_day_has_passed(desk: SqlDesk) -> None:
    members(desk, "C1", outcome_date="2024-07-01")
    members(desk, "C2", outcome_date="2024-06-30", campaign="ends today")
    desk.expect(OUTCOMES, "customer_id | is_retained\n C1 | \n C2 | false")


def prepaid(desk: SqlDesk, loaded: tuple[str, str]) -> None:
    members(desk, "used", "recharged", "silent", "too early", "too late", "gone", payment_type="prepaid")
    lines = """
        customer_id | subscription_id | valid_from       | valid_to
        used        | S1              | 2020-01-01 00:00 |
        recharged   | S2              | 2020-01-01 00:00 |
        silent      | S3              | 2020-01-01 00:00 |
        too early   | S4              | 2020-01-01 00:00 |
        too late    | S5              | 2020-01-01 00:00 |
        gone        | S6              | 2020-01-01 00:00 | 2024-06-10 00:00
    """
    desk.given("features.subscription_versions", lines, status="active", activation_date="2020-01-01")
    desk.given(
        "features.usage_daily",
        f"""
        customer_id | usage_date
        used        | 2024-05-22
        too early   | 2024-05-21
        too late    | 2024-06-21
        gone        | 2024-06-01
                    | {loaded[0]}
                    | {loaded[1]}
        """,
    )
    desk.given(
        "staging.payments",
        "subscription_id | paid_date | paid_at\n S2 | 2024-06-20 | 2024-06-20 15:00",
        kind="recharge",
        known_at="2024-06-20 15:00",
    )


def test_prepaid_customers_must_also_have_been_active(desk: SqlDesk) -> None:
    prepaid(desk, ("2024-05-21", "2024-06-21"))
    desk.expect(
        OUTCOMES,
        """
        customer_id | is_retained
        used        | true
        recharged   | true
        silent      | false
        too early   | false
        too late    | false
        gone        | false
        """,
    )


@pytest.mark.parametrize("loaded", [("2024-05-23", "2024-06-21"), ("2024-05-21", "2024-06-19")])
def test_without_the_usage_of_those_days_nothing_is_known_of_them(desk: SqlDesk, loaded: tuple[str, str]) -> None:
    members(desk, "only", payment_type="prepaid")
    desk.given(
        "features.usage_daily",
        f"usage_date\n {loaded[0]}\n {loaded[1]}",
    )
    desk.expect(OUTCOMES, "customer_id | is_retained\n only | ")


def test_everybody_listed_counts_by_tier_and_together(desk: SqlDesk) -> None:
    desk.given(
        OUTCOMES,
        """
        customer_id | tier | tier_flag | is_control | is_retained | lifetime_value_amount | value_at_risk_amount
        C1          | high | 1         | false      | true        | 100                   | 10
        C2          | high | 1         | false      | false       | 200                   | 20
        C3          | high | 1         | true       | false       | 400                   | 40
        C4          | low  | 2         | false      |             | 800                   | 80
        C5          | low  | 2         | true       | true        | 1600                  | 160
        """,
        campaign="may",
        list_date="2024-04-30",
        outcome_date="2024-06-30",
    )
    desk.given(
        "staging.campaign_results",
        """
        campaign | customer_id | contacted_at     | outcome     | known_at
        may      | C1          | 2024-05-02 01:00 | not_reached | 2024-06-01 00:00
        may      | C1          | 2024-05-03 01:00 | accepted    | 2024-06-01 00:00
        may      | C2          | 2024-05-02 01:00 | not_reached | 2024-06-01 00:00
        may      | C2          | 2024-05-03 01:00 | reached     | 2024-07-01 00:00
        may      | C4          | 2024-05-03 01:00 | declined    | 2024-06-01 00:00
        may      | C5          | 2024-05-03 01:00 | reached     | 2024-06-01 00:00
        june     | C2          | 2024-06-03 01:00 | accepted    | 2024-06-04 00:00
        """,
    )
    # C2's second call was not known yet, and who of the list said no to june is another campaign's.
    desk.expect(
        UPLIFT,
        """
        tier | tier_flag | listed | contacted | reached | accepted | control | control_contacted
             | 0         | 3      | 3         | 2       | 1        | 2       | 1
        high | 1         | 2      | 2         | 1       | 1        | 1       | 0
        low  | 2         | 1      | 1         | 1       | 0        | 1       | 1
        """,
    )
    desk.expect(
        UPLIFT,
        """
        tier | listed_judged | listed_retained | control_judged | control_retained | lifetime_value_amount
             | 2             | 1               | 2              | 1                | 1100
        high | 2             | 1               | 1              | 0                | 300
        low  | 0             | 0               | 1              | 1                | 800
        """,
    )


def test_counts_of_who_stayed_wait_for_the_day(desk: SqlDesk) -> None:
    desk.given(
        OUTCOMES,
        "customer_id | tier | tier_flag | is_control | campaign | list_date | outcome_date\n"
        "C1 | high | 1 | false | june | 2024-06-29 | 2024-07-01",
    )
    desk.expect(
        UPLIFT,
        """
        tier | listed | listed_judged | listed_retained | control_judged | control_retained
        high | 1      |               |                 |                |
             | 1      |               |                 |                |
        """,
    )


def test_results_that_fit_no_list_are_told(desk: SqlDesk) -> None:
    desk.given(
        "run.campaign_members", "campaign | customer_id | is_control\n may | listed | false\n may | kept out | true"
    )
    desk.given(
        "staging.campaign_results",
        """
        campaign | customer_id | contacted_at     | known_at
        may      | listed      | 2024-05-02 01:00 | 2024-06-01 00:00
        may      | kept out    | 2024-05-02 01:00 | 2024-06-01 00:00
        may      | kept out    | 2024-05-03 01:00 | 2024-06-01 00:00
        may      | stranger    | 2024-05-02 01:00 | 2024-06-01 00:00
        mai      | listed      | 2024-05-02 01:00 | 2024-06-01 00:00
        may      | tomorrow    | 2024-07-02 01:00 | 2024-06-01 00:00
        may      | unknown yet | 2024-05-02 01:00 | 2024-07-01 00:00
        """,
    )
    desk.expect(
        AUDIT,
        """
        campaign | customer_id | is_control
        may      | kept out    | true
        may      | stranger    | false
        mai      | listed      | false
        """,
    )
