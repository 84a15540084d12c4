"""The churn risk of a night: the fitted model's where there is one, else the measured rate of the customer's band.
Fitting is in fit.py, the rate in band_rate.py; which model a night has is decided outside."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from segmentation.churn.band_rate import MODEL_VERSION, churn_risk
from segmentation.churn.features import CHURN_INPUTS, churn_features, drivers
from segmentation.columns import BANDS, RISKS, check_bands, check_columns
from segmentation.policy_stages import Churn

if TYPE_CHECKING:  # scikit-learn takes seconds to import, and most homes have no model yet
    from segmentation.churn.predict import ChurnModel

_TABLE = "features.churn with the bands of features.customer"


@dataclass(frozen=True)
class NamedModel:
    """A fitted model and the version under which its risks are published."""

    model: ChurnModel
    version: str


def risks(
    customers: pl.DataFrame,
    policy: Churn,
    as_of_date: dt.date,
    fitted: NamedModel | None = None,
    seen: Callable[[pl.DataFrame], None] | None = None,
) -> pl.DataFrame:
    """The columns RISKS, one row a customer in the order of the input, each from that customer's row alone.

    `customers`: customer_id and the columns BANDS; with a fitted model, CHURN_INPUTS too. Without one, or where it has
    none for the customer's payment type, the risk is the band's rate, without drivers. `seen` is handed what the model
    saw, with its risk as churn_risk. Raises ColumnsError.
    """
    by_model_too = {} if fitted is None else CHURN_INPUTS
    check_columns(customers, {"customer_id": RISKS["customer_id"], **BANDS, **by_model_too}, _TABLE)
    check_bands(customers, _TABLE)
    by_band = customers.select(
        "customer_id",
        churn_risk=churn_risk(policy),
        churn_drivers=pl.lit("", dtype=pl.String),
        model_version=pl.lit(MODEL_VERSION),
    ).select(*RISKS)
    if fitted is None:
        return by_band
    inputs = churn_features(customers.select(*CHURN_INPUTS), as_of_date)
    by_model = fitted.model.predict(inputs, drivers())
    if seen is not None:
        seen(inputs.with_columns(by_model["churn_risk"]))
    known = by_model["churn_risk"].is_not_null()
    return by_band.select(
        "customer_id",
        pl.when(known).then(by_model["churn_risk"]).otherwise("churn_risk").alias("churn_risk"),
        pl.when(known).then(by_model["churn_drivers"]).otherwise("churn_drivers").alias("churn_drivers"),
        pl.when(known).then(pl.lit(fitted.version)).otherwise("model_version").alias("model_version"),
    )
