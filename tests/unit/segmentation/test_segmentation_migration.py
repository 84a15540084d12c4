"""Who moves between tiers when one policy takes another's place, which way, and by what."""

from decimal import Decimal

import polars as pl
import pytest
from segmentation_rows import DEFAULT, changed_text, policy_with

from segmentation.columns import ColumnsError
from segmentation.migration import CAUSES, MIGRATION, PAIRS, Rung, ladder, migration
from segmentation.policy import read_policy

SAME = ladder(DEFAULT.tier_names, DEFAULT.tier_names)
# From 60 on a customer is high, from 40 on mid.
LOWER = policy_with(("min_score: 75,", "min_score: 60,"), ("min_score: 50,", "min_score: 40,"))


def pairs(*rows: dict[str, object]) -> pl.DataFrame:
    """Customers under two policies: parts and scores as (arpu, tenure, credit); `listed` where a list changes it."""
    full = []
    for row in rows:
        values: dict[str, object] = {}
        for side in ("before", "after"):
            tier, *parts = row[side]  # type: ignore[misc]
            values |= {f"{side}_{m}_part": Decimal(p) for m, p in zip(("arpu", "tenure", "credit"), parts, strict=True)}
            values |= {f"{side}_{measure}_part": Decimal(0) for measure in ("spend", "mou")}
            values |= {f"{side}_value_score": Decimal(sum(parts)), f"{side}_value_tier": tier}
            values[f"{side}_score_tier"] = row.get(f"{side}_score_tier", tier)
            values[f"{side}_tier"] = row.get(f"{side}_listed", tier)
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
        ({"before": ("mid", 30, 20, 10), "after": ("mid", 30, 20, 10), "after_listed": "high"}, ("up", "lists")),
        ({"before": ("mid", 30, 20, 10), "after": ("mid", 35, 20, 10), "before_listed": "high"}, ("down", "lists")),
        # The night's score gives mid under both; before, high was held.
        (
            {"before": ("high", 30, 20, 10), "before_score_tier": "mid", "after": ("mid", 30, 20, 10)},
            ("down", "moves"),
        ),
        # The parts are the same, and so are the thresholds that they reach: somebody may not be rated any more.
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
    text = changed_text(
        ("{name: high, min_score: 75", "{name: top, min_score: 90}\n  - {name: high, min_score: 75"),
        ("{name: mid, min_score", "{name: standard, min_score"),
    )
    after = read_policy(text.replace(b"[mid]", b"[standard]"))
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
