"""The tables that SQL files make, and daily usage, which is kept as one immutable file a day.

Belongs here: assets of schemas features and scores made by SQL. Does not: the SQL (sql/), or how it is run
(warehouse.py).
"""

import dagster as dg

from pipelines import usage, warehouse
from pipelines.assets import specs
from pipelines.progress import Progress
from pipelines.resources import Home
from pipelines.sql_catalogue import sql_table, sql_tables

USAGE = "features.usage_daily"


def sql_assets(partitions: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """One asset a file of sql/features and sql/scores; daily usage has its own."""
    tables = [t.table for schema in ("features", "scores") for t in sql_tables(schema)]
    return [_sql_asset(table, partitions) for table in tables if table != USAGE] + [_usage_asset(partitions)]


def _sql_asset(table: str, partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=table.replace(".", "__"), specs=[specs.sql_spec(table)], partitions_def=partitions, pool="warehouse"
    )
    def build(
        context: dg.AssetExecutionContext, home: Home, progress: dg.ResourceParam[Progress]
    ) -> dg.MaterializeResult[None]:
        night = home.night(context.partition_key)
        progress.step(table, 0, 1)
        with home.open(night) as con:
            rows = warehouse.build(con, sql_table(table), night.parameters)
        progress.step(table, 1, 1)
        return dg.MaterializeResult(metadata={"dagster/row_count": rows})

    return build


def _usage_asset(partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="features__usage_daily", specs=[specs.sql_spec(USAGE)], partitions_def=partitions, pool="warehouse"
    )
    def usage_daily(
        context: dg.AssetExecutionContext, home: Home, progress: dg.ResourceParam[Progress]
    ) -> dg.MaterializeResult[None]:
        night = home.night(context.partition_key)
        with home.open(night) as con:
            report = usage.roll_up(
                con,
                night.usage_days,
                night.parameters,
                service_numbers=night.settings.service_numbers,
                zone=night.zone,
                progress=lambda done, total: progress.step(USAGE, done, total),
            )
        return dg.MaterializeResult(
            metadata={
                "days": report.days,
                "days_rolled_up": report.rolled_up,
                "records": report.records,
                "records_of_nobody": report.unattributed,
                "path": dg.MetadataValue.path(str(night.usage_days)),
            }
        )

    return usage_daily
