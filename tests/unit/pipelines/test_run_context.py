"""The calendar of a night, whatever the policy: instants, the edge of tenure, months of the history.

Belongs here: pipelines/run_context.py. Does not: the SQL that reads it, what a policy adds (test_policy_calendar.py).
"""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.run_calendar import run_tables
from pipelines.run_context import latest_activation, local_midnight
from segmentation.months import month_end, month_start
from segmentation.policy import preset, read_policy

SHANGHAI = ZoneInfo("Asia/Shanghai")
POLICY = read_policy(preset("default"))


def whole_months(activated: date, day: date) -> int:
    """Monthly steps from `activated` that do not pass `day`; an overshooting step ends on the month's last day."""
    months = 0
    while True:
        first = month_start(activated, -(months + 1))
        step = first.replace(day=min(activated.day, month_end(first).day))
        if step > day:
            return months
        months += 1


@pytest.mark.parametrize(
    ("day", "months", "latest"),
    [
        (date(2023, 2, 28), 1, date(2023, 1, 31)),
        (date(2024, 2, 28), 1, date(2024, 1, 28)),
        (date(2024, 2, 29), 1, date(2024, 1, 31)),
        (date(2024, 2, 29), 12, date(2023, 2, 28)),
        (date(2024, 3, 30), 1, date(2024, 2, 29)),
        (date(2024, 6, 30), 0, date(2024, 6, 30)),
        (date(2024, 6, 15), 6, date(2023, 12, 15)),
    ],
)
def test_the_latest_activation_with_so_many_months(day: date, months: int, latest: date) -> None:
    assert latest_activation(day, months) == latest


@given(
    day=st.dates(date(2020, 1, 1), date(2030, 12, 31)),
    months=st.integers(0, 60),
)
def test_it_is_the_edge_of_the_tenure_rule(day: date, months: int) -> None:
    latest = latest_activation(day, months)
    assert whole_months(latest, day) >= months
    if months:
        assert whole_months(latest + timedelta(days=1), day) < months


def test_a_day_begins_at_local_midnight() -> None:
    assert local_midnight(date(2024, 7, 1), SHANGHAI) == datetime(2024, 6, 30, 16)
    # The night in which clocks go forward is an hour short.
    london = ZoneInfo("Europe/London")
    assert local_midnight(date(2024, 4, 1), london) - local_midnight(date(2024, 3, 31), london) == timedelta(hours=23)


def rows(name: str, as_of: date) -> tuple[tuple[object, ...], ...]:
    tables = run_tables(as_of, SHANGHAI, POLICY, ("10086", "1860", "10086"), None)
    return next(t.rows for t in tables if t.name == name)


def test_a_service_number_listed_twice_counts_once() -> None:
    assert rows("service_numbers", date(2024, 6, 30)) == (("10086",), ("1860",))


def test_months_of_the_history_begin_with_its_first_night() -> None:
    given = run_tables(date(2024, 6, 30), SHANGHAI, POLICY, (), None, first_night=date(2024, 5, 31))
    months = next(t.rows for t in given if t.name == "history_months")
    assert [row[0] for row in months] == ["2024-05", "2024-06"]
    assert [row[0] for row in rows("history_months", date(2024, 6, 30))] == ["2024-06"]
