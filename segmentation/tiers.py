"""The tier: which level a score reaches, and what provisional rank, lists and overrides change about it.
How long a level is held belongs in moves.py; what a tier is entitled to is the routing system's."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from segmentation.columns import MONEY, SCORE
from segmentation.policy import Policy

BY_SCORE = "score"


class Ranked(NamedTuple):
    """A tier's position (1 is best, INT16), and what decided it: `score`, a list, `provisional` or `override`."""

    flag: pl.Expr
    ground: pl.Expr

    @property
    def columns(self) -> dict[str, pl.Expr]:
        """`tier_flag` and `tier_ground`."""
        return {"tier_flag": self.flag, "tier_ground": self.ground}


def plain_flag(policy: Policy) -> pl.Expr:
    """Position (1 is best, INT16) of the best tier whose `min_score` the value_score reaches."""
    flag = _position(policy, policy.tier_names[-1])
    for position, tier in reversed(list(enumerate(policy.tiers, start=1))):
        reached = pl.col("value_score") >= pl.lit(tier.min_score, dtype=SCORE)
        flag = pl.when(reached).then(pl.lit(position, dtype=pl.Int16)).otherwise(flag)
    return flag


def eligible(policy: Policy) -> pl.Expr:
    """Whether the customer is rated at all; what is not known does not fulfil a rule."""
    rules = policy.eligibility
    if rules is None:
        return pl.lit(value=True)
    fulfilled = [pl.lit(value=True)]
    if rules.tenure_months is not None:
        fulfilled.append(pl.col("tenure_months") >= rules.tenure_months.value)
    if rules.identity_verified:
        fulfilled.append(pl.col("identity_verified").fill_null(value=False))
    return pl.all_horizontal(fulfilled)


def score_flag(policy: Policy) -> pl.Expr:
    """The position that tonight's score alone gives: `plain_flag` under eligibility and limits (INT16)."""
    flag = plain_flag(policy)
    for limit in policy.limits:
        stopped = pl.col("arrears_stops") >= limit.arrears_stops
        lowest = pl.max_horizontal(flag, _position(policy, limit.at_most))
        flag = pl.when(stopped).then(lowest).otherwise(flag)
    if policy.eligibility is not None:
        flag = pl.when(eligible(policy)).then(flag).otherwise(_position(policy, policy.eligibility.otherwise))
    return flag


def is_provisional(policy: Policy) -> pl.Expr:
    """Whether the customer is a high spender who came from a competitor, and still new."""
    rules = policy.provisional
    if rules is None:
        return pl.lit(value=False)
    came = pl.col("ported_in_from").is_not_null() | pl.col("previous_operator").is_not_null()
    spends = (pl.col("arpu_amount") >= pl.lit(rules.min_arpu, dtype=MONEY)).fill_null(value=False)
    return came & spends & (pl.col("tenure_months") < rules.tenure_below_months)


def provisional_until(policy: Policy) -> pl.Expr:
    """The first day on which the provisional tier ends by itself; null for everybody else."""
    if policy.provisional is None:
        return pl.lit(None, dtype=pl.Date)
    ends = pl.col("first_activation_date").dt.offset_by(f"{policy.provisional.tenure_below_months}mo")
    return pl.when(is_provisional(policy)).then(ends)


def served(policy: Policy, value_flag: pl.Expr) -> Ranked:
    """The tier that callers are served as: the value tier, raised while provisional, moved by lists, or overridden.

    Lists are applied from the last of `lists.precedence` to the first, so that the first has the final word; an
    override, which an operator decided for this one customer, stands above all. One that names no tier of the policy
    has no effect (an audit lists it).
    """
    ranked = Ranked(value_flag, pl.lit(BY_SCORE))
    if policy.provisional is not None:
        lifted = pl.min_horizontal(ranked.flag, _position(policy, policy.provisional.tier))
        ranked = _changed(ranked, is_provisional(policy), lifted, "provisional")
    on_list = {
        "red": pl.col("service_list").eq_missing(pl.lit("red")),
        "black": pl.col("service_list").eq_missing(pl.lit("black")),
        "vip": pl.col("is_vip"),
    }
    for name in reversed(policy.lists.precedence):
        rule = getattr(policy.lists, name)
        flag = ranked.flag
        if rule.at_least is not None:
            flag = pl.min_horizontal(flag, _position(policy, rule.at_least))
        if rule.at_most is not None:
            flag = pl.max_horizontal(flag, _position(policy, rule.at_most))
        if rule.at_least is not None or rule.at_most is not None:
            ranked = _changed(ranked, on_list[name], flag, name if name == "vip" else f"{name}_list")
    overridden = flag_of(policy, "override_tier")
    return Ranked(
        pl.coalesce(overridden, ranked.flag),
        pl.when(overridden.is_not_null()).then(pl.lit("override")).otherwise(ranked.ground),
    )


def tier_name(policy: Policy, flag: pl.Expr) -> pl.Expr:
    """The name of the tier at position `flag`."""
    name = pl.lit(policy.tiers[-1].name)
    for position, tier in enumerate(policy.tiers[:-1], start=1):
        name = pl.when(flag == position).then(pl.lit(tier.name)).otherwise(name)
    return name


def flag_of(policy: Policy, column: str) -> pl.Expr:
    """The position of the tier that `column` names; null where it names none of the policy's (INT16)."""
    flag: pl.Expr = pl.lit(None, dtype=pl.Int16)
    for name in policy.tier_names:
        flag = pl.when(pl.col(column) == name).then(_position(policy, name)).otherwise(flag)
    return flag


def _changed(ranked: Ranked, applies: pl.Expr, flag: pl.Expr, ground: str) -> Ranked:
    changed = applies & (flag != ranked.flag)
    return Ranked(
        pl.when(changed).then(flag).otherwise(ranked.flag),
        pl.when(changed).then(pl.lit(ground)).otherwise(ranked.ground),
    )


def _position(policy: Policy, tier: str) -> pl.Expr:
    return pl.lit(policy.position(tier), dtype=pl.Int16)
