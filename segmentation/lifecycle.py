"""The lifecycle stage: identification, growth, stable or warning, by rules in one fixed order, and since when.
The rules' numbers are the policy's; what is done for a stage is decided in plays.py."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl

from segmentation.exact import count, ratio, units, whole
from segmentation.policy import Policy

# What put a customer into the stage: a code of `warning_causes`, or one of these.
STAGE_CAUSES = {
    "stage_new": "stage identification: tenure below the policy's months",
    "stage_young": "stage growth: tenure below the policy's months",
    "spend_grows": "stage growth: the latest closed month's spend is well above the window's mean",
    "usage_grows": "stage growth: the latest month's calls or data are well above the window's mean",
    "stage_settled": "stage stable: no other rule holds",
}


def warning_causes(policy: Policy, as_of_date: dt.date) -> dict[str, pl.Expr]:
    """Reason code -> whether it puts the customer in stage warning, in the order of the rules.

    A rule that the policy switches off is absent.

    1 warn_suspended    no line is active
    2 warn_inactive     nothing heard for inactive_days since the last activity, or the activation; judged only
                        when CDRs of at least as many days are loaded
    3 warn_overdue      overdue > ratio × mean amount due; judged only when a bill was due
    4 warn_arrears      so many stops for arrears in 12 months
    5 warn_complaints   so many complaints in 90 days
    6 warn_spend_falls  the latest closed month's spend is at most ratio × ARPU; needs two months
    7 warn_usage_falls  calls and data of the latest month are both at most ratio × the window's mean; needs two months
    8 warn_churn        the churn risk is in the top band
    9 warn_contract     the contract ends within so many days (today included)
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
    if rules.arrears_stops is not None:
        causes["warn_arrears"] = pl.col("arrears_stops") >= rules.arrears_stops.value
    if rules.complaints is not None:
        causes["warn_complaints"] = pl.col("complaints") >= rules.complaints.count.value
    if rules.spend_ratio is not None:
        causes["warn_spend_falls"] = _spend_reaches(rules.spend_ratio.value, falling=True)
    if rules.usage_ratio is not None:
        falls = [_usage_falls(measure, rules.usage_ratio.value) for measure in ("voice_seconds", "data_bytes")]
        used = (pl.col("voice_seconds") > 0) | (pl.col("data_bytes") > 0)
        causes["warn_usage_falls"] = ((pl.col("usage_months") > 1) & used & pl.all_horizontal(falls)).fill_null(
            value=False
        )
    if rules.top_churn_band:
        causes["warn_churn"] = pl.col("churn_risk_band") == policy.churn.bands[0].name
    if rules.contract_ends_within_days is not None:
        latest = as_of_date + dt.timedelta(days=rules.contract_ends_within_days.value)
        causes["warn_contract"] = pl.col("contract_end_date").is_between(as_of_date, latest).fill_null(value=False)
    return causes


def growth_causes(policy: Policy) -> dict[str, pl.Expr]:
    """Reason code -> whether the latest month is at least a ratio times the window's mean; never with one month.

    spend_grows: of the spend. usage_grows: of the voice seconds or of the bytes. A rule switched off is absent.
    """
    rules = policy.lifecycle.growth
    causes: dict[str, pl.Expr] = {}
    if rules.spend_ratio is not None:
        causes["spend_grows"] = _spend_reaches(rules.spend_ratio.value, falling=False)
    if rules.usage_ratio is not None:
        up, down = ratio(rules.usage_ratio.value)
        grows = [
            (count(measure) > 0)
            & (count(f"latest_month_{measure}") * count("usage_months") * whole(down) >= count(measure) * whole(up))
            for measure in ("voice_seconds", "data_bytes")
        ]
        causes["usage_grows"] = ((pl.col("usage_months") > 1) & pl.any_horizontal(grows)).fill_null(value=False)
    return causes


def stage_rules(policy: Policy, as_of_date: dt.date) -> list[pl.Expr]:
    """`rule_stage`: the stage by the first rule that holds: warning, identification, growth (young, or growing), else
    stable; and `rule_cause`: the code of that rule.
    """
    rules = policy.lifecycle
    stage, cause = pl.lit("stable"), pl.lit("stage_settled")
    young = pl.col("tenure_months") < rules.growth.tenure_below_months.value
    new = pl.col("tenure_months") < rules.identification.tenure_below_months.value
    in_order = [
        *((code, "warning", holds) for code, holds in warning_causes(policy, as_of_date).items()),
        ("stage_new", "identification", new),
        ("stage_young", "growth", young),
        *((code, "growth", holds) for code, holds in growth_causes(policy).items()),
    ]
    for code, name, holds in reversed(in_order):
        stage = pl.when(holds).then(pl.lit(name)).otherwise(stage)
        cause = pl.when(holds).then(pl.lit(code)).otherwise(cause)
    return [stage.alias("rule_stage"), cause.alias("rule_cause")]


def stage_held(policy: Policy, as_of_date: dt.date) -> list[pl.Expr]:
    """The stage with its memory, from `rule_stage` and `rule_cause`: lifecycle_stage, stage_since, stage_cause (of its
    entry), next_stage and next_stage_since (what the rules say meanwhile, while it settles).

    Warning is entered at once, identification entered and left at once (it is tenure alone); any other change waits
    until the rules have said the same for settle_days nights in a row.
    """
    rule, was = pl.col("rule_stage"), pl.col("was_lifecycle_stage")
    days = int(policy.lifecycle.settle_days.value)
    as_of = pl.lit(as_of_date, dtype=pl.Date)
    waiting_since = pl.when(pl.col("was_next_stage") == rule).then("was_next_stage_since").otherwise(as_of)
    settled = waiting_since <= as_of_date - dt.timedelta(days=days)
    at_once = was.is_null() | (rule == "warning") | (rule == "identification") | (was == "identification")
    stays = rule.eq_missing(was)
    enters = ~stays & (at_once | settled)
    waits = ~stays & ~enters
    return [
        pl.when(enters).then(rule).otherwise(was).alias("lifecycle_stage"),
        pl.when(enters).then(as_of).otherwise("was_stage_since").alias("stage_since"),
        pl.when(enters).then("rule_cause").otherwise("was_stage_cause").alias("stage_cause"),
        pl.when(waits).then(rule).alias("next_stage"),
        pl.when(waits).then(waiting_since).alias("next_stage_since"),
    ]


def _spend_reaches(bound: Decimal, *, falling: bool) -> pl.Expr:
    up, down = ratio(bound)
    several = (count("billed_months") > 1) | (count("usage_months") > 1)
    latest, mean = units("latest_month_amount") * whole(down), units("arpu_amount") * whole(up)
    return (several & (pl.col("arpu_amount") > 0) & (latest <= mean if falling else latest >= mean)).fill_null(
        value=False
    )


def _usage_falls(measure: str, bound: Decimal) -> pl.Expr:
    up, down = ratio(bound)
    return count(f"latest_month_{measure}") * count("usage_months") * whole(down) <= count(measure) * whole(up)
