"""Boosted trees, their logit and each feature's part in it, leaf by leaf.
Does not belong here: which shapes of trees are tried (candidates.py)."""

# A reason is what the path to the leaf adds: at each split the mean of the training rows moves, and the move belongs to
# the split's feature. The moves add up to the leaf, so that reasons add up to the logit, at the cost of a table a tree.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

from segmentation.churn.examples import Flags, Floats

Groups = npt.NDArray[np.int64]
_NO_CATEGORIES = np.empty((0, 8), dtype=np.uint32)


class _Tree:
    """One tree: which leaf a row falls into, what the leaf is worth, and how the path came there."""

    def __init__(self, nodes: npt.NDArray[Any], columns: int) -> None:
        leaf = nodes["is_leaf"].astype(bool)
        inner = np.flatnonzero(~leaf)
        children = np.concatenate([nodes["left"][inner], nodes["right"][inner]]).astype(np.int64)
        wrong = (
            (children <= np.concatenate([inner, inner])).any()
            or (children >= len(nodes)).any()
            or (nodes["feature_idx"][inner] >= columns).any()
            or (nodes["feature_idx"][inner] < 0).any()
            or nodes["is_categorical"].any()
        )
        if wrong:
            raise ValueError("a tree leads outside itself or outside the features")
        self.nodes = nodes
        numbered = nodes.copy()
        numbered["value"] = np.arange(len(nodes))
        self._finder = TreePredictor(numbered, _NO_CATEGORIES, _NO_CATEGORIES)
        self._columns = np.zeros(columns, dtype=np.uint32)
        self.values = np.ascontiguousarray(nodes["value"])
        self.means = self._means(inner)

    def _means(self, inner: Groups) -> Floats:
        # A node's children come after it, so one pass from the back has them ready.
        nodes, means = self.nodes, self.values.astype(np.float64)
        for node in inner[::-1]:
            left, right = nodes["left"][node], nodes["right"][node]
            a, b = float(nodes["count"][left]), float(nodes["count"][right])
            means[node] = (a * means[left] + b * means[right]) / (a + b) if a + b else 0.0
        return means

    def leaves(self, matrix: Floats) -> npt.NDArray[np.int64]:
        found = self._finder.predict(matrix, _NO_CATEGORIES, self._columns, 1)
        return np.asarray(found).astype(np.int64)

    def tables(self, groups: Groups, scale: float) -> list[tuple[int, Floats]]:
        """For each group of features on any path: scale × its part of each node's value."""
        inner = np.flatnonzero(~self.nodes["is_leaf"].astype(bool))
        of_node = groups[self.nodes["feature_idx"][inner]]
        used = np.unique(of_node)
        parts = np.zeros((len(used), len(self.nodes)))
        for node, row in zip(inner, np.searchsorted(used, of_node), strict=True):
            for child in (self.nodes["left"][node], self.nodes["right"][node]):
                parts[:, child] = parts[:, node]
                parts[row, child] += scale * (self.means[child] - self.means[node])
        return [(int(group), parts[row]) for row, group in enumerate(used)]


class Boosting:
    """A fitted HistGradientBoostingClassifier, read tree by tree."""

    name = "boosting"

    def __init__(self, estimator: HistGradientBoostingClassifier) -> None:
        self.estimator = estimator
        columns = estimator.n_features_in_
        self.trees = [_Tree(step[0].nodes, columns) for step in estimator._predictors]
        self._start = float(estimator._baseline_prediction.ravel()[0])
        self._known: tuple[bytes, list[list[tuple[int, Floats]]]] = (b"", [])

    @classmethod
    def fit(cls, matrix: Floats, churned: Flags, settings: Mapping[str, float], seed: int) -> Self:
        """Fits on [n, columns] with these settings of HistGradientBoostingClassifier."""
        return cls(fit_boosting(matrix, churned, settings, seed))

    def logits(
        self, matrix: Floats, groups: Groups | None = None, parts: Floats | None = None, scale: float = 1
    ) -> Floats:
        """The raw logit of each row, tree after tree as scikit-learn adds them, each row by itself.

        With `groups` (of each column) and `parts` [groups, n], adds scale × what the paths add for each group.
        """
        total = np.full(len(matrix), self._start)
        tables = self._tables(groups, scale) if groups is not None and parts is not None else None
        for position, tree in enumerate(self.trees):
            leaves = tree.leaves(matrix)
            total += tree.values[leaves]
            if tables is not None and parts is not None:
                for group, table in tables[position]:
                    parts[group] += table[leaves]
        return total

    def base(self) -> float:
        """The raw logit that the paths start from: the mean over the training rows."""
        return self._start + sum(float(tree.means[0]) for tree in self.trees)

    def prepare(self, groups: Groups, scale: float) -> None:
        """Makes the tables of reasons once, before threads share them."""
        self._tables(groups, scale)

    def _tables(self, groups: Groups, scale: float) -> list[list[tuple[int, Floats]]]:
        key = groups.tobytes() + np.float64(scale).tobytes()
        if self._known[0] != key:
            self._known = (key, [tree.tables(groups, scale) for tree in self.trees])
        return self._known[1]

    def to_json(self) -> dict[str, Any]:
        """All but the estimator: nothing."""
        return {}

    @classmethod
    def from_json(cls, _found: dict[str, Any], estimator: HistGradientBoostingClassifier) -> Self:
        """The other way round."""
        return cls(estimator)


def fit_boosting(
    matrix: Floats, churned: Flags, settings: Mapping[str, float], seed: int
) -> HistGradientBoostingClassifier:
    """scikit-learn's trees on these rows. A column that is unknown in all of them, which it can't cut into bins, is
    given as zeros: no split can use it.
    """
    unknown = np.isnan(matrix).all(axis=0)
    return new_boosting(settings, seed).fit(np.where(unknown, 0.0, matrix) if unknown.any() else matrix, churned)


def new_boosting(settings: Mapping[str, float], seed: int) -> HistGradientBoostingClassifier:
    """Not yet fitted; stops nowhere early, so that the same examples give the same trees."""
    return HistGradientBoostingClassifier(early_stopping=False, random_state=seed, **settings)
