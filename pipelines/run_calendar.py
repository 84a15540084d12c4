"""The `run.*` tables of a night, from what is loaded, published and trained by then.

Belongs here: putting the tables together. Does not: what they say (run_context.py, policy_calendar.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

import duckdb

from pipelines import usage
from pipelines.night import Night
from pipelines.policy_calendar import policy_tables
from pipelines.run_context import RunTable, delivery_days, history_months
from segmentation.policy import Policy


def calendar(
    con: duckdb.DuckDBPyConnection,
    night: Night,
    *,
    churn_origins: Sequence[date] | None = None,
    published_tiers: Mapping[str, int] | None = None,
) -> tuple[RunTable, ...]:
    """The tables that are rows; `con` has the ledger. `churn_origins` and `published_tiers` as in run_tables."""
    before, model = night.nights_before, night.churn_model
    return run_tables(
        night.as_of_date,
        night.zone,
        night.policy,
        night.settings.service_numbers,
        usage.loaded_days(con, night.as_of_date, night.known_before),
        churn_origins=churn_origins,
        published_tiers=published_tiers,
        first_night=before[0].as_of_date if before else None,
        night_before=before[-1].as_of_date if before else None,
        refused_models=[(name, why, model.version) for name, why in model.refused.items()],
    )


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
    return (
        *policy_tables(as_of, zone, policy, usage_days, churn_origins=churn_origins, night_before=night_before),
        delivery_days(as_of, zone),
        history_months(as_of, first_night or as_of),
        RunTable("published_tiers", tuple((published_tiers or {}).items())),
        RunTable("service_numbers", tuple((number,) for number in sorted(set(service_numbers)))),
        RunTable("refused_models", tuple(refused_models)),
    )
