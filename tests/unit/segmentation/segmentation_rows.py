"""Rows for the segmentation tests: one believable customer, changed where a test says so.
Expected values are written in the tests, never computed here."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import polars as pl

from segmentation.churn.band_rate import MODEL_VERSION, churn_risk
from segmentation.columns import BANDS, BEFORE, CUTOFFS, FEATURES, HAZARDS, MEASURES
from segmentation.measures import measures
from segmentation.policy import Policy, preset, read_policy
from segmentation.scoring import score

AS_OF = dt.date(2026, 10, 15)
DEFAULT = read_policy(preset("default"), "default")
NO_CUTOFFS = pl.DataFrame(schema=dict(CUTOFFS))
NO_HAZARDS = pl.DataFrame(schema=dict(HAZARDS))

# docs/policy.md works this customer out by hand.
CUSTOMER: Mapping[str, Any] = {
    "customer_id": "C1",
    "policy_segment": "base",
    "brand": "gotone",
    "account_manager_id": None,
    "identity_verified": True,
    "previous_operator": None,
    "operator_credit_score": None,
    "lines_in_service": 1,
    "lines_active": 1,
    "first_activation_date": dt.date(2023, 1, 10),
    "contract_end_date": None,
    "ported_in_from": None,
    "billed_months": 3,
    "bills_in_window": 3,
    "billed_amount": "348.50",
    "long_distance_amount": "12.00",
    "roaming_amount": "0",
    "usage_months": 3,
    "prepaid_usage_amount": "0",
    "prepaid_fee_amount": "0",
    "has_prepaid_line": False,
    "has_postpaid_line": True,
    "voice_seconds": 36_000,
    "long_distance_seconds": 3_600,
    "roaming_seconds": 0,
    "data_bytes": 30_000_000_000,
    "latest_month_amount": "120.00",
    "latest_month_voice_seconds": 12_000,
    "latest_month_data_bytes": 10_000_000_000,
    "last_activity_date": dt.date(2026, 10, 14),
    "usage_observed_days": 90,
    "bills_due": 12,
    "bills_paid_on_time": 10,
    "days_past_due": 40,
    "amount_due_total": "1440.00",
    "overdue_amount": "100.00",
    "pays_own_account": True,
    "arrears_stops": 0,
    "complaints": 0,
    "service_list": None,
    "is_vip": False,
    "vip_account_manager_id": None,
    "override_tier": None,
    "band_exposed": 800,
    "band_churned": 24,
    "base_exposed": 10_000,
    "base_churned": 300,
}
PREPAID: Mapping[str, Any] = {
    "has_prepaid_line": True,
    "has_postpaid_line": False,
    "bills_in_window": 0,
    "billed_amount": "0",
    "bills_due": 0,
    "bills_paid_on_time": 0,
    "days_past_due": 0,
    "amount_due_total": "0",
    "overdue_amount": "0",
}


def features(*changes: Mapping[str, Any]) -> pl.DataFrame:
    """One row for each set of changes to CUSTOMER (ids C1, C2, …), in the exact types of features.customer."""
    rows = [{**CUSTOMER, "customer_id": f"C{number}", **change} for number, change in enumerate(changes, start=1)]
    columns = {}
    for name, dtype in {**FEATURES, **BANDS}.items():
        values = [row[name] for row in rows]
        if isinstance(dtype, pl.Decimal):
            values = [None if value is None else Decimal(value) for value in values]
        columns[name] = pl.Series(name, values, dtype=dtype)
    return pl.DataFrame(columns)


def with_measures(
    frame: pl.DataFrame, policy: Policy = DEFAULT, as_of: dt.date = AS_OF, before: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The rows as `score` takes them: with their measures, the rates of their bands as risks, and with what they
    remember (nothing if None).
    """
    measured = frame.join(measures(frame, policy, as_of), on="customer_id", maintain_order="left")
    at_risk = measured.with_columns(
        churn_risk=churn_risk(policy.churn), churn_drivers=pl.lit(""), model_version=pl.lit(MODEL_VERSION)
    )
    return with_memory(at_risk, before)


def scored(
    *changes: Mapping[str, Any],
    policy: Policy = DEFAULT,
    as_of: dt.date = AS_OF,
    cutoffs: pl.DataFrame = NO_CUTOFFS,
    hazards: pl.DataFrame = NO_HAZARDS,
    measured: Mapping[str, Any] | None = None,
    before: pl.DataFrame | None = None,
) -> list[dict[str, Any]]:
    """Scored rows as dicts; `measured` overwrites measures (say, an ARPU or a tenure) before scoring, with one value
    for all or a list of one for each.

    `before`: what the customers' rows remember (columns of `remembered`); nothing if None.
    """
    frame = with_measures(features(*changes), policy, as_of, before)
    for name, value in (measured or {}).items():
        values = pl.Series(value) if isinstance(value, list) else pl.lit(value)
        frame = frame.with_columns(values.cast(MEASURES[name]).alias(name))
    return score(frame, policy, cutoffs, hazards, as_of).to_dicts()


def with_memory(frame: pl.DataFrame, before: pl.DataFrame | None = None) -> pl.DataFrame:
    """The rows with the columns BEFORE: of `before`, by customer_id, or null."""
    if before is None:
        return frame.with_columns(pl.lit(None, dtype=dtype).alias(name) for name, dtype in BEFORE.items())
    return frame.join(before, on="customer_id", how="left", maintain_order="left")


def remembered(rows: list[dict[str, Any]], month_end: list[dict[str, Any]] | None = None) -> pl.DataFrame:
    """What scored rows leave for the next night; `month_end` are those of the last night of the month before it."""
    at_month_end = {row["customer_id"]: row for row in month_end or []}
    columns: dict[str, list[Any]] = {"customer_id": [row["customer_id"] for row in rows]}
    for name in BEFORE:
        kind, _, column = name.partition("_")
        columns[name] = [
            row[column] if kind == "was" else at_month_end.get(row["customer_id"], {}).get(column) for row in rows
        ]
    return pl.DataFrame(columns, schema={"customer_id": pl.String(), **BEFORE})


def policy_with(*changes: tuple[str, str]) -> Policy:
    """The default policy with pieces of its text replaced; each piece must be there exactly once."""
    return read_policy(changed_text(*changes), "test")


def changed_text(*changes: tuple[str, str]) -> bytes:
    text = preset("default").decode()
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in the default policy"
        text = text.replace(old, new)
    return text.encode()
