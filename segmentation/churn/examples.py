"""Examples that a churn model is fitted on, and what a fit may be told.
Does not belong here: where examples come from (sql/, pipelines/training), how they are divided (slices.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

KIND = "payment_type"
"""The column that tells which kind a row is of; asked of a frame when the model was fitted on kinds."""

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class TooLittleHistoryError(ValueError):
    """Too few customers left, or stayed, to fit a model; the message says how many there are and are needed."""


@dataclass(frozen=True)
class TrainingSet:
    """One row an example: a customer as known at the end of an as-of date, and whether the customer left afterwards.

    features: numbers, booleans, decimals, and strings as categories; null = unknown. churned: one flag a row.
    origins: the as-of date of each row (datetime64[D]), where dates exist. groups: rows with one number stay in one
    fold (a customer; duplicate rows). kinds: the payment type of each row; None: one model for all.
    Raises ValueError when the parts differ in length.
    """

    features: pl.DataFrame
    churned: Flags
    origins: npt.NDArray[np.datetime64] | None = None
    groups: npt.NDArray[np.int64] | None = None
    kinds: Sequence[str] | None = None

    def __post_init__(self) -> None:
        given = {"churned": self.churned, "origins": self.origins, "groups": self.groups, "kinds": self.kinds}
        wrong = [f"{name} {len(part)}" for name, part in given.items() if part is not None and len(part) != len(self)]
        if wrong:
            raise ValueError(f"features have {len(self)} rows, but {', '.join(wrong)}; give one entry a row")

    def __len__(self) -> int:
        return self.features.height

    def take(self, rows: Rows) -> TrainingSet:
        """These rows, in this order."""
        return TrainingSet(
            self.features[rows],
            self.churned[rows],
            None if self.origins is None else self.origins[rows],
            None if self.groups is None else self.groups[rows],
            None if self.kinds is None else np.asarray(self.kinds, dtype=object)[rows].tolist(),
        )


def require_events(churned: Flags, needed: int) -> None:
    """Raises TooLittleHistoryError unless so many examples churned and as many did not."""
    left = int(churned.sum())
    stayed = len(churned) - left
    if left < needed or stayed < needed:
        raise TooLittleHistoryError(
            f"{left} examples churned and {stayed} did not, a model needs {needed} of each; "
            "load more months of history, or leave the risk to the rates of bands"
        )
