"""Fitting a churn model: choose, fit, calibrate and hold out, each on examples that the step before did not see.
Does not belong here: examples (pipelines/training), what the figures must reach for a model to be used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import expit
from threadpoolctl import threadpool_limits

from segmentation.churn.calibrate import calibrated, fit_calibration
from segmentation.churn.candidates import KNOTS_OF, SHAPES, Choice, Component, Shape, Split, choose, fit_component
from segmentation.churn.encode import fit_encoding
from segmentation.churn.examples import (
    KIND,
    Flags,
    Floats,
    Rows,
    TooLittleHistoryError,
    TrainingSet,
    require_events,
)
from segmentation.churn.predict import ChurnModel, Part, average
from segmentation.churn.slices import DateSlices, date_slices, folds, last_dates, random_rows

__all__ = ["FitOptions", "Fitted", "HeldOut", "TooLittleHistoryError", "TrainingSet", "fit"]


# So many judged rows tell candidates apart and fix a sigmoid; where a fold or two have them, the others are not fitted.
_JUDGED_ROWS = 10_000
# Below this a second thread costs more in waiting than it saves, many times more on a busy machine.
_ONE_THREAD_BELOW = 20_000


@dataclass(frozen=True)
class FitOptions:
    """label_days: days after an as-of date until its labels are known (gap and horizon). min_events: churners, and as
    many others, below which there is no model, or none for a payment type alone. holdout_share: examples held out where
    there are no dates to hold out by. choice_rows, curve_rows: a choice among candidates, and the curves, are made on a
    sample of at most so many rows; calibration and trees use all.
    """

    label_days: int = 0
    min_events: int = 200
    holdout_share: float = 0.2
    folds: int = 5
    seed: int = 0
    threads: int = 2
    choice_rows: int = 40_000
    curve_rows: int = 100_000
    shapes: tuple[Shape, ...] = SHAPES


@dataclass(frozen=True)
class HeldOut:
    """Row numbers of the training set that nothing was fitted on, their calibrated risk (unrounded), and the logit
    before calibration.
    """

    rows: Rows
    risk: Floats
    raw_logit: Floats


@dataclass(frozen=True)
class Fitted:
    """The model; what was chosen, and how examples were divided, in words by part ('all', or the payment type); the
    candidates' figures on rows that they were not fitted on; the held-out rows; columns that were ignored, and why."""

    model: ChurnModel
    chosen: Mapping[str, str]
    divided: Mapping[str, str]
    candidates: pl.DataFrame
    held_out: HeldOut
    ignored: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class _FittedPart:
    part: Part
    choice: Choice
    divided: str
    held_out: Rows


class _Search(TypedDict):
    shapes: tuple[Shape, ...]
    seed: int
    threads: int


def fit(training: TrainingSet, options: FitOptions | None = None) -> Fitted:
    """A model for each payment type with enough churners, and none for one without; where none alone has enough, one of
    all with the payment type as a feature.

    The same training set and options give the same model. Raises TooLittleHistoryError below options.min_events
    churners (or others), ColumnsError on columns that can't be features.
    """
    options = options or FitOptions()
    require_events(training.churned, options.min_events)
    with threadpool_limits(_threads(training, options)):
        return _fit(training, options)


def _fit(training: TrainingSet, options: FitOptions) -> Fitted:
    found: list[tuple[_FittedPart, Rows]] = []
    kinds = None if training.kinds is None else np.asarray(training.kinds, dtype=object)
    enough = [] if kinds is None else _with_enough(kinds, training.churned, options.min_events)
    if kinds is not None and enough:
        for kind in enough:
            rows = np.flatnonzero(kinds == kind)
            found.append((_fit_part(training.take(rows), kind, options), rows))
    else:
        if kinds is not None:
            with_kind = training.features.with_columns(pl.Series(KIND, training.kinds, dtype=pl.String))
            training = TrainingSet(with_kind, training.churned, training.origins, training.groups)
        found.append((_fit_part(training, None, options), np.arange(len(training))))
    model = ChurnModel([one.part for one, _ in found])
    named = {one.part.kind or "all": one for one, _ in found}
    return Fitted(
        model,
        {name: _settled(one.choice) for name, one in named.items()},
        {name: one.divided for name, one in named.items()},
        pl.DataFrame([{"part": name, **row} for name, one in named.items() for row in one.choice.table]),
        _held_out(training, found),
        (
            *dict.fromkeys(message for one, _ in found for message in one.part.encoding.ignored),
            *_left_out(kinds, training.churned, enough),
        ),
    )


def _fit_part(training: TrainingSet, kind: str | None, options: FitOptions) -> _FittedPart:
    slices = date_slices(training, options.label_days)
    if slices is not None and training.origins is not None:
        encoding = fit_encoding(training.features[slices.refit])
        matrix = encoding.matrix(training.features)
        train = random_rows(slices.train, options.choice_rows, options.seed)
        validate = random_rows(slices.validate, options.choice_rows, options.seed)
        choice = choose(matrix, training.churned, [(train, validate)], **_search(training, options))
        components = _refit(choice, matrix, training.churned, slices.refit, options)
        unseen = average(components, matrix[slices.calibrate])
        calibration = fit_calibration(unseen, training.churned[slices.calibrate])
        return _FittedPart(
            Part(kind, encoding, components, calibration), choice, _told(training.origins, slices), slices.held_out
        )
    rows, held_out, told = _without_slices(training, options)
    encoding = fit_encoding(training.features[rows])
    matrix = encoding.matrix(training.features)
    sample = random_rows(rows, options.choice_rows, options.seed)
    splits: list[Split] = [
        (sample[fitted_on], sample[judged])
        for fitted_on, judged in folds(training.take(sample), options.folds, options.seed)
    ]
    splits = splits[: max(1, math.ceil(_JUDGED_ROWS / len(splits[0][1])))]
    choice = choose(matrix, training.churned, splits, **_search(training, options))
    judged = np.concatenate([judged for _, judged in splits])
    components = _refit(choice, matrix, training.churned, rows, options)
    calibration = fit_calibration(choice.logits, training.churned[judged])
    return _FittedPart(Part(kind, encoding, components, calibration), choice, told, held_out)


def _refit(
    choice: Choice, matrix: Floats, churned: Flags, rows: Rows, options: FitOptions
) -> tuple[tuple[float, Component], ...]:
    components = []
    for name, weight in choice.weights.items():
        own = random_rows(rows, options.curve_rows, options.seed) if name in KNOTS_OF else rows
        setting = choice.settings[name]
        component = fit_component(name, setting, matrix[own], churned[own], shapes=options.shapes, seed=options.seed)
        components.append((weight, component))
    return tuple(components)


def _without_slices(training: TrainingSet, options: FitOptions) -> tuple[Rows, Rows, str]:
    """Rows to fit and choose on by cross-validation, rows held out, and the division in words."""
    late = last_dates(training, options.label_days)
    if late is not None:
        before, held_out = late
        told = (
            f"{len(before)} examples cross-validated in {options.folds} folds, the last dates' {len(held_out)} held out"
        )
        return before, held_out, told
    everyone = np.arange(len(training))
    if options.holdout_share <= 0:
        told = f"{len(everyone)} examples cross-validated in {options.folds} folds, none held out"
        return everyone, everyone[:0], told
    rows, held_out = folds(training, max(2, round(1 / options.holdout_share)), options.seed)[0]
    told = f"{len(rows)} examples cross-validated in {options.folds} folds, {len(held_out)} drawn at random held out"
    return rows, held_out, told


def _told(origins: npt.NDArray[np.datetime64], slices: DateSlices) -> str:
    words = []
    for name in ("train", "validate", "calibrate", "held_out"):
        days = origins[getattr(slices, name)].astype("datetime64[D]")
        words.append(f"{name.replace('_', ' ')} {days.min()} to {days.max()} ({len(days)} examples)")
    return ", ".join(words)


def _settled(choice: Choice) -> str:
    settings = (
        f"{name}: {'C ' if name in KNOTS_OF else ''}{setting:g}{'' if name in KNOTS_OF else ' trees'}"
        for name, setting in choice.settings.items()
    )
    return f"{choice.name} ({', '.join(settings)})"


def _held_out(training: TrainingSet, found: list[tuple[_FittedPart, Rows]]) -> HeldOut:
    rows, logits, risks = [], [], []
    for one, of_part in found:
        held = of_part[one.held_out]
        part = one.part
        raw = average(part.components, part.encoding.matrix(training.features[held]))
        rows.append(held)
        logits.append(raw)
        risks.append(expit(calibrated(part.calibration, raw)))
    together, order = np.concatenate(rows), np.argsort(np.concatenate(rows), kind="stable")
    return HeldOut(together[order], np.concatenate(risks)[order], np.concatenate(logits)[order])


def _search(training: TrainingSet, options: FitOptions) -> _Search:
    return {"shapes": options.shapes, "seed": options.seed, "threads": _threads(training, options)}


def _threads(training: TrainingSet, options: FitOptions) -> int:
    return 1 if len(training) < _ONE_THREAD_BELOW else options.threads


def _with_enough(kinds: Any, churned: Flags, needed: int) -> list[str]:
    """The kinds with so many churners, and as many others, in order."""
    return [
        kind
        for kind in sorted(set(kinds))
        for own in [churned[kinds == kind]]
        if min(int(own.sum()), int((~own).sum())) >= needed
    ]


def _left_out(kinds: Any, churned: Flags, enough: list[str]) -> list[str]:
    if kinds is None or not enough:
        return []
    return [
        f"{kind} customers: {int(churned[kinds == kind].sum())} left, too few for a model; they keep the rate of their "
        "band"
        for kind in sorted(set(kinds) - set(enough))
    ]
