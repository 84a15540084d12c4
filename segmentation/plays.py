"""How a customer is served: the retention play of the cell tier × stage × brand, and usage hints for the agent.
Which tier and stage it is belongs elsewhere."""

from __future__ import annotations

import polars as pl

from segmentation.exact import ONE, count, units, whole
from segmentation.policy import Policy
from segmentation.policy_service import Hint


def retention_play(policy: Policy) -> pl.Expr:
    """The first play of the policy whose tiers, stages and brands are the customer's; null without one."""
    play: pl.Expr = pl.lit(None, dtype=pl.String)
    for rule in reversed(policy.plays):
        cell = [
            pl.col(column).is_in(list(wanted)).fill_null(value=False)
            for column, wanted in (("tier", rule.tiers), ("lifecycle_stage", rule.stages), ("brand", rule.brands))
            if wanted is not None
        ]
        play = pl.when(pl.all_horizontal(pl.lit(value=True), *cell)).then(pl.lit(rule.play)).otherwise(play)
    return play


def usage_hints(policy: Policy) -> pl.Expr:
    """Names of the hints whose measure reaches its threshold, joined by ';' in the policy's order; '' without any."""
    names = [pl.when(_reaches(hint)).then(pl.lit(hint.name)) for hint in policy.hints]
    return pl.concat_str(names, separator=";", ignore_nulls=True) if names else pl.lit("")


def _reaches(hint: Hint) -> pl.Expr:
    # total / months >= threshold, without dividing; a month of bills for amounts, of usage for the rest.
    is_amount = hint.measure.endswith("_amount")
    total = units(hint.measure) if is_amount else count(hint.measure) * whole(ONE)
    months = count("billed_months" if is_amount else "usage_months")
    return (months > 0) & (total >= months * whole(int(hint.from_ * ONE)))
