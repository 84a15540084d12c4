"""sql/features/churn_bands.sql: how many customers of a band were on the network at past month ends, and how many left.

The cases of a gap are in test_sql_churn_outcomes.py; here is none.
On 30 June 2024 the last month end whose 30 days have passed is 31 May; its horizon ends with 30 June.
"""

from datetime import date

import pytest
from sql_desk import AS_OF, SqlDesk

TABLE = "features.churn_bands"
VERSIONS = "features.subscription_versions"
# From 2 May: only the month end 31 May has its 30 days before it loaded.
MAY_OBSERVED = (date(2024, 5, 2), date(2024, 6, 30))
# Activated in May: counted at 31 May only.
NEW = {
    "subscription_id": "S1",
    "customer_id": "C1",
    "payment_type": "postpaid",
    "status": "active",
    "activation_date": "2024-05-10",
    "valid_from": "2024-05-09 16:00",
}
PREPAID = NEW | {"payment_type": "prepaid"}


@pytest.fixture
def desk(desk: SqlDesk) -> SqlDesk:
    """Without a gap: the outcome is looked for from the day after the month end on."""
    desk.gap_days = 0
    desk.at(AS_OF)
    return desk


def expect_band(desk: SqlDesk, text: str) -> None:
    desk.build("features.churn_outcomes")
    desk.expect(TABLE, f"churn_band | exposed | churned\n{text}")


def given_usage(desk: SqlDesk, *line_days: str) -> None:
    """Usage of lines ("S1 2024-05-20", at noon there) and the activity that follows from it."""
    for line, day in (text.split() for text in line_days):
        holder = (
            "select customer_id from features.subscription_versions where subscription_id = $line "
            "and valid_from <= $noon and coalesce($noon < valid_to, true)"
        )
        for (customer,) in desk.con.execute(holder, {"line": line, "noon": f"{day} 04:00"}).fetchall():
            desk.given("features.usage_daily", f"customer_id | usage_date\n {customer} | {day}")
    desk.build("features.activity_at_origins")


def test_a_postpaid_customer_who_stays_is_exposed_at_every_month_end_on_the_network(desk: SqlDesk) -> None:
    desk.given(VERSIONS, "activation_date | valid_from\n 2024-03-10 | 2024-03-09 16:00", **NEW)
    # Ends of March and April with less than three months, and of May too (31 May is 2 months after 10 March).
    expect_band(desk, "postpaid:0-3 | 3 | 0")


@pytest.mark.parametrize(
    "until, exposed, churned",
    [
        # Month ends 31 March and 30 April; the horizon of 30 April ends with 30 May, 2024-05-30 16:00 UTC.
        pytest.param("2024-05-30 15:59:59", 2, 1, id="within the horizon"),
        pytest.param("2024-05-30 16:00", 2, 0, id="with the end of the horizon"),
        pytest.param("2024-04-30 15:59:59", 1, 1, id="before the month end"),
        pytest.param("2024-04-30 16:00", 2, 1, id="with the month end, the end of the horizon of the one before"),
    ],
)
def test_a_postpaid_customer_left_when_no_line_is_in_service_at_the_end_of_the_horizon(
    desk: SqlDesk, until: str, exposed: int, churned: int
) -> None:
    line = NEW | {"activation_date": "2024-03-10"}
    desk.given(
        VERSIONS,
        f"""
        status | valid_from       | valid_to
        active | 2024-03-09 16:00 | {until}
        ceased | {until}          |
        """,
        **line,
    )
    expect_band(desk, f"postpaid:0-3 | {exposed} | {churned}")


def test_a_line_that_vanished_counts_as_ceased(desk: SqlDesk) -> None:
    desk.given(VERSIONS, "valid_to\n 2024-06-20 00:00", **NEW)
    expect_band(desk, "postpaid:0-3 | 1 | 1")


def test_a_customer_with_another_line_or_a_suspended_one_has_not_left(desk: SqlDesk) -> None:
    desk.given(
        VERSIONS,
        """
        subscription_id | customer_id | status    | valid_from       | valid_to
        S1              | C1          | active    | 2024-05-09 16:00 | 2024-06-10 00:00
        S1              | C1          | ceased    | 2024-06-10 00:00 |
        S2              | C1          | active    | 2024-06-05 00:00 |
        S3              | C2          | active    | 2024-05-09 16:00 | 2024-06-10 00:00
        S3              | C2          | suspended | 2024-06-10 00:00 |
        """,
        **NEW,
    )
    expect_band(desk, "postpaid:0-3 | 2 | 0")


def test_month_ends_whose_horizon_has_not_passed_or_older_than_the_history_do_not_count(desk: SqlDesk) -> None:
    desk.given(VERSIONS, "activation_date | valid_from\n 2015-01-01 | 2015-01-01 00:00", **NEW)
    # On 29 June the horizon of 31 May is still open: 12 month ends from 31 May 2023 to 30 April 2024.
    for day in (29, 30):
        desk.at(date(2024, 6, day))
        expect_band(desk, "postpaid:36+ | 12 | 0")
    assert desk.con.execute("select min(origin_date), max(origin_date) from run.churn_origins").fetchall() == [
        (date(2023, 6, 30), date(2024, 5, 31))
    ]


def test_tenure_bands_begin_with_whole_months(desk: SqlDesk) -> None:
    # At 31 May 2024 alone: 29 February is 3 months back, 31 May 2023 is 12.
    desk.con.execute("delete from run.churn_origins where origin_date <> date '2024-05-31'")
    desk.given(
        VERSIONS,
        """
        subscription_id | customer_id | activation_date
        S1              | C1          | 2024-05-31
        S2              | C2          | 2024-03-01
        S3              | C3          | 2024-02-29
        S4              | C4          | 2023-06-01
        S5              | C5          | 2023-05-31
        S6              | C6          | 2022-06-01
        S7              | C7          | 2022-05-31
        S8              | C8          | 2021-05-31
        S9              | C9          | 1999-01-01
        """,
        **NEW,
    )
    expect_band(
        desk,
        """
        postpaid:0-3   | 2 | 0
        postpaid:3-12  | 2 | 0
        postpaid:12-24 | 2 | 0
        postpaid:24-36 | 1 | 0
        postpaid:36+   | 2 | 0
        """,
    )


def test_the_oldest_line_on_the_network_gives_the_tenure(desk: SqlDesk) -> None:
    desk.con.execute("delete from run.churn_origins where origin_date <> date '2024-05-31'")
    desk.given(
        VERSIONS,
        """
        subscription_id | status | activation_date
        S1              | active | 2024-05-01
        S2              | active | 2024-01-01
        S3              | ceased | 2010-01-01
        """,
        **NEW,
    )
    expect_band(desk, "postpaid:3-12 | 1 | 0")


def test_a_customer_gone_from_the_crm_has_churned(desk: SqlDesk) -> None:
    # Both lines are still delivered; one customer is missing from 20 June on.
    desk.given(
        "intake.files",
        """
        file_id | extract       | known_at
        1       | customers     | 2024-06-01 00:00
        2       | customers     | 2024-06-20 00:00
        3       | subscriptions | 2024-06-25 00:00
        """,
        source="crm",
        status="accepted",
    )
    desk.given(
        "staging.customers",
        """
        customer_id | known_at         | file_id
        gone        | 2024-06-01 00:00 | 1
        stays       | 2024-06-20 00:00 | 2
        """,
    )
    line = NEW | {"known_at": "2024-06-25 00:00", "file_id": "3"}
    desk.given("staging.subscriptions", "subscription_id | customer_id\n S1 | gone\n S2 | stays", **line)
    desk.build("features.customers_known", VERSIONS)
    expect_band(desk, "postpaid:0-3 | 2 | 1")


def test_a_customer_with_a_postpaid_line_is_postpaid_however_silent(desk: SqlDesk) -> None:
    desk.at(date(2024, 6, 30), MAY_OBSERVED)
    desk.given(VERSIONS, "subscription_id | payment_type\n S1 | postpaid\n S2 | prepaid", **NEW)
    expect_band(desk, "postpaid:0-3 | 1 | 0")


@pytest.mark.parametrize(
    "activity, band",
    [
        pytest.param("2024-05-20 | true", "prepaid:0-3 | 1 | 0", id="before and after"),
        pytest.param("2024-05-20 | false", "prepaid:0-3 | 1 | 1", id="silent after"),
        pytest.param(" | true", "", id="silent before: gone already"),
        pytest.param(None, "", id="never"),
    ],
)
def test_a_prepaid_customer_left_when_active_before_and_silent_after(
    desk: SqlDesk, activity: str | None, band: str
) -> None:
    desk.at(date(2024, 6, 30), MAY_OBSERVED)
    desk.given(VERSIONS, "customer_id\n C1", **PREPAID)
    row = "" if activity is None else f"2024-05-31 | C1 | {activity}"
    # What is known of another date, or of somebody else, says nothing of the month end.
    others = "2024-04-30 | C1 | 2024-04-20 | true\n 2024-05-31 | C2 | 2024-05-30 | true"
    desk.given(
        "features.activity_at_origins", f"origin_date | customer_id | last_active_date | active_after\n{row}\n{others}"
    )
    expect_band(desk, band)


@pytest.mark.parametrize(
    "usage_days",
    [
        pytest.param(None, id="no usage loaded"),
        pytest.param((date(2024, 5, 3), date(2024, 6, 30)), id="a day short before"),
        pytest.param((date(2024, 5, 2), date(2024, 6, 29)), id="a day short after"),
    ],
)
def test_a_prepaid_customer_whose_usage_was_not_observed_is_not_counted(
    desk: SqlDesk, usage_days: tuple[date, date] | None
) -> None:
    desk.at(date(2024, 6, 30), usage_days)
    text = "subscription_id | customer_id | payment_type\n S1 | C1 | prepaid\n S2 | C2 | postpaid"
    desk.given(VERSIONS, text, **NEW)
    given_usage(desk, "S1 2024-05-20", "S1 2024-06-15")
    expect_band(desk, "postpaid:0-3 | 1 | 0")


def test_an_active_prepaid_customer_whose_line_ceased_left(desk: SqlDesk) -> None:
    desk.at(date(2024, 6, 30), MAY_OBSERVED)
    desk.given(VERSIONS, "valid_to\n 2024-06-20 00:00", **PREPAID)
    given_usage(desk, "S1 2024-05-20", "S1 2024-06-15")
    expect_band(desk, "prepaid:0-3 | 1 | 1")


def test_any_line_of_a_prepaid_customer_shows_activity(desk: SqlDesk) -> None:
    desk.at(date(2024, 6, 30), MAY_OBSERVED)
    desk.given(VERSIONS, "subscription_id\n S1\n S2", **PREPAID)
    given_usage(desk, "S1 2024-05-20", "S2 2024-06-15")
    expect_band(desk, "prepaid:0-3 | 1 | 0")


def test_a_customer_who_changed_lines_before_the_month_end_was_active_before(desk: SqlDesk) -> None:
    desk.at(date(2024, 6, 30), MAY_OBSERVED)
    lines = """
        subscription_id | valid_from       | valid_to
        S1              | 2024-05-09 16:00 | 2024-05-20 00:00
        S2              | 2024-05-20 00:00 |
    """
    desk.given(VERSIONS, lines, **PREPAID)
    given_usage(desk, "S1 2024-05-15", "S2 2024-06-15")
    expect_band(desk, "prepaid:0-3 | 1 | 0")


def test_activity_on_a_line_taken_up_after_the_month_end_counts(desk: SqlDesk) -> None:
    # C1 and C2 change to another line on 5 June; C2 is silent on it.
    desk.at(date(2024, 6, 30), MAY_OBSERVED)
    lines = """
        subscription_id | customer_id | valid_from       | valid_to
        S1              | C1          | 2024-05-09 16:00 | 2024-06-05 00:00
        S2              | C1          | 2024-06-05 00:00 |
        S3              | C2          | 2024-05-09 16:00 | 2024-06-05 00:00
        S4              | C2          | 2024-06-05 00:00 |
    """
    desk.given(VERSIONS, lines, **PREPAID)
    given_usage(desk, "S1 2024-05-20", "S2 2024-06-15", "S3 2024-05-20")
    expect_band(desk, "prepaid:0-3 | 2 | 1")


def test_a_new_owner_is_not_counted_for_the_old_ones_activity(desk: SqlDesk) -> None:
    desk.at(date(2024, 6, 30), MAY_OBSERVED)
    lines = """
        customer_id | valid_from       | valid_to
        old         | 2024-05-09 16:00 | 2024-05-20 00:00
        new         | 2024-05-20 00:00 |
    """
    desk.given(VERSIONS, lines, **PREPAID)
    given_usage(desk, "S1 2024-05-15")
    expect_band(desk, "")


def test_the_new_owners_activity_does_not_keep_the_old_one(desk: SqlDesk) -> None:
    desk.at(date(2024, 6, 30), MAY_OBSERVED)
    lines = """
        subscription_id | customer_id | valid_from       | valid_to
        S1              | old         | 2024-05-09 16:00 | 2024-06-05 00:00
        S1              | new         | 2024-06-05 00:00 |
        S2              | old         | 2024-05-09 16:00 |
    """
    desk.given(VERSIONS, lines, **PREPAID)
    given_usage(desk, "S1 2024-05-15", "S1 2024-06-20")
    expect_band(desk, "prepaid:0-3 | 1 | 1")


@pytest.mark.parametrize(
    "activation, churned",
    [
        # The horizon of 31 May ends with 30 June.
        pytest.param("2024-06-30", 0, id="within the horizon"),
        pytest.param("2024-07-01", 1, id="after the horizon"),
    ],
)
def test_a_line_keeps_a_customer_from_its_activation_on(desk: SqlDesk, activation: str, churned: int) -> None:
    desk.given(
        VERSIONS,
        f"""
        subscription_id | activation_date | valid_from       | valid_to
        S1              | 2024-05-10      | 2024-05-09 16:00 | 2024-06-10 00:00
        S2              | {activation}    | 2024-06-05 00:00 |
        """,
        **NEW,
    )
    expect_band(desk, f"postpaid:0-3 | 1 | {churned}")


@pytest.mark.parametrize(
    "activation, band",
    [
        pytest.param("2024-05-31", "postpaid:0-3 | 1 | 0", id="activated by the month end"),
        pytest.param("2024-06-01", "prepaid:0-3 | 1 | 1", id="activated after it"),
    ],
)
def test_a_line_tells_the_payment_type_from_its_activation_on(desk: SqlDesk, activation: str, band: str) -> None:
    desk.at(date(2024, 6, 30), MAY_OBSERVED)
    desk.given(
        VERSIONS,
        f"""
        subscription_id | payment_type | activation_date
        S1              | prepaid      | 2024-05-10
        S2              | postpaid     | {activation}
        """,
        **NEW,
    )
    given_usage(desk, "S1 2024-05-20")
    expect_band(desk, band)
