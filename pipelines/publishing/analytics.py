"""The analysts' database: made beside the old one, then put in its place in one step.

Belongs here: what is in analytics.duckdb and how it gets there. Does not: what the tables mean (sql/marts, contracts).
"""

from __future__ import annotations

import secrets
from pathlib import Path

import duckdb

from data_contracts import Contract, contract, metrics
from pipelines.durable import Disk, Hook, ignore_step
from pipelines.night import Night
from pipelines.sql_catalogue import sql_table
from pipelines.sql_text import identifier, literal
from pipelines.usage import DAILY_USAGE, view_statement
from pipelines.warehouse import first_row, transaction

# In this order: one may read those before it, as marts.<name>.
MARTS = (
    *("customers", "subscriptions", "intake_files", "rejects"),
    *("tier_history", "tier_migration", "stage_transitions", "tier_stability"),
    *("revenue_concentration", "churners_under_line", "fairness_audit", "campaign_uplift"),
)
# Written by key, so that a reader finds a key without reading all rows; but not the widest: sorting its eighty columns
# costs half as much as joining and storing them, and finding one of a million customers takes milliseconds either way.
UNSORTED = frozenset({"customers"})
# So that DuckDB 1.5, which analysts still have, can read what 2.0 writes.
STORAGE_VERSION = "v1.5.0"
_DATABASE = "marts"  # so that a mart finds another under its name
_TEMPORARY = ".analytics.duckdb.*.tmp*"  # the last part: DuckDB's own write-ahead log beside it


def write_analytics(con: duckdb.DuckDBPyConnection, night: Night, hook: Hook = ignore_step) -> dict[str, int]:
    """Makes the database anew and replaces the old one; a process that has the old one open keeps reading it.

    Returns the rows of each mart. `hook` is called before each durable step with its name. Raises duckdb.Error where
    the SQL fails, OSError on the disk; the old database stays.
    """
    target = night.analytics
    disk = Disk(hook)
    disk.make_folder(target.parent, "published")
    _remove_leftovers(target, disk)
    temporary = target.with_name(_TEMPORARY.replace("*", secrets.token_hex(4), 1).replace("*", ""))
    try:
        disk.writing("analytics")
        rows = _fill(con, night, temporary)
        disk.adopt(temporary, target, "analytics")
    finally:
        _remove_leftovers(target, disk)
    return rows


def _remove_leftovers(target: Path, disk: Disk) -> None:
    # The caller holds the warehouse, so nobody else is writing one: what stands there is of a run that was killed.
    for leftover in sorted(target.parent.glob(_TEMPORARY)):
        disk.remove_file(leftover, "temporary")


def _fill(con: duckdb.DuckDBPyConnection, night: Night, path: Path) -> dict[str, int]:
    con.execute(f"attach {literal(str(path))} as {_DATABASE} (storage_version {literal(STORAGE_VERSION)})")
    try:
        rows = {}
        for name in MARTS:
            table = sql_table(f"marts.{name}")
            keys = ", ".join(identifier(k) for k in contract(table.table).key) or "all"
            order = "" if name in UNSORTED else f"order by {keys}"
            given = {p: night.parameters[p] for p in table.parameters}
            full = f"{_DATABASE}.main.{identifier(name)}"
            con.execute(f"create table {full} as select * from (\n{table.text}\n) {order}", given)
            rows[name] = int(first_row(con, f"select count(*) from {full}")[0])
        _usage_view(con)
        with transaction(con):  # or each of two hundred comments would be forced to the disk by itself
            for name in MARTS:
                _comment(con, contract(f"marts.{name}"), name, "table")
            _comment(con, contract("features.usage_daily"), "usage_daily", "view")
        return rows
    finally:
        con.execute(f"detach {_DATABASE}")


def _usage_view(con: duckdb.DuckDBPyConnection) -> None:
    paths = [path for (path,) in con.execute("select path from run.usage_files order by all").fetchall()]
    if paths:
        con.execute(view_statement(DAILY_USAGE, f"{_DATABASE}.main.usage_daily", paths))
    else:
        con.execute(f"create table {_DATABASE}.main.no_usage as from run.no_usage")
        con.execute(f"create view {_DATABASE}.main.usage_daily as from {_DATABASE}.main.no_usage")


def _comment(con: duckdb.DuckDBPyConnection, source: Contract, name: str, kind: str) -> None:
    full = f"{_DATABASE}.main.{identifier(name)}"
    con.execute(f"comment on {kind} {full} is {literal(f'{source.purpose} {source.grain.capitalize()}.')}")
    for column in source.columns:
        said = column.description + (f" Unit: {column.unit}." if column.unit else "")
        if column.metric:
            said += f" {metrics()[column.metric].small_print}"
        con.execute(f"comment on column {full}.{identifier(column.name)} is {literal(said)}")
