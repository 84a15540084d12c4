"""Whom a retention campaign calls, whom it leaves in peace and why, and who is kept out to compare with.
Where the rows come from and go to belongs in pipelines/retention; what came of it is uplift.py's."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

import polars as pl

from segmentation.columns import MONEY, RISK, Dtype, check_columns
from segmentation.policy import Policy

CANDIDATES: Mapping[str, Dtype] = {
    "customer_id": pl.String(),
    "tier": pl.String(),
    "tier_flag": pl.Int16(),
    "lifecycle_stage": pl.String(),
    "churn_risk": RISK,
    "churn_risk_band": pl.String(),
    "value_at_risk_amount": MONEY,
    "lines_active": pl.Int32(),
    "contact_consent": pl.Boolean(),
    "service_list": pl.String(),
    "is_vip": pl.Boolean(),
    "last_contacted_date": pl.Date(),
    "in_open_campaign": pl.Boolean(),
}
LISTED, CONTROL, BEYOND = "listed", "control", "beyond_size"
# Why a customer in service is not on the list, in the order in which it is asked: the first that holds counts.
REASONS: Mapping[str, str] = {
    "not_at_risk": "neither risk band nor stage is one of the policy's",
    "value_unknown": "no ARPU yet, so no value at risk",
    "value_too_small": "value at risk below the policy's minimum",
    "no_active_line": "all lines are suspended",
    "no_consent": "did not agree to be contacted with offers",
    "on_a_list": "on a service list that the policy leaves out",
    "in_open_campaign": "in a campaign whose outcome is not known yet, on its list or in its control group",
    "contacted_lately": "contacted within the policy's gap",
    BEYOND: "eligible, and others had more value at risk",
}


def standing(candidates: pl.DataFrame, policy: Policy, campaign: str, size: int, as_of_date: dt.date) -> pl.DataFrame:
    """`candidates` (columns CANDIDATES, customers in service) with `standing` and `position`, in the input's order.

    standing: a key of REASONS, `listed` or `control`. position: 1 for the tier's most value at risk, of those listed or
    control; else null. `size` customers are taken, the control group among them. The same rows, policy, campaign and
    size give the same standings, in any order. Raises ColumnsError.
    """
    check_columns(candidates, CANDIDATES, "candidates of a worklist")
    judged = candidates.with_columns(standing=_reason(policy, as_of_date))
    ranked = (
        judged.filter(pl.col("standing").is_null())
        .sort("tier_flag", "value_at_risk_amount", "churn_risk", "customer_id", descending=[False, True, True, False])
        .select("customer_id", "tier_flag", "value_at_risk_amount", "churn_risk")
        .with_columns(position=pl.int_range(1, pl.len() + 1).over("tier_flag"))
    )
    places = _places(ranked, policy, size)
    taken = ranked.filter(
        pl.col("position") <= pl.col("tier_flag").replace_strict(places, default=0, return_dtype=pl.Int64)
    )
    kept_out = _control(taken, campaign, policy.retention.control_share.value)
    chosen = taken.select(
        "customer_id",
        "position",
        place=pl.when(pl.col("customer_id").is_in(kept_out)).then(pl.lit(CONTROL)).otherwise(pl.lit(LISTED)),
    )
    return (
        judged.join(chosen, on="customer_id", how="left", maintain_order="left")
        .with_columns(standing=pl.coalesce("standing", "place", pl.lit(BEYOND)))
        .drop("place")
    )


def _reason(policy: Policy, as_of_date: dt.date) -> pl.Expr:
    rules = policy.retention
    bands = [band.name for band in policy.churn.bands]
    risky = bands[:-1] if rules.risk_bands is None else list(rules.risk_bands)
    agreed = pl.col("contact_consent")
    named = [name for name in rules.exclude_lists if name != "vip"]
    listed = pl.col("service_list").is_in(named).fill_null(value=False)
    if "vip" in rules.exclude_lists:
        listed |= pl.col("is_vip")
    lately = as_of_date - dt.timedelta(days=rules.contact_gap_days.value)
    holds = {
        "not_at_risk": ~(pl.col("churn_risk_band").is_in(risky) | pl.col("lifecycle_stage").is_in(list(rules.stages))),
        "value_unknown": pl.col("value_at_risk_amount").is_null(),
        "value_too_small": pl.col("value_at_risk_amount") < pl.lit(rules.min_value_at_risk.value, dtype=MONEY),
        "no_active_line": pl.col("lines_active") == 0,
        "no_consent": ~agreed.fill_null(value=rules.consent == "not_refused"),
        "on_a_list": listed,
        "in_open_campaign": pl.col("in_open_campaign"),
        "contacted_lately": (pl.col("last_contacted_date") > lately).fill_null(value=False),
    }
    return pl.coalesce(pl.when(rule).then(pl.lit(code)) for code, rule in holds.items())


def _places(ranked: pl.DataFrame, policy: Policy, size: int) -> dict[int, int]:
    """How many of each tier (by flag) are taken."""
    if not policy.retention.quotas:
        first = ranked.sort("value_at_risk_amount", "churn_risk", "customer_id", descending=[True, True, False]).head(
            size
        )
        return dict(first.group_by("tier_flag").len().iter_rows())
    there = dict(ranked.group_by("tier_flag").len().iter_rows())
    wanted = shares_of(size, {policy.position(quota.tier): quota.share for quota in policy.retention.quotas})
    places = {flag: min(wanted.get(flag, 0), count) for flag, count in there.items()}
    # What a tier can't fill goes to the others, the best tier first.
    for flag in sorted(there):
        places[flag] += min(there[flag] - places[flag], size - sum(places.values()))
    return places


def shares_of(size: int, shares: Mapping[int, Decimal]) -> dict[int, int]:
    """`size` whole places by shares that sum to 1, by largest remainder; of equal ones the better tier (lower flag)."""
    exact = {flag: share * size for flag, share in shares.items()}
    places = {flag: int(share) for flag, share in exact.items()}
    by_remainder = sorted(shares, key=lambda flag: (places[flag] - exact[flag], flag))
    for flag in by_remainder[: size - sum(places.values())]:
        places[flag] += 1
    return places


def _control(taken: pl.DataFrame, campaign: str, share: Decimal) -> list[str]:
    """Who is kept out: of each tier the share, rounded half up, at least one and never all, by lot.

    The lot is a hash of the customer, keyed by the campaign: nobody draws it, and drawing again changes nothing.
    """
    kept_out: list[str] = []
    for (_,), rows in taken.sort("tier_flag").group_by("tier_flag", maintain_order=True):
        count = int((share * rows.height).to_integral_value(ROUND_HALF_UP))
        if share:
            count = min(max(count, 1), rows.height - 1)
        lots = sorted((_lot(campaign, customer), customer) for customer in rows["customer_id"])
        kept_out += [customer for _, customer in lots[:count]]
    return kept_out


def _lot(campaign: str, customer_id: str) -> bytes:
    return hashlib.blake2b(customer_id.encode(), key=campaign.encode(), digest_size=16).digest()
