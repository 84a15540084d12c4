"""sql/audits/customer_in_service_without_score.sql and score_does_not_add_up.sql: scores that must not be published."""

import pytest
from sql_desk import SqlDesk


def test_customers_in_service_without_a_score_and_scores_of_others_are_listed(desk: SqlDesk) -> None:
    desk.given(
        "features.customer",
        """
        customer_id    | lines_in_service
        scored         | 1
        not scored     | 2
        ceased         | 0
        ceased, scored | 0
        """,
    )
    desk.given("scores.customer", "customer_id\n scored\n ceased, scored\n unknown")
    desk.expect("audits.customer_in_service_without_score", "customer_id\n not scored\n ceased, scored\n unknown")


def test_a_customer_scored_twice_is_listed_once(desk: SqlDesk) -> None:
    desk.given("features.customer", "customer_id | lines_in_service\n once | 1\n twice | 2\n ceased | 0")
    desk.given("scores.customer", "customer_id\n once\n twice\n twice\n ceased\n ceased")
    desk.expect("audits.customer_in_service_without_score", "customer_id\n twice\n ceased")


def test_everybody_in_service_scored_once_passes(desk: SqlDesk) -> None:
    desk.given("features.customer", "customer_id | lines_in_service\n C1 | 1\n C2 | 3\n C3 | 0")
    desk.given("scores.customer", "customer_id\n C1\n C2")
    desk.expect("audits.customer_in_service_without_score", "customer_id")


@pytest.mark.parametrize(
    "score, parts, listed",
    [
        pytest.param("76.5", "40 | 24 | 12.5", False, id="adds up"),
        pytest.param("0", "0 | 0 | 0", False, id="lowest"),
        pytest.param("100", "50 | 30 | 20", False, id="highest"),
        pytest.param("76.5001", "40 | 24 | 12.5", True, id="a unit too much"),
        pytest.param("76.4999", "40 | 24 | 12.5", True, id="a unit too little"),
        pytest.param("2700", "2000 | 500 | 200", False, id="points that are added up go beyond 100"),
        pytest.param("-0.0001", "-0.0001 | 0 | 0", True, id="below 0"),
    ],
)
def test_a_score_is_the_exact_sum_of_its_parts_and_not_negative(
    desk: SqlDesk, score: str, parts: str, listed: bool
) -> None:
    header = "value_score | arpu_part | tenure_part | credit_part"
    desk.given("scores.customer", f"{header}\n {score} | {parts}", customer_id="C1", spend_part="0", mou_part="0")
    desk.expect("audits.score_does_not_add_up", "customer_id | value_score\n" + (f"C1 | {score}" if listed else ""))


def test_the_sum_as_it_should_be_is_shown(desk: SqlDesk) -> None:
    row = "customer_id | value_score | arpu_part | spend_part | tenure_part | credit_part | mou_part"
    desk.given("scores.customer", f"{row}\n C1 | 70 | 40 | 1 | 24 | 12.5 | 2")
    desk.expect("audits.score_does_not_add_up", "customer_id | value_score | sum_of_parts\n C1 | 70 | 79.5")
