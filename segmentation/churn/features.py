"""What a model of churn sees of a customer: ratios and levels from the sums of features.churn, each from one row alone.
Sums over records and windows belong in sql/features/churn.sql; what a model makes of a feature, in the model.

A feature that can't be known (its window is not loaded, nothing to divide by, too short on the network) is null, not 0.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from segmentation.columns import FEATURES, MONEY, Dtype, check_columns
from segmentation.measures import arpu, tenure_months
from segmentation.months import last_full_week_end

Kind = Literal["numeric", "category", "flag"]
WINDOW_DAYS = 28
# Beyond the 90 days in which activity and recharges are looked for.
NOT_SEEN_DAYS = 91


@dataclass(frozen=True)
class ChurnFeature:
    """A column that a model sees: its type, its kind, and the driver under which it is explained."""

    dtype: Dtype
    kind: Kind
    driver: str


def _numeric(driver: str) -> ChurnFeature:
    return ChurnFeature(pl.Float64(), "numeric", driver)


def _flag(driver: str) -> ChurnFeature:
    return ChurnFeature(pl.Boolean(), "flag", driver)


def _category(driver: str) -> ChurnFeature:
    return ChurnFeature(pl.String(), "category", driver)


# Driver code -> what a hotline agent reads of it.
DRIVERS: Mapping[str, str] = {
    "uses_less": "uses the phone less than before",
    "usage": "how much the phone is used",
    "silent": "not active lately",
    "habits": "calls at night, far away or abroad, or is mostly called",
    "recharges": "recharges less, or not lately",
    "spend": "monthly spend",
    "spend_changes": "monthly spend has changed",
    "plan": "the plan's fee is much of the bill, or little",
    "payment": "pays late, owes, or was stopped",
    "complaints": "complained, or called the hotline",
    "contract": "contract ends soon or has ended",
    "tenure": "time as a customer",
    "switched": "came from another operator",
    "lines": "lines held, and who pays for them",
    "tariff": "brand and kind of tariff",
    "contacts": "talks with fewer people, or fewer of ours",
    "contacts_left": "contacts left lately",
}
# The columns of features.churn that are read here.
CHURN_INPUTS: Mapping[str, Dtype] = {
    "customer_id": pl.String(),
    "brand": pl.String(),
    "customer_type": pl.String(),
    "is_member": pl.Boolean(),
    "pays_own_account": pl.Boolean(),
    **{name: FEATURES[name] for name in ("has_postpaid_line", "has_prepaid_line", "lines_in_service")},
    "lines_suspended": pl.Int32(),
    "lines_ceased": pl.Int32(),
    "first_activation_date": pl.Date(),
    "contract_end_date": pl.Date(),
    "contract_ended_date": pl.Date(),
    "is_ported_in": pl.Boolean(),
    "has_switched": pl.Boolean(),
    **{name: FEATURES[name] for name in ("billed_months", "billed_amount", "prepaid_fee_amount", "usage_months")},
    **{name: FEATURES[name] for name in ("prepaid_usage_amount", "latest_month_amount")},
    "rental_amount": MONEY,
    "lowest_month_amount": MONEY,
    "highest_month_amount": MONEY,
    **{name: FEATURES[name] for name in ("bills_due", "bills_paid_on_time", "days_past_due", "amount_due_total")},
    **{name: FEATURES[name] for name in ("overdue_amount", "arrears_stops", "complaints")},
    "usage_days": pl.Int32(),
    "usage_days_before": pl.Int32(),
    "last_activity_date": pl.Date(),
    "active_days": pl.Int32(),
    "active_days_before": pl.Int32(),
    **dict.fromkeys(
        (
            *("voice_seconds", "voice_seconds_before", "voice_seconds_week"),
            *("voice_seconds_lowest_week", "voice_seconds_highest_week"),
            *(
                "data_bytes",
                "data_bytes_before",
                "data_bytes_week",
                "data_bytes_lowest_week",
                "data_bytes_highest_week",
            ),
            *("messages", "messages_before"),
        ),
        pl.Int64(),
    ),
    "charge_amount": MONEY,
    "charge_amount_before": MONEY,
    **dict.fromkeys(
        ("voice_in_seconds", "long_distance_seconds", "roaming_seconds", "night_seconds", "hotline_calls"), pl.Int64()
    ),
    "recharges": pl.Int32(),
    "recharges_before": pl.Int32(),
    "recharge_amount": MONEY,
    "recharge_amount_before": MONEY,
    "last_recharge_date": pl.Date(),
    "is_hub": pl.Boolean(),
    **dict.fromkeys(
        (
            "contacts",
            "contacts_before",
            "on_net_contacts",
            "on_net_contacts_seen",
            "contacts_left",
            "best_tier_contacts",
        ),
        pl.Int32(),
    ),
}
CHURN_FEATURES: Mapping[str, ChurnFeature] = {
    "payment_type": _category("tariff"),
    "is_mixed": _flag("tariff"),
    "brand": _category("tariff"),
    "customer_type": _category("lines"),
    "is_member": _flag("lines"),
    "pays_own_account": _flag("lines"),
    "lines_in_service": _numeric("lines"),
    "lines_ceased": _numeric("lines"),
    "lines_suspended": _numeric("payment"),
    "tenure_months": _numeric("tenure"),
    "is_under_contract": _flag("contract"),
    "days_to_contract_end": _numeric("contract"),
    "days_since_contract_end": _numeric("contract"),
    "is_ported_in": _flag("switched"),
    "has_switched": _flag("switched"),
    "arpu_amount": _numeric("spend"),
    "spend_change": _numeric("spend_changes"),
    "spend_spread": _numeric("spend_changes"),
    "charge_change": _numeric("spend_changes"),
    "rental_share": _numeric("plan"),
    "paid_on_time_share": _numeric("payment"),
    "mean_days_past_due": _numeric("payment"),
    "overdue_months": _numeric("payment"),
    "arrears_stops": _numeric("payment"),
    "complaints": _numeric("complaints"),
    "hotline_calls": _numeric("complaints"),
    "active_days_share": _numeric("usage"),
    "active_days_change": _numeric("uses_less"),
    "days_since_activity": _numeric("silent"),
    "voice_minutes_a_day": _numeric("usage"),
    "voice_change": _numeric("uses_less"),
    "voice_week_change": _numeric("uses_less"),
    "voice_spread": _numeric("habits"),
    "data_megabytes_a_day": _numeric("usage"),
    "data_change": _numeric("uses_less"),
    "data_week_change": _numeric("uses_less"),
    "data_spread": _numeric("habits"),
    "messages_a_day": _numeric("usage"),
    "messages_change": _numeric("uses_less"),
    "called_share": _numeric("habits"),
    "long_distance_share": _numeric("habits"),
    "roaming_share": _numeric("habits"),
    "night_share": _numeric("habits"),
    "recharges": _numeric("recharges"),
    "recharges_change": _numeric("recharges"),
    "recharge_amount": _numeric("recharges"),
    "recharge_amount_change": _numeric("recharges"),
    "days_since_recharge": _numeric("recharges"),
    "is_hub": _flag("habits"),
    "contacts": _numeric("contacts"),
    "contacts_change": _numeric("contacts"),
    "on_net_share": _numeric("contacts"),
    "best_tier_share": _numeric("contacts"),
    "contacts_left": _numeric("contacts_left"),
    "contacts_left_share": _numeric("contacts_left"),
}


def drivers() -> dict[str, str]:
    """Feature -> driver code, as a model's explanation groups features."""
    return {name: feature.driver for name, feature in CHURN_FEATURES.items()}


def churn_features(frame: pl.DataFrame, as_of_date: dt.date) -> pl.DataFrame:
    """`customer_id` and the columns CHURN_FEATURES, a row for each row of `frame` in its order.

    `frame` has the columns CHURN_INPUTS (features.churn as of `as_of_date`). Shares lie in 0-1, changes in -1 to 1.
    Raises ColumnsError.
    """
    check_columns(frame, CHURN_INPUTS, "features.churn")
    made = _customer(as_of_date) | _spend(as_of_date) | _usage(as_of_date) | _contacts(as_of_date)
    return frame.select(
        "customer_id", *(made.get(name, pl.col(name)).cast(f.dtype).alias(name) for name, f in CHURN_FEATURES.items())
    )


def _customer(as_of: dt.date) -> dict[str, pl.Expr]:
    ahead = _days(pl.lit(as_of), pl.col("contract_end_date"))
    postpaid = pl.col("has_postpaid_line")
    return {
        # As outcomes are judged: any postpaid line makes a customer postpaid.
        "payment_type": pl.when(postpaid).then(pl.lit("postpaid")).otherwise(pl.lit("prepaid")),
        "is_mixed": postpaid & pl.col("has_prepaid_line"),
        "tenure_months": tenure_months(as_of),
        "is_under_contract": pl.col("contract_end_date").is_not_null(),
        "days_to_contract_end": ahead,
        "days_since_contract_end": _days(pl.col("contract_ended_date"), pl.lit(as_of)),
    }


def _spend(as_of: dt.date) -> dict[str, pl.Expr]:
    mean = arpu().cast(pl.Float64)
    prepaid = pl.col("has_prepaid_line")
    # Null as the whole window is: recharges are not loaded, or nobody can recharge here.
    known = prepaid & pl.col("recharges").is_not_null()
    since = _days(pl.col("last_recharge_date"), pl.lit(as_of)).fill_null(NOT_SEEN_DAYS)
    return {
        "arpu_amount": mean,
        # A first bill says nothing of a change.
        "spend_change": pl.when(pl.max_horizontal("billed_months", "usage_months") >= 2).then(
            _change(_float("latest_month_amount"), mean)
        ),
        "spend_spread": pl.when(pl.col("billed_months") >= 2).then(
            _change(_float("highest_month_amount"), _float("lowest_month_amount"))
        ),
        # A plan that is dearer than what is used of it.
        "rental_share": _ratio(
            _float("rental_amount"),
            _float("billed_amount") + _float("prepaid_fee_amount") + _float("prepaid_usage_amount"),
        ),
        "charge_change": _known_before(as_of, _change_a_day("charge_amount")),
        "paid_on_time_share": _ratio(_float("bills_paid_on_time"), _float("bills_due")),
        "mean_days_past_due": _ratio(_float("days_past_due"), _float("bills_due")),
        "overdue_months": _ratio(_float("overdue_amount") * _float("bills_due"), _float("amount_due_total")),
        "recharges": pl.when(known).then(_float("recharges")),
        "recharges_change": pl.when(known).then(
            _known_before(as_of, _change(_float("recharges"), _float("recharges_before")))
        ),
        "recharge_amount": pl.when(known).then(_float("recharge_amount")),
        "recharge_amount_change": pl.when(known).then(
            _known_before(as_of, _change(_float("recharge_amount"), _float("recharge_amount_before")))
        ),
        "days_since_recharge": pl.when(known).then(since),
    }


def _usage(as_of: dt.date) -> dict[str, pl.Expr]:
    since = _days(pl.col("last_activity_date"), pl.lit(as_of)).fill_null(NOT_SEEN_DAYS)
    return {
        "active_days_share": _ratio(_float("active_days"), _float("usage_days")),
        "active_days_change": _known_before(as_of, _change_a_day("active_days")),
        "days_since_activity": pl.when(pl.col("usage_days").is_not_null()).then(since),
        "voice_minutes_a_day": _ratio(_float("voice_seconds"), _float("usage_days") * 60),
        "voice_change": _known_before(as_of, _change_a_day("voice_seconds")),
        "voice_week_change": _week_change("voice_seconds"),
        "voice_spread": _spread("voice_seconds"),
        "data_megabytes_a_day": _ratio(_float("data_bytes"), _float("usage_days") * 1_000_000),
        "data_change": _known_before(as_of, _change_a_day("data_bytes")),
        "data_week_change": _week_change("data_bytes"),
        "data_spread": _spread("data_bytes"),
        "messages_a_day": _ratio(_float("messages"), _float("usage_days")),
        "messages_change": _known_before(as_of, _change_a_day("messages")),
        "called_share": _ratio(_float("voice_in_seconds"), _float("voice_seconds")),
        "long_distance_share": _ratio(_float("long_distance_seconds"), _float("voice_seconds")),
        "roaming_share": _ratio(_float("roaming_seconds"), _float("voice_seconds")),
        "night_share": _ratio(_float("night_seconds"), _float("voice_seconds")),
    }


def _contacts(as_of: dt.date) -> dict[str, pl.Expr]:
    return {
        # Full weeks; and who is talked with does not grow with the days that are looked at as sums do.
        "contacts_change": _known_before(
            last_full_week_end(as_of), _change(_float("contacts"), _float("contacts_before"))
        ),
        "on_net_share": _ratio(_float("on_net_contacts"), _float("contacts")),
        "best_tier_share": _ratio(_float("best_tier_contacts"), _float("on_net_contacts")),
        "contacts_left_share": _ratio(_float("contacts_left"), _float("on_net_contacts_seen")),
    }


def _float(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64)


def _ratio(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole != 0).then(part / whole)


def _change(after: pl.Expr, before: pl.Expr) -> pl.Expr:
    """From -1 (nothing any more) over 0 (the same) to 1 (nothing before); null where both are 0."""
    return _ratio(after - before, after.abs() + before.abs())


def _change_a_day(name: str) -> pl.Expr:
    """Change of a daily mean from the 28 days before to the last 28: days that are not loaded count in neither."""
    return _change(
        _ratio(_float(name), _float("usage_days")), _ratio(_float(f"{name}_before"), _float("usage_days_before"))
    )


def _week_change(name: str) -> pl.Expr:
    """Change of a daily mean from the 21 days before to the last 7."""
    week = _float(f"{name}_week")
    return _change(week / 7, (_float(name) - week) / (WINDOW_DAYS - 7))


def _spread(name: str) -> pl.Expr:
    """How far the busiest of four weeks is from the quietest, 0-1; null without any usage."""
    return _change(_float(f"{name}_highest_week"), _float(f"{name}_lowest_week"))


def _known_before(as_of: dt.date, change: pl.Expr) -> pl.Expr:
    """Null for a customer who was not there in the whole of the 28 days before: joining is no growth."""
    first = as_of - dt.timedelta(days=2 * WINDOW_DAYS - 1)
    return pl.when(pl.col("first_activation_date") <= first).then(change)


def _days(start: pl.Expr, end: pl.Expr) -> pl.Expr:
    return (end - start).dt.total_days().cast(pl.Float64)
