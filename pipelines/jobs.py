"""The nightly job, everything from landing to published for one day, and the training of the churn model beside it.

Belongs here: jobs. Does not: when they run (schedules.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:  # the type has no public name
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

NIGHTLY = "nightly"
TRAINING = "churn_training"
MODEL = dg.AssetKey(["models", "churn"])


def nightly_job() -> UnresolvedAssetJobDefinition:
    """All assets with their checks, but for the churn model."""
    return dg.define_asset_job(
        NIGHTLY,
        selection=dg.AssetSelection.all() - dg.AssetSelection.assets(MODEL),
        description="Extracts -> DuckDB -> scores -> published tier table, for one as-of date.",
    )


def training_job() -> UnresolvedAssetJobDefinition:
    """The churn model alone: it reads the warehouse beside the nights and never holds one up."""
    return dg.define_asset_job(
        TRAINING,
        selection=dg.AssetSelection.assets(MODEL),
        description="Past nights -> churn model: fitted, judged on later data, champion where it wins.",
    )
