"""The leak alarm: what knows the outcome too well to have been known beforehand.
Which limits hold and what was accepted is the policy's; stopping a training is the caller's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

Outcome = npt.NDArray[np.bool_]
MODEL = "model"
"""The name under which a whole model is accused, and accepted."""
_BINS = 20
_FOLDS = 5
_EXPECTED = 30
_SELDOM = 0.05
"""Of an outcome expected so often at least, less than this share is found where nulls go with the other one."""


@dataclass(frozen=True)
class LeakLimits:
    """What is too good. auc: of one feature alone; null_auc: of its being unknown alone; model_auc: of the model.

    0.95 for a model: above it an AUC "is a leak until shown otherwise"; published anchors end at 0.85 to 0.987, and
    known leaks, a shipped churn score and a tenure measured at the moment of leaving, reach 0.94 and 0.99 alone.
    """

    auc: float = 0.90
    null_auc: float = 0.75
    model_auc: float = 0.95


@dataclass(frozen=True)
class Leak:
    """One accusation. `figure` passed `limit`; both are AUCs, for `pure_nulls` shares of one outcome."""

    feature: str
    kind: Literal["too_good", "null_pattern", "pure_nulls", "model_too_good"]
    figure: float
    limit: float

    def __str__(self) -> str:
        what = {
            "too_good": f"alone tells who left with an AUC of {self.figure:.3f} (limit {self.limit:g}): it may be "
            "measured at or after the moment of leaving, or be another model's score",
            "null_pattern": "is known for the one and unknown for the other: that alone has an AUC of "
            f"{self.figure:.3f} (limit {self.limit:g}), as where it is filled in later",
            "pure_nulls": f"is unknown, or known, only with one outcome: in {self.figure:.1%} of those examples, as "
            "where it is filled in later",
            "model_too_good": f"has an AUC of {self.figure:.3f} on examples that it was not fitted on (limit "
            f"{self.limit:g}): some of its features are too good to be true",
        }[self.kind]
        return f"{self.feature} {what}"


def feature_leaks(features: pl.DataFrame, churned: Outcome, limits: LeakLimits) -> list[Leak]:
    """Every feature that alone, or whose being null alone, tells the outcome too well. One row an example.

    A feature's AUC is that of the churn rate of its bin (twentieths of a number, values of a text, unknown as one more)
    in the other four fifths of the examples, so that shape does not matter; numbers are judged by their order too.
    """
    return [leak for name in features.columns for leak in _of_feature(features[name], churned, limits)]


def model_leaks(auc: float, limits: LeakLimits) -> list[Leak]:
    """The model itself, where its AUC on examples that it was not fitted on passes the limit."""
    return [Leak(MODEL, "model_too_good", auc, limits.model_auc)] if auc > limits.model_auc else []


def not_accepted(leaks: list[Leak], accepted: Mapping[str, str]) -> list[Leak]:
    """The leaks whose feature nobody accepted with a reason."""
    return [leak for leak in leaks if not accepted.get(leak.feature, "").strip()]


def _of_feature(values: pl.Series, churned: Outcome, limits: LeakLimits) -> Iterator[Leak]:
    alone = max(_binned_auc(values, churned), _ordered_auc(values, churned))
    if alone > limits.auc:
        yield Leak(values.name, "too_good", alone, limits.auc)
    unknown = values.is_null().to_numpy()
    if not unknown.any() or unknown.all():
        return
    by_null = _auc(unknown.astype(np.float64), churned)
    by_null = max(by_null, 1 - by_null)
    if by_null > limits.null_auc:
        yield Leak(values.name, "null_pattern", by_null, limits.null_auc)
        return
    for side in (unknown, ~unknown):
        for outcome in (churned, ~churned):
            # So many that chance can't have kept the outcome away from them.
            expected, found = side.sum() * outcome.mean(), (side & outcome).sum()
            if expected >= _EXPECTED and found <= _SELDOM * expected:
                yield Leak(values.name, "pure_nulls", float(1 - found / side.sum()), 1 - _SELDOM)
                return


def _ordered_auc(values: pl.Series, churned: Outcome) -> float:
    if not values.dtype.is_numeric() and values.dtype != pl.Boolean:
        return 0.5
    known = values.is_not_null().to_numpy()
    if not known.any():
        return 0.5
    auc = _auc(values.drop_nulls().cast(pl.Float64).to_numpy(), churned[known])
    # Of those without a value nothing is known: they count as ties.
    pairs = churned[known].sum() * (~churned[known]).sum() / max(churned.sum() * (~churned).sum(), 1)
    return float(0.5 + (max(auc, 1 - auc) - 0.5) * pairs)


def _binned_auc(values: pl.Series, churned: Outcome) -> float:
    bins = _bins(values)
    fold = np.arange(len(bins)) % _FOLDS
    rate = np.empty(len(bins))
    for k in range(_FOLDS):
        other, own = fold != k, fold == k
        base = churned[other].mean()
        count = np.bincount(bins[other], minlength=bins.max() + 1)
        left = np.bincount(bins[other], weights=churned[other], minlength=bins.max() + 1)
        # A bin hardly seen says little: it is drawn to everybody's rate.
        rate[own] = ((left + 5 * base) / (count + 5))[bins[own]]
    return _auc(rate, churned)


def _bins(values: pl.Series) -> npt.NDArray[np.intp]:
    if values.dtype.is_numeric():
        numbers = values.cast(pl.Float64).to_numpy()
        known = ~np.isnan(numbers)
        bins = np.zeros(len(numbers), dtype=np.intp)
        if known.any():
            edges = np.unique(np.quantile(numbers[known], np.linspace(0, 1, _BINS + 1)[1:-1], method="lower"))
            bins[known] = 1 + np.searchsorted(edges, numbers[known], side="left")
        return bins
    codes: npt.NDArray[np.intp] = np.unique(values.cast(pl.String).fill_null("").to_numpy(), return_inverse=True)[1]
    return codes


def _auc(score: npt.NDArray[np.float64], churned: Outcome) -> float:
    positive, negative = int(churned.sum()), int((~churned).sum())
    if not positive or not negative:
        return 0.5
    _, level, count = np.unique(score, return_inverse=True, return_counts=True)
    # The mean rank of equal scores.
    rank = np.cumsum(count) - (count - 1) / 2
    return float((rank[level][churned].sum() - positive * (positive + 1) / 2) / (positive * negative))
