"""The three measures of customer value, and minutes of use, from one customer's features.
What a measure is worth in points belongs in value.py; how credit is formed, in credit.py."""

from __future__ import annotations

import calendar
import datetime as dt

import polars as pl

from segmentation.columns import FEATURES, MEASURES, check_columns, check_rows
from segmentation.credit import credit, credit_source
from segmentation.exact import ONE, count, half_up, to_decimal, units, whole
from segmentation.policy import Policy


def measures(features: pl.DataFrame, policy: Policy, as_of_date: dt.date) -> pl.DataFrame:
    """Measures of the customers in service.

    `features` has the columns FEATURES (features.customer as of `as_of_date`). Gives the columns MEASURES, one row a
    customer in service, in the order of the input; customers whose lines are all ceased are dropped. ARPU and MOU are
    rounded half up once, to 4 decimals, in this module; credit in credit.py. Raises ColumnsError.
    """
    check_columns(features, FEATURES, "features.customer")
    customers = features.filter(pl.col("lines_in_service") > 0)
    check_rows(customers, as_of_date, "features.customer")
    return customers.select(
        "customer_id",
        arpu_amount=arpu(),
        spend_amount=spend(),
        mou_minutes=minutes_of_use(),
        tenure_months=tenure_months(as_of_date),
        credit=credit(policy.credit),
        credit_source=credit_source(),
    ).select(*MEASURES)


def has_postpaid_spend() -> pl.Expr:
    """A postpaid line in service, or an amount billed for one that was."""
    return pl.col("has_postpaid_line") | (pl.col("billed_amount") != 0)


def has_prepaid_spend() -> pl.Expr:
    """A prepaid line in service, or something consumed on one that was."""
    return pl.col("has_prepaid_line") | (pl.col("prepaid_usage_amount") != 0) | (pl.col("prepaid_fee_amount") != 0)


def arpu() -> pl.Expr:
    """ARPU a month, DECIMAL(18,4), currency of the extract; null while no part of it is known (a brand-new customer).

    billed / billed months for postpaid lines + (usage / usage months + fees / billed months) for prepaid ones. A part
    without closed months is unknown and adds nothing; a prepaid customer whose usage is unknown and who paid no fee is
    unknown too, not worth 0. Refunds can make it negative.
    """
    billed_months = pl.max_horizontal(count("billed_months"), whole(1))
    usage_months = pl.max_horizontal(count("usage_months"), whole(1))
    amount = half_up(_billed() * usage_months + _used() * billed_months, billed_months * usage_months)
    return pl.when(_spend_known()).then(to_decimal(amount, 18, 4))


def spend() -> pl.Expr:
    """What ARPU is the mean of: the sum over the window's closed months, DECIMAL(18,4), exact; null where ARPU is."""
    return pl.when(_spend_known()).then(to_decimal(_billed() + _used(), 18, 4))


def arpu_partial() -> pl.Expr:
    """Part of the customer's ARPU is unknown: no closed month of bills, or of usage, that it needs."""
    return (has_postpaid_spend() & ~_billed_known()) | (has_prepaid_spend() & ~_usage_known())


def minutes_of_use() -> pl.Expr:
    """MOU: voice minutes a month, in and out, DECIMAL(18,4); null without a closed month of usage."""
    minutes = half_up(count("voice_seconds") * whole(ONE), whole(60) * count("usage_months"))
    return pl.when(_usage_known()).then(to_decimal(minutes, 18, 4))


def tenure_months(as_of_date: dt.date) -> pl.Expr:
    """Whole months from the first activation to `as_of_date`, INT32.

    The number of month steps that do not pass the date; a step that overshoots a short month ends on its last day
    (31 January -> 28 February is 1), hence on a month's last day every step of that month is complete.
    """
    start = pl.col("first_activation_date").dt
    steps = 12 * (as_of_date.year - start.year()) + (as_of_date.month - start.month().cast(pl.Int32))
    if as_of_date.day < calendar.monthrange(as_of_date.year, as_of_date.month)[1]:
        steps = steps - (start.day() > as_of_date.day).cast(pl.Int32)
    return steps.cast(pl.Int32)


def _spend_known() -> pl.Expr:
    return (has_postpaid_spend() & _billed_known()) | (
        has_prepaid_spend() & (_usage_known() | (_billed_known() & (pl.col("prepaid_fee_amount") != 0)))
    )


def _billed() -> pl.Expr:
    return pl.when(_billed_known()).then(units("billed_amount") + units("prepaid_fee_amount")).otherwise(whole(0))


def _used() -> pl.Expr:
    return pl.when(_usage_known()).then(units("prepaid_usage_amount")).otherwise(whole(0))


def _billed_known() -> pl.Expr:
    return pl.col("billed_months") > 0


def _usage_known() -> pl.Expr:
    return pl.col("usage_months") > 0
