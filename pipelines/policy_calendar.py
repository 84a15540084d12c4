"""What an operator's policy adds to the calendar of a night: windows, origins, bands, caps, names.

Belongs here: `run.*` tables, and dates, that a policy decides. Does not: dates that are the same under each policy
(run_context.py), what a customer is worth (segmentation/).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from data_contracts import metrics
from pipelines.run_context import ACTIVITY_DAYS, Row, RunTable, latest_activation, local_midnight
from segmentation.months import last_closed_month, month_end, month_start
from segmentation.policy import Policy, Segment
from segmentation.value import required_cutoffs


def policy_tables(
    as_of: date,
    zone: ZoneInfo,
    policy: Policy,
    usage_days: tuple[date, date] | None,
    *,
    churn_origins: Sequence[date] | None = None,
    night_before: date | None = None,
) -> tuple[RunTable, ...]:
    """The `run.*` tables that a policy decides, as of a date; the arguments are those of run_tables."""
    origins = _history_origins(as_of, policy) if churn_origins is None else sorted(churn_origins)
    return (
        arpu_months(as_of, zone, policy.segments, usage_days),
        policy_segments(policy.segments),
        _churn_origins(zone, policy, usage_days, origins),
        RunTable("origin_tenure_bands", tuple((day, *band) for day in origins for band in _tenure_bands(day, policy))),
        RunTable("tenure_bands", tuple(_tenure_bands(as_of, policy))),
        RunTable("complaint_reasons", tuple((prefix,) for prefix in _complaint_reasons(policy))),
        RunTable("tier_names", tuple((name, i) for i, name in enumerate(policy.tier_names, start=1))),
        RunTable("list_precedence", tuple((name, i) for i, name in enumerate(policy.lists.precedence, start=1))),
        RunTable("quantiles", tuple((s, m, Decimal(q)) for s, m, q in required_cutoffs(policy).iter_rows())),
        RunTable("move_caps", _move_caps(as_of, policy, night_before)),
        claims(as_of, policy),
    )


def arpu_months(
    as_of: date, zone: ZoneInfo, segments: tuple[Segment, ...], usage_days: tuple[date, date] | None
) -> RunTable:
    """The closed months of each segment's ARPU window, newest first, and whether each lies inside the loaded usage
    (first and last day, None without any).
    """
    rows = []
    for segment in segments:
        arpu = segment.policy.arpu
        latest = last_closed_month(as_of, int(arpu.closing_day.value))
        for back in range(int(arpu.window_months.value)):
            first = month_start(latest, back)
            last = month_end(first)
            ends_at = local_midnight(last + timedelta(days=1), zone)
            observed = usage_days is not None and usage_days[0] <= first and usage_days[1] >= last
            rows.append((segment.name, f"{first:%Y-%m}", first, last, ends_at, back == 0, observed))
    return RunTable("arpu_months", tuple(rows))


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


def _tenure_bands(day: date, policy: Policy) -> list[Row]:
    edges = policy.churn.tenure_bands_months
    rows = []
    for band, lower, upper in zip(policy.churn.tenure_bands, edges, (*edges[1:], None), strict=True):
        after = date(1900, 1, 1) if upper is None else latest_activation(day, upper)
        rows.append((band, after, latest_activation(day, lower)))
    return rows


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
