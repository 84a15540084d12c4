"""Where each column of a SQL file comes from, for the lineage that Dagster shows.

Belongs here: finding it in the SQL, and the file that keeps what was found. Does not: the graph of tables
(sql_catalogue.py).

Finding it takes as long as all else that a run does before its first step, so sql/lineage.json keeps it by the digest
of the SQL: a file that was changed since is looked at again. Run `python -m pipelines.sql_lineage` to write it anew; a
test holds that it is current.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from sqlglot import exp
from sqlglot.lineage import lineage

from pipelines.sql_catalogue import DIALECT, SqlTable, columns_of, sql_tables

Lineage = dict[str, list[tuple[str, str]]]
_FILE = "lineage.json"
_WITH_LINEAGE = ("features", "scores", "marts")


def column_lineage(table: SqlTable) -> Lineage:
    """For each output column the (table, column) pairs it is made from; `run.*` is left out."""
    kept = _kept().get(table.table)
    if kept is None or kept["sql"] != _digest(table):
        return found_lineage(table)
    return {column: [(source, name) for source, name in pairs] for column, pairs in kept["columns"].items()}


def found_lineage(table: SqlTable) -> Lineage:
    """As column_lineage, read from the SQL itself."""
    known: dict[str, dict[str, dict[str, str]]] = {}
    for upstream in table.upstreams:
        schema, _, name = upstream.partition(".")
        known.setdefault(schema, {})[name] = dict.fromkeys(columns_of(schema, name), "varchar")
    roots: Any = lineage(None, table.text, schema=known, dialect=DIALECT, trim_selects=False)
    result: Lineage = {}
    for column, root in roots.items():
        leaves = {
            (f"{node.source.db}.{node.source.name}", node.name.rpartition(".")[2])
            for node in root.walk()
            if isinstance(node.source, exp.Table) and not node.downstream and node.source.db not in ("", "run")
        }
        if leaves:
            result[column] = sorted(leaves)
    return result


def lineage_file() -> str:
    """What sql/lineage.json has to say."""
    tables = [table for schema in _WITH_LINEAGE for table in sql_tables(schema)]
    found = {table.table: {"sql": _digest(table), "columns": found_lineage(table)} for table in tables}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(one)}" for name, one in sorted(found.items()))
    return f"{{\n{lines}\n}}\n"


@cache
def _kept() -> dict[str, Any]:
    file = resources.files("sql").joinpath(_FILE)
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _digest(table: SqlTable) -> str:
    return hashlib.sha256(table.text.encode()).hexdigest()[:16]


def main() -> None:
    """Writes sql/lineage.json anew."""
    Path(str(resources.files("sql").joinpath(_FILE))).write_text(lineage_file(), encoding="utf-8")


if __name__ == "__main__":
    main()
