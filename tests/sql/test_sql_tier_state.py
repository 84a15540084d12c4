"""sql/features/tier_state.sql and sql/scores/tier_changes.sql: what a night remembers, and what it adds."""

from datetime import date

import pytest
from sql_desk import SqlDesk


def test_the_latest_memory_and_that_of_the_end_of_last_month(desk: SqlDesk) -> None:
    desk.at(date(2024, 6, 15))
    desk.given(
        "run.tier_memory",
        """
        customer_id | valid_from | tier     | arpu_points | lifecycle_stage
        C1          | 2024-04-01 | ordinary | 20          | growth
        C1          | 2024-05-31 | mid      | 40          | stable
        C1          | 2024-06-01 | high     | 80          | stable
        C2          | 2024-03-01 | mid      | 60          | stable
        C3          | 2024-06-02 | mid      | 60          | growth
        """,
    )
    desk.expect(
        "features.tier_state",
        """
        customer_id | was_tier | was_arpu_points | month_tier | month_arpu_points | month_lifecycle_stage
        C1          | high     | 80              | mid        | 40                | stable
        C2          | mid      | 60              | mid        | 60                | stable
        C3          | mid      | 60              |            |                   |
        """,
    )


def test_a_customer_who_went_out_of_service_is_not_remembered_and_may_come_back(desk: SqlDesk) -> None:
    desk.given(
        "run.tier_memory",
        """
        customer_id | valid_from | tier | value_tier
        C1          | 2024-05-01 | mid  | mid
        C1          | 2024-06-01 |      |
        C2          | 2024-05-01 | mid  | mid
        C2          | 2024-06-01 |      |
        C2          | 2024-06-10 | high | high
        """,
    )
    desk.expect("features.tier_state", "customer_id | was_tier | month_tier\n C2 | high | mid")


COLUMNS = "customer_id | tier | tier_cause | below_before | closed_month | policy_version"
WAS = "customer_id | was_tier | was_tier_cause | was_below_before | was_closed_month | was_policy_version"


@pytest.mark.parametrize(
    ("case", "before", "now", "told"),
    [
        ("nothing changed", "C1 | mid | promoted | 0 | | p@1", "C1 | mid | promoted | 0 | | p@1", ""),
        ("new", "", "C1 | mid | first_rating | 0 | | p@1", "C1 | mid | first_rating"),
        ("another tier", "C1 | mid | promoted | 0 | | p@1", "C1 | high | promoted | 0 | | p@1", "C1 | high | promoted"),
        (
            "a count began",
            "C1 | mid | promoted | 0 | | p@1",
            "C1 | mid | promoted | 0 | 2024-05 | p@1",
            "C1 | mid | promoted",
        ),
        (
            "a count ended",
            "C1 | mid | promoted | 1 | 2024-05 | p@1",
            "C1 | mid | promoted | 0 | | p@1",
            "C1 | mid | promoted",
        ),
        ("another policy", "C1 | mid | promoted | 0 | | p@1", "C1 | mid | promoted | 0 | | p@2", "C1 | mid | promoted"),
        ("out of service", "C1 | mid | promoted | 0 | | p@1", "", "C1 | | out_of_service"),
    ],
)
def test_only_what_changed_is_added(desk: SqlDesk, case: str, before: str, now: str, told: str) -> None:
    desk.given("features.tier_state", f"{WAS}\n {before}")
    desk.given("scores.customer", f"{COLUMNS}\n {now}")
    desk.expect("scores.tier_changes", f"customer_id | tier | tier_cause\n {told}")
    assert all(
        row == (date(2024, 6, 30),) for row in desk.run("scores.tier_changes").project("valid_from").fetchall()
    ), case
