"""What each table of a night is made of: a digest of all that decides its rows, so that one that would come out the
same is kept.

Belongs here: which tables lead to which, their digests, and telling whether a table is there already. Does not: making
one (assets, scratch.py), the key of what is published (run_key.py).

A table's digest is its comment in the database, and so goes with it. The instant of knowledge, which moves each night,
is no part of a digest: which accepted files were known then is. So a table of what the CRM said is made anew when the
CRM has spoken, not night after night.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from functools import cache
from graphlib import TopologicalSorter

import duckdb

from pipelines import usage
from pipelines.night import Night
from pipelines.run_context import RunTable
from pipelines.run_key import code_digest
from pipelines.sql_catalogue import SqlTable, sql_table, sql_tables
from pipelines.sql_text import identifier, literal

# Tables that functions make, with what they read.
JUDGED: dict[str, tuple[str, ...]] = {
    "scores.measures": ("features.customer",),
    "scores.churn_risk": ("features.churn", "features.customer"),
    "scores.customer": (
        *("features.customer", "features.tier_state", "features.churn_bands"),
        *("scores.measures", "scores.churn_risk", "scores.cutoffs"),
    ),
}
_KNOWN_BEFORE = "known_before"
_IS_KNOWN = re.compile(r"\bknown_at < \$known_before\b")
_EXTRACT = re.compile(r"\bextract = '(\w+)'")
# A file whose rows are known one by one may be known in part.
_FILES = """
    select extract, source, sha256, mapping_fingerprint, known_at,
        case when known_at is null and coalesce(known_until >= $known_before, true) then $known_before end
    from intake.files
    where status = 'accepted' and coalesce(known_at < $known_before, true)
    order by all
"""


def upstreams(table: str) -> tuple[str, ...]:
    """The tables that one of ours reads."""
    return JUDGED[table] if table in JUDGED else sql_table(table).upstreams


@cache
def order(target: str) -> tuple[str, ...]:
    """`target` and all the tables of ours that it is made from, each after what it reads."""
    made = set(made_tables())
    graph: dict[str, list[str]] = {}
    waiting = [target]
    while waiting:
        table = waiting.pop()
        if table not in graph:
            graph[table] = [name for name in upstreams(table) if name in made]
            waiting += graph[table]
    return tuple(TopologicalSorter(graph).static_order())


def made_tables() -> tuple[str, ...]:
    """All tables of features and scores, by SQL files or functions."""
    return (*(t.table for schema in ("features", "scores") for t in sql_tables(schema)), *JUDGED)


def made_of(con: duckdb.DuckDBPyConnection, night: Night, calendar: Iterable[RunTable]) -> dict[str, str]:
    """A digest, in hex, of what decides each table of features and scores. `calendar` are the night's `run.*` tables,
    `con` has its ledger.
    """
    files = con.execute(_FILES, {"known_before": night.known_before}).fetchall()
    found = {f"run.{table.name}": _digest(table.rows) for table in calendar}
    found["run.tier_changes"] = _digest([before.digest for before in night.nights_before])
    found["run.campaign_members"] = _digest([night.as_of_date, sorted(p.name for p in night.campaigns.glob("*"))])
    for target in made_tables():
        for table in order(target):
            if table not in found:
                read = [_read(table, name, files, found) for name in upstreams(table)]
                found[table] = _digest([duckdb.__version__, *_decides(con, night, table), *read])
    return {table: digest for table, digest in found.items() if not table.startswith("run.")}


def unless_made(con: duckdb.DuckDBPyConnection, table: str, digest: str, make: Callable[[], object]) -> bool:
    """Makes the table unless it is there, made of `digest`, and notes what it is made of; returns whether it was."""
    schema, _, name = table.partition(".")
    noted = con.execute(
        "select comment from duckdb_tables() "
        "where database_name = current_database() and schema_name = $schema and table_name = $name",
        {"schema": schema, "name": name},
    ).fetchall()
    if noted == [(digest,)]:
        return True
    make()
    con.execute(f"comment on table {identifier(schema)}.{identifier(name)} is {literal(digest)}")
    return False


def _read(table: str, upstream: str, files: list[tuple[object, ...]], found: dict[str, str]) -> object:
    """What stands for a table that is read: the accepted files that make it up, or its own digest."""
    schema, _, name = upstream.partition(".")
    if schema == "staging":
        return [file for file in files if file[0] == name]
    if schema == "intake":
        named = _EXTRACT.findall(sql_table(table).text)
        return [file for file in files if not named or file[0] in named]
    return found[upstream]


def _decides(con: duckdb.DuckDBPyConnection, night: Night, table: str) -> list[object]:
    """What decides the table's rows, besides the tables that it reads."""
    if table in JUDGED:
        return [code_digest(), night.policy.fingerprint, night.as_of_date, night.churn_model.key]
    if table in usage.DAY_TABLES:
        settings = night.settings
        files = usage.day_files(
            con,
            usage.DAY_TABLES[table],
            night.parameters,
            service_numbers=settings.service_numbers,
            zone=night.zone,
            is_there=usage.there_in(night.day_folder(table)),
        )
        return [[(file.day, file.name) for file in files], settings.time_zone]
    source = sql_table(table)
    return [source.text, {name: value for name, value in night.parameters.items() if name in _parameters(source)}]


def _parameters(source: SqlTable) -> set[str]:
    """The parameters that decide by themselves: not the instant of knowledge where it only picks what was known."""
    counts = source.text.count(f"${_KNOWN_BEFORE}") == len(_IS_KNOWN.findall(source.text))
    return set(source.parameters) - ({_KNOWN_BEFORE} if counts else set())


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
