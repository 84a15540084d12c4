"""Lifecycle stages: each rule at its border, and how long a stage holds."""

import datetime as dt
from typing import Any

import pytest
from segmentation_rows import AS_OF, DEFAULT, policy_with, remembered, scored

from segmentation.lifecycle import STAGE_CAUSES, growth_causes, warning_causes

# ARPU 116.1667 over three months, 36,000 voice seconds (12,000 in the latest), 30 GB (10 GB in the latest).
QUIET = {"latest_month_amount": "116", "contract_end_date": None}


@pytest.mark.parametrize(
    ("case", "change", "stage", "cause"),
    [
        ("nothing special", {}, "stable", "stage_settled"),
        ("one stop for arrears", {"arrears_stops": 1}, "stable", "stage_settled"),
        ("a second stop", {"arrears_stops": 2}, "warning", "warn_arrears"),
        ("two complaints", {"complaints": 2}, "stable", "stage_settled"),
        ("a third complaint", {"complaints": 3}, "warning", "warn_complaints"),
        ("spend fell to half", {"latest_month_amount": "58.0833"}, "warning", "warn_spend_falls"),
        ("spend fell to just above half", {"latest_month_amount": "58.0834"}, "stable", "stage_settled"),
        (
            "spend fell, but it is the only month",
            {"latest_month_amount": "1", "billed_months": 1, "usage_months": 1},
            "stable",
            "stage_settled",
        ),
        (
            "calls and data fell to three tenths",
            {"latest_month_voice_seconds": 3_600, "latest_month_data_bytes": 3_000_000_000},
            "warning",
            "warn_usage_falls",
        ),
        ("calls fell, data did not", {"latest_month_voice_seconds": 0}, "stable", "stage_settled"),
        (
            "never used anything",
            {"voice_seconds": 0, "data_bytes": 0, "latest_month_voice_seconds": 0, "latest_month_data_bytes": 0},
            "stable",
            "stage_settled",
        ),
        (
            "usage of the latest month is not loaded",
            {"latest_month_voice_seconds": None, "latest_month_data_bytes": None},
            "stable",
            "stage_settled",
        ),
        ("spend a fifth above the mean", {"latest_month_amount": "139.4001"}, "growth", "spend_grows"),
        ("not quite a fifth", {"latest_month_amount": "139.4000"}, "stable", "stage_settled"),
        ("tenure of two months", {"first_activation_date": dt.date(2026, 8, 10)}, "identification", "stage_new"),
        ("tenure of eleven months", {"first_activation_date": dt.date(2025, 10, 16)}, "growth", "stage_young"),
        (
            "warning goes before new",
            {"first_activation_date": dt.date(2026, 8, 10), "lines_active": 0},
            "warning",
            "warn_suspended",
        ),
        ("the first cause that holds is the stage's", {"complaints": 3, "arrears_stops": 2}, "warning", "warn_arrears"),
    ],
)
def test_a_stage_and_its_cause(case: str, change: dict[str, Any], stage: str, cause: str) -> None:
    row = scored({**QUIET, "data_bytes": 30_000_000_000, "latest_month_data_bytes": 10_000_000_000, **change})[0]
    assert (row["lifecycle_stage"], row["stage_cause"], row["stage_since"]) == (stage, cause, AS_OF), case


def test_usage_may_be_a_reason_to_grow() -> None:
    policy = policy_with(("  settle_days", "    usage_ratio: 1.5\n  settle_days"))
    grown = {**QUIET, "latest_month_voice_seconds": 18_000}
    row = scored(grown, policy=policy)[0]
    assert (row["lifecycle_stage"], row["stage_cause"]) == ("growth", "usage_grows")
    row = scored({**QUIET, "latest_month_voice_seconds": 17_999}, policy=policy)[0]
    assert row["lifecycle_stage"] == "stable"


def nights(*causes: dict[str, Any], first: dt.date = AS_OF) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    for day, change in enumerate(causes):
        before = remembered(told[-1:]) if told else None
        told += scored({**QUIET, **change}, as_of=first + dt.timedelta(days=day), before=before)
    return told


WARNED, GROWING = {"complaints": 3}, {"latest_month_amount": "140"}


def test_warning_is_entered_at_once_and_left_after_the_settling_days() -> None:
    told = nights({}, WARNED, *[{}] * 15)
    assert [row["lifecycle_stage"] for row in told] == ["stable", *["warning"] * 15, "stable"]
    assert (told[2]["next_stage"], told[2]["next_stage_since"]) == ("stable", AS_OF + dt.timedelta(days=2))
    assert (told[-1]["stage_since"], told[-1]["next_stage"]) == (AS_OF + dt.timedelta(days=16), None)


def test_a_stage_that_changes_back_starts_settling_again() -> None:
    told = nights({}, *[GROWING] * 10, {}, *[GROWING] * 14)
    assert {row["lifecycle_stage"] for row in told} == {"stable"}
    assert nights({}, *[GROWING] * 15)[-1]["lifecycle_stage"] == "growth"


def test_a_stage_keeps_the_cause_and_day_of_its_entry() -> None:
    told = nights({}, WARNED, {"lines_active": 0, **WARNED})
    assert [(row["stage_cause"], row["stage_since"].day) for row in told[1:]] == [("warn_complaints", 16)] * 2
    assert "warn_suspended" in told[2]["reasons"]


def test_new_customers_leave_identification_by_tenure_alone() -> None:
    arrived = {"first_activation_date": dt.date(2026, 7, 16)}
    told = nights(arrived, arrived)
    assert [row["lifecycle_stage"] for row in told] == ["identification", "growth"]


def test_every_cause_has_a_meaning() -> None:
    from segmentation.explain import REASONS

    causes = {*warning_causes(DEFAULT, AS_OF), *growth_causes(DEFAULT), *STAGE_CAUSES}
    assert causes <= {*REASONS, *STAGE_CAUSES}
