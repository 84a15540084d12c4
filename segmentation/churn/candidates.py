"""The kinds of model that are tried, what each settles on, and which of them, or which average, is chosen.
Does not belong here: how examples are divided (slices.py), what is done with the choice (fit.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from segmentation.churn.boosting import Boosting, fit_boosting
from segmentation.churn.calibrate import judge
from segmentation.churn.curves import KNOTS, Curves, basis_of, expand
from segmentation.churn.examples import Flags, Floats, Rows

Component = Curves | Boosting
Split = tuple[Rows, Rows]
"""Rows to fit on, rows to judge on."""

CURVES, LINES = "curves", "lines"
KNOTS_OF = {CURVES: KNOTS, LINES: 2}
STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
# Log losses this close are one to a fresh sample; the better ranking decides among them.
_HAIR = 0.001
# Two boostings averaged help where examples are few and cost twice the time where they are many.
_PAIR_BOOSTINGS_BELOW = 50_000


@dataclass(frozen=True)
class Shape:
    """Settings of boosted trees, and after how many of them the log loss is looked at."""

    name: str
    settings: Mapping[str, float]
    stops: tuple[int, ...]


SHAPES = (
    Shape(
        "shallow",
        {
            "learning_rate": 0.05,
            "max_leaf_nodes": 5,
            "max_features": 0.3,
            "min_samples_leaf": 20,
            "l2_regularization": 5.0,
        },
        (50, 100, 150, 200, 250, 300),
    ),
    Shape(
        "lean",
        {
            "learning_rate": 0.1,
            "max_leaf_nodes": 15,
            "max_features": 0.4,
            "min_samples_leaf": 5,
            "l2_regularization": 1.0,
        },
        (25, 50, 75, 100, 150, 200),
    ),
    Shape("plain", {}, (10, 25, 50, 75, 100)),
)


@dataclass(frozen=True)
class Tried:
    """A component at one setting with its logits of the judged rows."""

    name: str
    setting: float
    logits: Floats
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Choice:
    """Components by name with their setting (strength of the curves, trees of a boosting) and weight in the average.

    `table`: one row a candidate with its figures; `logits`: of the judged rows in the order of the splits.
    """

    weights: Mapping[str, float]
    settings: Mapping[str, float]
    table: tuple[Mapping[str, Any], ...]
    logits: Floats

    @property
    def name(self) -> str:
        """Such as 0.5 curves + 0.5 shallow."""
        return " + ".join(f"{weight:.2g} {name}" if weight < 1 else name for name, weight in self.weights.items())


def choose(
    matrix: Floats,
    churned: Flags,
    splits: Sequence[Split],
    *,
    shapes: Sequence[Shape],
    seed: int,
    threads: int = 1,
) -> Choice:
    """Fits every candidate on each split's first rows and judges all on its second rows together.

    The lowest log loss after a sigmoid wins; within a hair of it, the highest AUC.
    """
    truth = churned[np.concatenate([judged for _, judged in splits])]

    def tried(candidate: str | Shape) -> Tried:
        # A thread a candidate: threads within a tree wait for each other at every node.
        with threadpool_limits(1, user_api="openmp"):
            if isinstance(candidate, str):
                return _best_curves(matrix, churned, splits, truth, candidate)
            return _best_trees(matrix, churned, splits, truth, shape=candidate, seed=seed)

    with ThreadPoolExecutor(threads) as pool:
        components = list(pool.map(tried, [*reversed(shapes), *reversed(KNOTS_OF)]))[::-1]
    found: list[tuple[dict[str, float], Floats, Mapping[str, float]]] = [
        ({one.name: 1.0}, one.logits, one.figures) for one in components
    ]
    for first, second in combinations(components, 2):
        if not {first.name, second.name} & KNOTS_OF.keys() and len(truth) > _PAIR_BOOSTINGS_BELOW:
            continue
        for share in (0.3, 0.5, 0.7):
            logits = share * first.logits + (1 - share) * second.logits
            weights = {first.name: share, second.name: round(1 - share, 1)}
            found.append((weights, logits, judge(logits, truth)))
    limit = min(figures["log_loss"] for _, _, figures in found) * (1 + _HAIR)
    near = [one for one in found if one[2]["log_loss"] <= limit]
    weights, logits, _ = max(near, key=lambda one: (one[2]["auc"], -one[2]["log_loss"]))
    settings = {one.name: one.setting for one in components}
    table = tuple(
        {"candidate": Choice(w, {}, (), logits).name, "chosen": w is weights, **figures} for w, _, figures in found
    )
    return Choice(weights, {name: settings[name] for name in weights}, table, logits)


def fit_component(
    name: str, setting: float, matrix: Floats, churned: Flags, *, shapes: Sequence[Shape], seed: int
) -> Component:
    """One component of a choice on these rows."""
    if name in KNOTS_OF:
        return Curves.fit(matrix, churned, setting, KNOTS_OF[name])
    shape = next(shape for shape in shapes if shape.name == name)
    return Boosting.fit(matrix, churned, {**shape.settings, "max_iter": int(setting)}, seed)


def _best_curves(matrix: Floats, churned: Flags, splits: Sequence[Split], truth: Flags, name: str) -> Tried:
    logits: dict[float, list[Floats]] = {strength: [] for strength in STRENGTHS}
    for fitted_on, judged in splits:
        basis = basis_of(matrix[fitted_on], KNOTS_OF[name])
        known, unseen = expand(basis, matrix[fitted_on]), expand(basis, matrix[judged])
        estimator = LogisticRegression(max_iter=500, warm_start=True)
        for strength in STRENGTHS:
            estimator.set_params(C=strength).fit(known, churned[fitted_on])
            logits[strength].append(estimator.decision_function(unseen))
    return _lowest(name, {strength: np.concatenate(parts) for strength, parts in logits.items()}, truth)


def _best_trees(
    matrix: Floats, churned: Flags, splits: Sequence[Split], truth: Flags, *, shape: Shape, seed: int
) -> Tried:
    logits: dict[float, list[Floats]] = {stop: [] for stop in shape.stops}
    for fitted_on, judged in splits:
        settings = {**shape.settings, "max_iter": max(shape.stops)}
        estimator = fit_boosting(matrix[fitted_on], churned[fitted_on], settings, seed)
        for trees, found in enumerate(estimator.staged_decision_function(matrix[judged]), start=1):
            if trees in logits:
                logits[trees].append(found.ravel().copy())
    return _lowest(shape.name, {stop: np.concatenate(parts) for stop, parts in logits.items()}, truth)


def _lowest(name: str, logits: Mapping[float, Floats], truth: Flags) -> Tried:
    tried = [Tried(name, setting, found, judge(found, truth)) for setting, found in logits.items()]
    return min(tried, key=lambda one: one.figures["log_loss"])
