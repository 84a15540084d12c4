"""The lifecycle stage: identification, growth, stable or warning, by rules in one fixed order.
The rules' numbers are the policy's; what is done for a stage is decided outside."""

from __future__ import annotations

import datetime as dt

import polars as pl

from segmentation.exact import count, ratio, units, whole
from segmentation.policy import Lifecycle, Policy


def warning_causes(policy: Policy, as_of_date: dt.date) -> dict[str, pl.Expr]:
    """Reason code -> whether it puts the customer in stage warning, in the order of the rules.

    A rule that the policy switches off is absent.

    1 warn_suspended  no line is active
    2 warn_inactive   nothing heard for inactive_days since the last activity, or the activation; judged only
                      when CDRs of at least as many days are loaded
    3 warn_overdue    overdue > ratio × mean amount due; judged only when a bill was due
    4 warn_churn      the churn risk is in the top band
    5 warn_contract   the contract ends within so many days (today included)
    """
    rules = policy.lifecycle.warning
    causes: dict[str, pl.Expr] = {}
    if rules.all_suspended:
        causes["warn_suspended"] = pl.col("lines_active") == 0
    if rules.inactive_days is not None:
        days = rules.inactive_days.value
        last_sign = pl.max_horizontal("last_activity_date", "first_activation_date")
        silent = last_sign <= as_of_date - dt.timedelta(days=days)
        causes["warn_inactive"] = silent & (pl.col("usage_observed_days") >= days)
    if rules.overdue_ratio is not None:
        up, down = ratio(rules.overdue_ratio.value)
        owed = units("overdue_amount") * count("bills_due") * whole(down) > units("amount_due_total") * whole(up)
        causes["warn_overdue"] = (pl.col("bills_due") > 0) & (pl.col("overdue_amount") > 0) & owed
    if rules.top_churn_band:
        causes["warn_churn"] = pl.col("churn_risk_band") == policy.churn.bands[0].name
    if rules.contract_ends_within_days is not None:
        latest = as_of_date + dt.timedelta(days=rules.contract_ends_within_days.value)
        causes["warn_contract"] = pl.col("contract_end_date").is_between(as_of_date, latest).fill_null(value=False)
    return causes


def spend_grows(policy: Lifecycle) -> pl.Expr:
    """The latest closed month's spend is at least spend_ratio × ARPU, the window's mean; never with a single month."""
    if policy.growth.spend_ratio is None:
        return pl.lit(value=False)
    up, down = ratio(policy.growth.spend_ratio.value)
    several = (count("billed_months") > 1) | (count("usage_months") > 1)
    reached = units("latest_month_amount") * whole(down) >= units("arpu_amount") * whole(up)
    return (several & (pl.col("arpu_amount") > 0) & reached).fill_null(value=False)


def lifecycle_stage(policy: Policy, as_of_date: dt.date) -> pl.Expr:
    """The stage by the first rule that holds: warning, identification, growth (young, or spend grows), else stable."""
    rules = policy.lifecycle
    young = pl.col("tenure_months") < rules.growth.tenure_below_months.value
    warned = pl.any_horizontal(pl.lit(value=False), *warning_causes(policy, as_of_date).values())
    return (
        pl.when(warned)
        .then(pl.lit("warning"))
        .when(pl.col("tenure_months") < rules.identification.tenure_below_months.value)
        .then(pl.lit("identification"))
        .when(young | spend_grows(rules))
        .then(pl.lit("growth"))
        .otherwise(pl.lit("stable"))
    )
