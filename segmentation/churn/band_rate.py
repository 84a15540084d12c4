"""Churn risk of a customer as the measured rate of the customer's band, shrunk towards everybody's rate.
Forming bands and counting who left belongs in sql/; a fitted model would be another module here."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from segmentation.columns import RISK
from segmentation.exact import count, half_up, ratio, to_decimal, whole
from segmentation.policy_stages import Churn

MODEL_VERSION = "band-rate-1"
MILLION = 1_000_000


def churn_risk(policy: Churn) -> pl.Expr:
    """Risk of leaving within the horizon, 0-1, DECIMAL(7,6), rounded half up once, here.

    (churned + k × base) / (exposed + k) over the band's customer-months, base = everybody's churned / exposed and
    k = prior_exposures: the posterior mean of a rate whose Beta prior has mean `base` and weighs k observations.
    Nothing observed of anybody: base is the policy's prior_rate.
    """
    k_up, k_down = ratio(policy.prior_exposures.value)
    prior_up, prior_down = ratio(policy.prior_rate.value)
    observed = pl.col("base_exposed") > 0
    base_up = pl.when(observed).then(count("base_churned")).otherwise(whole(prior_up))
    base_down = pl.when(observed).then(count("base_exposed")).otherwise(whole(prior_down))
    numerator = count("band_churned") * whole(k_down) * base_down + whole(k_up) * base_up
    denominator = base_down * (count("band_exposed") * whole(k_down) + whole(k_up))
    millionths = half_up(numerator * whole(MILLION), denominator)
    return to_decimal(millionths.clip(whole(0), whole(MILLION)), 7, 6)


def churn_risk_band(policy: Churn) -> pl.Expr:
    """The highest band whose `min_risk` the churn_risk reaches."""
    name = pl.lit(policy.bands[-1].name)
    for band in reversed(policy.bands[:-1]):
        reached = pl.col("churn_risk") >= pl.lit(Decimal(band.min_risk), dtype=RISK)
        name = pl.when(reached).then(pl.lit(band.name)).otherwise(name)
    return name
