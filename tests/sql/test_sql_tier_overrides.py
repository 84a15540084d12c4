"""sql/features/tier_overrides.sql, audits/override_tier_unknown.sql: tiers that an operator decided."""

import pytest
from sql_desk import SqlDesk

TABLE = "features.tier_overrides"
FILES = """
    file_id | source | extract        | known_at         | status
    1       | crm    | tier_overrides | 2024-06-01 00:00 | accepted
    2       | crm    | tier_overrides | 2024-06-10 00:00 | accepted
    3       | crm    | tier_overrides | 2024-06-30 16:00 | accepted
    4       | crm    | tier_overrides | 2024-06-20 00:00 | refused
    5       | sales  | tier_overrides | 2024-06-05 00:00 | accepted
"""
DECISION = {
    "customer_id": "C1",
    "tier": "high",
    "reason": "complaint",
    "approved_by": "head",
    "valid_from": "2024-01-01",
    "known_at": "2024-06-10 00:00",
    "file_id": "2",
}


@pytest.mark.parametrize(
    "valid_from, valid_to, holds",
    [
        pytest.param("2024-01-01", "", True, id="open"),
        pytest.param("2024-06-30", "", True, id="from today"),
        pytest.param("2024-07-01", "", False, id="from tomorrow"),
        pytest.param("2024-01-01", "2024-07-01", True, id="last day is today"),
        pytest.param("2024-01-01", "2024-06-30", False, id="first day on which it holds no more is today"),
    ],
)
def test_a_decision_holds_from_its_first_day_until_the_day_before_its_end(
    desk: SqlDesk, valid_from: str, valid_to: str, holds: bool
) -> None:
    desk.given("intake.files", FILES)
    desk.given("staging.tier_overrides", f"valid_from | valid_to\n {valid_from} | {valid_to}", **DECISION)
    desk.expect(TABLE, "customer_id | override_tier | valid_from\n" + (f"C1 | high | {valid_from}" if holds else ""))


def test_of_several_valid_decisions_the_latest_start_counts(desk: SqlDesk) -> None:
    desk.given("intake.files", FILES)
    desk.given(
        "staging.tier_overrides",
        """
        tier     | valid_from | valid_to
        high     | 2024-01-01 |
        mid      | 2024-06-01 |
        ordinary | 2024-06-10 | 2024-06-20
        high     | 2024-07-01 |
        """,
        **DECISION,
    )
    desk.expect(TABLE, "customer_id | override_tier\n C1 | mid")


def test_a_decision_missing_from_the_last_accepted_delivery_of_its_source_holds_no_more(desk: SqlDesk) -> None:
    desk.given("intake.files", FILES)
    desk.given(
        "staging.tier_overrides",
        """
        customer_id | tier     | valid_to   | known_at         | file_id
        withdrawn   | high     |            | 2024-06-01 00:00 | 1
        stays       | high     |            | 2024-06-01 00:00 | 1
        stays       | mid      |            | 2024-06-10 00:00 | 2
        ended       | high     |            | 2024-06-01 00:00 | 1
        ended       | high     | 2024-06-05 | 2024-06-10 00:00 | 2
        known later | high     |            | 2024-06-30 16:00 | 3
        of sales    | ordinary |            | 2024-06-05 00:00 | 5
        """,
        **DECISION,
    )
    desk.expect(TABLE, "customer_id | override_tier\n stays | mid\n of sales | ordinary")


def test_without_the_extract_nobody_has_one(desk: SqlDesk) -> None:
    desk.expect(TABLE, "customer_id | override_tier")


def test_a_customer_carries_the_decided_tier(desk: SqlDesk) -> None:
    desk.given(
        "features.subscriptions",
        """
        subscription_id | customer_id | in_service | payment_type | activation_date | arrears_stops | status
        S1              | C1          | true       | postpaid     | 2023-01-01      | 0             | active
        S2              | C2          | true       | postpaid     | 2023-01-01      | 0             | active
        """,
    )
    desk.given(TABLE, "customer_id | override_tier\n C1 | mid\n C9 | high")
    desk.expect("features.customer", "customer_id | override_tier\n C1 | mid\n C2 |")


def test_overrides_that_name_no_tier_of_the_policy_are_listed(desk: SqlDesk) -> None:
    desk.given(
        TABLE,
        """
        customer_id | override_tier | valid_from
        C1          | high          | 2024-01-01
        C2          | platinum      | 2024-06-01
        C3          | High          | 2024-06-02
        """,
    )
    desk.expect(
        "audits.override_tier_unknown",
        "customer_id | override_tier | valid_from\n C2 | platinum | 2024-06-01\n C3 | High | 2024-06-02",
    )


def test_overrides_of_customers_whom_the_crm_does_not_have_are_listed(desk: SqlDesk) -> None:
    desk.given("features.customers_known", "customer_id\n C1")
    desk.given(TABLE, "customer_id | override_tier\n C1 | high\n C2 | high")
    desk.expect("audits.customer_unknown", "customer_id | found_in\n C2 | tier_overrides")
