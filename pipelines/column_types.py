"""The DuckDB types of segmentation's columns.

Belongs here: the one translation of types. Does not: which columns there are (segmentation/columns.py).
"""

from __future__ import annotations

import polars as pl

from segmentation.columns import Dtype

_TYPES: dict[str, str] = {
    "String": "VARCHAR",
    "Int16": "SMALLINT",
    "Int32": "INTEGER",
    "Int64": "BIGINT",
    "Date": "DATE",
    "Boolean": "BOOLEAN",
}


def duckdb_type(dtype: Dtype) -> str:
    """The DuckDB type of a column of segmentation's."""
    if isinstance(dtype, pl.Decimal):
        return f"DECIMAL({dtype.precision},{dtype.scale})"
    return _TYPES[str(dtype)]
