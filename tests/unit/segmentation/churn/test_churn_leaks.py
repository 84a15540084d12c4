"""The leak alarm: planted leaks are named, honest features are not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from segmentation.churn.leaks import MODEL, LeakLimits, feature_leaks, model_leaks, not_accepted

ROWS = 4000
LIMITS = LeakLimits()


@pytest.fixture(scope="module")
def churned() -> np.ndarray:
    return np.random.default_rng(1).random(ROWS) < 0.08


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(2)


def _named(values: object, churned: np.ndarray) -> list[tuple[str, str]]:
    return [(leak.feature, leak.kind) for leak in feature_leaks(pl.DataFrame({"planted": values}), churned, LIMITS)]


def test_a_score_column_is_named(churned: np.ndarray, rng: np.random.Generator) -> None:
    score = np.where(churned, rng.normal(75, 8, ROWS), rng.normal(50, 12, ROWS)).round()
    assert _named(score, churned) == [("planted", "too_good")]


def test_a_feature_whose_middle_leaks_is_named(churned: np.ndarray, rng: np.random.Generator) -> None:
    # Its order alone says nothing: who leaves has values around zero, others lie on both sides.
    value = np.where(churned, rng.normal(0, 0.1, ROWS), rng.choice([-1, 1], ROWS) * rng.uniform(0.3, 3, ROWS))
    assert _named(value, churned) == [("planted", "too_good")]


def test_a_text_that_leaks_is_named(churned: np.ndarray, rng: np.random.Generator) -> None:
    others = rng.choice(["none", "price"], ROWS, p=[0.95, 0.05])
    reason = np.where(churned, rng.choice(["price", "moved"], ROWS), others)
    assert _named(reason, churned) == [("planted", "too_good")]


def test_tenure_measured_when_they_left_is_named(churned: np.ndarray, rng: np.random.Generator) -> None:
    # Everybody's months until the extract, those of churners until they left: never as long as before.
    joined = rng.uniform(200, 3000, ROWS)
    tenure = np.where(churned, joined * rng.uniform(0, 0.06, ROWS), joined)
    assert ("planted", "too_good") in _named(tenure, churned)


def test_an_amount_that_only_those_who_stayed_have_is_named(churned: np.ndarray, rng: np.random.Generator) -> None:
    bills = rng.normal(50, 9, ROWS)
    late_bill = pl.Series([None if left else float(bill) for left, bill in zip(churned, bills, strict=True)])
    assert [kind for _, kind in _named(late_bill, churned)] == ["too_good", "null_pattern"]


def test_nulls_of_one_outcome_are_named_though_few(churned: np.ndarray, rng: np.random.Generator) -> None:
    # Half of the churners are unknown and nobody else: an AUC of 0.75 only.
    unknown = churned & (rng.random(ROWS) < 0.45)
    values = pl.Series([None if u else float(v) for u, v in zip(unknown, rng.normal(50, 9, ROWS), strict=True)])
    assert _named(values, np.asarray(churned)) == [("planted", "pure_nulls")]


def test_honest_features_are_not_named(churned: np.ndarray, rng: np.random.Generator) -> None:
    strong = churned * 1.5 + rng.normal(0, 1, ROWS)  # alone an AUC of 0.86
    rare = rng.random(ROWS) < 0.03
    frame = pl.DataFrame(
        {
            "strong": strong,
            "noise": rng.normal(size=ROWS),
            "text": rng.choice(["a", "b", "c"], ROWS),
            "flag": rng.random(ROWS) < np.where(churned, 0.6, 0.3),
            "identifier": [f"c{i}" for i in range(ROWS)],
            "constant": [1] * ROWS,
            "unknown": pl.Series([None] * ROWS, dtype=pl.Float64),
            "sparse": pl.Series([None if r else 1.0 for r in rare]),
            # Unknown for the eleven newest, of whom nobody left: too few to say anything.
            "new": pl.Series([None if i in set(np.flatnonzero(~churned)[:11]) else 2.0 for i in range(ROWS)]),
        }
    )
    assert feature_leaks(frame, churned, LIMITS) == []


def test_a_model_too_good_is_named_and_a_reason_accepts_it() -> None:
    leaks = model_leaks(0.987, LIMITS)
    assert [leak.feature for leak in leaks] == [MODEL]
    assert model_leaks(0.95, LIMITS) == []
    assert not_accepted(leaks, {MODEL: "status is known on the day; looked through on 2026-11-02"}) == []
    assert not_accepted(leaks, {MODEL: " "}) == leaks
    assert "0.987" in str(leaks[0])
