"""One name: what a table's key, description, columns, owner and lineage are, taken from its contract or SQL file.

Belongs here: asset specs and their metadata. Does not: running anything.
"""

from collections.abc import Iterable, Mapping

import dagster as dg

from data_contracts import Contract, contract, contract_names
from pipelines.contracts.tables import INTAKE_COLUMNS, staging_columns
from pipelines.judged_tables import JUDGED
from pipelines.run_context import RUN_COLUMNS
from pipelines.sql_catalogue import SqlTable, sql_table
from pipelines.sql_lineage import column_lineage
from pipelines.table_types import table_types

OWNERS = "team:"
EXTRACTS = contract_names("staging")
_LEDGER_MEANINGS = {
    "files": "The intake ledger: what every line of every delivered file became.",
    "rejects": "Refused records with file, line and reason; the lines whole, so never for others' eyes.",
    "duplicates": "Records that were there already.",
    "nulled": "Unusable optional values that were set to null, counted by file and column.",
    "file_days": "Which days of usage a CDR file touches.",
    "expired_days": "Days whose call detail has left, when, and which files stand for them since.",
    "subscription_changes": "From when on a delivery of subscriptions changes who held a number.",
}
_RUN_MEANINGS = {
    "arpu_months": "Closed months of each policy segment's ARPU window.",
    "policy_segments": "Which brands and payment types a policy segment takes.",
    "churn_origins": "Past month ends at which churn is counted.",
    "origin_tenure_bands": "Activation dates that bound the tenure bands at each of them.",
    "tenure_bands": "Activation dates that bound the tenure bands on the as-of date.",
    "service_numbers": "The operator's own hotline numbers.",
    "complaint_reasons": "How the reason of a contact begins that is a complaint.",
    "tier_names": "Tiers of the policy, best first.",
    "list_precedence": "Which service list wins.",
    "delivery_days": "The days up to the as-of date whose deliveries are compared, with their bounds in UTC.",
    "published_tiers": "Lines by tier of the version that this night would follow.",
    "refused_models": "Churn models that could not be loaded, and why.",
    "move_caps": "Which share of the customers may move to another tier this night.",
    "history_months": "Calendar months of the tier history up to the as-of date.",
    "claims": "What is claimed of a metric, and what judging it needs.",
    "campaign_members": "Who is on the list or in the control group of a retention campaign: a view over its files.",
    "tier_memory": "The same, past months summed up: each customer's last row by a month end, and all since.",
    "served_tiers": "As tier_memory, up to the night that is published.",
    "tier_changes": "What each night before this one changed in the tiers: a view over the history's files.",
    "quantiles": "Population cut-offs that the policy asks for.",
}


def key(table: str) -> dg.AssetKey:
    """The asset key of `schema.name`."""
    return dg.AssetKey(table.split("."))


def keys(tables: Iterable[str]) -> list[dg.AssetKey]:
    """The asset keys of several tables, sorted."""
    return [key(table) for table in sorted(tables)]


def landing_specs() -> list[dg.AssetSpec]:
    """What the operator delivers: one external asset an extract."""
    return [
        dg.AssetSpec(
            ["landing", name],
            description=contract(f"staging.{name}").purpose,
            group_name="landing",
            kinds={"file"},
            owners=[OWNERS + contract(f"staging.{name}").owner],
        )
        for name in EXTRACTS
    ]


def staging_specs() -> list[dg.AssetSpec]:
    """The accepted rows of each extract, and the ledger."""
    specs = [
        _spec(
            f"staging.{name}",
            ["landing." + name],
            description=f"{contract(f'staging.{name}').purpose} {contract(f'staging.{name}').grain.capitalize()}.",
            owner=contract(f"staging.{name}").owner,
            columns=_described(contract(f"staging.{name}"), staging_columns(name)),
        )
        for name in EXTRACTS
    ]
    ledger = [
        _spec(
            f"intake.{name}",
            ["landing." + extract for extract in EXTRACTS],
            description=_LEDGER_MEANINGS[name],
            owner="data-engineering",
            columns=_plain(columns),
        )
        for name, columns in INTAKE_COLUMNS.items()
    ]
    return [*specs, *ledger]


def run_specs() -> list[dg.AssetSpec]:
    """The calendar and the operator's lists of the as-of date."""
    return [
        _spec(
            f"run.{name}",
            ["intake.files"],
            description=_RUN_MEANINGS[name],
            owner="data-engineering",
            columns=_plain(columns),
        )
        for name, columns in RUN_COLUMNS.items()
    ]


def sql_spec(table: str) -> dg.AssetSpec:
    """A table made by its SQL file: upstreams, columns and column lineage are read from the SQL."""
    source = sql_table(table)
    return _spec(
        table,
        source.upstreams,
        description=f"{source.meaning}\n\nGrain: {source.grain}.",
        owner=source.owner,
        columns=[dg.TableColumn(name, description=note) for name, note in source.column_notes.items()],
        lineage=source,
    )


def function_spec(table: str, upstreams: Iterable[str], description: str, columns: Mapping[str, str]) -> dg.AssetSpec:
    """A table made by a function of segmentation/ or publishing/; its columns mean what they mean to analysts."""
    return _spec(
        table,
        upstreams,
        description=description,
        owner="customer-value",
        columns=_described(contract("marts.customers"), columns),
    )


def judged_spec(table: str, description: str) -> dg.AssetSpec:
    """A table of the list of those that the judgement makes."""
    return function_spec(table, JUDGED[table].upstreams, description, table_types(table))


def _spec(
    table: str,
    upstreams: Iterable[str],
    *,
    description: str,
    owner: str,
    columns: list[dg.TableColumn],
    lineage: SqlTable | None = None,
) -> dg.AssetSpec:
    metadata: dict[str, object] = {}
    if columns:
        metadata["dagster/column_schema"] = dg.TableSchema(columns)
    if lineage is not None:
        metadata["dagster/column_lineage"] = dg.TableColumnLineage(
            {
                column: [dg.TableColumnDep(key(upstream), name) for upstream, name in sources]
                for column, sources in column_lineage(lineage).items()
            }
        )
    return dg.AssetSpec(
        key(table),
        deps=keys(upstreams),
        description=description,
        metadata=metadata,
        group_name=table.partition(".")[0],
        owners=[OWNERS + owner],
        kinds={"duckdb", "sql"} if lineage is not None else {"duckdb", "python"},
    )


def _plain(columns: Mapping[str, str]) -> list[dg.TableColumn]:
    return [dg.TableColumn(name, kind) for name, kind in columns.items()]


def _described(source: Contract, columns: Mapping[str, str]) -> list[dg.TableColumn]:
    notes = {c.name: c.description for c in source.columns}
    return [dg.TableColumn(name, kind, description=notes.get(name)) for name, kind in columns.items()]
