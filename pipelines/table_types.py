"""Columns and DuckDB types of every table, told without a warehouse: declared, or as its SQL file gives them.

Belongs here: types of tables. Does not: types of values (column_types.py), names alone (sql_catalogue.py).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from pipelines import warehouse
from pipelines.column_types import duckdb_type
from pipelines.contracts.tables import INTAKE_COLUMNS, staging_columns
from pipelines.judged_tables import JUDGED
from pipelines.run_context import RUN_COLUMNS, parameters
from pipelines.sql_catalogue import sql_table
from pipelines.sql_text import identifier

# Any values: types follow from their types.
_DAY = date(2000, 1, 1)
_VALUES: dict[str, Any] = {
    **parameters(_DAY, ZoneInfo("UTC"), "msisdn"),
    "usage_date": _DAY,
    "max_volume_drop": Decimal("0.6"),
    "gate_min_records": 100,
    "drift_limit": Decimal("0.2"),
}


@cache
def table_types(table: str) -> dict[str, str]:
    """Column names and DuckDB types of `schema.name`, in order. Raises SqlFileError for a table of nobody."""
    schema, _, name = table.partition(".")
    if schema == "staging":
        return staging_columns(name)
    if schema == "intake":
        return INTAKE_COLUMNS[name]
    if schema == "run":
        return RUN_COLUMNS[name]
    if table in JUDGED:
        return {column: duckdb_type(dtype) for column, dtype in JUDGED[table].columns.items()}
    source = sql_table(table)
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        for upstream in source.upstreams:
            folder, _, short = upstream.partition(".")
            columns = ", ".join(f"{identifier(column)} {kind}" for column, kind in table_types(upstream).items())
            con.execute(f"create schema if not exists {identifier(folder)}")
            con.execute(f"create table {identifier(folder)}.{identifier(short)} ({columns})")
        found = warehouse.select(con, source, _VALUES)
        return {column: str(kind) for column, kind in zip(found.columns, found.types, strict=True)}
