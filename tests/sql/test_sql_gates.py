"""The gates: audits that stop publication unless the operator accepts with a reason.

Belongs here: delivery_empty, delivery_shrank, closed_month_shrank, published_shrank, moves_over_cap. Does not: what a
shut gate does to a run (tests/integration).
"""

from decimal import Decimal

import pytest
from sql_desk import SqlDesk

from segmentation.moves import BY_POLICY, CAUSES

BOUNDS = {
    "max_volume_drop": Decimal("0.6"),
    "gate_min_records": 100,
}
FILE = "source | extract | file_id | known_at | accepted | duplicate"


def test_an_empty_delivery_after_one_that_had_records_is_named(desk: SqlDesk) -> None:
    desk.given(
        "intake.files",
        f"""
        {FILE}
        cdr       | cdr           | 1 | 2024-06-28 16:00 | 5 | 0
        cdr       | cdr           | 2 | 2024-06-29 16:00 | 0 | 0
        north     | bills         | 3 | 2024-06-28 16:00 | 3 | 0
        north     | bills         | 4 | 2024-06-29 16:00 | 0 | 1
        south     | bills         | 5 | 2024-06-28 16:00 | 0 | 0
        south     | bills         | 6 | 2024-06-29 16:00 | 2 | 0
        lists     | service_lists | 7 | 2024-06-28 16:00 | 0 | 0
        """,
        status="accepted",
    )
    desk.expect("audits.delivery_empty", "source | extract | most_records\n cdr | cdr | 5", **BOUNDS)


def test_an_empty_file_beside_a_full_one_of_the_same_delivery_is_right(desk: SqlDesk) -> None:
    desk.given(
        "intake.files",
        f"""
        {FILE}
        cdr | cdr | 1 | 2024-06-28 | 5 | 0
        cdr | cdr | 2 | 2024-06-29 | 0 | 0
        cdr | cdr | 3 | 2024-06-29 | 4 | 0
        """,
        status="accepted",
    )
    desk.expect("audits.delivery_empty", "source | extract", **BOUNDS)


def test_an_empty_delivery_that_was_not_known_yet_or_was_refused_is_none(desk: SqlDesk) -> None:
    desk.given(
        "intake.files",
        f"""
        {FILE} | status
        cdr | cdr | 1 | 2024-06-28 | 5 | 0 | accepted
        cdr | cdr | 2 | 2024-06-30 16:00 | 0 | 0 | accepted
        cdr | cdr | 3 | 2024-06-29 | 0 | 0 | refused
        """,
    )
    desk.expect("audits.delivery_empty", "source | extract", **BOUNDS)


def test_of_files_without_a_known_time_the_last_taken_counts(desk: SqlDesk) -> None:
    desk.given(
        "intake.files",
        "source | extract | file_id | accepted | duplicate\n a | cdr | 1 | 9 | 0\n a | cdr | 2 | 0 | 0",
        status="accepted",
    )
    desk.expect("audits.delivery_empty", "source | extract | known_at\n a | cdr |", **BOUNDS)
    desk.given(
        "intake.files", "source | extract | file_id | accepted | duplicate\n a | cdr | 3 | 1 | 0", status="accepted"
    )
    desk.expect("audits.delivery_empty", "source | extract", **BOUNDS)


@pytest.mark.parametrize(
    ("newest", "shrank"),
    [
        pytest.param(81, False, id="59.5 percent less"),
        pytest.param(80, True, id="60 percent less"),
        pytest.param(0, True, id="empty"),
    ],
)
def test_a_snapshot_that_fell_by_the_bound_is_named(desk: SqlDesk, newest: int, shrank: bool) -> None:
    desk.given(
        "intake.files",
        f"""
        {FILE}
        crm | customers | 1 | 2024-06-27 16:00 | 200 | 0
        crm | customers | 2 | 2024-06-28 16:00 | 150 | 50
        crm | customers | 3 | 2024-06-29 16:00 | {newest} | 0
        """,
        status="accepted",
    )
    row = f"\n crm | 2024-06-29 16:00 | {newest} | 200 | 0.6"
    desk.expect(
        "audits.delivery_shrank",
        "source | delivered_at | records | usual_records | bound" + (row if shrank else ""),
        **BOUNDS,
    )


def test_a_day_of_call_detail_records_is_the_sum_of_its_files(desk: SqlDesk) -> None:
    """Local days: 2024-06-29 16:00 UTC begins 30 June."""
    header = "file_id | known_at | accepted"
    same = {"source": "cdr", "extract": "cdr", "status": "accepted", "duplicate": "0"}
    desk.given(
        "intake.files",
        f"{header}\n 1 | 2024-06-28 16:00 | 300\n 2 | 2024-06-29 16:00 | 60\n 3 | 2024-06-30 15:59 | 65",
        **same,
    )
    desk.expect("audits.delivery_shrank", "source | records", **BOUNDS)
    desk.given("intake.files", f"{header}\n 4 | 2024-06-27 16:00 | 330\n 5 | 2024-06-26 16:00 | 320", **same)
    desk.expect("audits.delivery_shrank", "source | records | usual_records\n cdr | 125 | 320", **BOUNDS)


def test_small_extracts_and_those_that_come_in_pieces_are_not_judged(desk: SqlDesk) -> None:
    desk.given(
        "intake.files",
        f"""
        {FILE}
        crm   | customers | 1 | 2024-06-28 16:00 | 99  | 0
        crm   | customers | 2 | 2024-06-29 16:00 | 1   | 0
        bills | bills     | 3 | 2024-06-05 16:00 | 900 | 0
        bills | bills     | 4 | 2024-06-09 16:00 | 1   | 0
        other | cdr       | 5 | 2024-06-29 16:00 | 1   | 0
        """,
        status="accepted",
    )
    desk.expect("audits.delivery_shrank", "source | records", **BOUNDS)


def bills(desk: SqlDesk, period: str, count: int, known_at: str = "2024-06-05 16:00") -> None:
    rows = "\n".join(f"{period}-{number}" for number in range(count))
    desk.given("staging.bills", f"bill_id\n{rows}", billing_period=period, known_at=known_at)


@pytest.mark.parametrize(
    ("last", "shrank"),
    [pytest.param(40, True, id="40 of 100"), pytest.param(41, False, id="41 of 100"), pytest.param(0, True, id="none")],
)
def test_a_closed_month_without_most_of_its_bills_is_named(desk: SqlDesk, last: int, shrank: bool) -> None:
    bills(desk, "2024-03", 90)
    bills(desk, "2024-04", 100)
    bills(desk, "2024-05", last)
    bills(desk, "2024-06", 1)
    bills(desk, "2024-05", 60, known_at="2024-06-30 16:00")
    row = f"\n 2024-05 | {last} | 100 | 0.6"
    desk.expect(
        "audits.closed_month_shrank", "billing_period | bills | usual_bills | bound" + (row if shrank else ""), **BOUNDS
    )


def test_months_of_several_windows_are_counted_once_and_the_longest_is_compared(desk: SqlDesk) -> None:
    desk.segments(long=(("M-Zone",), (), 6), middle=((), ("prepaid",), 3), base=((), (), 2))
    bills(desk, "2023-11", 200)
    bills(desk, "2023-12", 150)
    bills(desk, "2024-04", 100)
    bills(desk, "2024-05", 60)
    desk.expect("audits.closed_month_shrank", "billing_period | bills | usual_bills\n 2024-05 | 60 | 150", **BOUNDS)
    bills(desk, "2024-05", 1, known_at="2024-06-06 16:00")
    desk.expect("audits.closed_month_shrank", "billing_period | bills", **BOUNDS)


def test_months_with_few_bills_and_operators_without_bills_are_not_judged(desk: SqlDesk) -> None:
    desk.expect("audits.closed_month_shrank", "billing_period | bills", **BOUNDS)
    bills(desk, "2024-04", 99)
    desk.expect("audits.closed_month_shrank", "billing_period | bills", **BOUNDS)


def candidate(desk: SqlDesk, **lines: int) -> None:
    rows = "\n".join(f"{tier}{number} | {tier}" for tier, count in lines.items() for number in range(count))
    desk.given("scores.subscription", f"subscription_id | tier\n{rows}")


def published(desk: SqlDesk, **lines: int) -> None:
    rows = "\n".join(f"{tier} | {count}" for tier, count in lines.items())
    desk.given("run.published_tiers", f"tier | rows_published\n{rows}")


@pytest.mark.parametrize(("now", "shrank"), [(80, True), (81, False)])
def test_a_table_with_far_fewer_lines_is_named(desk: SqlDesk, now: int, shrank: bool) -> None:
    published(desk, high=50, mid=150)
    candidate(desk, mid=now)
    row = f"\n 200 | {now} | 0.6"
    desk.expect("audits.published_shrank", "rows_published | rows_now | bound" + (row if shrank else ""), **BOUNDS)


def test_the_first_table_has_nothing_to_be_compared_with(desk: SqlDesk) -> None:
    candidate(desk, mid=3)
    desk.expect("audits.published_shrank", "rows_published | rows_now", **BOUNDS)


CAPS = """
    kind         | occasion | cap
    other        | night    | 0.05
    other_policy | adoption | 0.2
    rating_ended | validity | 0.5
"""


def scored(
    desk: SqlDesk, *groups: tuple[int, str, str, str], policy: str = "p@1", rated_until: str | None = None
) -> None:
    """So many customers of tier and cause tonight, and of a tier the night before."""
    for group in groups:
        count, before, now, cause = group
        for _ in range(count):
            number = desk.con.execute(
                "select coalesce(max(customer_id::integer), 0) + 1 from scores.customer"
            ).fetchall()
            one = {"customer_id": str(number[0][0])}
            desk.given("scores.customer", f"tier | tier_cause\n {now} | {cause}", policy_version=policy, **one)
            until = {"rated_until": rated_until} if rated_until else {}
            served = {"valid_from": "2024-06-01", "policy_version": "p@1", **one, **until}
            desk.given("run.served_tiers", f"tier\n {before}", **served)


@pytest.fixture
def capped(desk: SqlDesk) -> SqlDesk:
    desk.con.execute("delete from run.move_caps")
    desk.given("run.move_caps", CAPS)
    desk.given("scores.customer", "customer_id | tier | tier_cause | policy_version\n 0 | mid | first_rating | p@1")
    return desk


@pytest.mark.parametrize(("moves", "told"), [(5, ""), (6, "night | 6 | 100 | 0.05")])
def test_more_moves_than_the_cap_of_the_night_are_told(capped: SqlDesk, moves: int, told: str) -> None:
    half = moves // 2
    stays = (100 - moves, "mid", "mid", "promoted")  # promoted on an earlier night
    scored(capped, (half, "mid", "high", "promoted"), (moves - half, "high", "mid", "demoted"), stays)
    capped.expect("audits.moves_over_cap", f"occasion | moved | customers | cap\n {told}", **BOUNDS)


def test_customers_who_move_for_a_reason_of_their_own_and_new_ones_are_not_counted(capped: SqlDesk) -> None:
    own = ("red_list", "red_list_ended", "override", "provisional", "vip_ended")
    scored(capped, *((20, "mid", "high", cause) for cause in own))
    capped.expect("audits.moves_over_cap", "occasion", **BOUNDS)


@pytest.mark.parametrize(("moves", "told"), [(20, ""), (21, "adoption | 21 | 100 | 0.2")])
def test_another_policy_has_a_cap_of_its_own(capped: SqlDesk, moves: int, told: str) -> None:
    scored(capped, (moves, "mid", "high", "adopted"), (100 - moves, "mid", "mid", "promoted"), policy="p@2")
    capped.expect("audits.moves_over_cap", f"occasion | moved | customers | cap\n {told}", **BOUNDS)


def test_ratings_that_end_have_a_cap_of_their_own(capped: SqlDesk) -> None:
    scored(capped, (50, "high", "mid", "rerated"), rated_until="2024-06-30")
    scored(capped, (50, "mid", "mid", "promoted"))
    capped.expect("audits.moves_over_cap", "occasion", **BOUNDS)
    scored(capped, (2, "high", "mid", "rerated"), rated_until="2024-06-30")
    capped.expect("audits.moves_over_cap", "occasion | moved | customers\n validity | 52 | 102", **BOUNDS)


def test_a_small_operator_and_a_first_run_are_not_judged(capped: SqlDesk) -> None:
    scored(capped, (99, "mid", "high", "promoted"))
    capped.expect("audits.moves_over_cap", "occasion", **BOUNDS)


def test_the_first_night_again_is_held_to_what_it_published(capped: SqlDesk) -> None:
    scored(capped, (21, "mid", "high", "first_rating"), (79, "mid", "mid", "first_rating"), policy="p@2")
    told = "occasion | moved | policy_before | policy_now\n adoption | 21 | p@1 | p@2"
    capped.expect("audits.moves_over_cap", told, **BOUNDS)


def test_whoever_is_not_served_any_more_is_not_compared(capped: SqlDesk) -> None:
    scored(capped, (100, "mid", "high", "first_rating"))
    for number in range(1, 101):
        gone = {"customer_id": str(number), "valid_from": "2024-06-15"}
        capped.given("run.served_tiers", "tier_cause\n out_of_service", **gone)
    capped.expect("audits.moves_over_cap", "occasion", **BOUNDS)


@pytest.mark.parametrize("cause", CAUSES)
def test_the_gate_counts_the_causes_that_follow_from_the_score_and_no_others(capped: SqlDesk, cause: str) -> None:
    scored(capped, (100, "mid", "high", cause))
    told = "night | 100" if cause in BY_POLICY else ""
    capped.expect("audits.moves_over_cap", f"occasion | moved\n {told}", **BOUNDS)
