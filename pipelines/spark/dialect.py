"""The SQL of one table as Spark SQL: sqlglot carries the text, the list below has what it does not carry.

Belongs here: differences between the dialects, each found by running both. Does not: running (engine.py), and no table
has a rule of its own: what can be said alike in both dialects is said so in sql/.

| DuckDB | Spark | here |
|---|---|---|
| HUGEINT, sums of integers | no such type; a sum of BIGINT is a BIGINT and fails where it overflows | DECIMAL(38,0) |
| `hash(…)` | of 32 bits | xxhash64(…) |
| `as not materialized` | no such words; it reads a common table anew wherever it is named | left out |
| `$name` | values of parameters | literals of their types |
| `schema.table` | temporary views have no schema | view `schema__table` |
| types of results | DECIMAL(38,s) or BIGINT where DuckDB has others | cast to the types that DuckDB gives |
| TIMESTAMP without a zone | TIMESTAMP is an instant | TIMESTAMP_NTZ, by the session's settings (session.py) |
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import sqlglot
from sqlglot import exp

from pipelines.sql_catalogue import DIALECT

_SPARK = "spark"
_HUGE = exp.DataType.build("decimal(38, 0)", dialect=_SPARK)


def view_name(table: str) -> str:
    """The temporary view that stands for `schema.name`."""
    return table.replace(".", "__")


def carried(text: str, parameters: Mapping[str, Any], columns: Mapping[str, str]) -> str:
    """A SELECT of DuckDB in Spark SQL, parameters as literals, with the DuckDB types of `columns` (in their order).

    Raises KeyError where a parameter is missing, sqlglot.errors.UnsupportedError where sqlglot can't carry the text.
    """
    inner = carried_as_is(text, parameters)
    listed = ", ".join(f"cast(`{name}` as {spark_type(kind)}) as `{name}`" for name, kind in columns.items())
    return f"select {listed} from (\n{inner}\n)"


def carried_as_is(text: str, parameters: Mapping[str, Any]) -> str:
    """The same with the types that Spark gives."""
    query = sqlglot.parse_one(text, dialect=DIALECT).transform(_node, parameters)
    return query.sql(dialect=_SPARK, unsupported_level=sqlglot.ErrorLevel.RAISE)


def spark_schema(columns: Mapping[str, str]) -> str:
    """Columns with DuckDB types as a schema that Spark reads."""
    return ", ".join(f"`{name}` {spark_type(kind)}" for name, kind in columns.items())


@cache
def spark_type(duckdb_type: str) -> str:
    """The Spark type that holds a DuckDB type."""
    return _typed(exp.DataType.build(duckdb_type, dialect=DIALECT)).sql(dialect=_SPARK)


def _node(node: exp.Expr, parameters: Mapping[str, Any]) -> exp.Expr:
    if isinstance(node, exp.Parameter | exp.Placeholder) and node.name:
        return _literal(parameters[node.name])
    if isinstance(node, exp.Anonymous) and node.name.lower() == "hash":
        return exp.func("xxhash64", *node.expressions)
    if isinstance(node, exp.Table) and node.db:
        view = exp.to_table(view_name(f"{node.db}.{node.name}"))
        return exp.alias_(view, node.alias or node.name, table=True)
    if isinstance(node, exp.CTE):
        node.set("materialized", None)
    return _typed(node) if isinstance(node, exp.DataType) else node


def _typed(kind: exp.DataType) -> exp.DataType:
    if kind.is_type("int128"):
        return _HUGE.copy()
    return exp.DataType.build("timestamp_ntz", dialect=_SPARK) if kind.is_type("timestamp") else kind


def _literal(value: Any) -> exp.Expr:
    """A parameter's value with its type. Raises TypeError for one that no parameter has."""
    if isinstance(value, datetime):
        return exp.cast(exp.Literal.string(value.isoformat(sep=" ")), exp.DataType.Type.TIMESTAMPNTZ)
    if isinstance(value, date):
        return exp.cast(exp.Literal.string(value.isoformat()), exp.DataType.Type.DATE)
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, int | Decimal):
        return exp.Literal.number(str(value))
    if isinstance(value, str):
        return exp.Literal.string(value)
    raise TypeError(f"no parameter of the SQL has a value of {type(value).__name__}")
