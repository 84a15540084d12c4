"""The shipped policies on described customers, row by row: what docs/policy.md works out, and the published rules."""

import datetime as dt
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from segmentation_rows import PREPAID, scored

from segmentation.columns import CUTOFFS
from segmentation.policy import PRESETS, preset, read_policy

AS_OF = dt.date(2025, 2, 1)
POLICIES = {name: read_policy(preset(name), name) for name in PRESETS}


def months_ago(months: int) -> dt.date:
    index = AS_OF.year * 12 + AS_OF.month - 1 - months
    return dt.date(index // 12, index % 12 + 1, 1)


def rated(name: str, cutoffs: pl.DataFrame | None = None, **change: Any) -> dict[str, Any]:
    none = pl.DataFrame(schema=dict(CUTOFFS))
    return scored(change, policy=POLICIES[name], as_of=AS_OF, cutoffs=none if cutoffs is None else cutoffs)[0]


@pytest.mark.parametrize(
    ("case", "months", "half_year", "stops", "verified", "points", "stars"),
    [
        # one point a yuan of the mean month of six, one a month; rated from six months on, under the real name
        ("two years, 200 yuan a month", 24, "1200", 0, True, 224, "star4"),
        ("ten years, 180 yuan a month", 120, "1080", 0, True, 300, "star5"),
        ("a mean of 99.5 counts 100", 20, "597", 0, True, 120, "star3"),
        ("a mean of 99.4983 counts 99", 20, "596.99", 0, True, 119, "star2"),
        ("one month short of half a year", 5, "3000", 0, True, 505, "unrated"),
        ("exactly half a year", 6, "3000", 0, True, 506, "star5"),
        ("not under the real name", 60, "3000", 0, False, 560, "unrated"),
        ("not known under which name", 60, "3000", 0, None, 560, "unrated"),
        ("three stops for arrears: three stars at most", 60, "3000", 3, True, 560, "star3"),
        ("two stops cost nothing", 60, "3000", 2, True, 560, "star5"),
        ("three stops lift nobody to three stars", 20, "300", 3, True, 70, "star1"),
        ("too few points for a star", 12, "120", 0, True, 32, "unrated"),
    ],
)
def test_star_rating(  # noqa: PLR0917 (a row of the table)
    case: str, months: int, half_year: str, stops: int, verified: bool | None, points: int, stars: str
) -> None:
    row = rated(
        "star",
        first_activation_date=months_ago(months),
        billed_amount=half_year,
        billed_months=6,
        arrears_stops=stops,
        identity_verified=verified,
    )
    assert (row["value_score"], row["tier"]) == (points, stars), case
    assert row["arpu_part"] + row["tenure_part"] == points
    assert row["rated_until"] == dt.date(2026, 2, 1)


@pytest.mark.parametrize(
    ("case", "months", "year", "spend_points", "tenure_points", "level"),
    [
        # one point for each full yuan of last year, 100 / 200 / 300 for 1-3 / 3-10 / 10 and more years
        ("one year", 12, "1000", 1000, 100, "member"),
        ("a month short of three years", 35, "1100", 1100, 100, "silver"),
        ("three years", 36, "1000", 1000, 200, "silver"),
        ("a month short of ten years", 119, "1800", 1800, 200, "gold"),
        ("ten years", 120, "1700", 1700, 300, "gold"),
        ("a broken yuan counts nothing", 36, "999.99", 999, 200, "member"),
        ("eleven months: not rated, whatever the spend", 11, "9000", 9000, 0, "unrated"),
        ("a large year", 120, "5700", 5700, 300, "diamond"),
        ("refunds above charges", 36, "-50", 0, 200, "member"),
    ],
)
def test_gotone_points_of_2025(  # noqa: PLR0917 (a row of the table)
    case: str, months: int, year: str, spend_points: int, tenure_points: int, level: str
) -> None:
    row = rated(
        "gotone_2025",
        first_activation_date=months_ago(months),
        billed_amount=year,
        billed_months=12,
        bills_in_window=12,
    )
    assert (row["spend_part"], row["tenure_part"], row["tier"]) == (spend_points, tenure_points, level), case
    assert row["value_score"] == spend_points + tenure_points
    assert row["rated_until"] == dt.date(2026, 2, 1)


@pytest.mark.parametrize(
    ("case", "arpu", "tier"),
    [("below the cut", "149.9999", "ordinary"), ("exactly on it", "150", "high"), ("above", "151", "high")],
)
def test_the_80_20_split(case: str, arpu: str, tier: str) -> None:
    cut = pl.DataFrame([("base", "arpu", Decimal("0.8"), Decimal(150))], schema=dict(CUTOFFS), orient="row")
    row = rated("pareto", cutoffs=cut, billed_amount=arpu, billed_months=1)
    assert row["tier"] == tier, case


@pytest.mark.parametrize(
    ("case", "year", "on_time", "overdue", "months", "score", "tier"),
    [
        # 0.4 x bill points + 0.1 x tenure points + 0.5 x credit points
        ("a business that pays", "18000", 12, "0", 60, "0.4*100 + 0.1*100 + 0.5*100", "key"),
        ("a family that pays", "2400", 12, "0", 24, "0.4*50 + 0.1*50 + 0.5*100", "priority"),
        ("a business that owes two bills", "18000", 4, "3000", 60, "0.4*100 + 0.1*100 + 0.5*25", "priority"),
        ("a new small flat without a bill due", "300", None, "0", 3, "0.4*0 + 0.1*0 + 0.5*50", "standard"),
    ],
)
def test_power_utility(  # noqa: PLR0917 (a row of the table)
    case: str, year: str, on_time: int | None, overdue: str, months: int, score: str, tier: str
) -> None:
    row = rated(
        "power_utility",
        first_activation_date=months_ago(months),
        billed_amount=year,
        billed_months=12,
        bills_due=0 if on_time is None else 12,
        bills_paid_on_time=on_time or 0,
        days_past_due=0,
        amount_due_total="0" if on_time is None else year,
        overdue_amount=overdue,
        usage_months=0,
        usage_observed_days=0,
        last_activity_date=None,
    )
    weights = [term.split("*") for term in score.split(" + ")]
    assert row["value_score"] == sum(Decimal(weight) * Decimal(points) for weight, points in weights), case
    assert row["tier"] == tier, case
    assert not any(cause in row["reasons"] for cause in ("warn_inactive", "warn_usage")), case


def test_the_default_serves_prepaid_customers_too() -> None:
    row = rated("default", **PREPAID, prepaid_usage_amount="450", first_activation_date=months_ago(40))
    assert (row["arpu_amount"], row["value_score"], row["spend_grade"]) == (150, 74, "high")
    assert row["tier"] == "mid"


@pytest.mark.parametrize(
    ("case", "change", "hints"),
    [
        ("exactly on the long-distance threshold", {"long_distance_amount": "60"}, "ip-long-distance"),
        ("just below", {"long_distance_amount": "59.9999"}, ""),
        (
            "roams and uses much data",
            {"roaming_amount": "90", "data_bytes": 60_000_000_000},
            "roaming-bundle;larger-data-plan",
        ),
        ("no closed month of usage", {"data_bytes": 0, "usage_months": 0}, ""),
    ],
)
def test_usage_hints_by_a_months_mean(case: str, change: dict[str, Any], hints: str) -> None:
    assert rated("default", **{"long_distance_amount": "0", **change})["usage_hints"] == hints, case


@pytest.mark.parametrize(
    ("case", "change", "play"),
    [
        ("mid and stable", {}, "introduce-services"),
        ("high by the red list", {"service_list": "red"}, "manager-assigned"),
        ("high and in warning", {"service_list": "red", "lines_active": 0}, "manager-call"),
        ("mid and in warning", {"lines_active": 0}, "retention-desk"),
        ("ordinary and in warning", {"service_list": "black", "lines_active": 0}, "better-tariff"),
        ("ordinary and stable: no play", {"service_list": "black"}, None),
    ],
)
def test_the_play_of_the_cell(case: str, change: dict[str, Any], play: str | None) -> None:
    spend = {"first_activation_date": months_ago(45), "data_bytes": 0, "latest_month_amount": "116"}
    assert rated("default", **spend, **change)["retention_play"] == play, case


def test_a_play_may_be_for_brands() -> None:
    text = preset("default").decode().replace("plays:\n", "plays:\n  - {brands: [easyown], play: come-home}\n")
    policy = read_policy(text.encode())
    rows = scored({"brand": "easyown"}, {"brand": "gotone"}, {"brand": None}, policy=policy)
    assert [row["retention_play"] for row in rows] == ["come-home", "introduce-services", "introduce-services"]


def test_segments_decide_each_for_their_own_in_one_run() -> None:
    text = preset("default").decode() + (
        "segments:\n  - name: gotone\n    brands: [gotone]\n    policy:\n"
        "      tiers: [{name: high, min_score: 60}, {name: mid, min_score: 30}, {name: ordinary, min_score: 0}]\n"
    )
    policy = read_policy(text.encode())
    rows = scored({"policy_segment": "base"}, {"policy_segment": "gotone"}, {"policy_segment": "base"}, policy=policy)
    assert [(row["customer_id"], row["tier"], row["policy_version"]) for row in rows] == [
        ("C1", "mid", "default@1"),
        ("C2", "high", "default@1/gotone"),
        ("C3", "mid", "default@1"),
    ]
