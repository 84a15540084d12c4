"""What leaves the house: the tier table for routing systems and the database for analysts; then call detail expires.

Belongs here: assets of schemas published and marts, and what follows them. Does not: how a version is switched
(pipelines/publishing), what expires (pipelines/expiry.py).
"""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from data_contracts import contract
from pipelines.assets import specs
from pipelines.charts import bar_chart
from pipelines.expiry import expire_detail
from pipelines.progress import Progress
from pipelines.publishing.analytics import MARTS, write_analytics
from pipelines.publishing.tier_table import publish_tier_table
from pipelines.resources import Home

_TIERS = "published.customer_tiers"
_ANALYTICS = "published.analytics"
_EXPIRY = "intake.expiry"


def published_assets(partitions: dg.PartitionsDefinition, time_zone: str) -> list[dg.AssetsDefinition]:
    """published.customer_tiers, the marts with published.analytics, and at the very end intake.expiry."""
    tiers_spec = specs.function_spec(
        _TIERS,
        ["scores.subscription"],
        "The tier table that routing systems read: an immutable version, switched to in one step.",
        {c.name: c.physical for c in contract(_TIERS).columns},
    ).replace_attributes(
        kinds={"arrow", "parquet"},
        freshness_policy=dg.FreshnessPolicy.cron(
            deadline_cron="0 6 * * *", lower_bound_delta=timedelta(hours=6), timezone=time_zone
        ),
    )

    @dg.multi_asset(name="published__customer_tiers", specs=[tiers_spec], partitions_def=partitions, pool="warehouse")
    def customer_tiers(
        context: dg.AssetExecutionContext, home: Home, progress: dg.ResourceParam[Progress]
    ) -> dg.MaterializeResult[None]:
        night = home.night(context.partition_key)
        progress.step(_TIERS, 0, 1)
        with home.open(night) as con:
            publication = publish_tier_table(con, night, home.now(), home.require_turn)
        progress.step(_TIERS, 1, 1)
        manifest = publication.manifest
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": manifest.rows,
                "version": manifest.version,
                "created": publication.created,
                "reason": publication.reason or "published",
                "run_key": manifest.run_key,
                "path": dg.MetadataValue.path(str(night.tier_table)),
                "tiers": bar_chart("Lines in service by tier", manifest.tiers),
            }
        )

    @dg.multi_asset(
        name="published__analytics",
        specs=[
            *(specs.sql_spec(f"marts.{name}") for name in MARTS),
            specs.function_spec(
                _ANALYTICS,
                [_TIERS, "features.usage_daily", *(f"marts.{name}" for name in MARTS)],
                "analytics.duckdb: the marts, and daily usage as a view; replaced in one step.",
                {},
            ),
        ],
        partitions_def=partitions,
        pool="warehouse",
    )
    def analytics(
        context: dg.AssetExecutionContext, home: Home, progress: dg.ResourceParam[Progress]
    ) -> Iterator[dg.MaterializeResult[None]]:
        night = home.night(context.partition_key)
        progress.step(_ANALYTICS, 0, 1)
        with home.open(night) as con:
            rows = write_analytics(con, night)
        progress.step(_ANALYTICS, 1, 1)
        for name in MARTS:
            yield dg.MaterializeResult(asset_key=specs.key(f"marts.{name}"), metadata={"dagster/row_count": rows[name]})
        yield dg.MaterializeResult(
            asset_key=specs.key(_ANALYTICS), metadata={"path": dg.MetadataValue.path(str(night.analytics))}
        )

    @dg.multi_asset(
        name="intake__expiry",
        specs=[
            dg.AssetSpec(
                specs.key(_EXPIRY),
                deps=specs.keys([_ANALYTICS]),
                description="Call detail older than keep_cdr_days leaves staging.cdr; its days stay rolled up.",
                group_name="intake",
                owners=[specs.OWNERS + "data-engineering"],
                kinds={"duckdb", "python"},
            )
        ],
        partitions_def=partitions,
        pool="warehouse",
    )
    def expiry(
        context: dg.AssetExecutionContext, home: Home, progress: dg.ResourceParam[Progress]
    ) -> dg.MaterializeResult[None]:
        night = home.night(context.partition_key)
        progress.step(_EXPIRY, 0, 1)
        with home.open(night) as con:
            gone = expire_detail(con, night)
        progress.step(_EXPIRY, 1, 1)
        return dg.MaterializeResult(
            metadata={
                "days": gone.days,
                "records": gone.records,
                "days_rolled_up": gone.rolled_up,
                "day_files_removed": gone.removed,
            }
        )

    return [customer_tiers, analytics, expiry]
