"""Population stability: by hand, over batches, and through JSON."""

from __future__ import annotations

import json
import math

import numpy as np
import polars as pl
import pytest

from segmentation.churn.drift import Drift, stability_index


def test_the_index_by_hand() -> None:
    expected, found = np.array([50, 50]), np.array([80, 20])
    assert stability_index(expected, found) == pytest.approx(0.3 * math.log(1.6) - 0.3 * math.log(0.4))
    assert stability_index(expected, expected * 3) == 0
    # An empty bin counts as 0.01 %.
    assert stability_index(np.array([100, 0]), np.array([90, 10])) == pytest.approx(
        -0.1 * math.log(0.9) + (0.1 - 0.0001) * math.log(1000)
    )
    assert stability_index(expected, np.array([0, 0])) == 0


def _frame(seed: int, shift: float = 0, rows: int = 4000) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    spend = pl.Series(rng.gamma(2, 30, rows) * (1 + shift))
    return pl.DataFrame(
        {
            "spend": spend,
            "calls": pl.Series(rng.poisson(3, rows), dtype=pl.Int32),
            "ported": rng.random(rows) < 0.2,
            "brand": rng.choice(["G", "E", "M"], rows, p=[0.5, 0.3, 0.2]),
            "recharged": pl.Series([None if r < 0.3 + shift else float(r) for r in rng.random(rows)]),
        }
    )


def test_only_what_shifted_stands_out_and_batches_add_up() -> None:
    drift = Drift.reference(_frame(1))
    drift.add(_frame(2))
    assert max(drift.indexes().values()) < 0.02
    shifted = Drift.from_content(json.loads(json.dumps(drift.content())))
    assert shifted.indexes() == {}
    now = _frame(3, shift=0.3).with_columns(brand=pl.lit("N"))
    for start in range(0, now.height, 700):
        shifted.add(now.slice(start, 700))
    found = shifted.indexes()
    assert {name for name, index in found.items() if index > 0.1} == {"spend", "brand", "recharged"}
    whole = Drift.from_content(drift.content())
    whole.add(now)
    assert whole.indexes() == found


def test_columns_without_any_value_can_be_a_reference() -> None:
    empty = pl.DataFrame(
        {"a": pl.Series([None, None], dtype=pl.Float64), "b": pl.Series([None, None], dtype=pl.String)}
    )
    drift = Drift.reference(empty)
    drift.add(empty)
    assert drift.indexes() == {"a": 0, "b": 0}
    drift.add(pl.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}))
    assert drift.indexes()["a"] > 1
