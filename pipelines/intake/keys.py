"""Records whose key was there before: the same content is a duplicate, another content a conflict.

Belongs here: comparing keys within a file and with staging. Does not: writing rejects and duplicates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import duckdb

from data_contracts import Contract
from pipelines.intake.mapping import SCHEMA
from pipelines.sql_text import identifier, identifiers

DUPLICATE, CONFLICT = 1, 2


@dataclass(frozen=True)
class Scope:
    """Within which rows of staging a key must be unique: those of `condition`, with its named `parameters`.

    With `row_day` (an expression over the file's rows) and `staging_day` (a column), also those at most `window` days
    before or after the row, in staging and in the file itself.
    """

    condition: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    row_day: str | None = None
    staging_day: str = ""
    window: int = 0


def days_scope(days: Sequence[date], *, row_day: str, staging_day: str, window: int) -> Scope:
    """The scope of records of `days` (ascending), as ranges: DuckDB's zone maps skip what lies outside."""
    if not days:
        return Scope("FALSE")
    ranges: list[tuple[date, date]] = []
    for day in days:
        low, high = day - timedelta(days=window), day + timedelta(days=window)
        if ranges and low <= ranges[-1][1] + timedelta(days=1):
            ranges[-1] = (ranges[-1][0], high)
        else:
            ranges.append((low, high))
    condition = f"{staging_day} BETWEEN $first_day AND $last_day"
    parameters = {"first_day": ranges[0][0], "last_day": ranges[-1][1]}
    if len(ranges) > 1:
        each = (f"{staging_day} BETWEEN $low_{i} AND $high_{i}" for i in range(len(ranges)))
        condition += f" AND ({' OR '.join(each)})"
        parameters |= {f"low_{i}": low for i, (low, _) in enumerate(ranges)}
        parameters |= {f"high_{i}": high for i, (_, high) in enumerate(ranges)}
    return Scope(condition, parameters, row_day, staging_day, window)


@dataclass(frozen=True)
class KeyQueries:
    """What finds the rows that their key keeps out, in SQL that sqlglot carries; both take `parameters`.

    `suspects` gives hashes (h) of keys that may come twice: they only narrow down who must be compared. `verdicts`
    gives (rid, verdict) of rows that may not be accepted, and reads the suspects as `_suspect`.
    """

    suspects: str
    verdicts: str
    parameters: Mapping[str, object]


def key_queries(con: duckdb.DuckDBPyConnection, target: Contract, *, rows: str, scope: Scope) -> KeyQueries:
    """The queries over `rows`, which have rowid and `_fail`, and the staging table; `con` has to have the rows."""
    key = target.key
    staging = f"{SCHEMA}.{identifier(target.name)}"
    hashed = f"hash({identifiers(key)})"
    same = " AND ".join(f"c.{identifier(k)} = o.{identifier(k)}" for k in key)
    equal = " AND ".join(f"c.{q} IS NOT DISTINCT FROM o.{q}" for q in (identifier(c.name) for c in target.columns))
    near, near_known = f"PARTITION BY {identifiers(key)}", ""
    if scope.row_day is not None:
        within = f"INTERVAL {scope.window:d} DAY"
        near += f" ORDER BY {scope.row_day} RANGE BETWEEN {within} PRECEDING AND {within} FOLLOWING"
        near_known = f" AND abs(date_diff('day', c._day, o.{scope.staging_day})) <= {scope.window:d}"
    # Keys mostly grow with time: by their range the zone maps of staging leave nearly all of it unread.
    first = identifier(key[0])
    low, high = con.execute(f"SELECT min({first}), max({first}) FROM {rows} WHERE _fail = 0").fetchall()[0]
    known = f"({scope.condition}) AND {first} BETWEEN $low_key AND $high_key"
    return KeyQueries(
        f"""SELECT {hashed} AS h FROM {rows} WHERE _fail = 0 GROUP BY ALL HAVING count(*) > 1
            UNION
            SELECT {hashed} FROM {staging}
            WHERE {known} AND {hashed} IN (SELECT {hashed} FROM {rows} WHERE _fail = 0)""",
        f"""WITH cand AS (
                SELECT rowid AS rid, {scope.row_day or "NULL"} AS _day, min(rowid) OVER ({near}) AS first_rid, *
                FROM {rows} WHERE _fail = 0 AND {hashed} IN (SELECT h FROM _suspect)
            ), known AS (
                SELECT * FROM {staging} WHERE {known} AND {hashed} IN (SELECT h FROM _suspect)
            ), before AS (
                SELECT c.rid, bool_or({equal}) AS is_same FROM cand c JOIN known o ON {same}{near_known} GROUP BY c.rid
            ), within AS (
                SELECT c.rid, o.rid = c.rid AS is_first, {equal} AS is_same
                FROM cand c JOIN cand o ON o.rid = c.first_rid
            )
            SELECT w.rid, CASE WHEN coalesce(b.is_same, w.is_same) THEN {DUPLICATE} ELSE {CONFLICT} END AS verdict
            FROM within w LEFT JOIN before b ON b.rid = w.rid
            WHERE b.rid IS NOT NULL OR NOT w.is_first""",
        {**scope.parameters, "low_key": low, "high_key": high},
    )


def judge_keys(
    con: duckdb.DuckDBPyConnection,
    target: Contract,
    *,
    rows: str,
    verdicts: str,
    scope: Scope,
) -> int:
    """Makes temp table `verdicts` (rid, verdict) of rows of `rows` that may not be accepted; returns its size.

    Among rows with one key, the one that was accepted before wins, else the first line that has no fault.
    """
    create_verdicts(con, verdicts)
    queries = key_queries(con, target, rows=rows, scope=scope)
    con.execute(f"CREATE OR REPLACE TEMP TABLE _suspect AS {queries.suspects}", queries.parameters)
    # Whole files without any repeated key stop here.
    if con.execute("SELECT count(*) FROM _suspect").fetchall() == [(0,)]:
        return 0
    con.execute(f"INSERT INTO {verdicts} {queries.verdicts}", queries.parameters)
    return int(con.execute(f"SELECT count(*) FROM {verdicts}").fetchall()[0][0])


def create_verdicts(con: duckdb.DuckDBPyConnection, verdicts: str) -> None:
    """Makes the empty temp table of verdicts."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE {verdicts} (rid BIGINT, verdict INTEGER)")
