"""sql/features/churn_outcomes.sql: who left within the horizon after the gap, customer by customer.

With a gap of 7 days and a horizon of 30, on 7 July 2024 the month end 31 May is judged: the gap ends with 7 June, the
horizon with 7 July. Cases without a gap are in test_sql_churn_bands.py.
"""

from datetime import date

import pytest
from sql_desk import SqlDesk

TABLE = "features.churn_outcomes"
VERSIONS = "features.subscription_versions"
OBSERVED = (date(2024, 5, 2), date(2024, 7, 7))
LINE = {
    "subscription_id": "S1",
    "customer_id": "C1",
    "payment_type": "postpaid",
    "status": "active",
    "activation_date": "2024-05-10",
    "valid_from": "2024-05-09 16:00",
}


@pytest.fixture
def desk(desk: SqlDesk) -> SqlDesk:
    desk.gap_days = 7
    desk.at(date(2024, 7, 7), OBSERVED)
    return desk


def expect_outcomes(desk: SqlDesk, text: str) -> None:
    desk.expect(TABLE, f"origin_date | customer_id | payment_type | tenure_band | churned\n{text}")


@pytest.mark.parametrize(
    "until, churned",
    [
        pytest.param("2024-06-05 00:00", None, id="within the gap: neither exposed nor churned"),
        pytest.param("2024-06-07 15:59:59", None, id="in the last second of the gap"),
        pytest.param("2024-06-07 16:00", "true", id="with the end of the gap"),
        pytest.param("2024-07-07 15:59:59", "true", id="in the last second of the horizon"),
        pytest.param("2024-07-07 16:00", "false", id="with the end of the horizon"),
    ],
)
def test_a_postpaid_customer_must_leave_after_the_gap(desk: SqlDesk, until: str, churned: str | None) -> None:
    desk.given(VERSIONS, f"valid_to\n {until}", **LINE)
    expect_outcomes(desk, f"2024-05-31 | C1 | postpaid | 0-3 | {churned}" if churned else "")


def test_who_comes_back_within_the_gap_was_there_at_its_end(desk: SqlDesk) -> None:
    desk.given(
        VERSIONS,
        """
        subscription_id | activation_date | valid_from       | valid_to
        S1              | 2024-05-10      | 2024-05-09 16:00 | 2024-06-02 00:00
        S2              | 2024-06-06      | 2024-06-05 16:00 | 2024-06-20 00:00
        """,
        **LINE,
    )
    expect_outcomes(desk, "2024-05-31 | C1 | postpaid | 0-3 | true")


def test_a_line_activated_after_the_gap_was_not_there_at_its_end(desk: SqlDesk) -> None:
    desk.given(
        VERSIONS,
        """
        subscription_id | activation_date | valid_from       | valid_to
        S1              | 2024-05-10      | 2024-05-09 16:00 | 2024-06-02 00:00
        S2              | 2024-06-08      | 2024-06-05 16:00 |
        """,
        **LINE,
    )
    expect_outcomes(desk, "")


@pytest.mark.parametrize(
    "active, churned",
    [
        pytest.param(["2024-06-07"], "true", id="last active on the last day of the gap"),
        pytest.param(["2024-06-08"], "false", id="on the first day after the gap"),
        pytest.param(["2024-07-07"], "false", id="on the last of the 30 days after the gap"),
        pytest.param([], "true", id="never again"),
    ],
)
def test_a_prepaid_customers_silence_is_looked_for_after_the_gap(
    desk: SqlDesk, active: list[str], churned: str
) -> None:
    desk.given(VERSIONS, "customer_id\n C1", **LINE | {"payment_type": "prepaid"})
    days = "\n".join(f"C1 | {day}" for day in ["2024-05-20", *active])
    desk.given("features.usage_daily", f"customer_id | usage_date\n{days}")
    desk.build("features.activity_at_origins")
    expect_outcomes(desk, f"2024-05-31 | C1 | prepaid | 0-3 | {churned}")


@pytest.mark.parametrize("last_loaded, judged", [(date(2024, 7, 7), True), (date(2024, 7, 6), False)])
def test_a_prepaid_customer_is_judged_where_usage_reaches_the_end_of_the_silence(
    desk: SqlDesk, last_loaded: date, judged: bool
) -> None:
    desk.at(date(2024, 7, 7), (date(2024, 5, 2), last_loaded))
    desk.given(VERSIONS, "customer_id\n C1", **LINE | {"payment_type": "prepaid"})
    desk.given("features.usage_daily", "customer_id | usage_date\n C1 | 2024-05-20")
    desk.build("features.activity_at_origins")
    expect_outcomes(desk, "2024-05-31 | C1 | prepaid | 0-3 | true" if judged else "")


def test_an_origin_counts_once_its_gap_and_horizon_have_passed(desk: SqlDesk) -> None:
    desk.given(VERSIONS, "customer_id\n C1", **LINE)
    expect_outcomes(desk, "2024-05-31 | C1 | postpaid | 0-3 | false")
    desk.at(date(2024, 7, 6), OBSERVED)
    expect_outcomes(desk, "")
