"""The SQL files as objects: what a table means, what it reads, which parameters it takes.

Belongs here: reading and parsing SQL text. Does not: running it (warehouse.py is the one place that does), where each
column comes from (sql_lineage.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

import sqlglot
from sqlglot import exp

from data_contracts import metrics
from pipelines.contracts.tables import INTAKE_COLUMNS, staging_columns
from pipelines.judged_tables import JUDGED
from pipelines.run_context import RUN_COLUMNS

DIALECT = "duckdb"
FOLDERS = ("features", "scores", "marts", "audits")
_HEADER = re.compile(r"^-- (grain|owner|severity): (.+)$")
_COLUMN_NOTE = re.compile(r"(\w+),? -- (.+)$")
_METRIC_NOTE = re.compile(r"^metric (\w+)$")


class SqlFileError(ValueError):
    """A SQL file that breaks the rules of the folder; the message names the file and the rule."""


@dataclass(frozen=True)
class SqlTable:
    """One SQL file: `schema.name` is its folder and file name, and the table that it makes."""

    schema: str
    name: str
    text: str
    grain: str
    owner: str
    meaning: str
    severity: str | None
    column_notes: dict[str, str]
    upstreams: tuple[str, ...]
    parameters: tuple[str, ...]

    @property
    def table(self) -> str:
        """`schema.name`."""
        return f"{self.schema}.{self.name}"


@cache
def sql_table(table: str) -> SqlTable:
    """The SQL file of `schema.name`. Raises SqlFileError if the file is missing or breaks the rules."""
    schema, _, name = table.partition(".")
    file = resources.files("sql").joinpath(schema, f"{name}.sql")
    if not file.is_file():
        raise SqlFileError(f"no SQL for {table}: expected sql/{schema}/{name}.sql")
    return parse_sql(file.read_text(encoding="utf-8"), schema, name)


@cache
def sql_tables(schema: str) -> tuple[SqlTable, ...]:
    """All SQL files of a folder, sorted by name."""
    folder = resources.files("sql").joinpath(schema)
    names = sorted(f.name.removesuffix(".sql") for f in folder.iterdir() if f.name.endswith(".sql"))
    return tuple(sql_table(f"{schema}.{name}") for name in names)


def parse_sql(text: str, schema: str, name: str) -> SqlTable:
    """Parses one file: header comments, one SELECT, its tables and parameters. Raises SqlFileError."""
    origin = f"sql/{schema}/{name}.sql"
    header = [line for line in text.splitlines()[:12] if line.startswith("--")]
    fields = {m[1]: m[2] for line in header if (m := _HEADER.match(line))}
    meaning = " ".join(line.removeprefix("-- ") for line in header if not _HEADER.match(line))
    if "grain" not in fields or "owner" not in fields or not meaning:
        raise SqlFileError(f"{origin}: the header needs `-- grain:`, `-- owner:` and a sentence on what a row means")
    statements = sqlglot.parse(text, dialect=DIALECT)
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise SqlFileError(f"{origin}: one SELECT a file")
    query = statements[0]
    return SqlTable(
        schema=schema,
        name=name,
        text=text,
        grain=fields["grain"],
        owner=fields["owner"],
        meaning=meaning,
        severity=fields.get("severity"),
        column_notes={m[1]: _note(m[2], origin) for line in text.splitlines() if (m := _COLUMN_NOTE.search(line))},
        upstreams=_tables_read(query),
        parameters=tuple(sorted({p.name for p in query.find_all(exp.Parameter, exp.Placeholder) if p.name})),
    )


def _note(text: str, origin: str) -> str:
    """What a column's comment says; `metric <name>` stands for what the dictionary says of it."""
    found = _METRIC_NOTE.match(text)
    if found is None:
        return text
    if found[1] not in metrics():
        raise SqlFileError(f"{origin}: data_contracts/metrics.yaml has no metric {found[1]}")
    return metrics()[found[1]].says


def _tables_read(query: exp.Query) -> tuple[str, ...]:
    local = {cte.alias_or_name for cte in query.find_all(exp.CTE)}
    read = {f"{t.db}.{t.name}" if t.db else t.name for t in query.find_all(exp.Table)}
    return tuple(sorted(read - local))


def output_columns(table: SqlTable) -> tuple[str, ...]:
    """Names of the columns that a SQL file gives, in order."""
    query = sqlglot.parse_one(table.text, dialect=DIALECT)
    return tuple(query.named_selects) if isinstance(query, exp.Query) else ()


@cache
def columns_of(schema: str, name: str) -> tuple[str, ...]:
    """Names of the columns of any table that a SQL file may read."""
    if schema == "run":
        return tuple(RUN_COLUMNS[name])
    if schema == "staging":
        return tuple(staging_columns(name))
    if schema == "intake":
        return tuple(INTAKE_COLUMNS[name])
    if (judged := JUDGED.get(f"{schema}.{name}")) is not None:
        return tuple(judged.columns)
    return output_columns(sql_table(f"{schema}.{name}"))
