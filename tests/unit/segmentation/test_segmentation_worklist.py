"""Who is on a worklist: the reasons that keep customers off, quotas by tier, the control group."""

import datetime as dt
from collections import Counter
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from segmentation_rows import DEFAULT, policy_with

from segmentation.policy import Policy
from segmentation.policy_text import PolicyError
from segmentation.worklist import CANDIDATES, REASONS, shares_of, standing

AS_OF = dt.date(2024, 6, 30)
ELIGIBLE: dict[str, Any] = {
    "tier": "high",
    "lifecycle_stage": "warning",
    "churn_risk": "0.1",
    "churn_risk_band": "high",
    "value_at_risk_amount": "100",
    "lines_active": 1,
    "contact_consent": True,
    "service_list": "none",
    "is_vip": False,
    "last_contacted_date": None,
    "in_open_campaign": False,
}


def retention(**changes: Any) -> Policy:
    """The default policy with another section `retention` (of the code's defaults but `changes`)."""
    section = type(DEFAULT.retention).model_validate(changes)
    return DEFAULT.model_copy(update={"retention": section})


def candidates(*changes: dict[str, Any]) -> pl.DataFrame:
    rows = [{**ELIGIBLE, "customer_id": f"C{number:04}", **change} for number, change in enumerate(changes, start=1)]
    for row in rows:
        row["tier_flag"] = DEFAULT.position(row["tier"])
    columns = {}
    for name, dtype in CANDIDATES.items():
        values = [row[name] for row in rows]
        if isinstance(dtype, pl.Decimal):
            values = [None if v is None else Decimal(v) for v in values]
        columns[name] = pl.Series(name, values, dtype=dtype)
    return pl.DataFrame(columns)


def standings(*changes: dict[str, Any], policy: Policy = DEFAULT, size: int = 10, campaign: str = "june") -> list[str]:
    return standing(candidates(*changes), policy, campaign, size, AS_OF)["standing"].to_list()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "listed"),
        ({"lifecycle_stage": "stable"}, "listed"),
        ({"churn_risk_band": "low"}, "listed"),
        ({"churn_risk_band": "low", "lifecycle_stage": "stable"}, "not_at_risk"),
        ({"value_at_risk_amount": None}, "value_unknown"),
        ({"value_at_risk_amount": "4.9999"}, "value_too_small"),
        ({"value_at_risk_amount": "5"}, "listed"),
        ({"lines_active": 0}, "no_active_line"),
        ({"contact_consent": False}, "no_consent"),
        ({"contact_consent": None}, "no_consent"),
        ({"service_list": "black"}, "on_a_list"),
        ({"service_list": "red", "is_vip": True}, "listed"),
        ({"in_open_campaign": True}, "in_open_campaign"),
        ({"last_contacted_date": dt.date(2024, 6, 1)}, "contacted_lately"),
        ({"last_contacted_date": dt.date(2024, 5, 31)}, "listed"),
        # The first reason counts.
        ({"contact_consent": False, "service_list": "black", "lines_active": 0}, "no_active_line"),
    ],
)
def test_each_reason_keeps_a_customer_off(change, expected):
    assert standings(change) == [expected]
    assert expected == "listed" or expected in REASONS


@pytest.mark.parametrize(
    ("rules", "change", "expected"),
    [
        ({"consent": "not_refused"}, {"contact_consent": None}, "listed"),
        ({"consent": "not_refused"}, {"contact_consent": False}, "no_consent"),
        ({"exclude_lists": ["vip"]}, {"is_vip": True}, "on_a_list"),
        ({"exclude_lists": ["vip"]}, {"service_list": "black"}, "listed"),
        ({"contact_gap_days": 0}, {"last_contacted_date": AS_OF}, "listed"),
        ({"risk_bands": ["elevated"], "stages": []}, {}, "not_at_risk"),
        ({"risk_bands": [], "stages": ["stable"]}, {}, "not_at_risk"),
    ],
)
def test_the_policy_decides_the_reasons(rules, change, expected):
    assert standings(change, policy=retention(**rules)) == [expected]


def test_most_value_at_risk_comes_first_and_control_is_part_of_the_size():
    found = standing(
        candidates(*({"value_at_risk_amount": str(amount)} for amount in (10, 40, 20, 40, 30))),
        retention(control_share=Decimal(0)),
        "june",
        3,
        AS_OF,
    )
    assert found["position"].to_list() == [None, 1, None, 2, 3]  # of the two with 40 the first by customer_id
    assert found["standing"].to_list() == ["beyond_size", "listed", "beyond_size", "listed", "listed"]


def test_quotas_keep_places_for_each_tier_and_pass_on_what_is_left():
    tiers = ["high"] * 3 + ["mid"] * 30 + ["ordinary"] * 30
    # Ordinary customers are worth least and are not crowded out: of 20 places 10, 6 and 4 are theirs; the 7 that high
    # can't fill go to mid, the best tier that has somebody left.
    found = candidates(*({"tier": tier, "value_at_risk_amount": str(1000 - 10 * n)} for n, tier in enumerate(tiers)))
    taken = standing(found, DEFAULT, "june", 20, AS_OF).filter(pl.col("position").is_not_null())
    assert Counter(taken["tier"]) == {"high": 3, "mid": 13, "ordinary": 4}
    assert taken["position"].to_list() == [*range(1, 4), *range(1, 14), *range(1, 5)]
    control = Counter(taken.filter(pl.col("standing") == "control")["tier"])
    assert control == {"high": 1, "mid": 1, "ordinary": 1}  # 10 %, rounded, at least one of each


def test_without_quotas_value_alone_decides():
    rows = [{"tier": tier, "value_at_risk_amount": str(amount)} for tier, amount in (("high", 5), ("ordinary", 9))]
    assert standings(*rows, policy=retention(control_share=Decimal(0)), size=1) == ["beyond_size", "listed"]


def test_places_by_largest_remainder():
    thirds = {1: Decimal("0.333333"), 2: Decimal("0.333333"), 3: Decimal("0.333334")}
    assert shares_of(10, thirds) == {1: 3, 2: 3, 3: 4}
    assert shares_of(1, {1: Decimal("0.5"), 2: Decimal("0.5")}) == {1: 1, 2: 0}


def test_the_lot_is_the_campaigns_and_nobody_elses():
    rows = [{} for _ in range(200)]
    june, again, july = (standings(*rows, size=200, campaign=name) for name in ("june", "june", "july"))
    assert june == again
    assert june != july
    assert Counter(june) == Counter(july) == {"listed": 180, "control": 20}
    # Where somebody stands in the file, or who else is there below, steers no lot.
    kept_out = {f"C{n:04}" for n, place in enumerate(june, start=1) if place == "control"}
    frame = candidates(*rows)[::-1]
    found = standing(frame, DEFAULT, "june", 200, AS_OF)
    assert set(found.filter(pl.col("standing") == "control")["customer_id"]) == kept_out


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "tier": st.sampled_from(["high", "mid", "ordinary"]),
                "value_at_risk_amount": st.none() | st.integers(0, 50).map(str),
                "contact_consent": st.sampled_from([None, True, True, False]),
            }
        ),
        min_size=1,
        max_size=40,
    ),
    st.integers(1, 50),
    st.sampled_from([Decimal(0), Decimal("0.1"), Decimal("0.5")]),
)
def test_everybody_stands_somewhere_and_no_place_is_left_while_somebody_waits(rows, size, share):
    policy = retention(control_share=share, quotas=DEFAULT.retention.model_dump()["quotas"])
    found = standing(candidates(*rows), policy, "june", size, AS_OF)
    assert found.height == len(rows)
    places = Counter(found["standing"])
    assert set(places) <= {"listed", "control", *REASONS}
    taken = places["listed"] + places["control"]
    assert taken == min(size, taken + places["beyond_size"])
    for _, of_tier in found.filter(pl.col("position").is_not_null()).group_by("tier"):
        control = (of_tier["standing"] == "control").sum()
        assert control < of_tier.height
        assert (control > 0) == (share > 0 and of_tier.height > 1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([("share: 0.5,", "share: 0.6,")], "weights must sum to 1 exactly"),
        ([("{tier: mid, share", "{tier: high, share")], "name a tier twice"),
        ([("{tier: mid, share", "{tier: gold, share")], "retention.quotas[2].tier: no tier is called 'gold'"),
        ([("  stages: [warning]\n  min_value", "  risk_bands: [top]\n  min_value")], "no band is called 'top'"),
        ([("control_share: {value: 0.1", "control_share: {value: 0.6")], "less than or equal to Decimal('0.5')"),
        ([("contact_gap_days: {value: 30", "contact_gap_days: {value: 91")], "less than or equal to 90"),
        ([("horizon_months: {value: 24", "horizon_months: {value: 61")], "less than or equal to 60"),
    ],
)
def test_faults_of_the_section_are_told(changes, words):
    with pytest.raises(PolicyError) as raised:
        policy_with(*changes)
    assert words in str(raised.value)
