"""All that Dagster knows of Tierline, put together in one function.

Belongs here: assembly. Does not: any asset, check or resource itself.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dagster as dg

from pipelines.assets import specs
from pipelines.assets.features import sql_assets
from pipelines.assets.intake import intake_assets
from pipelines.assets.models import model_assets
from pipelines.assets.published import published_assets
from pipelines.assets.scores import score_assets
from pipelines.checks import all_checks
from pipelines.jobs import nightly_job, training_job
from pipelines.partitions import nightly_partitions
from pipelines.progress import Progress, Silent
from pipelines.resources import Home
from pipelines.schedules import nightly_schedule, training_schedule
from pipelines.settings import load


def build_definitions(
    home: Path,
    options: dict[str, Any] | None = None,
    progress: Progress | None = None,
    *,
    known_at: str | None = None,
    accept: str | None = None,
    follows: str | None = None,
    model: str | None = None,
) -> dg.Definitions:
    """Definitions of one home folder. `options` override its settings, `progress` is told of each step; `known_at`,
    `accept`, `follows` and `model` as in Night.

    Raises SettingsError where the home's settings can't be used.
    """
    time_zone = load(home, options).time_zone
    partitions = nightly_partitions(time_zone)
    return dg.Definitions(
        assets=[
            *specs.landing_specs(),
            *intake_assets(partitions),
            *sql_assets(partitions),
            *score_assets(partitions),
            *published_assets(partitions, time_zone),
            *model_assets(partitions),
        ],
        asset_checks=all_checks(partitions),
        jobs=[nightly_job(), training_job()],
        schedules=[nightly_schedule(time_zone), training_schedule(time_zone)],
        resources={
            "home": Home(
                path=str(home), options=options or {}, known_at=known_at, accept=accept, follows=follows, model=model
            ),
            "home_to_read": Home(path=str(home), options=options or {}, only_reads=True),
            "progress": progress or Silent(),
        },
        # DuckDB has one writer, and every new process would import everything again.
        executor=dg.in_process_executor,
    )


def defs() -> dg.Definitions:
    """Definitions of the home folder in TIERLINE_HOME, for `dagster` and `dg` commands and the web UI."""
    return build_definitions(Path(os.environ.get("TIERLINE_HOME", ".tierline")).resolve())
