"""Lifetime value: the margin that a customer is expected to bring within the policy's horizon, and how much of it is at
risk. How likely somebody leaves is churn/'s; what is done about it, worklist.py's."""

from __future__ import annotations

import math

import polars as pl

from segmentation.columns import HAZARDS, check_columns
from segmentation.exact import half_up, ratio, to_decimal, units, whole
from segmentation.policy import Policy
from segmentation.policy_stages import Churn

MONTH_DAYS = 365.25 / 12
MILLION = 1_000_000
# The months that a customer is expected to bring a margin, as an integer: fine enough that no amount shows it.
_MONTH_UNITS = 10**12
# A measured rate is never taken for impossible or certain; the least risk that DECIMAL(7,6) can show.
_LEAST = 1e-6


def lifetime_columns(policy: Policy, hazards: pl.DataFrame) -> dict[str, pl.Expr]:
    """margin_amount and lifetime_value_amount, DECIMAL(18,4), currency of the run, each rounded half up once.

    `hazards`: columns HAZARDS, one row a churn band (features.churn_bands), counted beforehand. From the row's
    arpu_amount, tenure_months, has_postpaid_line and churn_risk:

        margin         = ARPU x margin_share
        lifetime value = sum over t = 1 … horizon of  ARPU x margin_share x S(t) / (1 + discount_rate)^(t / 12)

    S(t) is the chance to be still there at the end of month t (see `expected_months`). ARPU unknown: both are null.
    ARPU below zero (more refunds than charges): the margin says so, the lifetime value is 0, since a refund is no
    forecast. Raises ColumnsError.
    """
    share_up, share_down = ratio(policy.lifetime.margin_share.value)
    arpu = units("arpu_amount")
    positive = pl.when(arpu > 0).then(arpu).when(arpu.is_not_null()).then(whole(0))
    months = expected_months(policy, hazards)
    return {
        "margin_amount": to_decimal(half_up(arpu * whole(share_up), whole(share_down)), 18, 4),
        "lifetime_value_amount": to_decimal(
            half_up(positive * whole(share_up) * months, whole(share_down * _MONTH_UNITS)), 18, 4
        ),
    }


def value_at_risk() -> pl.Expr:
    """value_at_risk_amount = lifetime_value_amount x churn_risk of the row, DECIMAL(18,4), rounded half up once."""
    risk = pl.col("churn_risk").to_physical().cast(pl.Int128)
    return to_decimal(half_up(units("lifetime_value_amount") * risk, whole(MILLION)), 18, 4)


def expected_months(policy: Policy, hazards: pl.DataFrame) -> pl.Expr:
    """Discounted months of margin that a customer is expected to bring within the horizon, Int128 of 10^-12 months.

    Month by month the customer leaves with the monthly rate base(t) of the band that tenure has reached by then: so the
    value at risk rises with the churn risk throughout, which is in it once. With a half-life the odds are
        odds(base(t)) x (odds(own) / odds(base(1))) ^ (0.5 ^ ((t - 1) / half-life))
    where own is the churn risk made monthly: what is known of the customer counts whole at first and fades. Risk 0
    stays 0, risk 1 stays 1.
    """
    base = _log_odds_by_tenure(policy.churn, hazards)
    # A function of columns rather than one expression: of 24 months Polars would plan longer than it computes.
    return pl.struct("churn_risk", "tenure_months", "has_postpaid_line").map_batches(
        lambda rows: _months(rows.struct.unnest(), policy, base), return_dtype=pl.Int128(), is_elementwise=True
    )


def _months(rows: pl.DataFrame, policy: Policy, base: pl.Series) -> pl.Series:
    # Each operation looks at one row's numbers alone, in floats that Polars computes one by one: a row comes out the
    # same in any batch.
    rules, last = policy.lifetime, policy.churn.tenure_bands_months[-1]
    kind = rows.select(pl.when("has_postpaid_line").then(0).otherwise(last + 1)).to_series()

    def base_of(months_ahead: int) -> pl.Series:
        return base.gather(kind + (rows["tenure_months"] + months_ahead).clip(upper_bound=last))

    yearly, half_life = 1 + float(rules.discount_rate.value), rules.risk_half_life_months
    if half_life is not None:
        days_in_months = MONTH_DAYS / policy.churn.horizon_days.value
        own_odds = ((-rows["churn_risk"].cast(pl.Float64)).log1p() * -days_in_months).exp() - 1
        beyond = own_odds.log() - base_of(0)
    # From the last month back to the first, so that each month's chance to stay is computed once:
    # s1 (d1 + s2 (d2 + s3 (…))).
    months = pl.zeros(rows.height, dtype=pl.Float64, eager=True)
    for t in range(rules.horizon_months.value, 0, -1):
        log_odds = base_of(t - 1)
        if half_life is not None:
            log_odds += beyond * 0.5 ** ((t - 1) / half_life.value)
        odds = log_odds.exp()
        months = (months + yearly ** (-t / 12)) / (odds + 1)
    return (months * _MONTH_UNITS).round().cast(pl.Int64).cast(pl.Int128)


def _log_odds_by_tenure(churn: Churn, hazards: pl.DataFrame) -> pl.Series:
    """Log odds of leaving within a month: of postpaid customers at tenure 0 … last band's first month, then prepaid."""
    check_columns(hazards, HAZARDS, "features.churn_bands")
    counts = {band: (exposed, churned) for band, exposed, churned in hazards.select(*HAZARDS).iter_rows()}
    everybody = [sum(pair[i] for pair in counts.values()) for i in (0, 1)]
    base = everybody[1] / everybody[0] if everybody[0] else float(churn.prior_rate.value)
    prior, months = float(churn.prior_exposures.value), churn.tenure_bands_months
    found = []
    for kind in ("postpaid", "prepaid"):
        for tenure in range(months[-1] + 1):
            band = churn.tenure_bands[max(i for i, lower in enumerate(months) if lower <= tenure)]
            exposed, churned = counts.get(f"{kind}:{band}", (0, 0))
            found.append(_log_odds((churned + prior * base) / (exposed + prior), churn.horizon_days.value))
    return pl.Series(found, dtype=pl.Float64)


def _log_odds(rate: float, days: int) -> float:
    """Log odds of leaving within a month of somebody who leaves within `days` at that rate."""
    rate = min(max(rate, _LEAST), 1 - _LEAST)
    return math.log(math.expm1(-math.log1p(-rate) * MONTH_DAYS / days))
