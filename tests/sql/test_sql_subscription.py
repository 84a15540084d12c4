"""sql/scores/subscription.sql and sql/audits/service_key_twice.sql: what a routing system looks up, one row a key."""

import pytest
from sql_desk import AS_OF, SqlDesk

TABLE = "scores.subscription"
LINES = """
    subscription_id | customer_id | account_id | msisdn | brand   | in_service
    S1              | C1          | A1         | +861   | GoTone  | true
    S2              | C1          | A1         | +862   | Easyown | true
    S3              | C1          | A1         |        | GoTone  | true
    S4              | C2          | A2         | +864   | GoTone  | false
    S5              | unscored    | A5         | +865   | GoTone  | true
    S6              | C3          | A6         | +866   |         | true
"""


def given_scored(desk: SqlDesk, key: str = "msisdn") -> None:
    desk.at(AS_OF, key=key)
    desk.given("features.subscriptions", LINES)
    desk.given("scores.customer", "customer_id | tier | tier_flag\n C1 | high | 1\n C2 | mid | 2\n C3 | ordinary | 3")
    desk.given("features.customers_known", "customer_id | language\n C1 | zh-CN")


def test_each_line_in_service_of_a_scored_customer_has_the_customers_row(desk: SqlDesk) -> None:
    given_scored(desk)
    desk.expect(
        TABLE,
        """
        service_key | subscription_id | customer_id | account_id | tier     | tier_flag | brand   | language
        +861        | S1              | C1          | A1         | high     | 1         | GoTone  | zh-CN
        +862        | S2              | C1          | A1         | high     | 1         | Easyown | zh-CN
        +866        | S6              | C3          | A6         | ordinary | 3         |         |
        """,
    )


@pytest.mark.parametrize(
    "key, rows",
    [
        pytest.param("msisdn", "+861 | S1\n +862 | S2\n +866 | S6", id="number: a line without one is left out"),
        pytest.param("subscription", "S1 | S1\n S2 | S2\n S3 | S3\n S6 | S6", id="line"),
        pytest.param("account", "A1 | S1\n A1 | S2\n A1 | S3\n A6 | S6", id="account"),
    ],
)
def test_the_service_key_is_what_the_setting_says(desk: SqlDesk, key: str, rows: str) -> None:
    given_scored(desk, key)
    desk.expect(TABLE, f"service_key | subscription_id\n{rows}")


def given_claimed_twice(desk: SqlDesk, key: str) -> None:
    """S1 of C1 and S2 of C2 both claim +861; S2 started later. S3 is alone."""
    desk.at(AS_OF, key=key)
    desk.given(
        "features.subscription_versions",
        """
        subscription_id | customer_id | account_id | msisdn | valid_from
        S1              | C1          | A1         | +861   | 2024-01-01 00:00
        S2              | C2          | A2         | +861   | 2024-02-01 00:00
        S3              | C2          | A2         | +863   | 2024-01-01 00:00
        """,
        status="active",
        activation_date="2024-01-01",
    )
    desk.given("scores.customer", "customer_id | tier\n C1 | high\n C2 | mid")
    desk.build("features.subscriptions")


@pytest.mark.parametrize(
    "key, rows",
    [
        pytest.param("msisdn", "+861 | S2 | mid\n +863 | S3 | mid", id="number: the later start has it"),
        pytest.param("subscription", "S1 | S1 | high\n S2 | S2 | mid\n S3 | S3 | mid", id="line: all"),
        pytest.param("account", "A1 | S1 | high\n A2 | S2 | mid\n A2 | S3 | mid", id="account: all"),
    ],
)
def test_of_two_lines_that_claim_a_number_the_later_start_is_published_under_it(
    desk: SqlDesk, key: str, rows: str
) -> None:
    given_claimed_twice(desk, key)
    desk.expect(TABLE, f"service_key | subscription_id | tier\n{rows}")


def test_a_number_claimed_twice_is_no_key_twice(desk: SqlDesk) -> None:
    given_claimed_twice(desk, "msisdn")
    desk.build(TABLE)
    desk.expect("audits.number_claimed_twice", "subscription_id | next_subscription_id\n S1 | S2")
    desk.expect("audits.service_key_twice", "subscription_id")


def test_a_line_out_of_service_takes_no_number_from_one_in_service(desk: SqlDesk) -> None:
    """The later claim has ended, or its line is not activated yet: the older line is published by its number."""
    desk.given(
        "features.subscriptions",
        """
        subscription_id | customer_id | msisdn | in_service | state_since
        S1              | C1          | +861   | true       | 2024-01-01 00:00
        S2              | C1          | +861   | false      | 2024-05-01 00:00
        """,
    )
    desk.given("scores.customer", "customer_id\n C1")
    desk.expect(TABLE, "service_key | subscription_id\n +861 | S1")


def test_of_two_lines_that_got_a_number_at_once_one_is_published(desk: SqlDesk) -> None:
    desk.given(
        "features.subscriptions",
        "subscription_id | customer_id | msisdn\n S1 | C1 | +861\n S2 | C1 | +861",
        in_service="true",
        state_since="2024-01-01 00:00",
    )
    desk.given("scores.customer", "customer_id\n C1")
    desk.expect(TABLE, "service_key | subscription_id\n +861 | S2")


@pytest.mark.parametrize("key, service_key", [("msisdn", "+862"), ("subscription", "S1"), ("account", "A1")])
def test_a_line_that_held_numbers_before_is_published_once(desk: SqlDesk, key: str, service_key: str) -> None:
    desk.at(AS_OF, key=key)
    desk.given(
        "features.subscription_versions",
        """
        msisdn | status    | valid_from       | valid_to
        +861   | active    | 2024-01-01 00:00 | 2024-02-01 00:00
        +862   | active    | 2024-02-01 00:00 | 2024-03-01 00:00
        +862   | suspended | 2024-03-01 00:00 |
        """,
        subscription_id="S1",
        customer_id="C1",
        account_id="A1",
        activation_date="2024-01-01",
    )
    desk.given("scores.customer", "customer_id\n C1")
    desk.build("features.subscriptions")
    desk.expect(TABLE, f"service_key | subscription_id\n {service_key} | S1")


def test_the_score_is_carried(desk: SqlDesk) -> None:
    score = """
        customer_id | value_score | arpu_part | tenure_part | credit_part | lifecycle_stage | churn_risk
        C1          | 76.5        | 40        | 24          | 12.5        | stable          | 0.031
    """
    rest = """
        churn_risk_band | service_list | is_vip | account_manager_id | reasons | policy_version | model_version
        elevated        | red          | true   | M1                 | a=1;b   | default@1      | band-rate-1
    """
    desk.given("features.subscriptions", "subscription_id | customer_id | msisdn | in_service\n S1 | C1 | +861 | true")
    head, line = (f"{a} | {b}" for a, b in zip(score.strip().splitlines(), rest.strip().splitlines(), strict=True))
    desk.given("scores.customer", f"{head}\n{line}")
    desk.expect(TABLE, score)
    desk.expect(TABLE, rest)


def test_lines_that_share_a_key_are_listed(desk: SqlDesk) -> None:
    given_scored(desk, key="account")
    desk.build(TABLE)
    desk.expect("audits.service_key_twice", "subscription_id | customer_id\n S1 | C1\n S2 | C1\n S3 | C1")


def test_two_customers_with_one_number_are_listed(desk: SqlDesk) -> None:
    desk.given(TABLE, "service_key | subscription_id | customer_id\n +861 | S1 | C1\n +861 | S2 | C2\n +862 | S3 | C2")
    desk.expect("audits.service_key_twice", "subscription_id | customer_id\n S1 | C1\n S2 | C2")


def test_lines_with_a_key_each_pass(desk: SqlDesk) -> None:
    given_scored(desk)
    desk.build(TABLE)
    desk.expect("audits.service_key_twice", "subscription_id")
