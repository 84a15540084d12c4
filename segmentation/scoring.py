"""Joins the judgement together: from features and measures to the scored row of each customer.
Every rule is in a module of its own; here is only their order."""

from __future__ import annotations

import datetime as dt

import polars as pl

from segmentation.churn.band_rate import MODEL_VERSION, churn_risk, churn_risk_band
from segmentation.columns import FEATURES, MEASURES, SCORES, check_columns, check_rows
from segmentation.explain import reasons
from segmentation.lifecycle import lifecycle_stage
from segmentation.policy import MEASURES as VALUE_MEASURES
from segmentation.policy import Policy
from segmentation.tiers import listed_flag, tier_name, value_flag
from segmentation.value import part, points, resolve, value_score

__all__ = ["MODEL_VERSION", "score"]


def score(customers: pl.DataFrame, policy: Policy, cutoffs: pl.DataFrame, as_of_date: dt.date) -> pl.DataFrame:
    """Score each customer in service by that customer's own row alone.

    `customers`: columns FEATURES and MEASURES, joined by customer_id. `cutoffs`: columns CUTOFFS, a row for each of
    `required_cutoffs(policy)`, computed over the whole population beforehand. Gives the columns SCORES in the order of
    the input; ceased customers (lines_in_service = 0) are dropped. No rounding happens here: points, parts and score
    are exact, churn risk is rounded in churn/band_rate.py. Raises ColumnsError.
    """
    check_columns(customers, {**FEATURES, **MEASURES}, "features.customer with scores.measures")
    steps = resolve(policy, cutoffs)
    in_service = customers.filter(pl.col("lines_in_service") > 0)
    check_rows(in_service, as_of_date, "features.customer with scores.measures")
    return (
        in_service.with_columns(
            *(points(policy, steps, measure).alias(f"{measure}_points") for measure in VALUE_MEASURES),
            *(part(policy, steps, measure).alias(f"{measure}_part") for measure in VALUE_MEASURES),
            churn_risk=churn_risk(policy.churn),
        )
        .with_columns(value_score=value_score(), churn_risk_band=churn_risk_band(policy.churn))
        .with_columns(value_flag=value_flag(policy), lifecycle_stage=lifecycle_stage(policy, as_of_date))
        .with_columns(tier_flag=listed_flag(policy, pl.col("value_flag")))
        .with_columns(reasons=reasons(policy, steps, as_of_date))
        .with_columns(
            as_of_date=pl.lit(as_of_date, dtype=pl.Date),
            value_tier=tier_name(policy, pl.col("value_flag")),
            tier=tier_name(policy, pl.col("tier_flag")),
            service_list=pl.col("service_list").fill_null("none"),
            account_manager_id=pl.coalesce("vip_account_manager_id", "account_manager_id"),
            policy_version=pl.lit(policy.label),
            model_version=pl.lit(MODEL_VERSION),
        )
        .select(*SCORES)
    )
