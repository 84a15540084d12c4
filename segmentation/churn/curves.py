"""A regularised logistic regression whose logit is a sum of one curve a column: straight lines between knots.
Does not belong here: how strongly to regularise (candidates.py)."""

# Broken lines on ten knots, beside a straight one that the rest is shrunk towards, did better than cubic splines on
# the public data (ADR 10), and numpy evaluates them element by element in a few nanoseconds.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from segmentation.churn.examples import Flags, Floats

KNOTS = 10
# Beyond these quantiles a curve is flat: no outlier, in training or after, gets a risk of its own.
_EDGES = (0.005, 0.995)


@dataclass(frozen=True)
class BasisColumn:
    """Knots of a column, ascending; mean and deviation of its values between them; whether training saw nulls."""

    knots: tuple[float, ...]
    mean: float
    deviation: float
    has_nulls: bool

    @property
    def width(self) -> int:
        """Basis columns: the line, a hat a knot where there are more than two, an indicator of null."""
        return 1 + (len(self.knots) if len(self.knots) > 2 else 0) + self.has_nulls

    def fill(self, values: Floats, out: Floats) -> None:
        """Writes the basis of n values into `out` [n, width]."""
        unknown = np.isnan(values)
        inside = np.clip(values, self.knots[0], self.knots[-1])
        out[:, 0] = (inside - self.mean) / self.deviation
        if len(self.knots) > 2:
            for position, hat in enumerate(np.eye(len(self.knots)), start=1):
                out[:, position] = np.interp(inside, self.knots, hat)
        out[unknown] = 0.0
        if self.has_nulls:
            out[:, -1] = unknown

    def curve(self, weights: Floats) -> tuple[Floats, float | None]:
        """The column's part of the logit at the knots, and at null (None where training saw no null)."""
        values = weights[0] * (np.array(self.knots) - self.mean) / self.deviation
        if len(self.knots) > 2:
            values = values + weights[1 : 1 + len(self.knots)]
        return values, float(weights[-1]) if self.has_nulls else None


def basis_of(matrix: Floats, knots: int = KNOTS) -> tuple[BasisColumn, ...]:
    """At most so many knots, by quantile, of each column of [n, columns]; 2: straight lines."""
    return tuple(_basis_column(column, knots) for column in matrix.T)


def expand(basis: Sequence[BasisColumn], matrix: Floats) -> Floats:
    """[n, sum of widths] columns to fit a logistic regression on."""
    out = np.empty((len(matrix), sum(column.width for column in basis)))
    start = 0
    for column, values in zip(basis, matrix.T, strict=True):
        column.fill(values, out[:, start : start + column.width])
        start += column.width
    return out


class Curves:
    """A fitted sum of curves; `estimator` is the logistic regression over the basis that they were folded from.

    `centers` are the means of the curves over the training rows: what a reason is relative to.
    """

    name = "curves"

    def __init__(self, basis: Sequence[BasisColumn], estimator: LogisticRegression, centers: Sequence[float]) -> None:
        self.basis, self.estimator, self.centers = tuple(basis), estimator, tuple(centers)
        weights = estimator.coef_[0]
        if len(weights) != sum(column.width for column in basis) or len(centers) != len(basis):
            raise ValueError("the curves' basis and weights differ in length")
        self._intercept = float(estimator.intercept_[0])
        ends = np.cumsum([column.width for column in basis])
        self._curves: list[tuple[Floats, Floats, float]] = []
        for column, end, center in zip(basis, ends, self.centers, strict=True):
            # A null that training never saw says nothing: it gets the mean.
            values, at_null = column.curve(weights[end - column.width : end])
            self._curves.append((np.array(column.knots), values, center if at_null is None else at_null))

    @classmethod
    def fit(cls, matrix: Floats, churned: Flags, strength: float, knots: int = KNOTS) -> Self:
        """Fits on [n, columns]; `strength` is scikit-learn's C."""
        basis = basis_of(matrix, knots)
        estimator = LogisticRegression(C=strength, max_iter=500).fit(expand(basis, matrix), churned)
        return cls.of(basis, estimator, matrix)

    @classmethod
    def of(cls, basis: Sequence[BasisColumn], estimator: LogisticRegression, matrix: Floats) -> Self:
        """From a logistic regression fitted on the basis of this matrix."""
        loose = cls(basis, estimator, [0.0] * len(basis))
        centers = []
        for (knots, values, at_null), column in zip(loose._curves, matrix.T, strict=True):
            centers.append(float(_at(column, knots, values, at_null).mean()))
        return cls(basis, estimator, centers)

    def logits(
        self, matrix: Floats, groups: npt.NDArray[np.int64] | None = None, parts: Floats | None = None, scale: float = 1
    ) -> Floats:
        """The raw logit of each row, summed in the order of the columns, each row by itself.

        With `groups` (of each column) and `parts` [groups, n], adds scale × the curves' distances from their means.
        """
        total = np.full(len(matrix), self._intercept)
        for position, (knots, values, at_null) in enumerate(self._curves):
            part = _at(matrix[:, position], knots, values, at_null)
            total += part
            if parts is not None and groups is not None:
                parts[groups[position]] += scale * (part - self.centers[position])
        return total

    def base(self) -> float:
        """The raw logit where every curve is at its mean."""
        return self._intercept + sum(self.centers)

    def to_json(self) -> dict[str, Any]:
        """All but the estimator."""
        columns = [[column.knots, column.mean, column.deviation, column.has_nulls] for column in self.basis]
        return {"basis": columns, "centers": self.centers}

    @classmethod
    def from_json(cls, found: dict[str, Any], estimator: LogisticRegression) -> Self:
        """The other way round."""
        basis = [BasisColumn(tuple(knots), *rest) for knots, *rest in found["basis"]]
        return cls(basis, estimator, found["centers"])


def _at(column: Floats, knots: Floats, values: Floats, at_null: float) -> Floats:
    part = np.interp(column, knots, values)
    return np.where(np.isnan(column), at_null, part)


def _basis_column(values: Floats, most: int) -> BasisColumn:
    known = values[~np.isnan(values)]
    if not len(known):
        return BasisColumn((0.0, 1.0), 0.0, 1.0, has_nulls=True)
    distinct, counts = np.unique(known, return_counts=True)
    has_nulls = len(known) < len(values)
    if len(distinct) <= 2:
        first, last = float(distinct[0]), float(distinct[-1])
        last = last if last > first else first + 1
        return BasisColumn((first, last), first, last - first, has_nulls)
    if len(distinct) > most:
        shares = np.linspace(*_EDGES, most)
        knots = np.unique(np.quantile(known, shares, method="lower"))
        if len(knots) < most:  # one value, such as 0, is so common that it takes several quantiles
            common = distinct[counts.argmax()]
            knots = np.unique([common, *np.quantile(known[known != common], shares[1:], method="lower")])
    else:
        knots = distinct
    if most == 2:
        knots = knots[[0, -1]]
    inside = np.clip(known, knots[0], knots[-1])
    return BasisColumn(tuple(knots.tolist()), float(inside.mean()), float(inside.std()) or 1.0, has_nulls)
