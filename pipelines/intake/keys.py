"""Records whose key was there before: the same content is a duplicate, another content a conflict.

Belongs here: comparing keys within a file and with staging. Does not: writing rejects and duplicates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from data_contracts import Contract
from pipelines.intake.mapping import SCHEMA
from pipelines.sql_text import identifier, identifiers

DUPLICATE, CONFLICT = 1, 2


@dataclass(frozen=True)
class Scope:
    """Within which rows of staging a key must be unique: those of `condition`, with its positional `parameters`.

    With `row_day` (an expression over the file's rows) and `staging_day` (a column), also those at most `window` days
    before or after the row, in staging and in the file itself.
    """

    condition: str
    parameters: tuple[object, ...] = ()
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
    between = f"{staging_day} BETWEEN ? AND ?"
    condition, parameters = between, [ranges[0][0], ranges[-1][1]]
    if len(ranges) > 1:
        condition += f" AND ({' OR '.join([between] * len(ranges))})"
        parameters += [day for both in ranges for day in both]
    return Scope(condition, tuple(parameters), row_day, staging_day, window)


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
    con.execute(f"CREATE OR REPLACE TEMP TABLE {verdicts} (rid BIGINT, verdict INTEGER)")
    # Keys mostly grow with time: by their range the zone maps of staging leave nearly all of it unread.
    first = identifier(key[0])
    bounds = con.execute(f"SELECT min({first}), max({first}) FROM {rows} WHERE _fail = 0").fetchall()[0]
    known = f"({scope.condition}) AND {first} BETWEEN ? AND ?"
    parameters = [*scope.parameters, *bounds]
    # Hashes only narrow down who must be compared; whole files without any repeated key stop here.
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE _suspect AS
            SELECT {hashed} AS h FROM {rows} WHERE _fail = 0 GROUP BY ALL HAVING count(*) > 1
            UNION
            SELECT {hashed} FROM {staging}
            WHERE {known} AND {hashed} IN (SELECT {hashed} FROM {rows} WHERE _fail = 0)""",
        parameters,
    )
    if con.execute("SELECT count(*) FROM _suspect").fetchall() == [(0,)]:
        return 0
    con.execute(
        f"""INSERT INTO {verdicts}
            WITH cand AS (
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
            SELECT w.rid, CASE WHEN coalesce(b.is_same, w.is_same) THEN {DUPLICATE} ELSE {CONFLICT} END
            FROM within w LEFT JOIN before b ON b.rid = w.rid
            WHERE b.rid IS NOT NULL OR NOT w.is_first""",
        parameters,
    )
    return int(con.execute(f"SELECT count(*) FROM {verdicts}").fetchall()[0][0])
