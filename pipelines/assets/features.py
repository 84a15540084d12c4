"""The tables that SQL files make, some of them kept as one immutable file a day.

Belongs here: assets of schemas features and scores made by SQL. Does not: the SQL (sql/), or how it is run
(engine.py).
"""

import dagster as dg
import duckdb

from pipelines import usage
from pipelines.assets import specs
from pipelines.engine import engine_of
from pipelines.night import Night
from pipelines.progress import Progress
from pipelines.resources import Home
from pipelines.sql_catalogue import sql_table, sql_tables


def sql_assets(partitions: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """One asset a file of sql/features and sql/scores; those kept by day have their own."""
    tables = [t.table for schema in ("features", "scores") for t in sql_tables(schema)]
    by_day = [_usage_asset(partitions), _contacts_asset(partitions)]
    return [_sql_asset(table, partitions) for table in tables if table not in usage.DAY_TABLES] + by_day


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
            kept = home.unless_made(con, night, table, lambda: engine_of(night).build(con, sql_table(table)))
            rows = engine_of(night).count(con, table)
        progress.step(table, 1, 1)
        return dg.MaterializeResult(metadata={"dagster/row_count": rows, "kept": kept})

    return build


def _usage_asset(partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    table = usage.DAILY_USAGE.table

    @dg.multi_asset(
        name="features__usage_daily", specs=[specs.sql_spec(table)], partitions_def=partitions, pool="warehouse"
    )
    def usage_daily(
        context: dg.AssetExecutionContext, home: Home, progress: dg.ResourceParam[Progress]
    ) -> dg.MaterializeResult[None]:
        night = home.night(context.partition_key)
        with home.open(night) as con:
            report = _roll_up(con, usage.DAILY_USAGE, night, progress)
            last_day = report.files[-1].day if report.files else None
            records, unattributed = usage.records_of(con, last_day)
        return dg.MaterializeResult(
            metadata={
                "days": report.days,
                "days_rolled_up": report.rolled_up,
                "days_with_later_knowledge": report.later_days,
                "last_day": str(last_day),
                "records_of_last_day": records,
                "records_of_nobody_of_last_day": unattributed,
                "path": dg.MetadataValue.path(str(night.usage_days)),
            }
        )

    return usage_daily


def _contacts_asset(partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    table = usage.CONTACT_DAYS.table

    @dg.multi_asset(
        name="features__contact_days", specs=[specs.sql_spec(table)], partitions_def=partitions, pool="warehouse"
    )
    def contact_days(
        context: dg.AssetExecutionContext, home: Home, progress: dg.ResourceParam[Progress]
    ) -> dg.MaterializeResult[None]:
        night = home.night(context.partition_key)
        with home.open(night) as con:
            report = _roll_up(con, usage.CONTACT_DAYS, night, progress)
        return dg.MaterializeResult(metadata={"days": report.days, "days_rolled_up": report.rolled_up})

    return contact_days


def _roll_up(con: duckdb.DuckDBPyConnection, kept: usage.DayTable, night: Night, progress: Progress) -> usage.RollUp:
    return engine_of(night).roll_up(con, kept, lambda done, total: progress.step(kept.table, done, total))
