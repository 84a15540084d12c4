"""From files in landing/ to accepted rows, and the calendar of the night.

Belongs here: the assets of schemas staging, intake and run. Does not: how a file is read (pipelines/intake).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

import dagster as dg

from pipelines import tier_history, tier_memory, warehouse
from pipelines.assets import specs
from pipelines.contracts.checks import prepare
from pipelines.contracts.tables import INTAKE_COLUMNS
from pipelines.engine import file_engine_of
from pipelines.intake import IntakeReport, ingest
from pipelines.intake.rejected import RejectedFile, rejected_files
from pipelines.progress import Progress
from pipelines.publishing.tier_table import tiers_before
from pipelines.resources import Home
from pipelines.retention import campaigns
from pipelines.run_calendar import calendar

_FILES_SHOWN = 10


def intake_assets(partitions: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The multi-asset that reads all deliveries at once (one file may feed several extracts), and the night's
    calendar.
    """

    @dg.multi_asset(name="intake", specs=specs.staging_specs(), partitions_def=partitions, pool="warehouse")
    def intake(
        context: dg.AssetExecutionContext, home: Home, progress: dg.ResourceParam[Progress]
    ) -> Iterator[dg.MaterializeResult[None]]:
        night = home.night(context.partition_key)
        prepare()
        with home.open(night) as con:
            report = ingest(
                con,
                night.landing,
                mappings=night.mappings,
                as_of_date=night.as_of_date,
                settings=night.intake_settings,
                progress=progress,
                engine=file_engine_of(night),
            )
            reasons = con.execute(
                "select extract, reason, count(*) from intake.rejects group by all order by all"
            ).fetchall()
            rejected = _told_rejects(rejected_files(con, report.newly_rejected))
            rows = {name: warehouse.count(con, f"staging.{name}") for name in specs.EXTRACTS}
            ledger = {name: warehouse.count(con, f"intake.{name}") for name in INTAKE_COLUMNS}
            beside = warehouse.count(con, "intake.elsewhere")
        progress.step("intake", 1, 1)
        returned = [str(path) for path in report.returned]
        if report.refused:
            marked = ["Marked for their senders, cell by cell:", *returned] if returned else []
            raise dg.Failure(
                description="\n".join(
                    ["Refused, nothing of these files was taken:", *map(str, report.refused), *marked, *_others(report)]
                ),
                metadata={
                    "refused_files": len(report.refused),
                    "returned_workbooks": dg.MetadataValue.json(returned),
                    **rejected,
                },
                allow_retries=False,
            )
        for name in specs.EXTRACTS:
            yield dg.MaterializeResult(
                asset_key=specs.key(f"staging.{name}"),
                metadata=_metadata(report, name, rows[name], [(r, n) for extract, r, n in reasons if extract == name]),
            )
        for name, records in ledger.items():
            yield dg.MaterializeResult(
                asset_key=specs.key(f"intake.{name}"),
                metadata={
                    "dagster/row_count": records,
                    "copies_ignored_this_run": len(report.copies),
                    "lost_and_taken_again": len(report.recovered),
                    "files_beside_the_warehouse": beside,
                    "returned_workbooks": dg.MetadataValue.json(returned),
                    **(rejected if name == "rejects" else {}),
                },
            )

    @dg.multi_asset(name="run_calendar", specs=specs.run_specs(), partitions_def=partitions, pool="warehouse")
    def run_calendar(
        context: dg.AssetExecutionContext, home: Home, progress: dg.ResourceParam[Progress]
    ) -> Iterator[dg.MaterializeResult[None]]:
        night = home.night(context.partition_key)
        with home.open(night) as con:
            tables = calendar(con, night, published_tiers=tiers_before(night))
            warehouse.write_run_tables(con, tables)
            tier_history.show_history(con, night.nights_before)
            month_end, kept = night.parameters["last_month_end"], night.tier_memory
            tier_memory.sum_up(kept, night.nights_before, month_end, night.settings.memory_limit)
            remembered = tier_memory.show_memory(con, "tier_memory", kept, night.nights_before, month_end)
            tier_memory.show_memory(con, "served_tiers", kept, night.nights_served, month_end)
            seen, damaged = campaigns.show_members(con, night.campaigns, night.as_of_date)
        if damaged:
            context.log.warning(f"damaged worklists are left out, see tierline verify: {', '.join(damaged)}")
        progress.step("calendar", 1, 1)
        for table in tables:
            yield dg.MaterializeResult(
                asset_key=specs.key(f"run.{table.name}"), metadata={"dagster/row_count": len(table.rows)}
            )
        yield dg.MaterializeResult(
            asset_key=specs.key("run.tier_changes"), metadata={"nights": len(night.nights_before)}
        )
        yield dg.MaterializeResult(asset_key=specs.key("run.tier_memory"), metadata={"files": remembered})
        yield dg.MaterializeResult(
            asset_key=specs.key("run.served_tiers"), metadata={"nights": len(night.nights_served)}
        )
        yield dg.MaterializeResult(
            asset_key=specs.key("run.campaign_members"), metadata={"campaigns": seen, "damaged": list(damaged)}
        )

    return [intake, run_calendar]


def _others(report: IntakeReport) -> list[str]:
    """What became of the files that were not refused, in a sentence; none where there are none."""
    files = len({taken.file_name for taken in report.accepted})
    if not files:
        return []
    accepted = sum(taken.accepted for taken in report.accepted)
    rejected = sum(taken.rejected for taken in report.accepted)
    return [
        f"Other files were taken and stay so: {files}, with {accepted:,} records accepted and {rejected:,} rejected "
        "(`tierline reconcile` lists them). Mend what was refused, or take it out of landing/, and run the night again."
    ]


def _told_rejects(files: tuple[RejectedFile, ...]) -> dict[str, dg.MetadataValue[Any] | int]:
    """What this run rejected, as the summary of a night reads it back."""
    return {
        "records_rejected_this_run": sum(file.rejected for file in files),
        "files_with_rejects_this_run": len(files),
        "most_rejects_this_run": dg.MetadataValue.table(
            [dg.TableRecord(asdict(file)) for file in files[:_FILES_SHOWN]],
            schema=dg.TableSchema([dg.TableColumn(field.name) for field in fields(RejectedFile)]),
        ),
    }


def _metadata(
    report: IntakeReport, extract: str, rows: int, reasons: list[tuple[str, int]]
) -> dict[str, dg.MetadataValue[Any] | int]:
    counts: Counter[str] = Counter()
    for outcome in report.accepted:
        if outcome.extract == extract:
            counts.update(
                files=1, accepted=outcome.accepted, rejected=outcome.rejected,
                duplicate=outcome.duplicate, nulled=outcome.nulled,
            )  # fmt: skip
    table = dg.MetadataValue.table(
        [dg.TableRecord({"reason": reason, "records": records}) for reason, records in reasons],
        schema=dg.TableSchema([dg.TableColumn("reason"), dg.TableColumn("records", "int")]),
    )
    return {
        "dagster/row_count": rows,
        **{f"{name}_this_run": counts[name] for name in ("files", "accepted", "rejected", "duplicate", "nulled")},
        "rejects_by_reason": table,
    }
