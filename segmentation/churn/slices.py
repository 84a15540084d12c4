"""Which examples are fitted on, chosen on, calibrated on and held out: by date where dates allow, by fold elsewhere.
Does not belong here: what is fitted (fit.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedKFold

from segmentation.churn.candidates import Split
from segmentation.churn.examples import Flags, Rows, TrainingSet

Days = npt.NDArray[np.datetime64]
# Fewer churners than this in a slice say too little to choose or to calibrate by.
MIN_SLICE_EVENTS = 30
_LATE_SHARE = 0.15


@dataclass(frozen=True)
class DateSlices:
    """Row numbers by date. `refit` are the rows known before the calibration begins: train, validate and what lay
    between them."""

    train: Rows
    validate: Rows
    calibrate: Rows
    held_out: Rows
    refit: Rows


def date_slices(training: TrainingSet, label_days: int) -> DateSlices | None:
    """Train | validate | calibrate | held out, each later than the one before; None where the history is too short.

    The last three take 15 % of the as-of dates each, at least one, and more where labels take longer than that to be
    known: an example whose label is known only after the next slice's first as-of date (label_days after its own) is
    in no slice before it. Too short: a slice with fewer than MIN_SLICE_EVENTS churners or as many others, or fewer
    than two dates to train on.
    """
    if training.origins is None:
        return None
    days = training.origins.astype("datetime64[D]")
    dates = np.unique(days)
    least = _late(len(dates))
    for late in range(least, (len(dates) - least - 2) // 2 + 1):
        starts = [dates[-least - 2 * late], dates[-least - late], dates[-least]]
        parts = [_between(days, label_days, begin, end) for begin, end in pairwise([None, *starts, None])]
        if all(_enough(training.churned[rows]) for rows in parts) and len(np.unique(days[parts[0]])) > 1:
            train, validate, calibrate, held_out = parts
            return DateSlices(train, validate, calibrate, held_out, _between(days, label_days, None, starts[1]))
    return None


def last_dates(training: TrainingSet, label_days: int) -> Split | None:
    """Rows to fit on, and rows of the last as-of dates held out; None where that leaves too little of either."""
    if training.origins is None:
        return None
    days = training.origins.astype("datetime64[D]")
    dates = np.unique(days)
    late = _late(len(dates))
    first = dates[-late]
    before, held_out = _between(days, label_days, None, first), _between(days, label_days, first, None)
    if not _enough(training.churned[held_out]) or not _enough(training.churned[before]):
        return None
    return before, held_out


def held_out_dates(dates: Sequence[date]) -> tuple[date, ...]:
    """The as-of dates, in order, whose examples a fit by date holds out."""
    return tuple(sorted(dates)[-_late(len(dates)) :]) if dates else ()


def folds(training: TrainingSet, number: int, seed: int) -> list[Split]:
    """Stratified folds by group: rows of one group are judged together, and never by a fit that saw one of them."""
    groups = np.arange(len(training)) if training.groups is None else training.groups
    _, of_row = np.unique(groups, return_inverse=True)
    left = np.zeros(of_row.max() + 1, dtype=bool)
    np.logical_or.at(left, of_row, training.churned)
    rarer = int(min(left.sum(), (~left).sum()))
    cut = StratifiedKFold(max(2, min(number, rarer)), shuffle=True, random_state=seed)
    found = []
    for _, judged in cut.split(left, left):
        inside = np.isin(of_row, judged)
        found.append((np.flatnonzero(~inside), np.flatnonzero(inside)))
    return found


def random_rows(rows: Rows, at_most: int, seed: int) -> Rows:
    """These rows, or a sample of them in their order."""
    if len(rows) <= at_most:
        return rows
    drawn: Rows = np.sort(np.random.default_rng(seed).choice(rows, at_most, replace=False))
    return drawn


def _late(dates: int) -> int:
    return max(1, round(_LATE_SHARE * dates))


def _between(days: Days, label_days: int, begin: np.datetime64 | None, end: np.datetime64 | None) -> Rows:
    inside = np.ones(len(days), dtype=bool)
    if begin is not None:
        inside &= days >= begin
    if end is not None:
        inside &= days + np.timedelta64(label_days, "D") <= end
    return np.flatnonzero(inside)


def _enough(churned: Flags) -> bool:
    return min(int(churned.sum()), int((~churned).sum())) >= MIN_SLICE_EVENTS
