"""Tiers from night to night: promoted at once, demoted slowly, rated for a time, and why each change came."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from segmentation_rows import DEFAULT, policy_with, remembered, scored

from segmentation.moves import CAUSES
from segmentation.policy import Policy, preset, read_policy

# The described customer scores 69 (mid). ARPU points decide: 80 -> 79 (high), 60 -> 69, 40 -> 59, 20 -> 49 (ordinary,
# one point below mid: inside the margin of 5), 0 -> 39.
SPEND = {"high": "400", "mid": "300", "low_mid": "200", "just_below": "100", "ordinary": "30"}
MONTHS = {f"2026-{month:02d}": dt.date(2026, month, 10) for month in range(1, 13)}


class Story:
    """One customer through nights: each call of `night` scores with what the night before left."""

    def __init__(self, policy: Policy = DEFAULT) -> None:
        self.policy = policy
        self.rows: list[dict[str, Any]] = []
        self.month_end: list[dict[str, Any]] = []

    def night(self, as_of: dt.date, spend: str, **change: Any) -> dict[str, Any]:
        if self.rows and self.rows[0]["as_of_date"].replace(day=1) != as_of.replace(day=1):
            self.month_end = self.rows
        before = remembered(self.rows, self.month_end) if self.rows else None
        amount = change.get("billed_amount", SPEND.get(spend, spend))
        row = {"billed_amount": amount, "first_activation_date": dt.date(2022, 1, 10), **change}
        row["latest_month_amount"] = f"{Decimal(amount) / row.get('billed_months', 3):.4f}"  # as much as ever
        self.rows = scored(row, policy=self.policy, as_of=as_of, before=before)
        return self.rows[0]

    def tiers(self, *spends: str, start: int = 1) -> list[str]:
        """One night a month."""
        return [self.night(dt.date(2026, start + i, 10), spend)["tier"] for i, spend in enumerate(spends)]


def test_a_promotion_comes_in_the_night_that_sees_the_score() -> None:
    story = Story()
    story.night(dt.date(2026, 1, 10), "mid")
    row = story.night(dt.date(2026, 1, 11), "high")
    assert (row["tier"], row["tier_cause"], row["tier_since"]) == ("high", "promoted", dt.date(2026, 1, 11))
    assert (row["stay_until"], row["rated_on"], row["rated_score"]) == (dt.date(2026, 7, 11), dt.date(2026, 1, 11), 79)


@pytest.mark.parametrize(
    ("case", "spends", "tiers"),
    [
        ("below for two closed months and one of grace: lost in the third", ["mid", *["ordinary"] * 4], "m m m o o"),
        ("inside the margin it is held for ever", ["mid", *["just_below"] * 5], "m m m m m m"),
        (
            "one good month starts the count again",
            ["mid", "ordinary", "ordinary", "mid", *["ordinary"] * 3],
            "m m m m m m o",
        ),
        (
            "a month inside the margin does too",
            ["mid", "ordinary", "ordinary", "just_below", *["ordinary"] * 3],
            "m m m m m m o",
        ),
        ("it falls as far as the score says", ["high", *["ordinary"] * 3], "h h h o"),
    ],
)
def test_a_demotion_takes_a_margin_and_closed_months(case: str, spends: list[str], tiers: str) -> None:
    policy = policy_with(("minimum_stay_months: {value: 6", "minimum_stay_months: {value: 0"))
    assert [tier[0] for tier in Story(policy).tiers(*spends)] == tiers.split(), case


def test_nobody_is_demoted_within_the_stay_after_a_promotion() -> None:
    story = Story()
    assert story.tiers("mid", "high", *["ordinary"] * 5) == ["mid", *["high"] * 6]
    row = story.night(dt.date(2026, 8, 10), "ordinary")  # promoted on 10 February, half a year is over
    assert (row["tier"], row["tier_cause"], row["below_months"]) == ("ordinary", "demoted", 0)


def test_nights_of_one_month_count_once_and_the_latest_judgement_stands() -> None:
    story = Story()
    story.night(dt.date(2026, 1, 10), "mid")
    for day in range(11, 31):
        row = story.night(dt.date(2026, 1, day), "ordinary")
    assert (row["tier"], row["below_months"], row["closed_month"]) == ("mid", 1, "2025-12")
    # A late bill lifts December after all: the month counts as if it had never been below.
    row = story.night(dt.date(2026, 1, 31), "mid")
    assert (row["below_months"], row["closed_month"], row["below_now"]) == (0, None, False)


def test_a_late_bill_in_the_second_month_takes_back_that_month_only() -> None:
    story = Story()
    story.tiers("mid", "ordinary")
    row = story.night(dt.date(2026, 3, 10), "ordinary")
    assert row["below_months"] == 2
    row = story.night(dt.date(2026, 3, 20), "mid")
    assert (row["below_months"], row["below_before"], row["below_now"]) == (1, 1, False)
    row = story.night(dt.date(2026, 3, 25), "ordinary")
    assert row["below_months"] == 2


def test_a_month_without_a_night_breaks_the_row() -> None:
    story = Story()
    story.tiers("mid", "ordinary", "ordinary")
    row = story.night(dt.date(2026, 5, 10), "ordinary")
    assert (row["tier"], row["below_months"]) == ("mid", 1)


def test_the_plain_thresholds_are_a_policy_without_moves() -> None:
    text = preset("default").decode()
    plain = text[: text.index("# Promoted at once")] + text[text.index("# Who came from") :]
    assert Story(read_policy(plain.encode())).tiers("mid", "just_below", "mid", "ordinary") == [
        "mid",
        "ordinary",
        "mid",
        "ordinary",
    ]


RED = {"service_list": "red"}


@pytest.mark.parametrize(
    ("case", "first", "second", "tier", "cause"),
    [
        ("entered on the red list", {}, RED, "high", "red_list"),
        ("the entry ended", RED, {}, "mid", "red_list_ended"),
        ("from the red list to the black", RED, {"service_list": "black"}, "ordinary", "black_list"),
        ("an operator decides", {}, {"override_tier": "high"}, "high", "override"),
        (
            "an operator decides against a list",
            {"service_list": "black"},
            {"override_tier": "high", "service_list": "black"},
            "high",
            "override",
        ),
        ("the decision ended", {"override_tier": "high"}, {}, "mid", "override_ended"),
        ("a decision that names no tier", {}, {"override_tier": "platinum"}, "mid", "first_rating"),
        ("a list that changes nothing", {}, {"is_vip": True}, "mid", "first_rating"),
    ],
)
def test_the_cause_of_a_change(case: str, first: dict[str, Any], second: dict[str, Any], tier: str, cause: str) -> None:
    story = Story()
    story.night(dt.date(2026, 1, 10), "mid", **first)
    row = story.night(dt.date(2026, 1, 11), "mid", **second)
    assert (row["tier"], row["tier_cause"]) == (tier, cause), case
    assert row["value_tier"] == "mid"
    assert cause in CAUSES


def test_another_policy_is_the_cause_where_its_adoption_moves_somebody() -> None:
    story = Story()
    story.night(dt.date(2026, 1, 10), "mid")
    story.policy = policy_with(
        ("name: high, min_score: 75", "name: high, min_score: 65"), ('version: "1"', 'version: "2"')
    )
    row = story.night(dt.date(2026, 1, 11), "mid")
    assert (row["tier"], row["tier_cause"], row["policy_version"]) == ("high", "adopted", "default@2")


def test_a_tier_that_the_new_policy_lacks_is_rated_anew() -> None:
    story = Story()
    story.night(dt.date(2026, 1, 10), "high")
    story.policy = read_policy(preset("power_utility"))
    row = story.night(dt.date(2026, 1, 11), "ordinary")
    assert (row["value_tier"], row["tier_cause"]) == (row["score_tier"], "adopted")


@pytest.mark.parametrize(
    ("case", "change", "tier"),
    [
        ("ported in, spends much, new", {"ported_in_from": "Unicom"}, "high"),
        ("says to have switched", {"previous_operator": "Unicom"}, "high"),
        ("came from nowhere", {}, "mid"),
        ("spends too little", {"ported_in_from": "Unicom", "billed_amount": "449"}, "mid"),
    ],
)
def test_a_high_spender_from_a_competitor_is_high_while_new(case: str, change: dict[str, Any], tier: str) -> None:
    story = Story()
    arrived = {"first_activation_date": dt.date(2026, 1, 10), "operator_credit_score": "100"}
    row = story.night(dt.date(2026, 6, 9), "450", **arrived, **change)
    assert (row["tier"], row["value_tier"]) == (tier, "mid"), case
    assert row["provisional_until"] == (dt.date(2026, 7, 10) if tier == "high" else None)
    row = story.night(dt.date(2026, 7, 10), "450", **arrived, **change)
    assert row["tier"] == "mid", case
    assert row["tier_cause"] == ("provisional_ended" if tier == "high" else "first_rating"), case


STAR = read_policy(preset("star"), "star")
STARS = {"first_activation_date": dt.date(2024, 1, 10), "billed_months": 6}


def test_a_rating_holds_for_its_months_and_is_judged_when_it_ends() -> None:
    story = Story(STAR)
    first = story.night(dt.date(2026, 1, 10), "1200", **STARS)  # 200 a month and 24 months: 224 points
    assert (first["tier"], first["rated_until"]) == ("star4", dt.date(2027, 1, 10))
    row = story.night(dt.date(2027, 1, 9), "300", **STARS)  # 50 and 35: two stars, held
    assert (row["tier"], row["score_tier"], "tier_held" in row["reasons"]) == ("star4", "star2", True)
    row = story.night(dt.date(2027, 1, 10), "300", **STARS)
    assert (row["tier"], row["tier_cause"], row["rated_until"]) == ("star2", "rerated", dt.date(2028, 1, 10))


def test_a_star_is_gained_at_once_and_begins_a_new_rating() -> None:
    story = Story(STAR)
    story.night(dt.date(2026, 1, 10), "1200", **STARS)
    row = story.night(dt.date(2026, 5, 10), "1800", **STARS)
    assert (row["tier"], row["tier_cause"], row["rated_until"]) == ("star5", "promoted", dt.date(2027, 5, 10))


def test_three_arrears_stops_cap_the_next_rating_not_the_present_one() -> None:
    story = Story(STAR)
    story.night(dt.date(2026, 1, 10), "1200", **STARS)
    stopped = {**STARS, "arrears_stops": 3}
    row = story.night(dt.date(2026, 6, 10), "1200", **stopped)
    assert (row["tier"], "arrears<3" in row["lifted_by"]) == ("star4", False)
    row = story.night(dt.date(2027, 1, 10), "1200", **stopped)
    assert (row["tier"], row["tier_cause"], row["lifted_by"]) == ("star3", "rerated", "arrears<3")


GOTONE = read_policy(preset("gotone_2025"), "gotone_2025")


def test_gotone_levels_change_on_the_first_of_february_only() -> None:
    story = Story(GOTONE)
    year = {"billed_months": 12}
    row = story.night(dt.date(2025, 2, 1), "2500", **year)
    assert (row["tier"], row["rated_until"], row["value_score"]) == ("gold", dt.date(2026, 2, 1), 2700)
    row = story.night(dt.date(2026, 1, 31), "9000", **year)
    assert (row["tier"], row["score_tier"], "tier_waits" in row["reasons"]) == ("gold", "diamond", True)
    row = story.night(dt.date(2026, 2, 1), "9000", **year)
    assert (row["tier"], row["tier_cause"], row["rated_until"]) == ("diamond", "rerated", dt.date(2027, 2, 1))


def test_changes_are_told_since_the_end_of_last_month() -> None:
    story = Story()
    story.night(dt.date(2026, 1, 30), "mid")
    story.night(dt.date(2026, 1, 31), "low_mid")
    row = story.night(dt.date(2026, 2, 10), "high")
    assert row["changes"] == "tier=mid>high;arpu_points=40>80"
    assert story.night(dt.date(2026, 2, 11), "high")["changes"] == "tier=mid>high;arpu_points=40>80"
    assert story.night(dt.date(2026, 3, 1), "high")["changes"] == ""


def test_points_of_a_rate_are_told_as_people_write_them() -> None:
    story = Story(STAR)
    story.night(dt.date(2026, 1, 31), "1200", **STARS)
    row = story.night(dt.date(2026, 2, 10), "1203", **STARS)
    assert row["changes"] == "arpu_points=200>201;tenure_points=24>25"
    assert row["value_score"] == Decimal(226)
