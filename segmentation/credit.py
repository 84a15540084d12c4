"""Credit, 0-100: how reliably a customer pays, and where that number comes from.
Creditworthiness only; that worse credit means more churn is not assumed anywhere (see churn/)."""

from __future__ import annotations

import math
from decimal import Decimal

import polars as pl

from segmentation.exact import ONE, count, half_up, ratio, to_decimal, units, whole
from segmentation.policy_value import Credit


def credit_source() -> pl.Expr:
    """'operator' (the extract has a score), 'other_pays', 'payments' (bills were due) or 'neutral', in that order."""
    return (
        pl.when(pl.col("operator_credit_score").is_not_null())
        .then(pl.lit("operator"))
        .when(~pl.col("pays_own_account"))
        .then(pl.lit("other_pays"))
        .when(pl.col("bills_due") > 0)
        .then(pl.lit("payments"))
        .otherwise(pl.lit("neutral"))
    )


def credit(policy: Credit) -> pl.Expr:
    """The customer's credit, DECIMAL(7,4), from the source that `credit_source` names."""
    neutral = pl.lit(policy.neutral.value, dtype=pl.Decimal(7, 4))
    source = credit_source()
    return (
        pl.when(source == "operator")
        .then(pl.col("operator_credit_score"))
        .when(source == "payments")
        .then(payment_credit(policy))
        .otherwise(neutral)
    )


def payment_credit(policy: Credit) -> pl.Expr:
    """Credit from payment behaviour, DECIMAL(7,4), rounded half up once, here; null without a bill due.

    100 × Σ weight × good share (our formula; the signs are those of the domain's definition of credit), where
      on_time        bills paid by the due date / bills due
      days_past_due  1 - min(days past due / bills due, cap) / cap
      overdue        1 - min(overdue / (amount due / bills due), cap) / cap
      arrears_stops  1 - min(stops, cap) / cap
    With nothing due on balance, anything overdue counts as the cap. A negative overdue amount (a credit) counts as 0.
    """
    caps = policy.caps
    cap_days, cap_stops = caps.days_past_due.value, caps.arrears_stops.value
    cap_up, cap_down = ratio(caps.overdue_ratio.value)
    weights = [
        _units(getattr(policy.weights, name).value) for name in ("on_time", "days_past_due", "overdue", "arrears_stops")
    ]
    shared = math.gcd(*weights)
    on_time, days, overdue, stops = (weight // shared for weight in weights)

    # All four over one denominator: bills × cap_days × (cap × amount due) × cap_stops.
    bills = count("bills_due")
    due = pl.max_horizontal(units("amount_due_total"), whole(1))
    owed = pl.max_horizontal(units("overdue_amount"), whole(0))
    due_cap = due * whole(cap_up)
    late_days = pl.min_horizontal(count("days_past_due"), bills * whole(cap_days))
    owed_capped = (
        pl.when((units("amount_due_total") <= 0) & (owed > 0))
        .then(due_cap)
        .otherwise(pl.min_horizontal(owed * bills * whole(cap_down), due_cap))
    )
    stopped = pl.min_horizontal(count("arrears_stops"), whole(cap_stops))
    numerator = (
        count("bills_paid_on_time") * whole(on_time * cap_days * cap_stops) * due_cap
        + (bills * whole(cap_days) - late_days) * whole(days * cap_stops) * due_cap
        + (due_cap - owed_capped) * whole(overdue * cap_days * cap_stops) * bills
        + (whole(cap_stops) - stopped) * whole(stops * cap_days) * bills * due_cap
    )
    denominator = bills * due_cap * whole(cap_days * cap_stops * (on_time + days + overdue + stops))
    return to_decimal(half_up(numerator * whole(100 * ONE), denominator), 7, 4)


def _units(weight: Decimal) -> int:
    return int(weight * ONE)
