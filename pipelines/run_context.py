"""The calendar of one night: which instants, days and months an as-of date stands for.

Belongs here: pure date arithmetic for the SQL's parameters, and the columns of `run.*` tables. Does not: a clock,
DuckDB, what an operator's policy adds (policy_calendar.py), putting a night's tables together (run_calendar.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.column_types import duckdb_type
from segmentation.columns import STATE
from segmentation.months import last_full_week_end, month_end, month_start, months_after

CREDIT_MONTHS = 12
ACTIVITY_DAYS = 90
COMPLAINT_DAYS = 90
# Four weeks, so that each has as many Mondays.
USAGE_WINDOW_DAYS = 28
# More customers than a person talks with in four weeks.
HUB_CONTACTS = 200
# Longer than a month, so that monthly extracts are not called overdue.
DELIVERY_DAYS = 40
# Over three months, so that monthly deliveries have two before them.
VOLUME_DAYS = 100
# A month beside the same month a year before, and that one's year before it.
MIGRATION_MONTHS = 24

Row = tuple[Any, ...]

RUN_COLUMNS: dict[str, dict[str, str]] = {
    "arpu_months": {
        "segment": "VARCHAR",
        "billing_period": "VARCHAR",
        "first_day": "DATE",
        "last_day": "DATE",
        "ends_at": "TIMESTAMP",
        "is_latest_closed": "BOOLEAN",
        "usage_observed": "BOOLEAN",
    },
    "policy_segments": {"position": "INTEGER", "segment": "VARCHAR", "brand": "VARCHAR", "payment_type": "VARCHAR"},
    "churn_origins": {
        "origin_date": "DATE",
        "origin_at": "TIMESTAMP",
        "gap_date": "DATE",
        "gap_at": "TIMESTAMP",
        "horizon_date": "DATE",
        "horizon_at": "TIMESTAMP",
        "active_from": "DATE",
        "quiet_from": "DATE",
        "quiet_until": "DATE",
        "usage_observed": "BOOLEAN",
    },
    "origin_tenure_bands": {
        "origin_date": "DATE",
        "tenure_band": "VARCHAR",
        "activated_after": "DATE",
        "activated_until": "DATE",
    },
    "tenure_bands": {"tenure_band": "VARCHAR", "activated_after": "DATE", "activated_until": "DATE"},
    "service_numbers": {"service_number": "VARCHAR"},
    "complaint_reasons": {"prefix": "VARCHAR"},
    "tier_names": {"tier": "VARCHAR", "position": "INTEGER"},
    "list_precedence": {"list": "VARCHAR", "position": "INTEGER"},
    "delivery_days": {"delivery_day": "DATE", "starts_at": "TIMESTAMP", "ends_at": "TIMESTAMP"},
    "published_tiers": {"tier": "VARCHAR", "rows_published": "BIGINT"},
    "quantiles": {"segment": "VARCHAR", "measure": "VARCHAR", "quantile": "DECIMAL(7,6)"},
    "refused_models": {"model_version": "VARCHAR", "fault": "VARCHAR", "scored_by": "VARCHAR"},
    "move_caps": {"kind": "VARCHAR", "occasion": "VARCHAR", "cap": "DECIMAL(7,6)"},
    "history_months": {"month": "VARCHAR", "before_date": "DATE", "end_date": "DATE", "year_from": "DATE"},
    "claims": {
        "metric": "VARCHAR",
        "claimed_share": "DECIMAL(7,6)",
        "line_amount": "DECIMAL(18,4)",
        "horizon_date": "DATE",
    },
    # Views over files, not rows that are written here: members of campaigns, and what nights changed.
    "campaign_members": {
        "campaign": "VARCHAR",
        "customer_id": "VARCHAR",
        "is_control": "BOOLEAN",
        "position": "INTEGER",
        "list_date": "DATE",
        "outcome_date": "DATE",
        "outcome_at": "TIMESTAMP",
        "active_from": "DATE",
        "payment_type": "VARCHAR",
        "service_key": "VARCHAR",
        "account_manager_id": "VARCHAR",
        "language": "VARCHAR",
        "tier": "VARCHAR",
        "tier_flag": "SMALLINT",
        "lifecycle_stage": "VARCHAR",
        "churn_risk": "DECIMAL(7,6)",
        "churn_risk_band": "VARCHAR",
        "churn_drivers": "VARCHAR",
        "lifetime_value_amount": "DECIMAL(18,4)",
        "value_at_risk_amount": "DECIMAL(18,4)",
        "retention_play": "VARCHAR",
        "policy_version": "VARCHAR",
        "model_version": "VARCHAR",
        "run_key": "VARCHAR",
    },
    "tier_changes": {
        "customer_id": "VARCHAR",
        "valid_from": "DATE",
        **{name: duckdb_type(dtype) for name, dtype in STATE.items()},
    },
}
RUN_COLUMNS["tier_memory"] = RUN_COLUMNS["served_tiers"] = RUN_COLUMNS["tier_changes"]


@dataclass(frozen=True)
class RunTable:
    """A small table that the SQL reads as `run.<name>`; rows in the order of RUN_COLUMNS[name]."""

    name: str
    rows: tuple[Row, ...]

    @property
    def columns(self) -> dict[str, str]:
        """Column names and DuckDB types."""
        return RUN_COLUMNS[self.name]


def local_midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which `day` begins in `zone`, as naive UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC).replace(tzinfo=None)


def latest_activation(day: date, months: int) -> date:
    """The latest activation date with at least `months` whole months of tenure on `day`.

    The inverse of the tenure rule (a step that overshoots a short month ends on its last day): on 28 February 2023 a
    line
    activated on 31 January has one month, so the answer for one month is 31 January.
    """
    first = month_start(day, months)
    last = month_end(first)
    if day == month_end(day):
        return last
    return min(first.replace(day=min(day.day, last.day)), last)


def parameters(
    as_of: date,
    zone: ZoneInfo,
    service_key_type: str,
    known_before: datetime | None = None,
    gap_blocks_after_hours: float = 48.0,
) -> dict[str, Any]:
    """Values of the `$name` parameters of the SQL files for one as-of date.

    A row counts when it was known before `known_before` (naive UTC); the end of the as-of date if None.
    """
    as_of_end = local_midnight(as_of + timedelta(days=1), zone)
    year_from = months_after(as_of, -CREDIT_MONTHS) + timedelta(days=1)
    contacts_until = last_full_week_end(as_of)
    return {
        "as_of_date": as_of,
        "as_of_end": as_of_end,
        "known_before": known_before or as_of_end,
        "gap_overdue_before": (known_before or as_of_end) - timedelta(hours=gap_blocks_after_hours),
        "stops_from": local_midnight(year_from, zone),
        "credit_from": year_from,
        "activity_from": as_of - timedelta(days=ACTIVITY_DAYS - 1),
        "recent_from": as_of - timedelta(days=USAGE_WINDOW_DAYS - 1),
        "earlier_from": as_of - timedelta(days=2 * USAGE_WINDOW_DAYS - 1),
        "contacts_from": contacts_until - timedelta(days=USAGE_WINDOW_DAYS - 1),
        "contacts_before_from": contacts_until - timedelta(days=2 * USAGE_WINDOW_DAYS - 1),
        "contacts_until": contacts_until,
        "hub_contacts": HUB_CONTACTS,
        "last_month_end": month_start(as_of, 0) - timedelta(days=1),
        "complaints_from": as_of - timedelta(days=COMPLAINT_DAYS - 1),
        "delivered_after": local_midnight(as_of - timedelta(days=DELIVERY_DAYS), zone),
        "service_key_type": service_key_type,
    }


def history_months(as_of: date, first_night: date) -> RunTable:
    """The calendar months of the tier history up to the as-of date, oldest first: the day before each begins, its last
    day (in the running month the as-of date), and the first of the 12 months up to that day.
    """
    back = (as_of.year - first_night.year) * 12 + as_of.month - first_night.month
    rows = []
    for first in (month_start(as_of, n) for n in reversed(range(min(back + 1, MIGRATION_MONTHS)))):
        end = min(month_end(first), as_of)
        rows.append((f"{first:%Y-%m}", first - timedelta(days=1), end, months_after(end, -12) + timedelta(days=1)))
    return RunTable("history_months", tuple(rows))


def delivery_days(as_of: date, zone: ZoneInfo) -> RunTable:
    """The days on which deliveries are compared with each other, newest first, with their instants."""
    days = [as_of - timedelta(days=back) for back in range(VOLUME_DAYS)]
    return RunTable(
        "delivery_days",
        tuple((day, local_midnight(day, zone), local_midnight(day + timedelta(days=1), zone)) for day in days),
    )
