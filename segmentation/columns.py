"""The columns that segmentation takes and gives, and the one check at its doors.
What the columns mean is in the contracts and in sql/; how they are used, in the modules beside this one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import polars as pl
from polars.datatypes import DataTypeClass

Dtype = pl.DataType | DataTypeClass
MONEY, POINTS, RISK = pl.Decimal(18, 4), pl.Decimal(7, 4), pl.Decimal(7, 6)
SCORE = pl.Decimal(12, 4)

# Wider than any customer, narrow enough that no Int128 formula overflows (the largest, in credit.py,
# reaches 1.5e37 of 1.7e38).
AMOUNT_LIMIT = 10**11
COUNT_LIMIT = 100_000
EXPOSURE_LIMIT = 10**12
# Ten years of a month's seconds for ten thousand lines.
SECONDS_LIMIT = 10**13
# An exabyte: two years of a terabyte a day for a thousand lines.
BYTES_LIMIT = 10**18


class ColumnsError(ValueError):
    """A frame that segmentation cannot take; the message lists every missing, mistyped or impossible column."""


FEATURES: Mapping[str, Dtype] = {
    "customer_id": pl.String(),
    "policy_segment": pl.String(),
    "brand": pl.String(),
    "account_manager_id": pl.String(),
    "identity_verified": pl.Boolean(),
    "previous_operator": pl.String(),
    "operator_credit_score": POINTS,
    "lines_in_service": pl.Int32(),
    "lines_active": pl.Int32(),
    "first_activation_date": pl.Date(),
    "contract_end_date": pl.Date(),
    "ported_in_from": pl.String(),
    "billed_months": pl.Int32(),
    "bills_in_window": pl.Int32(),
    "billed_amount": MONEY,
    "long_distance_amount": MONEY,
    "roaming_amount": MONEY,
    "usage_months": pl.Int32(),
    "prepaid_usage_amount": MONEY,
    "prepaid_fee_amount": MONEY,
    "has_prepaid_line": pl.Boolean(),
    "has_postpaid_line": pl.Boolean(),
    "voice_seconds": pl.Int64(),
    "long_distance_seconds": pl.Int64(),
    "roaming_seconds": pl.Int64(),
    "data_bytes": pl.Int64(),
    "latest_month_amount": MONEY,
    "latest_month_voice_seconds": pl.Int64(),
    "latest_month_data_bytes": pl.Int64(),
    "last_activity_date": pl.Date(),
    "usage_observed_days": pl.Int32(),
    "bills_due": pl.Int32(),
    "bills_paid_on_time": pl.Int32(),
    "days_past_due": pl.Int32(),
    "amount_due_total": MONEY,
    "overdue_amount": MONEY,
    "pays_own_account": pl.Boolean(),
    "arrears_stops": pl.Int32(),
    "complaints": pl.Int32(),
    "service_list": pl.String(),
    "is_vip": pl.Boolean(),
    "vip_account_manager_id": pl.String(),
    "override_tier": pl.String(),
    "base_exposed": pl.Int64(),
}
MEASURES: Mapping[str, Dtype] = {
    "customer_id": pl.String(),
    "arpu_amount": MONEY,
    "spend_amount": MONEY,
    "mou_minutes": MONEY,
    "tenure_months": pl.Int32(),
    "credit": POINTS,
    "credit_source": pl.String(),
}
# How many of a customer's churn band, and of everybody, were there at past dates, and how many of them left.
BANDS: Mapping[str, Dtype] = {
    "band_exposed": pl.Int64(),
    "band_churned": pl.Int64(),
    "base_exposed": pl.Int64(),
    "base_churned": pl.Int64(),
}
RISKS: Mapping[str, Dtype] = {
    "customer_id": pl.String(),
    "churn_risk": RISK,
    "churn_drivers": pl.String(),
    "model_version": pl.String(),
}
DRIFTS: Mapping[str, Dtype] = {
    "feature": pl.String(),
    "stability_index": pl.Decimal(12, 6),
    "model_version": pl.String(),
}
# What a customer's row remembers from night to night; its history is in scores.tier_changes.
STATE: Mapping[str, Dtype] = {
    "tier": pl.String(),
    "tier_flag": pl.Int16(),
    "tier_since": pl.Date(),
    "tier_cause": pl.String(),
    "tier_ground": pl.String(),
    "value_tier": pl.String(),
    "stay_until": pl.Date(),
    "rated_on": pl.Date(),
    "rated_until": pl.Date(),
    "rated_score": SCORE,
    "closed_month": pl.String(),
    "below_before": pl.Int16(),
    "below_now": pl.Boolean(),
    "lifecycle_stage": pl.String(),
    "stage_since": pl.Date(),
    "stage_cause": pl.String(),
    "next_stage": pl.String(),
    "next_stage_since": pl.Date(),
    "arpu_points": SCORE,
    "spend_points": SCORE,
    "tenure_points": SCORE,
    "credit_points": SCORE,
    "mou_points": SCORE,
    "policy_version": pl.String(),
}
# What explains a month's change.
MONTH_STATE = ("tier", "lifecycle_stage", "arpu_points", "spend_points", "tenure_points", "credit_points", "mou_points")
BEFORE: Mapping[str, Dtype] = {
    **{f"was_{name}": dtype for name, dtype in STATE.items()},
    **{f"month_{name}": STATE[name] for name in MONTH_STATE},
}
CUTOFFS: Mapping[str, Dtype] = {
    "segment": pl.String(),
    "measure": pl.String(),
    "quantile": pl.Decimal(7, 6),
    "threshold": MONEY,
}
# features.churn_bands: how many customers of a band were there at past month ends, and how many of them left.
HAZARDS: Mapping[str, Dtype] = {"churn_band": pl.String(), "exposed": pl.Int64(), "churned": pl.Int64()}
SCORES: Mapping[str, Dtype] = {
    "customer_id": pl.String(),
    "as_of_date": pl.Date(),
    "policy_segment": pl.String(),
    **{name: dtype for name, dtype in MEASURES.items() if name != "customer_id"},
    "arpu_part": SCORE,
    "spend_part": SCORE,
    "tenure_part": SCORE,
    "credit_part": SCORE,
    "mou_part": SCORE,
    "value_score": SCORE,
    "spend_grade": pl.String(),
    "score_tier": pl.String(),
    **{name: dtype for name, dtype in STATE.items() if name != "policy_version"},
    "below_months": pl.Int16(),
    "provisional_until": pl.Date(),
    "churn_risk": RISK,
    "churn_risk_band": pl.String(),
    "churn_drivers": pl.String(),
    "margin_amount": MONEY,
    "lifetime_value_amount": MONEY,
    "value_at_risk_amount": MONEY,
    "service_list": pl.String(),
    "is_vip": pl.Boolean(),
    "account_manager_id": pl.String(),
    "retention_play": pl.String(),
    "usage_hints": pl.String(),
    "reasons": pl.String(),
    "lifted_by": pl.String(),
    "changes": pl.String(),
    "policy_version": pl.String(),
    "model_version": pl.String(),
}
NULLABLE = frozenset(
    {"account_manager_id", "operator_credit_score", "contract_end_date", "ported_in_from", "last_activity_date"}
    | {"service_list", "vip_account_manager_id", "arpu_amount", "spend_amount", "mou_minutes", "threshold"}
    | {"brand", "identity_verified", "previous_operator", "override_tier"}
    | {"latest_month_voice_seconds", "latest_month_data_bytes"}
)


def check_columns(frame: pl.DataFrame, schema: Mapping[str, Dtype], table: str) -> None:
    """Raise ColumnsError that lists every column of `schema` that `frame` lacks or has in another type.

    More columns than those are fine. Types are exact: an amount that came as DOUBLE is no longer exact money.
    """
    faults = []
    for name, dtype in schema.items():
        if name not in frame.columns:
            faults.append(f"{name} is missing ({dtype} expected)")
        elif frame.schema[name] != dtype:
            faults.append(f"{name} is {frame.schema[name]}, {dtype} expected")
    if faults:
        raise ColumnsError(f"{table}: {'; '.join(faults)}. Cast or add them in the SQL that makes the table.")


def check_rows(frame: pl.DataFrame, as_of_date: dt.date, table: str) -> None:
    """Raise ColumnsError that names every impossible column of checked customer rows, with up to 3 customers each."""
    rules = _rules(as_of_date)
    for name in frame.columns:
        if (name in FEATURES or name in MEASURES or name in RISKS) and name not in NULLABLE:
            rules[f"{name} is null"] = pl.col(name).is_null()
    _raise_where(rules, frame, table)


def check_bands(frame: pl.DataFrame, table: str) -> None:
    """Raise ColumnsError that names every impossible count of the columns BANDS, with up to 3 customers each."""
    rules = {f"{name} is null": pl.col(name).is_null() for name in BANDS}
    for name in BANDS:
        rules[f"{name} is below 0 or above {EXPOSURE_LIMIT:,}"] = ~pl.col(name).is_between(0, EXPOSURE_LIMIT)
    rules["band_churned exceeds band_exposed"] = pl.col("band_churned") > pl.col("band_exposed")
    rules["base_churned exceeds base_exposed"] = pl.col("base_churned") > pl.col("base_exposed")
    _raise_where(rules, frame, table)


def _raise_where(rules: Mapping[str, pl.Expr], frame: pl.DataFrame, table: str) -> None:
    found = frame.select(pl.any_horizontal(rule.any(ignore_nulls=True) for rule in rules.values())).item()
    if not found:
        return
    faults = []
    for wording, rule in rules.items():
        culprits = frame.filter(rule)["customer_id"]
        if len(culprits):
            listed = ", ".join(str(culprit) for culprit in culprits.head(3).to_list())
            faults.append(f"{wording} in {len(culprits)} row(s), such as customer {listed}")
    raise ColumnsError(f"{table}: {'; '.join(faults)}. Correct the extract or the SQL that makes the table.")


def _rules(as_of_date: dt.date) -> dict[str, pl.Expr]:
    rules: dict[str, pl.Expr] = {}
    limits = {pl.Int32(): COUNT_LIMIT, pl.Int64(): EXPOSURE_LIMIT}
    for name, dtype in FEATURES.items():
        column = pl.col(name)
        if dtype == MONEY:
            rules[f"{name} is {AMOUNT_LIMIT:,} or more, or its negative"] = (
                column.to_physical().cast(pl.Int128).abs() >= AMOUNT_LIMIT * 10_000
            )
        elif isinstance(dtype, pl.Int32 | pl.Int64):
            limit = limits[dtype]
            if name.endswith("_seconds"):
                limit = SECONDS_LIMIT
            if name.endswith("_bytes"):
                limit = BYTES_LIMIT
            if name == "days_past_due":  # summed over bills, not a count of them
                limit = COUNT_LIMIT * 366
            rules[f"{name} is below 0 or above {limit:,}"] = (column < 0) | (column > limit)
    rules["first_activation_date is later than the as-of date"] = pl.col("first_activation_date") > as_of_date
    rules["service_list is neither red nor black"] = ~pl.col("service_list").is_in(["red", "black"])
    score = pl.col("operator_credit_score")
    rules["operator_credit_score is outside 0-100"] = (score < 0) | (score > 100)
    rules["bills_paid_on_time exceeds bills_due"] = pl.col("bills_paid_on_time") > pl.col("bills_due")
    return rules
