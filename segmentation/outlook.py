"""What would lift a customer to the next tier, and what changed since the end of last month, as codes.
Why the row says what it says belongs in explain.py."""

from __future__ import annotations

import polars as pl

from segmentation.exact import ONE, to_decimal, whole
from segmentation.policy import MEASURES, Policy
from segmentation.tiers import eligible
from segmentation.value import FINE, Steps, measure_units, plain_text, weight_units

_FINE_OF_UNIT = FINE // ONE

LIFTS = {
    "arpu": "ARPU a month that reaches the next tier",
    "spend": "spend of the window that reaches the next tier",
    "tenure": "months of tenure that reach the next tier, or eligibility",
    "credit": "credit that reaches the next tier",
    "mou": "minutes of use a month that reach the next tier",
    "identity": "identification under the real name, which eligibility needs",
    "arrears": "arrears stops within 12 months, fewer than which the next tier needs (written with <)",
}


def lifted_by(policy: Policy, steps: Steps) -> pl.Expr:
    """What alone would bring the next better tier, all else as it is: such as `arpu=120;tenure=36`, joined by ';'.

    Each is the smallest value of that measure with which the score reaches the tier above the value tier; a measure
    that can't do it alone is absent. '' in the best tier, and where nothing alone
    helps. Needs the columns `fine_<measure>`.
    """
    lifts = [_eligibility(policy), _arrears(policy)]
    rated = eligible(policy) & (pl.col("value_flag") > 1)
    missing = _missing(policy)
    for measure, dimension in policy.value.dimensions.items():
        wanted = pl.col(f"fine_{measure}") + missing
        reached: pl.Expr = pl.lit(None, dtype=pl.String)
        if dimension.per_unit is None:
            weight = weight_units(dimension) * (_FINE_OF_UNIT // ONE)
            for threshold, points in reversed(steps[measure]):
                enough = whole(int(points * ONE) * weight) >= wanted
                reached = pl.when(enough).then(pl.lit(f"{measure}={threshold.normalize():f}")).otherwise(reached)
        else:
            rate = int(dimension.per_unit.points * ONE) * weight_units(dimension) // ONE * (_FINE_OF_UNIT // ONE)
            unit = ONE if dimension.per_unit.count != "exact" or measure == "tenure" else 1
            # Rounded up to what can be earned: whole units, or ten-thousandths.
            needed = (wanted + whole(rate * unit - 1)) // whole(rate * unit) * whole(unit)
            limit = dimension.per_unit.at_most
            possible = wanted <= whole(int(limit * FINE)) if limit is not None else pl.lit(value=True)
            text = pl.concat_str(pl.lit(f"{measure}="), plain_text(to_decimal(needed, 18, 4)))
            reached = pl.when(possible & (needed > measure_units(measure).fill_null(whole(0)))).then(text)
        lifts.append(pl.when(rated & (missing > 0)).then(reached))
    return pl.concat_str(lifts, separator=";", ignore_nulls=True)


def changes(policy: Policy) -> pl.Expr:
    """What is other than at the end of last month: tier, stage and each measure's points, as `arpu_points=40>60`.

    Joined by ';'; '' where nothing changed or the customer has no history from then.
    """
    numbers = [f"{measure}_points" for measure in MEASURES if measure in policy.value.dimensions]
    parts = []
    for column in ("tier", "lifecycle_stage", *numbers):
        before, now = pl.col(f"month_{column}"), pl.col(column)
        shown = (plain_text(before), plain_text(now)) if column in numbers else (before, now)
        text = pl.concat_str(pl.lit(f"{column}="), shown[0], pl.lit(">"), shown[1])
        parts.append(pl.when(before.is_not_null() & (before != now)).then(text))
    return pl.concat_str(parts, separator=";", ignore_nulls=True)


def _missing(policy: Policy) -> pl.Expr:
    # The score is the sum rounded half up, so that half a unit less is enough.
    total = pl.sum_horizontal(pl.col(f"fine_{measure}") for measure in policy.value.dimensions)
    target: pl.Expr = whole(0)
    for position, tier in enumerate(policy.tiers[:-1], start=1):
        start = whole(int(tier.min_score * ONE) * _FINE_OF_UNIT - _FINE_OF_UNIT // 2)
        target = pl.when(pl.col("value_flag") == position + 1).then(start).otherwise(target)
    return target - total


def _eligibility(policy: Policy) -> pl.Expr:
    rules = policy.eligibility
    if rules is None:
        return pl.lit(None, dtype=pl.String)
    lifts = []
    if rules.tenure_months is not None:
        short = pl.col("tenure_months") < rules.tenure_months.value
        lifts.append(pl.when(short).then(pl.lit(f"tenure={rules.tenure_months.value}")))
    if rules.identity_verified:
        unknown = ~pl.col("identity_verified").fill_null(value=False)
        lifts.append(pl.when(unknown).then(pl.lit("identity=verified")))
    joined = pl.concat_str(lifts, separator=";", ignore_nulls=True) if lifts else pl.lit("")
    return pl.when(joined != "").then(joined)


def _arrears(policy: Policy) -> pl.Expr:
    lift: pl.Expr = pl.lit(None, dtype=pl.String)
    for limit in policy.limits:
        holds = (pl.col("arrears_stops") >= limit.arrears_stops) & (
            pl.col("value_flag") >= policy.position(limit.at_most)
        )
        lift = pl.when(holds).then(pl.lit(f"arrears<{limit.arrears_stops}")).otherwise(lift)
    return lift
