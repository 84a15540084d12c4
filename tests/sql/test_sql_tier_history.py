"""sql/marts/ of the tier history: its intervals, who moved in a month, and how calm the tiers are."""

from datetime import date

import pytest
from sql_desk import SqlDesk

from data_contracts import contract
from pipelines import warehouse
from pipelines.run_context import history_months
from pipelines.table_types import table_types


@pytest.mark.parametrize("name", ["tier_history", "tier_migration", "stage_transitions", "tier_stability"])
def test_columns_and_types_are_the_contracts(name: str) -> None:
    assert table_types(f"marts.{name}") == {c.name: c.physical for c in contract(f"marts.{name}").columns}


def months(desk: SqlDesk, first_night: date, as_of: date = date(2024, 6, 20)) -> None:
    warehouse.write_run_tables(desk.con, (history_months(as_of, first_night),))


def test_nights_that_changed_only_points_are_one_interval_and_tonight_ends_the_last(desk: SqlDesk) -> None:
    desk.given(
        "run.tier_changes",
        """
        customer_id | valid_from | tier | tier_flag | value_tier | tier_cause   | lifecycle_stage | arpu_points
        C1          | 2024-05-01 | mid  | 2         | mid        | first_rating | stable          | 40
        C1          | 2024-05-09 | mid  | 2         | mid        | first_rating | stable          | 60
        C1          | 2024-05-20 | mid  | 2         | high       | first_rating | stable          | 80
        C1          | 2024-06-01 | mid  | 2         | high       | first_rating | warning         | 80
        C2          | 2024-05-01 | high | 1         | high       | first_rating | stable          | 80
        """,
        tier_ground="score",
        policy_version="p@1",
    )
    desk.given(
        "scores.tier_changes",
        """
        customer_id | valid_from | tier | tier_flag | value_tier | tier_cause | lifecycle_stage | arpu_points
        C1          | 2024-06-30 | high | 1         | high       | promoted   | warning         | 90
        C2          | 2024-06-30 | high | 1         | high       | first_rating | stable        | 90
        """,
        tier_ground="score",
        policy_version="p@1",
    )
    desk.expect(
        "marts.tier_history",
        """
        customer_id | valid_from | valid_to   | tier | tier_flag | value_tier | tier_cause   | lifecycle_stage
        C1          | 2024-05-01 | 2024-05-20 | mid  | 2         | mid        | first_rating | stable
        C1          | 2024-05-20 | 2024-06-01 | mid  | 2         | high       | first_rating | stable
        C1          | 2024-06-01 | 2024-06-30 | mid  | 2         | high       | first_rating | warning
        C1          | 2024-06-30 |            | high | 1         | high       | promoted     | warning
        C2          | 2024-05-01 |            | high | 1         | high       | first_rating | stable
        """,
    )


@pytest.mark.parametrize(
    "column, before, after",
    [
        ("tier", "mid", "high"),
        ("tier_flag", "2", "1"),
        ("value_tier", "mid", "high"),
        ("tier_cause", "promoted", "red_list"),
        ("tier_ground", "score", "red_list"),
        ("lifecycle_stage", "stable", "warning"),
        ("stage_cause", "stage_settled", "warn_churn"),
        ("rated_until", "", "2025-01-01"),
        ("policy_version", "p@1", "p@2"),
    ],
)
def test_each_of_what_is_kept_begins_an_interval(desk: SqlDesk, column: str, before: str, after: str) -> None:
    same = {"tier": "mid"} if column != "tier" else {}
    desk.given("run.tier_changes", f"customer_id | valid_from | {column}\n C1 | 2024-05-01 | {before}", **same)
    desk.given("scores.tier_changes", f"customer_id | valid_from | {column}\n C1 | 2024-06-30 | {after}", **same)
    desk.expect(
        "marts.tier_history",
        f"""
        valid_from | valid_to   | {column}
        2024-05-01 | 2024-06-30 | {before}
        2024-06-30 |            | {after}
        """,
    )


def test_months_below_count_the_running_one(desk: SqlDesk) -> None:
    desk.given(
        "run.tier_changes",
        """
        customer_id | valid_from | tier | closed_month | below_before | below_now
        C1          | 2024-05-01 | mid  |              | 0            | false
        C1          | 2024-05-06 | mid  | 2024-04      | 0            | true
        C1          | 2024-06-06 | mid  | 2024-05      | 1            | false
        C1          | 2024-06-08 | mid  | 2024-05      | 1            | true
        """,
    )
    desk.expect(
        "marts.tier_history",
        """
        valid_from | valid_to   | below_months
        2024-05-01 | 2024-05-06 | 0
        2024-05-06 | 2024-06-08 | 1
        2024-06-08 |            | 2
        """,
    )


def test_out_of_service_leaves_a_gap_and_no_open_interval(desk: SqlDesk) -> None:
    desk.given(
        "run.tier_changes",
        """
        customer_id | valid_from | tier | tier_cause
        back        | 2024-01-01 | mid  | first_rating
        back        | 2024-02-01 |      | out_of_service
        back        | 2024-03-01 | mid  | first_rating
        gone        | 2024-01-01 | mid  | first_rating
        """,
    )
    desk.given(
        "scores.tier_changes", "customer_id | valid_from | tier | tier_cause\n gone | 2024-06-30 | | out_of_service"
    )
    desk.expect(
        "marts.tier_history",
        """
        customer_id | valid_from | valid_to   | tier
        back        | 2024-01-01 | 2024-02-01 | mid
        back        | 2024-03-01 |            | mid
        gone        | 2024-01-01 | 2024-06-30 | mid
        """,
    )


def test_migration_compares_the_ends_of_a_month_and_counts_the_last_cause(desk: SqlDesk) -> None:
    months(desk, date(2024, 5, 3))
    desk.given(
        "marts.tier_history",
        """
        customer_id | valid_from | valid_to   | tier | tier_flag | tier_cause
        kept        | 2024-05-03 |            | high | 1         | first_rating
        up          | 2024-05-03 | 2024-06-10 | mid  | 2         | first_rating
        up          | 2024-06-10 |            | high | 1         | promoted
        listed      | 2024-05-03 | 2024-06-02 | mid  | 2         | first_rating
        listed      | 2024-06-02 | 2024-06-20 | low  | 3         | demoted
        listed      | 2024-06-20 |            | high | 1         | red_list
        wavered     | 2024-05-03 | 2024-06-02 | mid  | 2         | first_rating
        wavered     | 2024-06-02 | 2024-06-05 | high | 1         | promoted
        wavered     | 2024-06-05 |            | mid  | 2         | adopted
        gone        | 2024-05-03 | 2024-06-20 | low  | 3         | first_rating
        new         | 2024-06-05 | 2024-06-08 | low  | 3         | first_rating
        new         | 2024-06-08 |            | mid  | 2         | rerated
        flash       | 2024-06-05 | 2024-06-08 | low  | 3         | first_rating
        back        | 2024-03-05 | 2024-04-08 | high | 1         | promoted
        back        | 2024-06-08 |            | mid  | 2         | first_rating
        """,
    )
    desk.expect(
        "marts.tier_migration",
        """
        month   | tier_before | tier_after | tier_flag_before | tier_flag_after | customers | first_rated
        2024-05 |             | high       |                  | 1               | 1         | 1
        2024-05 |             | mid        |                  | 2               | 3         | 3
        2024-05 |             | low        |                  | 3               | 1         | 1
        2024-06 | high        | high       | 1                | 1               | 1         | 0
        2024-06 | mid         | high       | 2                | 1               | 2         | 0
        2024-06 | mid         | mid        | 2                | 2               | 1         | 0
        2024-06 | low         |            | 3                |                 | 1         | 0
        2024-06 |             | mid        |                  | 2               | 2         | 1
        """,
    )
    desk.expect(
        "marts.tier_migration",
        """
        month   | tier_before | tier_after | promoted | demoted | rerated | adopted | own_reason
        2024-05 |             | high       | 0        | 0       | 0       | 0       | 0
        2024-05 |             | mid        | 0        | 0       | 0       | 0       | 0
        2024-05 |             | low        | 0        | 0       | 0       | 0       | 0
        2024-06 | high        | high       | 0        | 0       | 0       | 0       | 0
        2024-06 | mid         | high       | 1        | 0       | 0       | 0       | 1
        2024-06 | mid         | mid        | 0        | 0       | 0       | 0       | 0
        2024-06 | low         |            | 0        | 0       | 0       | 0       | 0
        2024-06 |             | mid        | 0        | 0       | 1       | 0       | 0
        """,
    )


@pytest.mark.parametrize("cause", ["demoted", "adopted", "vip_ended", "override", "provisional_ended", "black_list"])
def test_every_cause_has_its_column(desk: SqlDesk, cause: str) -> None:
    months(desk, date(2024, 6, 1))
    desk.given(
        "marts.tier_history",
        f"""
        customer_id | valid_from | valid_to   | tier | tier_flag | tier_cause
        C1          | 2024-05-03 | 2024-06-10 | mid  | 2         | first_rating
        C1          | 2024-06-10 |            | low  | 3         | {cause}
        """,
    )
    column = cause if cause in ("demoted", "adopted") else "own_reason"
    desk.expect("marts.tier_migration", f"month | customers | {column}\n 2024-06 | 1 | 1")


def test_stages_come_from_where_they_were_by_cause(desk: SqlDesk) -> None:
    months(desk, date(2024, 6, 1))
    desk.given(
        "marts.tier_history",
        """
        customer_id | valid_from | valid_to   | lifecycle_stage | stage_cause
        calm        | 2024-05-03 | 2024-06-10 | stable          | stage_settled
        calm        | 2024-06-10 |            | stable          | warn_ended
        late        | 2024-05-03 | 2024-06-10 | stable          | stage_settled
        late        | 2024-06-10 |            | warning         | warn_overdue
        silent      | 2024-05-03 | 2024-06-10 | stable          | stage_settled
        silent      | 2024-06-10 |            | warning         | warn_inactive
        gone        | 2024-05-03 | 2024-06-10 | warning         | warn_inactive
        new         | 2024-06-10 |            | identification  | stage_new
        back        | 2024-03-10 | 2024-04-10 | stable          | stage_settled
        back        | 2024-06-10 |            | identification  | stage_new
        """,
        tier="mid",
    )
    desk.expect(
        "marts.stage_transitions",
        """
        month   | stage_before | stage_after    | cause         | customers
        2024-06 | stable       | stable         |               | 1
        2024-06 | stable       | warning        | warn_overdue  | 1
        2024-06 | stable       | warning        | warn_inactive | 1
        2024-06 | warning      |                |               | 1
        2024-06 |              | identification | stage_new     | 2
        """,
    )


def test_stability_counts_customers_at_both_ends_and_the_nights_since_their_tier_began(desk: SqlDesk) -> None:
    months(desk, date(2023, 1, 1), as_of=date(2024, 6, 20))
    desk.given(
        "marts.tier_history",
        """
        customer_id | valid_from | valid_to   | tier | tier_flag | lifecycle_stage
        kept        | 2024-05-21 | 2024-06-10 | high | 1         | growth
        kept        | 2024-06-10 |            | high | 1         | stable
        up          | 2024-05-21 | 2024-06-18 | mid  | 2         | stable
        up          | 2024-06-18 |            | high | 1         | stable
        down        | 2024-05-21 | 2024-06-16 | mid  | 2         | stable
        down        | 2024-06-16 |            | low  | 3         | stable
        renamed     | 2024-05-21 | 2024-06-20 | mid  | 2         | stable
        renamed     | 2024-06-20 |            | base | 2         | stable
        new         | 2024-06-19 |            | low  | 3         | stable
        gone        | 2024-05-21 | 2024-06-19 | mid  | 2         | stable
        """,
    )
    desk.build("marts.tier_migration")
    found = desk.run("marts.tier_stability").filter("month >= '2024-05'").order("month").fetchall()
    columns = table_types("marts.tier_stability")
    may, june = ({k: str(v) for k, v in zip(columns, row, strict=True)} for row in found)
    assert may["customers"] == "0" and may["kept_share"] == "None" and may["customers_at_end"] == "5"
    assert may["mean_nights_since_change"] == "10.0"
    assert june == {
        "month": "2024-06",
        "customers": "4",
        "kept": "1",
        "kept_share": "0.250000",
        "moved_up": "1",
        "moved_down": "1",
        "customers_at_end": "5",
        "moved_again": "0",
        # 30 nights kept, 2 up, 4 down, 0 renamed, 1 new
        "mean_nights_since_change": "7.4",
    }


def test_who_moved_twice_within_12_months_is_counted_and_a_return_is_no_move(desk: SqlDesk) -> None:
    months(desk, date(2024, 6, 1))  # as of 20 June: from 21 June of the year before
    desk.given(
        "marts.tier_history",
        """
        customer_id | valid_from | valid_to   | tier | tier_flag
        twice       | 2023-01-01 | 2023-06-21 | mid  | 2
        twice       | 2023-06-21 | 2024-06-19 | high | 1
        twice       | 2024-06-19 |            | mid  | 2
        long_ago    | 2023-01-01 | 2023-06-20 | mid  | 2
        long_ago    | 2023-06-20 | 2024-06-19 | high | 1
        long_ago    | 2024-06-19 |            | mid  | 2
        back        | 2023-07-01 | 2023-08-01 | mid  | 2
        back        | 2023-09-01 | 2024-06-19 | high | 1
        back        | 2024-06-19 |            | mid  | 2
        """,
    )
    desk.build("marts.tier_migration")
    desk.expect(
        "marts.tier_stability",
        """
        month   | customers | kept | kept_share | moved_down | customers_at_end | moved_again
        2024-06 | 3         | 0    | 0          | 3          | 3                | 1
        """,
    )


def test_nights_since_a_change_begin_anew_with_a_return_and_are_rounded_half_up(desk: SqlDesk) -> None:
    months(desk, date(2024, 6, 1))
    history = """
        customer_id | valid_from | valid_to   | tier | tier_flag
        back        | 2024-01-01 | 2024-02-01 | mid  | 2
        back        | 2024-06-10 | 2024-06-11 | mid  | 2
        back        | 2024-06-11 |            | mid  | 3
    """
    others = "".join(f"C{n} | 2024-06-20 | | mid | 3\n" for n in range(3))
    desk.given("marts.tier_history", history + others)
    desk.build("marts.tier_migration")
    # 10 nights of one and none of the others: 10 / 4 = 2.5, 10 / 12 = 0.83…, 10 / 18 = 0.55….
    desk.expect(
        "marts.tier_stability",
        "month | customers_at_end | mean_nights_since_change | moved_again\n 2024-06 | 4 | 2.5 | 0",
    )
    more = "".join(f"D{n} | 2024-06-20 | | mid | 3\n" for n in range(8))
    desk.given("marts.tier_history", "customer_id | valid_from | valid_to | tier | tier_flag\n" + more)
    desk.expect("marts.tier_stability", "customers_at_end | mean_nights_since_change\n 12 | 0.8")
    more = "".join(f"E{n} | 2024-06-20 | | mid | 3\n" for n in range(6))
    desk.given("marts.tier_history", "customer_id | valid_from | valid_to | tier | tier_flag\n" + more)
    desk.expect("marts.tier_stability", "customers_at_end | mean_nights_since_change\n 18 | 0.6")


def test_a_tier_that_a_policy_moved_on_the_ladder_is_kept(desk: SqlDesk) -> None:
    months(desk, date(2024, 6, 1))
    desk.given(
        "marts.tier_history",
        """
        customer_id | valid_from | valid_to   | tier | tier_flag
        C1          | 2024-05-01 | 2024-06-10 | mid  | 3
        C1          | 2024-06-10 |            | mid  | 2
        """,
    )
    desk.build("marts.tier_migration")
    desk.expect("marts.tier_stability", "customers | kept | moved_up | moved_down\n 1 | 1 | 0 | 0")


def test_a_month_without_customers_is_a_row_and_months_are_at_most_24(desk: SqlDesk) -> None:
    months(desk, date(2000, 1, 1))
    found = desk.run("marts.tier_stability").order("month").fetchall()
    assert [len(found), found[0][0], found[-1][0]] == [24, "2022-07", "2024-06"]
    assert {row[1:] for row in found} == {(0, 0, None, 0, 0, 0, 0, None)}


def test_months_end_on_their_last_day_and_the_running_one_on_the_as_of_date() -> None:
    assert history_months(date(2024, 3, 31), date(2024, 1, 31)).rows == (
        ("2024-01", date(2023, 12, 31), date(2024, 1, 31), date(2023, 2, 1)),
        ("2024-02", date(2024, 1, 31), date(2024, 2, 29), date(2023, 3, 1)),
        ("2024-03", date(2024, 2, 29), date(2024, 3, 31), date(2023, 4, 1)),
    )
    assert history_months(date(2024, 3, 30), date(2024, 3, 30)).rows == (
        ("2024-03", date(2024, 2, 29), date(2024, 3, 30), date(2023, 3, 31)),
    )
