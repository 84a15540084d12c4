"""Made-up customers whose churn follows known columns; small fits that all tests of the churn model share."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from threadpoolctl import threadpool_limits

from segmentation.churn.calibrate import fit_calibration
from segmentation.churn.candidates import SHAPES, Shape, fit_component
from segmentation.churn.encode import fit_encoding
from segmentation.churn.fit import FitOptions, Fitted, TrainingSet, fit
from segmentation.churn.predict import ChurnModel, Part

QUICK = FitOptions(
    min_events=40,
    folds=3,
    shapes=(
        Shape("few", {"max_leaf_nodes": 6, "learning_rate": 0.2}, (10, 20)),
        Shape("deep", {"max_leaf_nodes": 12, "learning_rate": 0.2, "max_features": 0.5}, (10, 20)),
    ),
)


def made_customers(rows: int, seed: int = 1) -> tuple[pl.DataFrame, np.ndarray]:
    """Features of every dtype, with nulls, and who left: by tenure, a broken line of the bill, and complaints."""
    draw = np.random.default_rng(seed)
    tenure = draw.integers(0, 60, rows)
    bill = np.round(draw.gamma(2.0, 40.0, rows), 2)
    complaints = draw.poisson(0.3, rows)
    plan = draw.choice(["basic", "family", "youth", "senior"], rows, p=[0.5, 0.3, 0.15, 0.05])
    prepaid = draw.random(rows) < 0.4
    logit = -1.2 - 0.05 * tenure + 0.02 * np.clip(bill - 90, 0, 100) + 1.2 * (complaints > 0) + 0.9 * (plan == "youth")
    churned = draw.random(rows) < 1 / (1 + np.exp(-logit))
    gone = draw.random(rows) < 0.1
    frame = pl.DataFrame(
        {
            "tenure_months": pl.Series(tenure, dtype=pl.Int32),
            "bill": pl.Series([None if n else v for n, v in zip(gone, bill, strict=True)]).cast(pl.Decimal(18, 4)),
            "complaints": pl.Series(complaints, dtype=pl.Int64),
            "plan": plan,
            "prepaid": prepaid,
            "region": [None if n else r for n, r in zip(gone, draw.choice(["north", "south"], rows), strict=True)],
        }
    )
    return frame, churned


@pytest.fixture(scope="session")
def customers() -> Callable[..., tuple[pl.DataFrame, np.ndarray]]:
    return made_customers


@pytest.fixture(scope="session")
def quick() -> FitOptions:
    return QUICK


@pytest.fixture(scope="session")
def fitted() -> Fitted:
    """A model of 900 customers."""
    frame, churned = made_customers(900)
    return fit(TrainingSet(frame, churned), QUICK)


@pytest.fixture(scope="session")
def trees() -> ChurnModel:
    """An average of curves and trees, whatever would have been chosen."""
    frame, churned = made_customers(900)
    encoding = fit_encoding(frame)
    matrix = encoding.matrix(frame)
    with threadpool_limits(1):
        curves = fit_component("curves", 1.0, matrix, churned, shapes=SHAPES, seed=0)
        boosting = fit_component("lean", 30, matrix, churned, shapes=SHAPES, seed=0)
    calibration = fit_calibration(0.4 * curves.logits(matrix) + 0.6 * boosting.logits(matrix), churned)
    return ChurnModel([Part(None, encoding, ((0.4, curves), (0.6, boosting)), calibration)])
