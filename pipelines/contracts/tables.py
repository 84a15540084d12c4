"""Contract -> columns of the table that holds it, in DuckDB and in Arrow.

Belongs here: names, types, how text is stored. Does not: rules about values (checks.py), reading contracts
(data_contracts).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache

import pyarrow as pa

from data_contracts import Column, Contract, contract, contract_names
from pipelines.sql_text import identifier

LINEAGE = {"known_at": "TIMESTAMP", "file_id": "BIGINT"}
INTAKE_COLUMNS: dict[str, dict[str, str]] = {
    "files": {
        "file_id": "BIGINT",
        "source": "VARCHAR",
        "extract": "VARCHAR",
        "file_name": "VARCHAR",
        "sha256": "VARCHAR",
        "bytes": "BIGINT",
        "records": "BIGINT",
        "header": "BIGINT",
        "trailer": "BIGINT",
        "blank": "BIGINT",
        "accepted": "BIGINT",
        "rejected": "BIGINT",
        "duplicate": "BIGINT",
        "nulled": "BIGINT",
        "known_at": "TIMESTAMP",
        "as_of_date": "DATE",
        "status": "VARCHAR",
        "reason": "VARCHAR",
        "contract_version": "VARCHAR",
        "mapping_fingerprint": "VARCHAR",
        "sequence": "BIGINT",
        "stream": "VARCHAR",
        "sequence_position": "BIGINT",
        "sequence_first": "BIGINT",
        "sequence_last": "BIGINT",
        "known_until": "TIMESTAMP",
        "first_date": "DATE",
        "last_date": "DATE",
    },
    "rejects": {
        "file_id": "BIGINT",
        "extract": "VARCHAR",
        "file_name": "VARCHAR",
        "line_number": "BIGINT",
        "column_name": "VARCHAR",
        "reason": "VARCHAR",
        "detail": "VARCHAR",
        "raw": "VARCHAR",
    },
    "duplicates": {
        "file_id": "BIGINT",
        "extract": "VARCHAR",
        "file_name": "VARCHAR",
        "line_number": "BIGINT",
        "key": "VARCHAR",
        "raw": "VARCHAR",
    },
    "nulled": {"file_id": "BIGINT", "column_name": "VARCHAR", "reason": "VARCHAR", "records": "BIGINT"},
    "file_days": {"file_id": "BIGINT", "usage_date": "DATE", "records": "BIGINT"},
    "expired_days": {
        "detail_from": "DATE",
        "known_before": "TIMESTAMP",
        "usage_from": "DATE",
        "after_file_id": "BIGINT",
        "usage_date": "DATE",
        "usage_daily": "VARCHAR",
        "contact_days": "VARCHAR",
    },
    "subscription_changes": {"file_id": "BIGINT", "known_at": "TIMESTAMP", "changed_from": "TIMESTAMP"},
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_ARROW = {
    "VARCHAR": pa.string(),
    "BOOLEAN": pa.bool_(),
    "SMALLINT": pa.int16(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
}


def staging_columns(extract: str) -> dict[str, str]:
    """Columns of `staging.<extract>` with their DuckDB types: the contract's, its local dates and hours, and the
    lineage.
    """
    source = contract(f"staging.{extract}")
    dates = {c.local_date: "DATE" for c in source.columns if c.local_date is not None}
    hours = {c.local_hour: "INTEGER" for c in source.columns if c.local_hour is not None}
    return {c.name: c.physical for c in source.columns} | dates | hours | LINEAGE


def declared(columns: Mapping[str, str], required: Collection[str] = ()) -> str:
    """The columns of a DuckDB table with these types, as CREATE TABLE wants them.

    Text that names one thing among very many is compressed with zstd: DuckDB's own choice looks for repetitions first,
    which costs more than half of what writing such a column costs, and finds few.
    """
    return ", ".join(
        f"{identifier(name)} {kind}"
        + (" USING COMPRESSION zstd" if kind == "VARCHAR" and _names_one_thing(name) else "")
        + (" NOT NULL" if name in required else "")
        for name, kind in columns.items()
    )


@cache
def _names_one_thing(column: str) -> bool:
    """Whether a column is called as a key, a number or an identifier of a delivered table; other_customer_id too."""
    return any(column == name or column.endswith(f"_{name}") for name in _names_of_one_thing())


@cache
def _names_of_one_thing() -> frozenset[str]:
    delivered = (column for name in contract_names("staging") for column in contract(f"staging.{name}").columns)
    return frozenset(column.name for column in delivered if _hardly_repeats(column))


def _hardly_repeats(column: Column) -> bool:
    named = column.key_position is not None or column.is_personal or column.name.endswith("_id")
    return named and column.physical == "VARCHAR" and not column.enum


def arrow_schema(source: Contract) -> pa.Schema:
    """The Arrow schema of a contract's table, in its column order; required columns are not nullable."""
    return pa.schema([pa.field(c.name, arrow_type(c.physical), nullable=not c.required) for c in source.columns])


def arrow_type(physical: str) -> pa.DataType:
    """Arrow type of a DuckDB type as contracts write it. Raises KeyError for one that no contract may use."""
    if decimal := _DECIMAL.fullmatch(physical):
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    return _ARROW[physical]
