"""Contract -> columns of the table that holds it, in DuckDB and in Arrow.

Belongs here: names and types. Does not: rules about values (checks.py), reading contracts (data_contracts).
"""

from __future__ import annotations

import re

import pyarrow as pa

from data_contracts import Contract, contract

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


def arrow_schema(source: Contract) -> pa.Schema:
    """The Arrow schema of a contract's table, in its column order; required columns are not nullable."""
    return pa.schema([pa.field(c.name, arrow_type(c.physical), nullable=not c.required) for c in source.columns])


def arrow_type(physical: str) -> pa.DataType:
    """Arrow type of a DuckDB type as contracts write it. Raises KeyError for one that no contract may use."""
    if decimal := _DECIMAL.fullmatch(physical):
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    return _ARROW[physical]
