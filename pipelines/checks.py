"""The blocking checks: contracts judged by Great Expectations, and the SQL audits.

Belongs here: checks as Dagster knows them. Does not: what is promised (data_contracts, sql/audits) or how it is
measured.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import dagster as dg
import duckdb

from data_contracts import contract
from pipelines.assets import specs
from pipelines.contracts.checks import Verdict, judge
from pipelines.contracts.judged import judge_new
from pipelines.engine import count_elsewhere_of, engine_of
from pipelines.night import Night
from pipelines.progress import Progress
from pipelines.resources import Home
from pipelines.sql_catalogue import SqlTable, sql_tables

# The table that is checked, and the contract that it must keep. scores.subscription is what would be published.
CANDIDATE = "scores.subscription"
# The other steps of checks, named after what they look at.
CAME_IN, MADE = "staging", "scores"
KEPT = (
    *((f"staging.{name}", f"staging.{name}") for name in specs.EXTRACTS),
    (CANDIDATE, "published.customer_tiers"),
)
_FLOW = ("intake", "staging", "run", "features", "scores")
_SHOWN = 20


def all_checks(partitions: dg.PartitionsDefinition) -> list[dg.AssetChecksDefinition]:
    """Every contract kept and every audit is a check of its table; a failed one stops everything downstream,
    publication included, unless it only warns. They are measured in three steps of the night, each after the last table
    that it needs: what came in, what was made of it, what would be published. So nobody who is asked to accept a gate
    finds the next one shut a minute later, and a night opens the warehouse three times for them, not thirty.
    """
    found: dict[str, list[_Check]] = {after: [] for after in (CAME_IN, MADE, CANDIDATE)}
    for check in (*(_contract_check(*kept) for kept in KEPT), *(_audit_check(audit) for audit in sql_tables("audits"))):
        found[_after(check.table)].append(check)
    return [_step(after, checks, partitions) for after, checks in found.items()]


@dataclass(frozen=True)
class _Check:
    """One check: whose it is, what it is called and reads beside its table, whether it can stop a night, and how it is
    measured.
    """

    table: str
    name: str
    description: str
    reads: tuple[str, ...]
    blocks: bool
    measure: Callable[[duckdb.DuckDBPyConnection, Night], dg.AssetCheckResult]


def _after(table: str) -> str:
    if table == CANDIDATE:
        return CANDIDATE
    return CAME_IN if table.partition(".")[0] in ("intake", "staging") else MADE


def _step(after: str, checks: Sequence[_Check], partitions: dg.PartitionsDefinition) -> dg.AssetChecksDefinition:
    check_specs = [
        dg.AssetCheckSpec(
            check.name,
            asset=specs.key(check.table),
            description=check.description,
            additional_deps=[specs.key(table) for table in check.reads if table != check.table],
            # A check that only warns may read what is made of its table; one that blocks would wait for itself.
            blocking=check.blocks,
            partitions_def=partitions,
        )
        for check in checks
    ]

    @dg.multi_asset_check(name=f"{after.replace('.', '__')}__checks", specs=check_specs, pool="warehouse")
    def measure(
        context: dg.AssetCheckExecutionContext, home: Home, progress: dg.ResourceParam[Progress]
    ) -> Iterator[dg.AssetCheckResult]:
        night = home.night(context.partition_key)
        results = []
        with home.open(night) as con:
            for check in checks:
                progress.step(f"check {check.table}: {check.name}", 0, 1)
                results.append(check.measure(con, night))
                progress.step(f"check {check.table}: {check.name}", 1, 1)
        yield from results

    return measure


def _contract_check(table: str, promised: str) -> _Check:
    source = contract(promised)
    is_staging = promised == table
    name = f"keeps_contract_{source.name}"
    new = "The rows that no run judged yet, measured" if is_staging else "Measured"

    def measure(con: duckdb.DuckDBPyConnection, night: Night) -> dg.AssetCheckResult:
        window = night.settings.duplicate_window_days
        verdict = (
            judge_new(con, source, source.name, window=window, count_elsewhere=count_elsewhere_of(night))
            if is_staging
            else judge(con, source, table, may_be_empty=False, window=window)
        )
        return dg.AssetCheckResult(
            asset_key=specs.key(table),
            check_name=name,
            passed=verdict.passed,
            description="; ".join(verdict.broken) or _said(verdict),
            metadata={"rows": verdict.rows, "promises": verdict.judged, "broken": len(verdict.broken)},
        )

    said = f"Contract {promised} {source.version}. {new} in DuckDB, judged by Great Expectations."
    return _Check(table, name, said, (), blocks=True, measure=measure)


def _said(verdict: Verdict) -> str:
    return f"all {verdict.judged} promises hold" if verdict.judged else "no row that was not judged before"


def _audit_check(audit: SqlTable) -> _Check:
    table, blocks = _last_in_flow(audit), audit.severity != "warn"

    def measure(con: duckdb.DuckDBPyConnection, night: Night) -> dg.AssetCheckResult:
        bad = engine_of(night).bad_rows(con, audit, _SHOWN)
        columns, found, rows = bad.columns, bad.first, bad.rows
        shown = dg.MetadataValue.table(
            [dg.TableRecord({c: str(v) for c, v in zip(columns, row, strict=True)}) for row in found],
            schema=dg.TableSchema([dg.TableColumn(c) for c in columns]),
        )
        accepted = audit.severity == "gate" and night.accept is not None
        said = f"{rows} rows: {audit.meaning} First: {_first(columns, found[0])}." if rows else "no bad rows"
        if rows and audit.severity == "gate":
            said += f" Accepted: {night.accept}" if accepted else " If it is right, run again with --accept REASON."
        return dg.AssetCheckResult(
            asset_key=specs.key(table),
            check_name=audit.name,
            passed=rows == 0,
            severity=dg.AssetCheckSeverity.ERROR if blocks and not accepted else dg.AssetCheckSeverity.WARN,
            description=said,
            metadata={"rows": rows, "first_rows": shown},
        )

    said = f"{audit.meaning} Empty is right; each row is {audit.grain.removeprefix('one row ')}."
    return _Check(table, audit.name, said, audit.upstreams, blocks, measure)


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
