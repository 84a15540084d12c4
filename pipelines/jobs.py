"""The one nightly job: everything from landing to published, for one day.

Belongs here: jobs. Does not: when they run (schedules.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:  # the type has no public name
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

NIGHTLY = "nightly"


def nightly_job() -> UnresolvedAssetJobDefinition:
    """All assets with their checks."""
    return dg.define_asset_job(
        NIGHTLY,
        selection=dg.AssetSelection.all(),
        description="Extracts -> DuckDB -> scores -> published tier table, for one as-of date.",
    )
