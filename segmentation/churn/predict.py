"""A fitted churn model: risk, logit and reasons of customers, each row by itself.
Does not belong here: fitting (fit.py), files (model_file.py), what a reason is called to an agent (features.py)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from segmentation.churn.boosting import Boosting
from segmentation.churn.calibrate import calibrated
from segmentation.churn.candidates import Component
from segmentation.churn.encode import Encoding
from segmentation.churn.examples import KIND, Floats, Rows
from segmentation.columns import RISK, ColumnsError
from segmentation.exact import to_decimal

MODEL_VERSION = "churn-model-1"
DRIVERS_SHOWN = 3
# A feature that lifts the odds by less than a twentieth is no reason to give.
LEAST_LIFT = 0.05
MILLION = 1_000_000
# So many rows and their matrix stay in a core's cache while all trees pass over them.
_CHUNK = 16_384


@dataclass(frozen=True)
class Part:
    """The model of one kind of customers (kind None: of all): a calibrated average of components over one encoding."""

    kind: str | None
    encoding: Encoding
    components: tuple[tuple[float, Component], ...]
    calibration: LogisticRegression

    def explained(self, matrix: Floats, groups: Rows, number: int) -> tuple[Floats, Floats]:
        """Calibrated logits [n], and what each group of features adds to them [number of groups, n]."""
        parts = np.zeros((number, len(matrix)))
        total = np.zeros(len(matrix))
        for weight, component in self.components:
            total += weight * component.logits(matrix, groups, parts, weight * self.slope)
        return calibrated(self.calibration, total), parts

    @property
    def slope(self) -> float:
        """What the calibration multiplies the logit by."""
        return float(self.calibration.coef_[0, 0])

    def base(self) -> float:
        """The calibrated logit where no feature adds anything: that of the training rows' mean."""
        raw = sum(weight * component.base() for weight, component in self.components)
        return raw * self.slope + float(self.calibration.intercept_[0])


class ChurnModel:
    """Immutable. `parts`: one model for all, or one a payment type. `features`: the columns that it reads.

    Predictions depend on nothing but the row: alone, shuffled or split, the same bits.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = tuple(parts)
        read = [feature.name for part in self.parts for feature in part.encoding.features]
        kinds = [] if self.parts[0].kind is None else [KIND]
        self.features: tuple[str, ...] = tuple(dict.fromkeys([*read, *kinds]))

    def predict(
        self, frame: pl.DataFrame, drivers: Mapping[str, str] | None = None, *, threads: int = 2
    ) -> pl.DataFrame:
        """One row a row: churn_risk Decimal(7,6), rounded half up once, here; churn_drivers; churn_logit.

        churn_drivers: codes of the up to three groups of features that raise the risk most against the mean customer,
        joined by ';', most first, '' where none does. `drivers` names the group of each feature; None, or a feature
        without one: its own name. All three null where no part is for the row's payment type. Raises ColumnsError
        on a missing or mistyped column.
        """
        missing = [name for name in self.features if name not in frame.columns]
        if missing:
            raise ColumnsError(f"the churn model needs the columns {', '.join(missing)}; add them, or fit a model anew")
        logits, codes = np.full(frame.height, np.nan), np.zeros(frame.height, dtype=np.int64)
        names = list(dict.fromkeys((drivers or {}).get(name, name) for name in self.features))
        for part, rows in self._divided(frame):
            own = [names.index((drivers or {}).get(name, name)) for name in part.encoding.feature_of_column()]
            groups = np.array(own, dtype=np.int64)
            for weight, component in part.components:
                if isinstance(component, Boosting):
                    component.prepare(groups, weight * part.slope)

            def work(start: int, part: Part = part, rows: Rows | None = rows, groups: Rows = groups) -> None:
                own = slice(start, start + _CHUNK) if rows is None else rows[start : start + _CHUNK]
                matrix = part.encoding.matrix(frame[own])
                logits[own], found = part.explained(matrix, groups, len(names))
                codes[own] = _top(found)

            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(work, range(0, frame.height if rows is None else len(rows), _CHUNK)))
        known = ~np.isnan(logits)
        millionths = np.floor(expit(np.where(known, logits, 0.0)) * MILLION + 0.5).astype(np.int64)
        shown = pl.Series("churn_drivers", _words(codes, names), dtype=pl.String)
        return pl.DataFrame({"risk": millionths, "churn_drivers": shown, "churn_logit": logits, "known": known}).select(
            pl.when("known").then(to_decimal(pl.col("risk").cast(pl.Int128), 7, 6)).cast(RISK).alias("churn_risk"),
            pl.when("known").then("churn_drivers").alias("churn_drivers"),
            pl.when("known").then("churn_logit").alias("churn_logit"),
        )

    def raw(self, frame: pl.DataFrame) -> Floats:
        """The logits before calibration, NaN where no part is for the row's payment type."""
        found = np.full(frame.height, np.nan)
        for part, rows in self._divided(frame):
            own = np.arange(frame.height) if rows is None else rows
            found[own] = average(part.components, part.encoding.matrix(frame[own]))
        return found

    def _divided(self, frame: pl.DataFrame) -> list[tuple[Part, Rows | None]]:
        if self.parts[0].kind is None:
            return [(self.parts[0], None)]
        kinds = frame[KIND].cast(pl.String)
        return [(part, (kinds == part.kind).fill_null(value=False).arg_true().to_numpy()) for part in self.parts]

    def to_json(self) -> dict[str, Any]:
        """All but scikit-learn's objects; model_file.py writes both."""
        return {
            "version": MODEL_VERSION,
            "parts": [
                {
                    "kind": part.kind,
                    "features": [[feature.name, feature.levels, feature.spread] for feature in part.encoding.features],
                    "ignored": part.encoding.ignored,
                    "components": [
                        {"weight": weight, "name": component.name, **component.to_json()}
                        for weight, component in part.components
                    ],
                }
                for part in self.parts
            ],
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the content: the same for models that predict the same, whatever the bytes of their files."""
        found = hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode())
        for part in self.parts:
            found.update(repr([float(part.slope), float(part.calibration.intercept_[0])]).encode())
            for _, component in part.components:
                if isinstance(component, Boosting):
                    found.update(repr(component.estimator._baseline_prediction.ravel().tolist()).encode())
                    for tree in component.trees:
                        found.update(repr(tree.nodes.tolist()).encode())
                else:
                    weights = [component.estimator.coef_.tolist(), component.estimator.intercept_.tolist()]
                    found.update(repr(weights).encode())
        return found.hexdigest()


def average(components: Sequence[tuple[float, Component]], matrix: Floats) -> Floats:
    """The components' weighted logits of [n, columns], not calibrated."""
    # A tree looks at few columns: column by column they stay in cache.
    rows, total = np.asfortranarray(matrix), np.zeros(len(matrix))
    for weight, component in components:
        total += weight * component.logits(rows)
    return total


def _top(parts: Floats) -> Rows:
    """The groups that add most, as one number a row: base (groups + 1), most significant first, 0 = no more."""
    base, everyone = len(parts) + 1, np.arange(parts.shape[1])
    codes = np.zeros(parts.shape[1], dtype=np.int64)
    for _ in range(min(DRIVERS_SHOWN, len(parts))):
        best = parts.argmax(axis=0)
        codes = codes * base + np.where(parts[best, everyone] >= LEAST_LIFT, best + 1, 0)
        parts[best, everyone] = -np.inf
    return codes


def _words(codes: npt.NDArray[np.int64], names: Sequence[str]) -> pl.Series:
    distinct, of_row = np.unique(codes, return_inverse=True)
    base, words = len(names) + 1, []
    for code in distinct.tolist():
        digits: list[str] = []
        left = code
        while left:
            left, digit = divmod(left, base)
            if digit:
                digits.insert(0, names[digit - 1])
        words.append(";".join(digits))
    return pl.Series(words, dtype=pl.String).gather(of_row)
