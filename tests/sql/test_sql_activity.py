"""sql/features/activity.sql and activity_at_origins.sql: when a customer was active, and whether again after a past
month end.

On 30 June 2024 the last 90 days begin with 2 April. With usage loaded from 2 May on one month end is looked at: 31 May
(active from 2 May, again until 30 June).
"""

from datetime import date

import pytest
from sql_desk import AS_OF, SqlDesk

ACTIVITY = "features.activity"
AT_ORIGINS = "features.activity_at_origins"
VERSIONS = "features.subscription_versions"
MAY_OBSERVED = (date(2024, 5, 2), date(2024, 6, 30))
LINE = {"subscription_id": "S1", "customer_id": "C1", "valid_from": "2020-01-01 00:00"}
HANDED_ON = """
    customer_id | valid_from       | valid_to
    old         | 2020-01-01 00:00 | 2024-05-20 04:00
    new         | 2024-05-20 04:00 |
"""
RECHARGE = {"payment_id": "P1", "subscription_id": "S1", "kind": "recharge", "known_at": "2024-06-30 00:00"}


@pytest.fixture
def desk(desk: SqlDesk) -> SqlDesk:
    """Without a gap: the outcome is looked for from the day after the month end on."""
    desk.gap_days = 0
    desk.at(AS_OF)
    return desk


@pytest.fixture
def seen(desk: SqlDesk) -> SqlDesk:
    desk.at(date(2024, 6, 30), MAY_OBSERVED)
    return desk


def given_use(desk: SqlDesk, *customer_days: str) -> None:
    """Usage of customers by day: "C1 2024-05-20"."""
    rows = [" | ".join(text.split()) for text in customer_days]
    desk.given("features.usage_daily", "\n".join(["customer_id | usage_date", *rows]))


def expect_activity(desk: SqlDesk, now: str, at_origins: str) -> None:
    desk.expect(ACTIVITY, f"customer_id | last_active_date\n{now}")
    desk.expect(AT_ORIGINS, f"origin_date | customer_id | last_active_date | active_after\n{at_origins}")


@pytest.mark.parametrize(
    "days, may, june",
    [
        # Expected: last active date and active after at 31 May, last active date on 30 June; None: no row.
        pytest.param(["2024-05-20", "2024-06-15"], "2024-05-20 | true", "2024-06-15", id="before and after"),
        pytest.param(["2024-05-10", "2024-05-20"], "2024-05-20 | false", "2024-05-20", id="the last of two"),
        pytest.param(["2024-05-02"], "2024-05-02 | false", "2024-05-02", id="first day before"),
        pytest.param(["2024-05-31"], "2024-05-31 | false", "2024-05-31", id="the month end is before"),
        pytest.param(["2024-06-01"], " | true", "2024-06-01", id="first day after"),
        pytest.param(["2024-06-30"], " | true", "2024-06-30", id="last day after"),
        pytest.param(["2024-05-01"], None, "2024-05-01", id="too early for the month end"),
        pytest.param(["2024-04-02"], None, "2024-04-02", id="first of the 90 days"),
        pytest.param(["2024-04-01"], None, None, id="older than 90 days"),
        pytest.param([], None, None, id="never"),
    ],
)
def test_activity_is_looked_for_around_the_month_end_and_in_the_90_days_up_to_the_as_of_date(
    seen: SqlDesk, days: list[str], may: str | None, june: str | None
) -> None:
    given_use(seen, *(f"C1 {day}" for day in days))
    expect_activity(seen, f"C1 | {june}" if june else "", f"2024-05-31 | C1 | {may}" if may else "")


def test_activity_after_the_inactive_days_comes_too_late(desk: SqlDesk) -> None:
    # The 30 days after 30 April end with 30 May.
    desk.at(date(2024, 6, 30), (date(2024, 4, 1), date(2024, 6, 30)))
    desk.con.execute("delete from run.churn_origins where origin_date <> date '2024-04-30'")
    given_use(desk, "C1 2024-04-20", "C1 2024-05-30", "C2 2024-04-20", "C2 2024-05-31")
    expect_activity(
        desk,
        "C1 | 2024-05-30\n C2 | 2024-05-31",
        "2024-04-30 | C1 | 2024-04-20 | true\n 2024-04-30 | C2 | 2024-04-20 | false",
    )


def test_a_day_counts_at_every_month_end_around_it(desk: SqlDesk) -> None:
    desk.at(date(2024, 6, 30), (date(2024, 4, 1), date(2024, 6, 30)))
    given_use(desk, "C1 2024-05-20")
    expect_activity(desk, "C1 | 2024-05-20", "2024-04-30 | C1 | | true\n 2024-05-31 | C1 | 2024-05-20 | false")


def test_a_recharge_is_of_whoever_held_the_line_when_it_was_paid(seen: SqlDesk) -> None:
    seen.given(VERSIONS, HANDED_ON, subscription_id="S1")
    recharges = "payment_id | paid_at\n 1 | 2024-05-20 03:59:59\n 2 | 2024-05-20 04:00"
    seen.given("staging.payments", recharges, **RECHARGE)
    expect_activity(
        seen,
        "old | 2024-05-20\n new | 2024-05-20",
        "2024-05-31 | old | 2024-05-20 | false\n 2024-05-31 | new | 2024-05-20 | false",
    )


def test_usage_and_recharges_of_a_customer_count_together(seen: SqlDesk) -> None:
    seen.given(VERSIONS, "customer_id\n C1", **LINE)
    given_use(seen, "C1 2024-05-10")
    seen.given("staging.payments", "paid_at\n 2024-06-20 04:00", **RECHARGE)
    expect_activity(seen, "C1 | 2024-06-20", "2024-05-31 | C1 | 2024-05-10 | true")


def test_recharges_count_by_their_local_day_and_other_payments_do_not(seen: SqlDesk) -> None:
    seen.given(VERSIONS, "subscription_id | customer_id\n S1 | C1\n S2 | C2\n S3 | C3", **LINE)
    seen.given(
        "staging.payments",
        """
        payment_id | subscription_id | kind     | paid_at
        1          | S1              | recharge | 2024-05-31 15:59:59
        2          | S2              | recharge | 2024-05-31 16:00
        3          | S3              | payment  | 2024-05-20 00:00
        4          |                 | recharge | 2024-05-20 00:00
        """,
        **RECHARGE,
    )
    expect_activity(
        seen,
        "C1 | 2024-05-31\n C2 | 2024-06-01",
        "2024-05-31 | C1 | 2024-05-31 | false\n 2024-05-31 | C2 | | true",
    )


def test_a_recharge_known_or_paid_after_the_as_of_date_does_not_count(seen: SqlDesk) -> None:
    seen.given(VERSIONS, "subscription_id | customer_id\n S1 | C1\n S2 | C2\n S3 | C3", **LINE)
    seen.given(
        "staging.payments",
        """
        payment_id | subscription_id | paid_at             | known_at
        1          | S1              | 2024-06-10 00:00    | 2024-06-30 16:00
        2          | S2              | 2024-06-30 16:00    | 2024-06-30 15:00
        3          | S3              | 2024-06-30 15:59:59 | 2024-06-30 15:59:59
        """,
        **RECHARGE,
    )
    expect_activity(seen, "C3 | 2024-06-30", "2024-05-31 | C3 | | true")


@pytest.mark.parametrize(
    "usage_days",
    [
        pytest.param(None, id="no usage loaded"),
        pytest.param((date(2024, 5, 3), date(2024, 6, 30)), id="a day short before"),
        pytest.param((date(2024, 5, 2), date(2024, 6, 29)), id="a day short after"),
    ],
)
def test_month_ends_whose_usage_was_not_observed_are_left_out_and_the_as_of_date_is_not(
    desk: SqlDesk, usage_days: tuple[date, date] | None
) -> None:
    desk.at(date(2024, 6, 30), usage_days)
    desk.given(VERSIONS, "customer_id\n C1", **LINE)
    given_use(desk, "C1 2024-05-20")
    desk.given("staging.payments", "paid_at\n 2024-06-10 00:00", **RECHARGE)
    expect_activity(desk, "C1 | 2024-06-10", "")


def test_usage_of_nobody_is_nobodys_activity(seen: SqlDesk) -> None:
    seen.given("features.usage_daily", "subscription_id | usage_date\n S1 | 2024-05-20")
    expect_activity(seen, "", "")


def test_being_called_or_messaged_is_activity(seen: SqlDesk) -> None:
    seen.given(VERSIONS, "msisdn | status\n +861 | active", **LINE)
    seen.build("features.number_holdings")
    message = {"served_msisdn": "+861", "direction": "incoming", "known_at": "2024-06-16 00:00"}
    seen.given("staging.cdr", "record_id | call_type | answer_time\n 1 | sms | 2024-06-15 04:00", **message)
    seen.build("features.usage_daily", usage_date=date(2024, 6, 15))
    expect_activity(seen, "C1 | 2024-06-15", "2024-05-31 | C1 | | true")
