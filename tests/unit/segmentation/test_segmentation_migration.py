"""Who moves between tiers when one policy takes another's place, which way, and by what."""

import re
from decimal import Decimal

import polars as pl
import pytest
from segmentation_rows import DEFAULT, changed_text, policy_with

from segmentation.columns import ColumnsError
from segmentation.migration import CAUSES, MIGRATION, PAIRS, Rung, ladder, migration
from segmentation.policy import MEASURES, read_policy

SAME = ladder(DEFAULT.tier_names, DEFAULT.tier_names)
# From 60 on a customer is high, from 40 on mid.
LOWER = policy_with(("min_score: 75,", "min_score: 60,"), ("min_score: 50,", "min_score: 40,"))


def pairs(*rows: dict[str, object]) -> pl.DataFrame:
    """Customers under two policies: (tier, ARPU part, tenure part, credit part), the same by score, by value and in
    the end unless `after_served`, `after_value` and so on say otherwise.
    """
    full = []
    for row in rows:
        values: dict[str, object] = {}
        for side in ("before", "after"):
            tier, *parts = row[side]  # type: ignore[misc]
            known = dict(zip(("arpu", "tenure", "credit"), parts, strict=True))
            values |= {f"{side}_{m}_part": Decimal(known.get(m, 0)) for m in MEASURES}
            held = row.get(f"{side}_value", tier)
            values |= {f"{side}_value_score": Decimal(sum(parts)), f"{side}_score_tier": tier}
            values |= {f"{side}_value_tier": held, f"{side}_tier": row.get(f"{side}_served", held)}
            values[f"{side}_policy_segment"] = row.get("segment", "base")
        full.append(values)
    return pl.DataFrame(full, schema=dict(PAIRS))


def judged(row: dict[str, object], policy=DEFAULT, rungs=SAME) -> tuple[str, str | None]:
    found = migration(pairs(row), rungs, policy)
    return found["direction"].item(), found["cause"].item()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"before": ("mid", 30, 20, 10), "after": ("mid", 40, 20, 10)}, ("stays", None)),
        ({"before": ("mid", 30, 20, 10), "after": ("high", 50, 20, 10)}, ("up", "arpu")),
        ({"before": ("mid", 30, 20, 10), "after": ("high", 35, 30, 10)}, ("up", "tenure")),
        ({"before": ("mid", 30, 20, 10), "after": ("ordinary", 30, 20, -5)}, ("down", "credit")),
        # What pushed the other way is not the cause, however far it pushed.
        ({"before": ("mid", 30, 10, 10), "after": ("ordinary", 40, 0, 9)}, ("down", "tenure")),
        # Of two equal pushes the first is named.
        ({"before": ("mid", 30, 20, 10), "after": ("high", 38, 28, 10)}, ("up", "arpu")),
        # The value stays, and a list does what it did not do before.
        ({"before": ("mid", 30, 20, 10), "after": ("mid", 30, 20, 10), "after_served": "high"}, ("up", "lists")),
        ({"before": ("mid", 30, 20, 10), "after": ("mid", 35, 20, 10), "before_served": "high"}, ("down", "lists")),
        # Or both do, and not the same.
        (
            {
                "before": ("mid", 30, 20, 10),
                "after": ("mid", 30, 20, 10),
                "after_served": "high",
                "before_served": "ordinary",
            },
            ("up", "lists"),
        ),
        # Tonight's score reaches the same tier, and only one of the policies goes on to hold a better one.
        ({"before": ("mid", 30, 20, 10), "before_value": "high", "after": ("mid", 30, 20, 10)}, ("down", "moves")),
        # The same score, and yet another tier by it: who may be rated is decided otherwise.
        ({"before": ("mid", 30, 20, 10), "after": ("ordinary", 30, 20, 10)}, ("down", "eligibility")),
    ],
)
def test_one_customer_has_one_direction_and_one_cause(row, expected):
    assert judged(row) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        # The old score is enough under the new tiers, whatever else changed.
        ({"before": ("mid", 30, 20, 12), "after": ("high", 30, 20, 12)}, ("up", "thresholds")),
        ({"before": ("mid", 30, 20, 12), "after": ("high", 40, 20, 12)}, ("up", "thresholds")),
        # It is not: 55 is mid under the new tiers too.
        ({"before": ("mid", 30, 20, 5), "after": ("high", 40, 20, 5)}, ("up", "arpu")),
        # Up by the tiers, held back by a part: 45 would be mid, and so it is.
        ({"before": ("ordinary", 30, 10, 5), "after": ("mid", 26, 10, 5)}, ("up", "thresholds")),
    ],
)
def test_other_thresholds_are_the_cause_where_the_old_score_gets_as_far(row, expected):
    assert judged(row, LOWER) == expected


def test_the_old_score_is_judged_under_the_tiers_of_the_segment():
    """50 points are enough for a prepaid customer under the new policy, and for nobody else."""
    text = changed_text()
    text += b"segments:\n  - name: prepaid\n    payment_types: [prepaid]\n    policy:\n      tiers:\n"
    text += b"        - {name: high, min_score: 50}\n        - {name: mid, min_score: 20}\n"
    text += b"        - {name: ordinary, min_score: 0}\n"
    after = read_policy(text)
    row = {"before": ("mid", 30, 20, 0), "after": ("high", 46, 20, 10)}
    assert judged({**row, "segment": "prepaid"}, after) == ("up", "thresholds")
    assert judged({**row, "segment": "base"}, after) == ("up", "arpu")


def test_other_columns_go_through_and_the_new_ones_have_their_types():
    frame = pairs({"before": ("mid", 30, 20, 10), "after": ("high", 50, 20, 10)}).with_columns(spend=pl.lit(7))
    found = migration(frame, SAME, DEFAULT)
    assert found.columns == [*PAIRS, "spend", *MIGRATION]
    assert {name: found.schema[name] for name in MIGRATION} == dict(MIGRATION)
    assert found.select("before_place", "after_place").rows() == [(1, 0)]


def test_missing_or_mistyped_columns_are_named():
    frame = pairs({"before": ("mid", 30, 20, 10), "after": ("high", 50, 20, 10)})
    broken = frame.drop("after_tier").with_columns(pl.col("before_arpu_part").cast(pl.Float64))
    with pytest.raises(ColumnsError, match=r"before_arpu_part is Float64.*after_tier is missing"):
        migration(broken, SAME, DEFAULT)


@pytest.mark.parametrize(
    ("before", "after", "labels"),
    [
        (("high", "mid", "low"), ("high", "mid", "low"), ["high", "mid", "low"]),
        (("high", "mid", "low"), ("top", "high", "mid", "low"), ["top", "high", "mid", "low"]),
        (("high", "mid", "low"), ("high", "low"), ["high", "mid", "low"]),
        (("high", "mid", "low"), ("high", "standard", "low"), ["high", "mid → standard", "low"]),
        (("gold", "silver"), ("a", "b", "c"), ["gold → a", "silver → b", "c"]),
    ],
)
def test_two_ladders_become_one(before, after, labels):
    assert [rung.label for rung in ladder(before, after)] == labels


def test_a_customer_moves_on_the_common_ladder_not_between_names():
    with_top = ("{name: high, min_score: 75", "{name: top, min_score: 90}\n  - {name: high, min_score: 75")
    after = read_policy(re.sub(rb"\bmid\b", b"standard", changed_text(with_top)))
    rungs = ladder(DEFAULT.tier_names, after.tier_names)
    assert rungs == (Rung(None, "top"), Rung("high", "high"), Rung("mid", "standard"), Rung("ordinary", "ordinary"))
    rows = [
        {"before": ("mid", 30, 20, 10), "after": ("standard", 30, 20, 10)},
        {"before": ("high", 50, 30, 12), "after": ("top", 50, 30, 12)},
        {"before": ("high", 50, 20, 10), "after": ("standard", 40, 20, 10)},
    ]
    found = migration(pairs(*rows), rungs, after)
    assert found["direction"].to_list() == ["stays", "up", "down"]
    assert found["cause"].to_list() == [None, "thresholds", "arpu"]
    assert set(found["cause"].drop_nulls()) <= set(CAUSES)
