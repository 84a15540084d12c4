"""Joins the judgement together: from features, measures and memory to the scored row of each customer.
Every rule is in a module of its own; here is only their order."""

from __future__ import annotations

import datetime as dt

import polars as pl

from segmentation.churn.band_rate import churn_risk_band
from segmentation.columns import BEFORE, FEATURES, MEASURES, RISKS, SCORES, check_columns, check_rows
from segmentation.explain import reasons
from segmentation.lifecycle import stage_held, stage_rules
from segmentation.lifetime import lifetime_columns, value_at_risk
from segmentation.moves import below_months, judged, moved, tier_history
from segmentation.outlook import changes, lifted_by
from segmentation.plays import retention_play, usage_hints
from segmentation.policy import BASE, Policy, Segment
from segmentation.policy import MEASURES as VALUE_MEASURES
from segmentation.tiers import provisional_until, score_flag, served, tier_name
from segmentation.value import fine_part, points, resolve, score_and_parts, spend_grade

_TABLE = "features.customer with scores.measures, scores.churn_risk and features.tier_state"


def score(
    customers: pl.DataFrame, policy: Policy, cutoffs: pl.DataFrame, hazards: pl.DataFrame, as_of_date: dt.date
) -> pl.DataFrame:
    """Score each customer in service by that customer's own row alone.

    `customers`: columns FEATURES, MEASURES, RISKS and BEFORE, joined by customer_id; BEFORE is what was remembered
    after the night before, null for a customer without a history. `cutoffs`: columns CUTOFFS, a row for each of
    `required_cutoffs(policy)`, computed over the whole population beforehand; `hazards`: columns HAZARDS, counted over
    it too. Gives the columns SCORES in the order of the input; ceased customers (lines_in_service = 0) are dropped.
    Raises ColumnsError.
    """
    check_columns(customers, {**FEATURES, **MEASURES, **RISKS, **BEFORE}, _TABLE)
    in_service = customers.filter(pl.col("lines_in_service") > 0)
    check_rows(in_service, as_of_date, _TABLE)
    if len(policy.segments) == 1:
        return _scored(in_service, policy.segments[0], cutoffs, hazards, as_of_date)
    ordered = in_service.with_row_index("_row")
    parts = [
        _scored(
            ordered.filter(pl.col("policy_segment") == segment.name), segment, cutoffs, hazards, as_of_date, keep="_row"
        )
        for segment in policy.segments
    ]
    return pl.concat(parts).sort("_row").drop("_row")


def _scored(
    customers: pl.DataFrame,
    segment: Segment,
    cutoffs: pl.DataFrame,
    hazards: pl.DataFrame,
    as_of_date: dt.date,
    *,
    keep: str | None = None,
) -> pl.DataFrame:
    policy = segment.policy
    steps = resolve(segment, cutoffs)
    label = policy.label if segment.name == BASE else f"{policy.label}/{segment.name}"
    return (
        customers.lazy()
        .with_columns(
            *(points(policy, steps, measure).alias(f"{measure}_points") for measure in VALUE_MEASURES),
            *(fine_part(policy, steps, measure).alias(f"fine_{measure}") for measure in policy.value.dimensions),
            spend_grade=spend_grade(policy),
            policy_segment=pl.lit(segment.name),
            policy_version=pl.lit(label),
        )
        .with_columns(
            **score_and_parts(policy),
            churn_risk_band=churn_risk_band(policy.churn),
            **lifetime_columns(policy, hazards),
        )
        .with_columns(
            *stage_rules(policy, as_of_date), score_flag=score_flag(policy), value_at_risk_amount=value_at_risk()
        )
        .with_columns(*judged(policy, as_of_date), *stage_held(policy, as_of_date))
        .with_columns(*moved(policy, as_of_date), provisional_until=provisional_until(policy))
        .with_columns(**served(policy, pl.col("value_flag")).columns)
        .with_columns(
            score_tier=tier_name(policy, pl.col("score_flag")),
            value_tier=tier_name(policy, pl.col("value_flag")),
            tier=tier_name(policy, pl.col("tier_flag")),
            below_months=below_months(),
        )
        .with_columns(*tier_history(policy, as_of_date))
        .with_columns(
            as_of_date=pl.lit(as_of_date, dtype=pl.Date),
            retention_play=retention_play(policy),
            usage_hints=usage_hints(policy),
            reasons=reasons(policy, steps, as_of_date),
            lifted_by=lifted_by(policy, steps),
            changes=changes(policy),
            service_list=pl.col("service_list").fill_null("none"),
            account_manager_id=pl.coalesce("vip_account_manager_id", "account_manager_id"),
        )
        .select(*([keep] if keep else []), *SCORES)
        .collect()
    )
