"""The tier: which level a value score reaches, and what the service lists change about it.
The score itself belongs in value.py; what a tier is entitled to is the routing system's."""

from __future__ import annotations

import polars as pl

from segmentation.columns import POINTS
from segmentation.policy import Policy


def value_flag(policy: Policy) -> pl.Expr:
    """Position (1 is best, INT16) of the best tier whose `min_score` the value_score reaches, before lists."""
    flag = pl.lit(len(policy.tiers), dtype=pl.Int16)
    for position, tier in reversed(list(enumerate(policy.tiers, start=1))):
        reached = pl.col("value_score") >= pl.lit(tier.min_score, dtype=POINTS)
        flag = pl.when(reached).then(pl.lit(position, dtype=pl.Int16)).otherwise(flag)
    return flag


def listed_flag(policy: Policy, flag: pl.Expr) -> pl.Expr:
    """`flag` after the lists that the customer is on: raised to `at_least`, lowered to `at_most` (INT16).

    Lists are applied from the last of `lists.precedence` to the first, so that the first has the final word.
    """
    on_list = {
        "red": pl.col("service_list").eq_missing("red"),
        "black": pl.col("service_list").eq_missing("black"),
        "vip": pl.col("is_vip"),
    }
    for name in reversed(policy.lists.precedence):
        rule = getattr(policy.lists, name)
        changed = flag
        if rule.at_least is not None:
            changed = pl.min_horizontal(changed, pl.lit(_position(policy, rule.at_least), dtype=pl.Int16))
        if rule.at_most is not None:
            changed = pl.max_horizontal(changed, pl.lit(_position(policy, rule.at_most), dtype=pl.Int16))
        flag = pl.when(on_list[name]).then(changed).otherwise(flag)
    return flag


def tier_name(policy: Policy, flag: pl.Expr) -> pl.Expr:
    """The name of the tier at position `flag`."""
    name = pl.lit(policy.tiers[-1].name)
    for position, tier in enumerate(policy.tiers[:-1], start=1):
        name = pl.when(flag == position).then(pl.lit(tier.name)).otherwise(name)
    return name


def _position(policy: Policy, tier: str) -> int:
    return policy.tier_names.index(tier) + 1
