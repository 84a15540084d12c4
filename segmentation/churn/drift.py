"""Drift: how far tonight's inputs and risks lie from those that the model was fitted on.
From which figure on somebody is warned is the policy's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl

Counts = npt.NDArray[np.int64]
BINS = 10
_LEVELS = 20
_LEAST = 1e-4
"""Share that an empty bin counts as, so that its logarithm exists."""


@dataclass(frozen=True)
class Bins:
    """How the values of one column are cut: a number by `edges` (bin i ends at edge i, included), a text by `levels`;
    all other texts are one bin, and null is the last.
    """

    edges: tuple[float, ...] | None
    levels: tuple[str, ...] | None

    @classmethod
    def of(cls, values: pl.Series) -> Self:
        """Tenths of the numbers that are there, or the 20 most frequent texts."""
        if values.dtype.is_numeric() or values.dtype == pl.Boolean:
            known = _numbers(values)
            known = known[~np.isnan(known)]
            if not len(known):
                return cls((), None)
            edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1], method="lower"))
            return cls(tuple(float(edge) for edge in edges), None)
        counted = values.drop_nulls().value_counts(sort=True).sort(["count", values.name], descending=[True, False])
        return cls(None, tuple(str(level) for level in counted[values.name].head(_LEVELS)))

    def count(self, values: pl.Series) -> Counts:
        """How many of the values lie in each bin."""
        if self.edges is not None:
            numbers = _numbers(values)
            known = ~np.isnan(numbers)
            bins = np.searchsorted(np.asarray(self.edges), numbers[known], side="left")
            counts = np.bincount(bins, minlength=len(self.edges) + 1)
            return np.append(counts, len(numbers) - int(known.sum())).astype(np.int64)
        levels = self.levels or ()
        found = dict(values.cast(pl.String).value_counts().iter_rows())
        named = [int(found.get(level, 0)) for level in levels]
        unknown = int(values.null_count())
        return np.array([*named, len(values) - sum(named) - unknown, unknown], dtype=np.int64)


@dataclass
class Drift:
    """Reference counts of each column, and counts of what is compared with them, added up batch by batch."""

    bins: Mapping[str, Bins]
    expected: Mapping[str, Counts]
    found: dict[str, Counts] = field(default_factory=dict)

    @classmethod
    def reference(cls, frame: pl.DataFrame) -> Self:
        """The columns of a frame as what later ones are compared with."""
        bins = {name: Bins.of(frame[name]) for name in frame.columns}
        return cls(bins, {name: bins[name].count(frame[name]) for name in frame.columns})

    def add(self, frame: pl.DataFrame) -> None:
        """Counts the rows of a batch, which has all the columns of the reference."""
        for name, bins in self.bins.items():
            counted = bins.count(frame[name])
            self.found[name] = self.found[name] + counted if name in self.found else counted

    def indexes(self) -> dict[str, float]:
        """Population stability index of each column; nothing while nothing was counted."""
        return {name: stability_index(self.expected[name], counts) for name, counts in self.found.items()}

    def content(self) -> dict[str, Any]:
        """The reference as plain values for JSON."""
        return {
            name: {
                "edges": None if bins.edges is None else list(bins.edges),
                "levels": None if bins.levels is None else list(bins.levels),
                "counts": self.expected[name].tolist(),
            }
            for name, bins in self.bins.items()
        }

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> Self:
        """The inverse of `content`."""
        bins = {
            name: Bins(
                None if of["edges"] is None else tuple(map(float, of["edges"])),
                None if of["levels"] is None else tuple(map(str, of["levels"])),
            )
            for name, of in content.items()
        }
        return cls(bins, {name: np.array(of["counts"], dtype=np.int64) for name, of in content.items()})


def stability_index(expected: Counts, found: Counts) -> float:
    """Population stability index: sum over bins of (found - expected share) × ln(found / expected share).

    0: the same shares; 0.1 to 0.2: some shift; above: another population (Siddiqi, Credit Risk Scorecards, 2006). Bins
    that are empty on one side count as 0.01 % there.
    """
    if not expected.sum() or not found.sum():
        return 0.0
    before = np.maximum(expected / expected.sum(), _LEAST)
    now = np.maximum(found / found.sum(), _LEAST)
    return float(((now - before) * np.log(now / before)).sum())


def _numbers(values: pl.Series) -> npt.NDArray[np.float64]:
    return values.cast(pl.Float64).to_numpy()
