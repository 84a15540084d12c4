"""Features as a matrix: one row's numbers depend on nothing but the row and the encoding."""

import numpy as np
import polars as pl
import pytest

from segmentation.churn.encode import EncodedFeature, Encoding, fit_encoding
from segmentation.columns import ColumnsError


def test_numbers_of_every_dtype_become_floats_and_the_unknown_nan() -> None:
    frame = pl.DataFrame(
        {
            "whole": pl.Series([1, None, 3], dtype=pl.Int32),
            "money": pl.Series(["1.2500", "2.5", None]).cast(pl.Decimal(18, 4)),
            "flag": [True, False, None],
            "float": [0.5, float("nan"), float("inf")],
        }
    )
    found = fit_encoding(frame).matrix(frame)
    np.testing.assert_array_equal(found, [[1, 1.25, 1, 0.5], [np.nan, 2.5, 0, np.nan], [3, np.nan, np.nan, np.nan]])


def test_the_encoding_fixes_the_order_not_the_frame() -> None:
    frame = pl.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    encoding = fit_encoding(frame)
    other = frame.select("b", pl.lit("more").alias("c"), "a")
    np.testing.assert_array_equal(encoding.matrix(other), encoding.matrix(frame))


def test_a_level_never_seen_goes_with_the_rare_ones_and_null_is_a_level_where_common() -> None:
    frame = pl.DataFrame({"plan": ["basic"] * 30 + ["family"] * 20 + ["odd"] + [None] * 15})
    encoding = fit_encoding(frame)
    assert encoding.features[0].levels == (None, "basic", "family")
    asked = pl.DataFrame({"plan": [None, "basic", "family", "odd", "new"]})
    np.testing.assert_array_equal(encoding.matrix(asked).argmax(axis=1), [0, 1, 2, 3, 3])
    assert (encoding.matrix(asked).sum(axis=1) == 1).all()


def test_a_rare_null_goes_with_the_rare_ones() -> None:
    encoding = Encoding((EncodedFeature("plan", ("basic", "family")),))
    asked = pl.DataFrame({"plan": pl.Series([None, None], dtype=pl.String)})
    np.testing.assert_array_equal(encoding.matrix(asked), [[0, 0, 1], [0, 0, 1]])


def test_identifiers_and_constants_are_ignored_with_a_word() -> None:
    frame = pl.DataFrame({"id": [f"C{i}" for i in range(200)], "same": [1] * 200, "x": range(200)})
    encoding = fit_encoding(frame)
    assert [feature.name for feature in encoding.features] == ["x"]
    assert encoding.ignored == (
        "id: 200 values, most of them rare, as of an identifier",
        "same: one value only",
    )


def test_many_common_levels_are_a_category_of_bounded_width() -> None:
    frame = pl.DataFrame({"state": [f"S{i % 70:02}" for i in range(7000)]})
    assert fit_encoding(frame).width == 51


def test_missing_and_mistyped_columns_are_named() -> None:
    frame = pl.DataFrame({"tenure": [1, 2], "plan": ["a", "b"] * 1})
    encoding = Encoding((EncodedFeature("tenure"), EncodedFeature("plan", ("a",)), EncodedFeature("bill")))
    with pytest.raises(ColumnsError, match="columns bill;"):
        encoding.matrix(frame)
    with pytest.raises(ColumnsError, match="tenure is String"):
        encoding.matrix(frame.with_columns(pl.lit("x").alias("tenure"), pl.lit(1).alias("bill")))
    with pytest.raises(ColumnsError, match="plan is Int"):
        encoding.matrix(frame.with_columns(plan=1, bill=1))
    with pytest.raises(ColumnsError, match="since is Date"):
        fit_encoding(pl.DataFrame({"since": ["2024-01-01", "2024-01-02"]}).select(pl.col("since").str.to_date()))
    with pytest.raises(ColumnsError, match="no column that a model can use: same"):
        fit_encoding(pl.DataFrame({"same": [1, 1]}))
