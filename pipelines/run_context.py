"""The calendar of one night: which instants, months, origins and cut-offs an as-of date stands for.

Belongs here: pure date arithmetic for the SQL's parameters and `run.*` tables. Does not: a clock, DuckDB.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from data_contracts import metrics
from pipelines.column_types import duckdb_type
from segmentation.columns import STATE
from segmentation.months import last_closed_month, last_full_week_end, month_end, month_start, months_after
from segmentation.policy import Policy, Segment
from segmentation.value import required_cutoffs

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


def run_tables(
    as_of: date,
    zone: ZoneInfo,
    policy: Policy,
    service_numbers: tuple[str, ...],
    usage_days: tuple[date, date] | None,
    *,
    churn_origins: Sequence[date] | None = None,
    published_tiers: Mapping[str, int] | None = None,
    first_night: date | None = None,
    night_before: date | None = None,
    refused_models: Sequence[tuple[str, str, str]] = (),
) -> tuple[RunTable, ...]:
    """The `run.*` tables of one as-of date.

    `usage_days` is the first and last day of loaded usage, None without any; `churn_origins` the dates at which churn
    is counted, None for the policy's month ends; `published_tiers` the lines by tier of the version that this night
    would follow, None if there is none to compare with; `first_night` the first night of the tier history and
    `night_before` the last, whose tiers this one goes on from; both None in a first run.
    `refused_models`: churn models that could not be loaded, why, and what scores instead.
    """
    origins = _history_origins(as_of, policy) if churn_origins is None else sorted(churn_origins)
    return (
        arpu_months(as_of, zone, policy.segments),
        policy_segments(policy.segments),
        _churn_origins(zone, policy, usage_days, origins),
        RunTable("origin_tenure_bands", tuple((day, *band) for day in origins for band in _tenure_bands(day, policy))),
        RunTable("tenure_bands", tuple(_tenure_bands(as_of, policy))),
        _delivery_days(as_of, zone),
        RunTable("published_tiers", tuple((published_tiers or {}).items())),
        RunTable("service_numbers", tuple((number,) for number in sorted(set(service_numbers)))),
        RunTable("complaint_reasons", tuple((prefix,) for prefix in _complaint_reasons(policy))),
        RunTable("tier_names", tuple((name, i) for i, name in enumerate(policy.tier_names, start=1))),
        RunTable("list_precedence", tuple((name, i) for i, name in enumerate(policy.lists.precedence, start=1))),
        RunTable("quantiles", tuple((s, m, Decimal(q)) for s, m, q in required_cutoffs(policy).iter_rows())),
        RunTable("refused_models", tuple(refused_models)),
        RunTable("move_caps", _move_caps(as_of, policy, night_before)),
        history_months(as_of, first_night or as_of),
        claims(as_of, policy),
    )


def _complaint_reasons(policy: Policy) -> list[str]:
    """How the reason of a contact begins that is a complaint, for any segment."""
    rules = (segment.policy.lifecycle.warning.complaints for segment in policy.segments)
    return sorted({prefix for rule in rules if rule is not None for prefix in rule.reason_codes})


def _move_caps(as_of: date, policy: Policy, night_before: date | None) -> tuple[Row, ...]:
    """Which share of the customers may move: of those whose rating ended, those for whom another policy began to
    decide, and all others.
    """
    caps = policy.moves.caps
    if night_before is None:
        occasion = "first_run"
    else:
        closing_day = int(policy.arpu.closing_day.value)
        closed, closed_before = (last_closed_month(day, closing_day) for day in (as_of, night_before))
        occasion = "month_close" if closed != closed_before else "night"
    return (
        ("other", occasion, getattr(caps, occasion).value),
        ("other_policy", "adoption", caps.adoption.value),
        ("rating_ended", "validity", caps.validity.value),
    )


def arpu_months(as_of: date, zone: ZoneInfo, segments: tuple[Segment, ...]) -> RunTable:
    """The closed months of each segment's ARPU window, newest first."""
    rows = []
    for segment in segments:
        arpu = segment.policy.arpu
        latest = last_closed_month(as_of, int(arpu.closing_day.value))
        for back in range(int(arpu.window_months.value)):
            first = month_start(latest, back)
            last = month_end(first)
            ends_at = local_midnight(last + timedelta(days=1), zone)
            rows.append((segment.name, f"{first:%Y-%m}", first, last, ends_at, back == 0))
    return RunTable("arpu_months", tuple(rows))


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


def claims(as_of: date, policy: Policy) -> RunTable:
    """What is claimed of a metric, and what judging it needs: the policy's line of ARPU, and the day on which whoever
    left within the horizon was still there.
    """
    line = policy.churn.low_arpu_line
    horizon = as_of - timedelta(days=int(policy.churn.horizon_days.value))
    return RunTable(
        "claims",
        tuple(
            (metric.name, metric.claimed_share, line.value if line is not None else None, horizon)
            for metric in metrics().values()
            if metric.claimed_share is not None
        ),
    )


def policy_segments(segments: tuple[Segment, ...]) -> RunTable:
    """Each segment's brands and payment types, one row a pair, with the segment's position; null means any."""
    return RunTable(
        "policy_segments",
        tuple(
            (position, segment.name, brand, payment_type)
            for position, segment in enumerate(segments, start=1)
            for brand in segment.brands or (None,)
            for payment_type in segment.payment_types or (None,)
        ),
    )


def label_ends(origin: date, policy: Policy) -> date:
    """The day on which the label of an origin is known: the horizon after the gap has passed."""
    return origin + timedelta(days=int(policy.churn.gap_days.value) + int(policy.churn.horizon_days.value))


def usage_days_read(policy: Policy) -> int:
    """How many days of usage, back from a night, anything may look at under a policy: the windows of the oldest date
    that churn is counted at or learned from, and the months of ARPU. Months count as 31 days.
    """
    churn = policy.churn
    label = int(churn.gap_days.value) + int(churn.horizon_days.value)
    history = 31 * (int(churn.history_months.value) + 1) + label + ACTIVITY_DAYS
    arpu = max(31 * (int(segment.policy.arpu.window_months.value) + 2) for segment in policy.segments)
    return max(history, arpu)


def _history_origins(as_of: date, policy: Policy) -> list[date]:
    """Month ends of the policy's history whose gap and horizon have passed by the as-of date, oldest first."""
    months = int(policy.churn.history_months.value)
    # The gap and the horizon reach over at most 15 months.
    ends = [month_start(as_of, back) - timedelta(days=1) for back in range(months + 16)]
    return sorted(end for end in ends if label_ends(end, policy) <= as_of)[-months:]


def _churn_origins(
    zone: ZoneInfo, policy: Policy, usage_days: tuple[date, date] | None, origins: Sequence[date]
) -> RunTable:
    quiet = timedelta(days=int(policy.churn.prepaid_inactive_days.value))
    rows = []
    for origin in origins:
        gap = origin + timedelta(days=int(policy.churn.gap_days.value))
        horizon = label_ends(origin, policy)
        # Somebody has left on the last of so many silent days: within the gap whoever was silent from here on.
        active_from, quiet_from = gap - quiet + timedelta(days=1), horizon - quiet + timedelta(days=1)
        observed = usage_days is not None and usage_days[0] <= active_from and usage_days[1] >= horizon
        instants = [(day, local_midnight(day + timedelta(days=1), zone)) for day in (origin, gap, horizon)]
        rows.append((*instants[0], *instants[1], *instants[2], active_from, quiet_from, horizon, observed))
    return RunTable("churn_origins", tuple(rows))


def _delivery_days(as_of: date, zone: ZoneInfo) -> RunTable:
    days = [as_of - timedelta(days=back) for back in range(VOLUME_DAYS)]
    return RunTable(
        "delivery_days",
        tuple((day, local_midnight(day, zone), local_midnight(day + timedelta(days=1), zone)) for day in days),
    )


def _tenure_bands(day: date, policy: Policy) -> list[Row]:
    edges = policy.churn.tenure_bands_months
    rows = []
    for band, lower, upper in zip(policy.churn.tenure_bands, edges, (*edges[1:], None), strict=True):
        after = date(1900, 1, 1) if upper is None else latest_activation(day, upper)
        rows.append((band, after, latest_activation(day, lower)))
    return rows
