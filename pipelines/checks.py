"""The blocking checks: contracts judged by Great Expectations, and the SQL audits.

Belongs here: checks as Dagster knows them. Does not: what is promised (data_contracts, sql/audits) or how it is
measured.
"""

from collections.abc import Sequence

import dagster as dg

from data_contracts import contract
from pipelines.assets import specs
from pipelines.contracts.checks import Verdict, judge
from pipelines.contracts.judged import judge_new
from pipelines.engine import count_elsewhere_of, engine_of
from pipelines.progress import Progress
from pipelines.resources import Home
from pipelines.sql_catalogue import SqlTable, sql_tables

# The table that is checked, and the contract that it must keep. scores.subscription is what would be published.
CANDIDATE = "scores.subscription"
KEPT = (
    *((f"staging.{name}", f"staging.{name}") for name in specs.EXTRACTS),
    (CANDIDATE, "published.customer_tiers"),
)
_FLOW = ("intake", "staging", "run", "features", "scores")
_SHOWN = 20


def all_checks(partitions: dg.PartitionsDefinition) -> list[dg.AssetChecksDefinition]:
    """One check a contract kept and one an audit; a failed one stops everything downstream, publication included."""
    contracts = [_contract_check(*kept, partitions=partitions) for kept in KEPT]
    return contracts + [_audit_check(audit, partitions) for audit in sql_tables("audits")]


def _contract_check(table: str, promised: str, *, partitions: dg.PartitionsDefinition) -> dg.AssetChecksDefinition:
    source = contract(promised)
    is_staging = promised == table
    new = "The rows that no run judged yet, measured" if is_staging else "Measured"

    @dg.asset_check(
        asset=specs.key(table),
        name=f"keeps_contract_{source.name}",
        description=f"Contract {promised} {source.version}. {new} in DuckDB, judged by Great Expectations.",
        blocking=True,
        partitions_def=partitions,
        pool="warehouse",
    )
    def check(
        context: dg.AssetCheckExecutionContext, home: Home, progress: dg.ResourceParam[Progress]
    ) -> dg.AssetCheckResult:
        name = f"check {table}"
        progress.step(name, 0, 1)
        night = home.night(context.partition_key)
        with home.open(night) as con:
            window = night.settings.duplicate_window_days
            verdict = (
                judge_new(con, source, source.name, window=window, count_elsewhere=count_elsewhere_of(night))
                if is_staging
                else judge(con, source, table, may_be_empty=False, window=window)
            )
        progress.step(name, 1, 1)
        return dg.AssetCheckResult(
            passed=verdict.passed,
            description="; ".join(verdict.broken) or _said(verdict),
            metadata={"rows": verdict.rows, "promises": verdict.judged, "broken": len(verdict.broken)},
        )

    return check


def _said(verdict: Verdict) -> str:
    return f"all {verdict.judged} promises hold" if verdict.judged else "no row that was not judged before"


def _audit_check(audit: SqlTable, partitions: dg.PartitionsDefinition) -> dg.AssetChecksDefinition:
    blocks = audit.severity != "warn"

    asset = _last_in_flow(audit)

    @dg.asset_check(
        asset=specs.key(asset),
        additional_deps=[specs.key(table) for table in audit.upstreams if table != asset],
        name=audit.name,
        description=f"{audit.meaning} Empty is right; each row is {audit.grain.removeprefix('one row ')}.",
        blocking=True,
        partitions_def=partitions,
        pool="warehouse",
    )
    def check(
        context: dg.AssetCheckExecutionContext, home: Home, progress: dg.ResourceParam[Progress]
    ) -> dg.AssetCheckResult:
        name = f"audit {audit.name}"
        progress.step(name, 0, 1)
        night = home.night(context.partition_key)
        with home.open(night) as con:
            bad = engine_of(night).bad_rows(con, audit, _SHOWN)
        columns, found, rows = bad.columns, bad.first, bad.rows
        progress.step(name, 1, 1)
        shown = dg.MetadataValue.table(
            [dg.TableRecord({c: str(v) for c, v in zip(columns, row, strict=True)}) for row in found],
            schema=dg.TableSchema([dg.TableColumn(c) for c in columns]),
        )
        accepted = audit.severity == "gate" and night.accept is not None
        said = f"{rows} rows: {audit.meaning} First: {_first(columns, found[0])}." if rows else "no bad rows"
        if rows and audit.severity == "gate":
            said += f" Accepted: {night.accept}" if accepted else " If it is right, run again with --accept REASON."
        return dg.AssetCheckResult(
            passed=rows == 0,
            severity=dg.AssetCheckSeverity.ERROR if blocks and not accepted else dg.AssetCheckSeverity.WARN,
            description=said,
            metadata={"rows": rows, "first_rows": shown},
        )

    return check


def _first(columns: Sequence[str], row: tuple[object, ...]) -> str:
    """A bad row in words. Audits select identifiers of lines, bills and customers, never a number."""
    return ", ".join(f"{column} {value}" for column, value in zip(columns, row, strict=True))


def _last_in_flow(audit: SqlTable) -> str:
    """The table an audit belongs to: of those it reads, the one that is made last. Gates stand together before the
    publication, so that a person who is asked to accept sees all that are shut.
    """
    if audit.severity == "gate":
        return CANDIDATE
    return max(audit.upstreams, key=lambda table: (_FLOW.index(table.partition(".")[0]), table))
