"""What a policy adds to the calendar of a night: windows of closed months, segments, origins, bands, caps, claims.

Belongs here: pipelines/policy_calendar.py. Does not: the SQL that reads it, dates of any policy (test_run_context.py).
"""

from datetime import date
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from pipelines import run_context
from pipelines.policy_calendar import arpu_months, claims, policy_segments
from pipelines.run_calendar import run_tables
from segmentation.months import last_closed_month
from segmentation.policy import Segment, preset, read_policy
from segmentation.policy_types import Threshold

SHANGHAI = ZoneInfo("Asia/Shanghai")
POLICY = read_policy(preset("default"))


def rows(name: str, as_of: date, usage: tuple[date, date] | None = None) -> tuple[tuple[object, ...], ...]:
    tables = run_tables(as_of, SHANGHAI, POLICY, ("10086", "1860", "10086"), usage)
    return next(t.rows for t in tables if t.name == name)


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


def test_the_window_is_the_last_closed_months_newest_first() -> None:
    assert [(r[0], r[1], r[-2]) for r in rows("arpu_months", date(2024, 6, 30))] == [
        ("base", "2024-05", True),
        ("base", "2024-04", False),
        ("base", "2024-03", False),
    ]


def test_each_segment_has_its_own_months_by_its_own_closing_day() -> None:
    arpu = POLICY.arpu.model_copy(update={"window_months": Threshold[int].of(2), "closing_day": Threshold[int].of(10)})
    late = POLICY.model_copy(update={"arpu": arpu})
    segments = (Segment("late", ("M-Zone",), (), late), Segment("base", (), (), POLICY))
    found = arpu_months(date(2024, 7, 7), SHANGHAI, segments, None).rows
    assert [(r[0], r[1], r[-2]) for r in found] == [
        ("late", "2024-05", True),
        ("late", "2024-04", False),
        ("base", "2024-06", True),
        ("base", "2024-05", False),
        ("base", "2024-04", False),
    ]


@pytest.mark.parametrize(
    ("first", "last", "observed"),
    [
        (date(2024, 3, 1), date(2024, 5, 31), [True, True, True]),
        (date(2024, 3, 2), date(2024, 6, 30), [True, True, False]),
        (date(2024, 3, 1), date(2024, 5, 30), [False, True, True]),
        (date(2024, 6, 1), date(2024, 6, 30), [False, False, False]),
    ],
)
def test_a_month_is_observed_when_all_its_days_are_loaded(first: date, last: date, observed: list[bool]) -> None:
    segments = (Segment("base", (), (), POLICY),)
    assert [r[-1] for r in arpu_months(date(2024, 6, 30), SHANGHAI, segments, (first, last)).rows] == observed
    assert [r[-1] for r in arpu_months(date(2024, 6, 30), SHANGHAI, segments, None).rows] == [False] * 3


def test_a_segment_takes_each_pair_of_its_brands_and_payment_types() -> None:
    segments = (
        Segment("young", ("M-Zone", "Easyown"), ("prepaid", "mixed"), POLICY),
        Segment("bills", (), ("postpaid",), POLICY),
        Segment("base", (), (), POLICY),
    )
    assert policy_segments(segments).rows == (
        (1, "young", "M-Zone", "prepaid"),
        (1, "young", "M-Zone", "mixed"),
        (1, "young", "Easyown", "prepaid"),
        (1, "young", "Easyown", "mixed"),
        (2, "bills", None, "postpaid"),
        (3, "base", None, None),
    )
    assert rows("policy_segments", date(2024, 6, 30)) == ((1, "base", None, None),)


def test_complaints_are_looked_for_in_90_days_under_the_reasons_given() -> None:
    assert run_context.parameters(date(2024, 6, 30), SHANGHAI, "msisdn")["complaints_from"] == date(2024, 4, 2)
    assert rows("complaint_reasons", date(2024, 6, 30)) == (("CMP",), ("投诉",))
    silent = read_policy(preset("default").replace(b'["\xe6\x8a\x95\xe8\xaf\x89", CMP]', b"[K]"))
    given = run_tables(date(2024, 6, 30), SHANGHAI, silent, (), None)
    assert next(t.rows for t in given if t.name == "complaint_reasons") == (("K",),)


@pytest.mark.parametrize(
    ("before", "occasion", "cap"),
    [
        (None, "first_run", "1"),
        (date(2024, 6, 29), "night", "0.05"),
        (date(2024, 6, 4), "month_close", "0.15"),  # May closes on 5 June
        (date(2024, 6, 5), "night", "0.05"),
        (date(2024, 3, 1), "month_close", "0.15"),
    ],
)
def test_how_many_may_move_depends_on_the_night_before(before, occasion, cap):
    given = run_tables(date(2024, 6, 30), SHANGHAI, POLICY, (), None, night_before=before)
    caps = next(t.rows for t in given if t.name == "move_caps")
    assert caps == (
        ("other", occasion, Decimal(cap)),
        ("other_policy", "adoption", Decimal("0.2")),
        ("rating_ended", "validity", Decimal("0.5")),
    )


def test_origins_are_month_ends_whose_gap_and_horizon_have_passed() -> None:
    # The gap of 31 May ends with 7 June, its horizon with 7 July.
    origins = [r[0] for r in rows("churn_origins", date(2024, 7, 7))]
    assert len(origins) == 12
    assert (origins[0], origins[-1]) == (date(2023, 6, 30), date(2024, 5, 31))
    assert rows("churn_origins", date(2024, 7, 6))[-1][0] == date(2024, 4, 30)


def test_the_longest_gap_and_horizon_leave_as_many_origins() -> None:
    text = preset("default").replace(b"horizon_days: 30", b"horizon_days: 366").replace(b"{value: 7, ", b"{value: 89, ")
    text = text.replace(b"prepaid_inactive_days: 30", b"prepaid_inactive_days: 90")
    given = run_tables(date(2024, 6, 30), SHANGHAI, read_policy(text), (), None)
    origins = [r[0] for r in next(t.rows for t in given if t.name == "churn_origins")]
    assert (len(origins), origins[-1]) == (12, date(2023, 3, 31))


def test_other_origins_may_be_asked_for() -> None:
    asked = [date(2024, 4, 15), date(2024, 3, 31)]
    given = run_tables(date(2024, 6, 30), SHANGHAI, POLICY, (), None, churn_origins=asked)
    for name in ("churn_origins", "origin_tenure_bands"):
        origins = {r[0] for r in next(t.rows for t in given if t.name == name)}
        assert origins == set(asked)


def test_usage_is_observed_only_where_it_spans_the_quiet_days() -> None:
    # Whoever was active on 8 April has not been silent for 30 days when the gap of 30 April ends, with 7 May; the 30
    # days that end with the horizon of 31 May end with 7 July.
    for until, days in (
        (date(2024, 7, 7), [date(2024, 4, 30), date(2024, 5, 31)]),
        (date(2024, 7, 6), [date(2024, 4, 30)]),
    ):
        observed = {r[0]: r[-1] for r in rows("churn_origins", date(2024, 7, 7), (date(2024, 4, 8), until))}
        assert [day for day, seen in observed.items() if seen] == days


def test_bands_of_an_origin_meet_without_gap_or_overlap() -> None:
    bands = rows("tenure_bands", date(2024, 2, 29))
    assert [b[0] for b in bands] == ["0-3", "3-12", "12-24", "24-36", "36+"]
    assert all(newer[1] == older[2] for newer, older in pairwise(bands))
    at_origins = rows("origin_tenure_bands", date(2024, 5, 6))
    assert tuple(r[1:] for r in at_origins if r[0] == date(2024, 2, 29)) == bands


def test_claims_are_the_dictionary_s_with_the_policy_s_line_and_horizon() -> None:
    assert set(rows("claims", date(2024, 6, 30))) == {
        ("top_spend_share", Decimal("0.80"), Decimal(50), date(2024, 5, 31)),
        ("churners_under_line_share", Decimal("0.87"), Decimal(50), date(2024, 5, 31)),
    }
    assert {row[2] for row in claims(date(2024, 6, 30), read_policy(preset("quantile"))).rows} == {None}
