"""What two policies say differently, and what one says: by meaning, with the new one's grounds."""

import pytest
from segmentation_rows import DEFAULT, policy_with

from segmentation.policy import preset, read_policy
from segmentation.policy_diff import Change, content_diff, policy_diff, policy_lines


def said(*changes: tuple[str, str]) -> list[tuple[str, str, str | None, str | None]]:
    return [(c.key, c.kind, c.old, c.new) for c in policy_diff(DEFAULT, policy_with(*changes))]


def test_a_policy_does_not_differ_from_itself_however_it_is_written():
    written_otherwise = policy_with(
        ("min_score: 75,", "min_score: 75.0,"),
        ("  horizon_days: 30\n", ""),
        ("neutral: {value: 60, reason:", "neutral: {value: 60.00, reason:"),
    )
    assert policy_diff(DEFAULT, written_otherwise) == ()


def test_a_changed_threshold_comes_with_the_new_reason_and_date():
    new = policy_with(
        ('inactive_days: {value: 30, reason: "the shortest of the usual prepaid churn definitions", date: 2026-01-01}',
         'inactive_days: {value: 45, reason: "fewer false alarms", date: 2026-10-01}'),
    )  # fmt: skip
    assert policy_diff(DEFAULT, new) == (
        Change("lifecycle.warning.inactive_days", "changed", "30", "45", "fewer false alarms", "2026-10-01"),
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # A step is known again by where it begins, else by its points.
        ([("from: 80, points: 60", "from: 80, points: 70")],
         [("value.arpu.steps[from 80].points", "changed", "60", "70")]),
        ([("from: 80, points: 60", "from: 90, points: 60")],
         [("value.arpu.steps[points 60].from", "changed", "80", "90")]),
        ([("min_score: 75,", "min_score: 90}\n  - {name: good, min_score: 75,")],
         [("tiers[high].min_score", "changed", "75", "90"),
          ("tiers[good].min_score", "added", None, "75")]),
        ([("spend_ratio: {value: 1.2, ", "spend_ratio: null\n    #")],
         [("lifecycle.growth.spend_ratio", "removed", "1.2", None)]),
        ([("vip: {at_least: null", "vip: {at_least: high")],
         [("lists.vip.at_least", "changed", "null", "high")]),
        ([("[black, red, vip]", "[red, black, vip]")],
         [("lists.precedence", "changed", "[black, red, vip]", "[red, black, vip]")]),
        ([("top_churn_band: true", "top_churn_band: false")],
         [("lifecycle.warning.top_churn_band", "changed", "true", "false")]),
    ],
)  # fmt: skip
def test_what_changed_is_named_by_its_place(changes, expected):
    found = said(*changes)
    assert [row for row in found if row[1] != "grounds"] == expected


def test_a_step_that_is_gone_is_removed_and_the_others_are_the_same():
    text = preset("default").decode()
    line = next(line for line in text.splitlines(keepends=True) if "from: 80, points: 60" in line)
    found = policy_diff(DEFAULT, read_policy(text.replace(line, "").encode()))
    assert [(c.key, c.kind, c.old, c.new) for c in found] == [
        ("value.arpu.steps[from 80].points", "removed", "60", None)
    ]
    back = policy_diff(read_policy(text.replace(line, "").encode()), DEFAULT)
    assert [(c.key, c.kind, c.new) for c in back] == [("value.arpu.steps[from 80].points", "added", "60")]


def test_another_reason_alone_is_no_other_value():
    changed = policy_diff(DEFAULT, policy_with(("the usual entry plan", "the entry plan since May")))
    assert [(c.key, c.kind, c.reason) for c in changed] == [
        ("value.arpu.steps[from 30]", "grounds", "the entry plan since May")
    ]


def test_a_step_by_value_and_one_by_quantile_are_compared():
    quantile = read_policy(preset("quantile"))
    found = {c.key: (c.old, c.new) for c in policy_diff(DEFAULT, quantile)}
    assert found["value.arpu.steps[points 80].from"] == ("120", "quantile 0.8")
    assert found["currency"] == ("CNY", "null")
    assert not [key for key in found if key.startswith("value.tenure")]


def test_items_without_a_name_are_known_by_their_content_or_position():
    def plays(*rules: tuple[str, int]) -> dict[str, object]:
        return {"plays": [{"play": play, "days": days} for play, days in rules]}

    def said(old: dict[str, object], new: dict[str, object]) -> list[tuple[str, str, str | None, str | None]]:
        return [(c.key, c.kind, c.old, c.new) for c in content_diff(old, new)]

    old = plays(("call", 3), ("write", 5))
    assert said(old, plays(("write", 5), ("call", 3))) == []
    assert said(old, plays(("call", 4), ("write", 5))) == [("plays[1].days", "changed", "3", "4")]
    assert said(old, plays(("write", 5))) == [
        ("plays[1].play", "removed", "call", None),
        ("plays[1].days", "removed", "3", None),
    ]
    assert said({"plays": []}, plays(("call", 3)))[0] == ("plays[1].play", "added", None, "call")


def test_every_value_of_a_policy_is_a_line_with_its_grounds():
    lines = {line.key: line for line in policy_lines(DEFAULT)}
    assert lines["tiers[high].min_score"].value == "75"
    assert lines["value.tenure.weight"].value == "0.3"
    assert (lines["arpu.window_months"].value, lines["arpu.window_months"].date) == ("3", "2026-01-01")
    assert lines["value.arpu.steps[from 30].points"].reason == "the usual entry plan"
    assert lines["churn.history_months"].value == "12", "a default that is not written out"
    assert len(lines) == len(policy_lines(DEFAULT)), "two lines of one key"
