"""What each table of a night is made of: a digest of all that decides its rows, so that one that would come out the
same is kept.

Belongs here: which tables lead to which, their digests, and telling whether a table is there already. Does not: making
one (assets, scratch.py), the key of what is published (run_key.py).

A table's digest is its comment in the database, and so goes with it. The instant of knowledge, which moves each night,
is no part of a digest: which accepted files were known then is. So a table of what the CRM said is made anew when the
CRM has spoken, not night after night. A table that looks at days between dates of the calendar is made of what touches
these days.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import cache
from graphlib import TopologicalSorter

import duckdb

from data_contracts import contract
from pipelines import usage
from pipelines.intake.mapping import SCHEMA
from pipelines.judged_tables import JUDGED
from pipelines.night import Night
from pipelines.run_context import RunTable
from pipelines.run_key import code_digest
from pipelines.sql_catalogue import SqlTable, sql_table, sql_tables
from pipelines.sql_spans import spans_read
from pipelines.sql_text import identifier, literal

_KNOWN_BEFORE = "known_before"
_IS_KNOWN = re.compile(r"\bknown_at < \$known_before\b")
_EXTRACT = re.compile(r"\bextract = '(\w+)'")
# A file whose rows are known one by one may be known in part; one whose dates nobody noted may be of any day.
_FILES = """
    select extract, source, sha256, mapping_fingerprint, known_at,
        case when known_at is null and coalesce(known_until >= $known_before, true) then $known_before end,
        coalesce(first_date, $min), coalesce(last_date, $max)
    from intake.files
    where status = 'accepted' and coalesce(known_at < $known_before, true)
    order by all
"""
# First and last day of what is a part of a table, and what stands for it.
_Part = tuple[date, date, object]


def upstreams(table: str) -> tuple[str, ...]:
    """The tables that one of ours reads."""
    return JUDGED[table].upstreams if table in JUDGED else sql_table(table).upstreams


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
    """All tables of features and scores that are made by themselves, by SQL files or functions."""
    by_functions = (name for name, table in JUDGED.items() if table.made_with is None)
    return (*(t.table for schema in ("features", "scores") for t in sql_tables(schema)), *by_functions)


def made_of(con: duckdb.DuckDBPyConnection, night: Night, calendar: Iterable[RunTable]) -> dict[str, str]:
    """A digest, in hex, of what decides each table of features and scores. `calendar` are the night's `run.*` tables,
    `con` has its ledger.
    """
    files = _files(con, night)
    days = {table: _day_files(con, night, kept) for table, kept in usage.DAY_TABLES.items()}
    parts = {f"{SCHEMA}.{extract}": of for extract, of in files.items()} | days
    dated = {f"run.{table.name}": table for table in calendar}
    found = {name: _digest(table.rows) for name, table in dated.items()}
    found["run.tier_changes"] = _digest([before.digest for before in night.nights_before])
    found["run.tier_memory"] = found["run.tier_changes"]
    found["run.campaign_members"] = _digest([night.as_of_date, sorted(p.name for p in night.campaigns.glob("*"))])

    def read(table: str, upstream: str) -> object:
        """What stands for a table that is read: its own digest, or the files that it is made up of, those alone of
        days that are looked at.
        """
        schema = upstream.partition(".")[0]
        if schema == "intake":
            named = _EXTRACT.findall(sql_table(table).text)
            return [_looked_at(of) for extract, of in files.items() if not named or extract in named]
        spans = _spans(night, table, upstream, dated)
        if schema != SCHEMA and spans is None:
            return found[upstream]
        return _looked_at(parts.get(upstream, []), spans)

    for target in made_tables():
        for table in order(target):
            if table in found:
                continue
            decides = [_looked_at(days[table]), night.settings.time_zone] if table in days else _decides(night, table)
            read_from = [read(table, upstream) for upstream in upstreams(table)]
            found[table] = _digest([duckdb.__version__, *decides, *read_from])
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


def _files(con: duckdb.DuckDBPyConnection, night: Night) -> dict[str, list[_Part]]:
    """The accepted files that are known, by extract."""
    found: dict[str, list[_Part]] = {}
    given = {"known_before": night.known_before, "min": date.min, "max": date.max}
    for extract, *file, first, last in con.execute(_FILES, given).fetchall():
        found.setdefault(extract, []).append((first, last, [extract, *file]))
    return found


def _day_files(con: duckdb.DuckDBPyConnection, night: Night, kept: usage.DayTable) -> list[_Part]:
    files = usage.day_files(
        con,
        kept,
        night.parameters,
        service_numbers=night.settings.service_numbers,
        zone=night.zone,
        is_there=usage.there_in(night.day_folder(kept.table)),
    )
    return [(file.day, file.day, file.name) for file in files]


def _spans(night: Night, table: str, upstream: str, dated: Mapping[str, RunTable]) -> list[tuple[date, date]] | None:
    """The days of `upstream` that a table looks at, where its SQL says so by dates of the calendar; None: all."""
    day = _day_column(upstream)
    if table in JUDGED or day is None or f"{day} between" not in (text := sql_table(table).text):
        return None
    days: list[tuple[date, date]] = []
    spans = spans_read(text, upstream, day)
    for span in spans or ():
        if span.table is None:
            days.append((night.parameters[span.first], night.parameters[span.last]))
            continue
        calendar = dated.get(span.table)
        if calendar is None or {calendar.columns.get(name) for name in (span.first, span.last)} != {"DATE"}:
            return None
        first, last = (list(calendar.columns).index(name) for name in (span.first, span.last))
        days += [(row[first], row[last]) for row in calendar.rows]
    return None if spans is None else days


def _day_column(table: str) -> str | None:
    """The column with the day of a row, of a table whose parts have days."""
    if table in usage.DAY_TABLES:
        return "usage_date"
    return contract(table).day_column if table.startswith(f"{SCHEMA}.") else None


def _looked_at(parts: Iterable[_Part], spans: list[tuple[date, date]] | None = None) -> list[object]:
    """What stands for the parts that have a day in one of the spans; for all of them where there are no spans."""
    return [
        part
        for first, last, part in parts
        if spans is None or any(begins <= last and first <= ends for begins, ends in spans)
    ]


def _decides(night: Night, table: str) -> list[object]:
    """What decides the table's rows, besides the tables that it reads."""
    if table in JUDGED:
        return [code_digest(), night.policy.fingerprint, night.as_of_date, night.churn_model.key]
    source = sql_table(table)
    return [source.text, {name: value for name, value in night.parameters.items() if name in _parameters(source)}]


def _parameters(source: SqlTable) -> set[str]:
    """The parameters that decide by themselves: not the instant of knowledge where it only picks what was known."""
    counts = source.text.count(f"${_KNOWN_BEFORE}") == len(_IS_KNOWN.findall(source.text))
    return set(source.parameters) - ({_KNOWN_BEFORE} if counts else set())


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
