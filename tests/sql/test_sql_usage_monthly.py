"""sql/features/usage_monthly.sql and sql/audits/usage_of_nobody.sql: months of usage, and days with usage of nobody."""

from sql_desk import SqlDesk

DAYS = """
    subscription_id | usage_date | records | voice_out_seconds | voice_in_seconds | charge_amount
    S1              | 2024-02-29 | 1       | 1000              | 1000             | 100
    S1              | 2024-03-01 | 1       | 1                 | 2                | 0.0001
    S1              | 2024-03-31 | 1       | 4                 | 8                | 0.0002
    S1              | 2024-05-31 | 1       | 16                | 0                | 1
    S1              | 2024-06-01 | 1       | 1000              | 1000             | 100
    S2              | 2024-03-15 | 1       | 0                 | 32               | 0
                    | 2024-03-15 | 7       | 64                | 64               | 2.5
                    | 2024-06-30 | 1       | 0                 | 0                | 0
"""


def test_days_of_the_closed_months_are_summed_by_line(desk: SqlDesk) -> None:
    desk.given("features.usage_daily", DAYS)
    desk.expect(
        "features.usage_monthly",
        """
        subscription_id | billing_period | voice_seconds | charge_amount
        S1              | 2024-03        | 15            | 0.0003
        S1              | 2024-05        | 16            | 1
        S2              | 2024-03        | 32            | 0
        """,
    )


def test_calls_abroad_and_far_and_data_are_summed_too(desk: SqlDesk) -> None:
    desk.given(
        "features.usage_daily",
        """
        usage_date | long_distance_seconds | roaming_seconds | uplink_bytes  | downlink_bytes
        2024-05-01 | 1                     | 10              | 100           | 1000
        2024-05-31 | 2                     | 20              | 5000000000000 | 70000000000000
        2024-06-01 | 4                     | 40              | 400           | 4000
        """,
        subscription_id="S1",
    )
    desk.expect(
        "features.usage_monthly",
        """
        billing_period | long_distance_seconds | roaming_seconds | data_bytes
        2024-05        | 3                     | 30              | 75000000001100
        """,
    )


def test_a_month_of_two_windows_is_summed_once_and_the_longest_window_decides(desk: SqlDesk) -> None:
    desk.segments(long=((), ("prepaid",), 4), base=((), (), 1))
    desk.given("features.usage_daily", DAYS)
    desk.expect(
        "features.usage_monthly",
        """
        subscription_id | billing_period | voice_seconds | charge_amount
        S1              | 2024-02        | 2000          | 100
        S1              | 2024-03        | 15            | 0.0003
        S1              | 2024-05        | 16            | 1
        S2              | 2024-03        | 32            | 0
        """,
    )


def test_on_the_closing_day_the_window_moves(desk: SqlDesk) -> None:
    desk.given("features.usage_daily", DAYS)
    for day, months in ((4, ["2024-03", "2024-05"]), (5, ["2024-05", "2024-06"])):
        desk.at(desk.parameters["as_of_date"].replace(month=7, day=day))
        found = "\n".join(f"S1 | {month}" for month in months) + ("\nS2 | 2024-03" if day == 4 else "")
        desk.expect("features.usage_monthly", f"subscription_id | billing_period\n{found}")


def test_days_of_the_last_90_with_records_of_nobody_are_listed(desk: SqlDesk) -> None:
    desk.given(
        "features.usage_daily",
        """
        subscription_id | usage_date | records | charge_amount
                        | 2024-04-01 | 9       | 1
                        | 2024-04-02 | 7       | 2.5
        S1              | 2024-06-30 | 5       | 1
                        | 2024-06-30 | 1       | 0
        """,
    )
    desk.expect(
        "audits.usage_of_nobody",
        "usage_date | records | charge_amount\n 2024-04-02 | 7 | 2.5\n 2024-06-30 | 1 | 0",
    )


def test_usage_that_lines_hold_passes(desk: SqlDesk) -> None:
    desk.given("features.usage_daily", "subscription_id | usage_date | records\n S1 | 2024-03-15 | 1")
    desk.expect("audits.usage_of_nobody", "usage_date")
