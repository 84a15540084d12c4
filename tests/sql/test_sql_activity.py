"""sql/features/activity.sql: when a customer was last active, and whether again after a month end.

On 30 June 2024 with usage loaded from 2 May on, two dates are looked at: 31 May (active from 2 May, again until
30 June) and 30 June itself (the last 90 days, from 2 April on).
"""

from datetime import date

import pytest
from sql_desk import AS_OF, SqlDesk

TABLE = "features.activity"
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


def given_last_records(desk: SqlDesk, text: str, **same: str) -> None:
    desk.given("features.usage_daily", text, **{"subscription_id": "S1", **same})


def expect_activity(desk: SqlDesk, text: str) -> None:
    desk.expect(TABLE, f"origin_date | customer_id | last_active_date | active_after\n{text}")


@pytest.mark.parametrize(
    "days, may, june",
    [
        # Expected: last active date and active after, at 31 May and at 30 June; None: no row.
        pytest.param(["2024-05-20", "2024-06-15"], "2024-05-20 | true", "2024-06-15 | false", id="before and after"),
        pytest.param(["2024-05-10", "2024-05-20"], "2024-05-20 | false", "2024-05-20 | false", id="the last of two"),
        pytest.param(["2024-05-02"], "2024-05-02 | false", "2024-05-02 | false", id="first day before"),
        pytest.param(["2024-05-31"], "2024-05-31 | false", "2024-05-31 | false", id="the month end is before"),
        pytest.param(["2024-06-01"], " | true", "2024-06-01 | false", id="first day after"),
        pytest.param(["2024-06-30"], " | true", "2024-06-30 | false", id="last day after"),
        pytest.param(["2024-05-01"], None, "2024-05-01 | false", id="too early for the month end"),
        pytest.param(["2024-04-02"], None, "2024-04-02 | false", id="first of the 90 days"),
        pytest.param(["2024-04-01"], None, None, id="older than 90 days"),
        pytest.param([], None, None, id="never"),
    ],
)
def test_activity_is_looked_for_around_the_month_end_and_in_the_90_days_up_to_the_as_of_date(
    seen: SqlDesk, days: list[str], may: str | None, june: str | None
) -> None:
    seen.given(VERSIONS, "customer_id\n C1", **LINE)
    given_last_records(seen, "\n".join(["usage_date | last_activity_at", *(f"{day} | {day} 04:00" for day in days)]))
    rows = [f"{day} | C1 | {cells}" for day, cells in (("2024-05-31", may), ("2024-06-30", june)) if cells]
    expect_activity(seen, "\n".join(rows))


def test_activity_after_the_inactive_days_comes_too_late(desk: SqlDesk) -> None:
    # The 30 days after 30 April end with 30 May.
    desk.at(date(2024, 6, 30), (date(2024, 4, 1), date(2024, 6, 30)))
    desk.con.execute("delete from run.churn_origins where origin_date <> date '2024-04-30'")
    desk.given(VERSIONS, "subscription_id | customer_id\n S1 | C1\n S2 | C2", **LINE)
    given_last_records(
        desk,
        """
        subscription_id | usage_date | last_activity_at
        S1              | 2024-04-20 | 2024-04-20 04:00
        S1              | 2024-05-30 | 2024-05-30 04:00
        S2              | 2024-04-20 | 2024-04-20 04:00
        S2              | 2024-05-31 | 2024-05-31 04:00
        """,
    )
    expect_activity(desk, "2024-04-30 | C1 | 2024-04-20 | true\n 2024-04-30 | C2 | 2024-04-20 | false")


@pytest.mark.parametrize(
    "last_record, holder",
    [
        pytest.param("2024-05-20 03:59:59", "old", id="before the transfer"),
        pytest.param("2024-05-20 04:00", "new", id="at the transfer"),
        pytest.param("2024-05-20 15:00", "new", id="after the transfer"),
    ],
)
def test_a_days_usage_is_of_whoever_held_the_line_at_its_last_record(
    seen: SqlDesk, last_record: str, holder: str
) -> None:
    seen.given(VERSIONS, HANDED_ON, subscription_id="S1")
    given_last_records(seen, f"usage_date | last_activity_at\n 2024-05-20 | {last_record}")
    expect_activity(seen, f"2024-05-31 | {holder} | 2024-05-20 | false\n 2024-06-30 | {holder} | 2024-05-20 | false")


def test_a_recharge_is_of_whoever_held_the_line_when_it_was_paid(seen: SqlDesk) -> None:
    seen.given(VERSIONS, HANDED_ON, subscription_id="S1")
    recharges = "payment_id | paid_at\n 1 | 2024-05-20 03:59:59\n 2 | 2024-05-20 04:00"
    seen.given("staging.payments", recharges, **RECHARGE)
    expect_activity(
        seen,
        """
        2024-05-31 | old | 2024-05-20 | false
        2024-05-31 | new | 2024-05-20 | false
        2024-06-30 | old | 2024-05-20 | false
        2024-06-30 | new | 2024-05-20 | false
        """,
    )


def test_a_new_owner_neither_inherits_activity_nor_leaves_any_to_the_old_one(seen: SqlDesk) -> None:
    seen.given(VERSIONS, HANDED_ON, subscription_id="S1")
    given_last_records(
        seen, "usage_date | last_activity_at\n 2024-05-10 | 2024-05-10 04:00\n 2024-06-20 | 2024-06-20 04:00"
    )
    expect_activity(
        seen,
        """
        2024-05-31 | old | 2024-05-10 | false
        2024-05-31 | new |            | true
        2024-06-30 | old | 2024-05-10 | false
        2024-06-30 | new | 2024-06-20 | false
        """,
    )


def test_activity_on_lines_given_up_and_taken_up_meanwhile_counts(seen: SqlDesk) -> None:
    # C1 changes lines before the month end, C2 after it; S9 is nobody's.
    seen.given(
        VERSIONS,
        """
        subscription_id | customer_id | valid_from       | valid_to
        S1              | C1          | 2024-05-01 00:00 | 2024-05-20 00:00
        S2              | C1          | 2024-05-20 00:00 |
        S3              | C2          | 2024-05-01 00:00 | 2024-06-05 00:00
        S4              | C2          | 2024-06-05 00:00 |
        """,
    )
    given_last_records(
        seen,
        """
        subscription_id | usage_date | last_activity_at
        S1              | 2024-05-10 | 2024-05-10 04:00
        S2              | 2024-06-15 | 2024-06-15 04:00
        S3              | 2024-05-25 | 2024-05-25 04:00
        S4              | 2024-06-16 | 2024-06-16 04:00
        S9              | 2024-06-16 | 2024-06-16 04:00
        """,
    )
    expect_activity(
        seen,
        """
        2024-05-31 | C1 | 2024-05-10 | true
        2024-05-31 | C2 | 2024-05-25 | true
        2024-06-30 | C1 | 2024-06-15 | false
        2024-06-30 | C2 | 2024-06-16 | false
        """,
    )


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
        """
        2024-05-31 | C1 | 2024-05-31 | false
        2024-05-31 | C2 |            | true
        2024-06-30 | C1 | 2024-05-31 | false
        2024-06-30 | C2 | 2024-06-01 | false
        """,
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
    expect_activity(seen, "2024-05-31 | C3 | | true\n 2024-06-30 | C3 | 2024-06-30 | false")


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
    given_last_records(desk, "usage_date | last_activity_at\n 2024-05-20 | 2024-05-20 04:00")
    desk.given("staging.payments", "paid_at\n 2024-06-10 00:00", **RECHARGE)
    expect_activity(desk, "2024-06-30 | C1 | 2024-06-10 | false")


def test_usage_of_nobody_is_nobodys_activity(seen: SqlDesk) -> None:
    seen.given(VERSIONS, "customer_id\n C1", **LINE)
    seen.given("features.usage_daily", "usage_date | last_activity_at\n 2024-05-20 | 2024-05-20 04:00")
    expect_activity(seen, "")


def test_being_called_or_messaged_is_activity(seen: SqlDesk) -> None:
    seen.given(VERSIONS, "msisdn | status\n +861 | active", **LINE)
    seen.build("features.number_holdings")
    message = {"served_msisdn": "+861", "direction": "incoming", "known_at": "2024-06-16 00:00"}
    seen.given("staging.cdr", "record_id | call_type | answer_time\n 1 | sms | 2024-06-15 04:00", **message)
    seen.build("features.usage_daily", usage_date=date(2024, 6, 15))
    expect_activity(seen, "2024-05-31 | C1 | | true\n 2024-06-30 | C1 | 2024-06-15 | false")
