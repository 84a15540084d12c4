"""How a tier moves from night to night: promoted at once, demoted slowly, rated for a time, and why.
What tonight's score alone gives belongs in tiers.py; the memory itself is kept outside (columns BEFORE)."""

from __future__ import annotations

import datetime as dt

import polars as pl

from segmentation.columns import SCORE
from segmentation.months import last_closed_month, month_start, months_after, next_day_of_year
from segmentation.policy import Policy
from segmentation.tiers import BY_SCORE, flag_of, plain_flag

# Causes of a tier's last change. Those in BY_POLICY follow from the score, and the policy caps how many of them a night
# may bring (sql/audits/moves_over_cap.sql); the others are decisions about this one customer.
CAUSES = {
    "first_rating": "rated for the first time",
    "promoted": "the score reached a better tier",
    "demoted": "the score lay below the tier, by the policy's margin, for the policy's closed months",
    "rerated": "the rating had ended, and the score gave another tier",
    "adopted": "another policy, or another segment of it, began to decide",
    "provisional": "came from a competitor and spends much: raised while new",
    "provisional_ended": "no longer new, or spends less: the provisional tier ended",
    "red_list": "entered on the red list",
    "red_list_ended": "the entry on the red list ended",
    "black_list": "entered on the black list",
    "black_list_ended": "the entry on the black list ended",
    "vip": "entered on the VIP list",
    "vip_ended": "the entry on the VIP list ended",
    "override": "an operator decided for this customer",
    "override_ended": "the operator's decision ended",
}
BY_POLICY = ("first_rating", "promoted", "demoted", "rerated", "adopted")


def judged(policy: Policy, as_of_date: dt.date) -> list[pl.Expr]:
    """Columns that say how tonight's score stands against the tier held.

    was_flag       position of the tier held; null for a customer without a history, or of a tier that is gone (INT16)
    below          the score lies more than the margin below the tier held, or eligibility or a limit forbids it
    counted        closed months in a row, up to the one before this, at whose last judgement it was so (INT16)
    rating_over    whether the rating has ended; always so without `validity`
    """
    month = closed_month(policy, as_of_date)
    before = closed_month(policy, as_of_date, back=1)
    was_flag = flag_of(policy, "was_value_tier")
    margin = policy.moves.demotion.margin.value
    floor = pl.lit(None, dtype=SCORE)
    for position, tier in enumerate(policy.tiers, start=1):
        floor = pl.when(was_flag == position).then(pl.lit(tier.min_score - margin, dtype=SCORE)).otherwise(floor)
    forbidden = pl.col("score_flag") > plain_flag(policy)
    below = (pl.col("score_flag") > was_flag) & ((pl.col("value_score") < floor) | forbidden)
    counted = (
        pl.when(pl.col("was_closed_month") == month)
        .then(pl.col("was_below_before"))
        .when((pl.col("was_closed_month") == before) & pl.col("was_below_now"))
        .then(pl.col("was_below_before") + 1)
        .otherwise(0)
    )
    over = (
        pl.lit(value=True)
        if policy.moves.validity is None
        else pl.col("was_rated_until").fill_null(as_of_date) <= as_of_date
    )
    return [
        was_flag.alias("was_flag"),
        below.fill_null(value=False).alias("below"),
        counted.cast(pl.Int16).alias("counted"),
        over.alias("rating_over"),
    ]


def moved(policy: Policy, as_of_date: dt.date) -> list[pl.Expr]:
    """The value tier's position and the memory of it, from the columns of `judged`.

    A better score is taken at once (or when the rating ends). A worse one is taken when the months below are full, the
    stay after a promotion is over and the rating has ended. What is held otherwise stays.
    """
    known = pl.col("was_flag").is_not_null()
    better = pl.col("score_flag") < pl.col("was_flag")
    if policy.moves.promotion == "at_rating":
        better = better & pl.col("rating_over")
    stay_over = pl.col("was_stay_until").fill_null(as_of_date) <= as_of_date
    months = pl.col("counted") + pl.col("below").cast(pl.Int16)
    lost = pl.col("below") & (months >= policy.moves.demotion.months) & stay_over & pl.col("rating_over")
    changed = better | lost
    renewed = ~known | changed | (pl.col("rating_over") if policy.moves.validity is not None else pl.lit(value=False))
    counting = known & ~changed & ((pl.col("counted") > 0) | pl.col("below"))
    as_of = pl.lit(as_of_date, dtype=pl.Date)
    stay_months = int(policy.moves.demotion.minimum_stay_months.value)
    promoted_stay = pl.lit(months_after(as_of_date, stay_months) if stay_months else None, dtype=pl.Date)
    return [
        pl.when(known & ~changed).then("was_flag").otherwise("score_flag").alias("value_flag"),
        pl.when(known & better)
        .then(promoted_stay)
        .when(known & ~changed & ~stay_over)
        .then("was_stay_until")
        .alias("stay_until"),
        pl.when(renewed).then(as_of).otherwise("was_rated_on").alias("rated_on"),
        pl.when(renewed).then(_rated_until(policy, as_of_date)).otherwise("was_rated_until").alias("rated_until"),
        pl.when(renewed).then("value_score").otherwise("was_rated_score").alias("rated_score"),
        pl.when(counting).then(pl.lit(closed_month(policy, as_of_date))).alias("closed_month"),
        pl.when(counting).then("counted").otherwise(pl.lit(0, dtype=pl.Int16)).alias("below_before"),
        (counting & pl.col("below")).alias("below_now"),
    ]


def below_months() -> pl.Expr:
    """Closed months in a row, this one included, at which the score lay below the tier held (INT16)."""
    return pl.col("below_before") + pl.col("below_now").cast(pl.Int16)


def tier_history(policy: Policy, as_of_date: dt.date) -> list[pl.Expr]:
    """Since when the customer is served as this tier, and what made it so (a code of CAUSES)."""
    first = pl.col("was_tier").is_null()
    same = pl.col("tier").eq_missing(pl.col("was_tier"))
    other_ground = pl.col("tier_ground") != pl.col("was_tier_ground")
    by_own = other_ground & (pl.col("tier_ground") != BY_SCORE)
    own_ended = other_ground & (pl.col("was_tier_ground") != BY_SCORE)
    other_policy = pl.col("policy_version") != pl.col("was_policy_version")
    up = pl.col("tier_flag") < pl.col("was_tier_flag")
    raised = "promoted" if policy.moves.promotion == "at_once" else "rerated"
    lowered = "demoted" if policy.moves.validity is None else "rerated"
    cause = (
        pl.when(first)
        .then(pl.lit("first_rating"))
        .when(same)
        .then("was_tier_cause")
        .when(by_own)
        .then("tier_ground")
        .when(other_policy)
        .then(pl.lit("adopted"))
        .when(own_ended)
        .then(pl.concat_str("was_tier_ground", pl.lit("_ended")))
        .when(up)
        .then(pl.lit(raised))
        .otherwise(pl.lit(lowered))
    )
    since = pl.when(same).then("was_tier_since").otherwise(pl.lit(as_of_date, dtype=pl.Date))
    return [since.alias("tier_since"), cause.alias("tier_cause")]


def closed_month(policy: Policy, as_of_date: dt.date, back: int = 0) -> str:
    """The last closed month as YYYY-MM, or the one `back` months before it."""
    month = last_closed_month(as_of_date, int(policy.arpu.closing_day.value))
    return f"{month_start(month, back):%Y-%m}"


def _rated_until(policy: Policy, as_of_date: dt.date) -> pl.Expr:
    validity = policy.moves.validity
    if validity is None:
        return pl.lit(None, dtype=pl.Date)
    if validity.months is not None:
        return pl.lit(months_after(as_of_date, validity.months), dtype=pl.Date)
    return pl.lit(next_day_of_year(as_of_date, str(validity.until)), dtype=pl.Date)
