"""The calendar of a night: closed months, tenure bands, origins, instants.

Belongs here: pipelines/run_context.py. Does not: the SQL that reads it.
"""

from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import run_context
from pipelines.run_context import last_closed_month, latest_activation, local_midnight, month_start, run_tables
from segmentation.policy import preset, read_policy

SHANGHAI = ZoneInfo("Asia/Shanghai")
POLICY = read_policy(preset("default"))


def whole_months(activated: date, day: date) -> int:
    """Monthly steps from `activated` that do not pass `day`; an overshooting step ends on the month's last day."""
    months = 0
    while True:
        first = month_start(activated, -(months + 1))
        step = first.replace(day=min(activated.day, run_context.month_end(first).day))
        if step > day:
            return months
        months += 1


@pytest.mark.parametrize(
    ("as_of", "closed"),
    [
        (date(2024, 6, 30), date(2024, 5, 1)),
        (date(2024, 7, 4), date(2024, 5, 1)),
        (date(2024, 7, 5), date(2024, 6, 1)),
        (date(2024, 1, 4), date(2023, 11, 1)),
        (date(2024, 1, 5), date(2023, 12, 1)),
    ],
)
def test_a_month_closes_on_the_closing_day_of_the_next(as_of: date, closed: date) -> None:
    assert last_closed_month(as_of, 5) == closed


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


def rows(name: str, as_of: date, usage: tuple[date, date] | None = None) -> tuple[tuple[object, ...], ...]:
    tables = run_tables(as_of, SHANGHAI, POLICY, ("10086", "1860", "10086"), usage)
    return next(t.rows for t in tables if t.name == name)


def test_the_window_is_the_last_closed_months_newest_first() -> None:
    assert [(r[0], r[-1]) for r in rows("arpu_months", date(2024, 6, 30))] == [
        ("2024-05", True),
        ("2024-04", False),
        ("2024-03", False),
    ]


def test_origins_are_month_ends_whose_horizon_has_passed() -> None:
    origins = [r[0] for r in rows("churn_origins", date(2024, 6, 30))]
    assert len(origins) == 13
    assert (origins[0], origins[-2], origins[-1]) == (date(2023, 6, 30), date(2024, 5, 31), date(2024, 6, 30))
    assert rows("churn_origins", date(2024, 6, 29))[-2][0] == date(2024, 4, 30)


def test_usage_is_observed_only_where_it_spans_the_quiet_days() -> None:
    observed = {r[0]: r[-2] for r in rows("churn_origins", date(2024, 6, 30), (date(2024, 4, 1), date(2024, 6, 30)))}
    assert [day for day, seen in observed.items() if seen] == [date(2024, 4, 30), date(2024, 5, 31), date(2024, 6, 30)]


def test_bands_of_an_origin_meet_without_gap_or_overlap() -> None:
    bands = [r for r in rows("tenure_bands", date(2024, 2, 29)) if r[0] == date(2024, 2, 29)]
    assert [b[1] for b in bands] == ["0-3", "3-12", "12-24", "24-36", "36+"]
    assert all(newer[2] == older[3] for newer, older in pairwise(bands))


def test_a_service_number_listed_twice_counts_once() -> None:
    assert rows("service_numbers", date(2024, 6, 30)) == (("10086",), ("1860",))
