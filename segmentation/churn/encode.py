"""A frame of features as a matrix of floats, the same for every row whoever else is in the frame.
Does not belong here: what a model makes of the columns (curves.py, boosting.py)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from segmentation.churn.examples import Floats
from segmentation.columns import ColumnsError

MAX_LEVELS = 50
# A level seen in fewer rows than this, or than this share, tells little and goes with the other rare ones.
MIN_LEVEL_ROWS, MIN_LEVEL_SHARE = 10, 0.002
# From the first to the last hundredth: the ends of a range are a person's value.
_SHARES = np.linspace(0.01, 0.99, 9)


@dataclass(frozen=True)
class EncodedFeature:
    """A numeric feature (levels None: one column), or a category: a column a level, then one for all other values.

    A level None is null where null was common enough to be a level of its own. `spread`: quantiles of a numeric
    feature in training; no prediction reads them, they are where a model file's golden rows come from.
    """

    name: str
    levels: tuple[str | None, ...] | None = None
    spread: tuple[float, ...] = ()

    @property
    def width(self) -> int:
        """Matrix columns that it takes."""
        return 1 if self.levels is None else len(self.levels) + 1

    def fill(self, series: pl.Series, out: Floats) -> None:
        """Writes a series of n values into `out` [n, width]; raises ColumnsError on a type that can't be encoded."""
        numeric = _is_number(series.dtype) or series.dtype == pl.Null
        if self.levels is None:
            if not numeric:
                raise ColumnsError(f"feature {self.name} is {series.dtype}, the model takes a number; cast it")
            values = series.cast(pl.Float64).to_numpy()
            out[:, 0] = np.where(np.isfinite(values), values, np.nan)
            return
        if numeric and series.dtype != pl.Null:
            raise ColumnsError(f"feature {self.name} is {series.dtype}, the model takes a category; cast it to String")
        rare = len(self.levels)
        known = [level for level in self.levels if level is not None]
        positions = [self.levels.index(level) for level in known]
        codes = series.cast(pl.String).replace_strict(known, positions, default=rare, return_dtype=pl.Int16)
        of_null = self.levels.index(None) if None in self.levels else rare
        found = pl.select(pl.when(series.is_null()).then(of_null).otherwise(codes)).to_series().to_numpy()
        for position in range(self.width):
            out[:, position] = found == position


@dataclass(frozen=True)
class Encoding:
    """Features in the order of the matrix; `ignored` says of each column left out why."""

    features: tuple[EncodedFeature, ...]
    ignored: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Columns of the matrix."""
        return sum(feature.width for feature in self.features)

    def feature_of_column(self) -> list[str]:
        """The feature's name of each matrix column."""
        return [feature.name for feature in self.features for _ in range(feature.width)]

    def matrix(self, frame: pl.DataFrame) -> Floats:
        """[rows, width] floats, NaN = unknown; the frame's other columns and their order do not matter.

        Raises ColumnsError naming every missing column, or one of a wrong type.
        """
        missing = [feature.name for feature in self.features if feature.name not in frame.columns]
        if missing:
            raise ColumnsError(f"the churn model needs the columns {', '.join(missing)}; add them, or fit a model anew")
        out = np.empty((frame.height, self.width), dtype=np.float64, order="F")
        start = 0
        for feature in self.features:
            feature.fill(frame[feature.name], out[:, start : start + feature.width])
            start += feature.width
        return out


def fit_encoding(frame: pl.DataFrame) -> Encoding:
    """What of these columns a model can use. No label is looked at.

    Ignored, with a word in the result: columns of one value, and categories of which most values are rare (names,
    identifiers). Raises ColumnsError on dates, lists and the like.
    """
    features: list[EncodedFeature] = []
    ignored: list[str] = []
    for series in frame.iter_columns():
        if series.n_unique() < 2:
            seldom = "unknown in all examples fitted on" if series.null_count() == len(series) else "one value only"
            ignored.append(f"{series.name}: {seldom}")
        elif _is_number(series.dtype):
            features.append(EncodedFeature(series.name, spread=_spread(series)))
        elif series.dtype in (pl.String, pl.Categorical, pl.Enum):
            levels = _levels(series.cast(pl.String))
            if levels is None:
                ignored.append(f"{series.name}: {series.n_unique()} values, most of them rare, as of an identifier")
            else:
                features.append(EncodedFeature(series.name, levels))
        else:
            raise ColumnsError(
                f"feature {series.name} is {series.dtype}; give a number (such as days since) or a String category"
            )
    if not features:
        raise ColumnsError(f"no column that a model can use: {'; '.join(ignored) or 'the frame has none'}")
    return Encoding(tuple(features), tuple(ignored))


def _levels(series: pl.Series) -> tuple[str | None, ...] | None:
    counts = series.value_counts(sort=False, name="rows")
    enough = max(MIN_LEVEL_ROWS, math.ceil(MIN_LEVEL_SHARE * len(series)))
    common = counts.filter(pl.col("rows") >= enough).sort(["rows", series.name], descending=[True, False])
    kept = common.head(MAX_LEVELS)
    if kept.is_empty() or (counts.height > MAX_LEVELS and 2 * kept["rows"].sum() < len(series)):
        return None
    return tuple(kept[series.name].sort().to_list())


def _spread(series: pl.Series) -> tuple[float, ...]:
    values = series.cast(pl.Float64).drop_nulls().to_numpy()
    values = values[np.isfinite(values)]
    return tuple(np.quantile(values, _SHARES, method="lower").tolist()) if len(values) else (0.0,)


def _is_number(dtype: Any) -> bool:
    return bool(dtype.is_numeric() or dtype == pl.Boolean)
