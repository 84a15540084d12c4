"""The `run.*` tables of a night, from what is loaded, published and trained by then.

Belongs here: putting together what run_context.py needs. Does not: what the tables say (run_context.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import duckdb

from pipelines import usage
from pipelines.night import Night
from pipelines.run_context import RunTable, run_tables


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
