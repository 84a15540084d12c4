"""Records whose key was there before: the same content is a duplicate, another content a conflict.

Belongs here: comparing keys within a file and with staging. Does not: writing rejects and duplicates.
"""

from __future__ import annotations

import duckdb

from data_contracts import Contract
from pipelines.intake.mapping import SCHEMA
from pipelines.sql_text import identifier, identifiers

DUPLICATE, CONFLICT = 1, 2


def judge_keys(
    con: duckdb.DuckDBPyConnection,
    target: Contract,
    *,
    rows: str,
    verdicts: str,
    scope: str,
    parameters: list[object],
) -> int:
    """Makes temp table `verdicts` (rid, verdict) of rows of `rows` that may not be accepted; returns its size.

    Among rows with one key, the one that was accepted before wins, else the first line that has no fault. `scope`
    is the WHERE condition on staging within which keys must be unique, with its positional `parameters`.
    """
    key = target.key
    staging = f"{SCHEMA}.{identifier(target.name)}"
    hashed = f"hash({identifiers(key)})"
    same = " AND ".join(f"c.{identifier(k)} = o.{identifier(k)}" for k in key)
    equal = " AND ".join(f"c.{q} IS NOT DISTINCT FROM o.{q}" for q in (identifier(c.name) for c in target.columns))
    con.execute(f"CREATE OR REPLACE TEMP TABLE {verdicts} (rid BIGINT, verdict INTEGER)")
    # Hashes only narrow down who must be compared; whole files without any repeated key stop here.
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE _suspect AS
            SELECT {hashed} AS h FROM {rows} WHERE _fail = 0 GROUP BY ALL HAVING count(*) > 1
            UNION
            SELECT {hashed} FROM {staging}
            WHERE ({scope}) AND {hashed} IN (SELECT {hashed} FROM {rows} WHERE _fail = 0)""",
        parameters,
    )
    if con.execute("SELECT count(*) FROM _suspect").fetchall() == [(0,)]:
        return 0
    con.execute(
        f"""INSERT INTO {verdicts}
            WITH cand AS (
                SELECT rowid AS rid, * FROM {rows} WHERE _fail = 0 AND {hashed} IN (SELECT h FROM _suspect)
            ), known AS (
                SELECT * FROM {staging} WHERE ({scope}) AND {hashed} IN (SELECT h FROM _suspect)
            ), first AS (
                SELECT * FROM cand QUALIFY row_number() OVER (PARTITION BY {identifiers(key)} ORDER BY rid) = 1
            ), before AS (
                SELECT c.rid, bool_or({equal}) AS is_same FROM cand c JOIN known o ON {same} GROUP BY c.rid
            ), within AS (
                SELECT c.rid, o.rid = c.rid AS is_first, {equal} AS is_same FROM cand c JOIN first o ON {same}
            )
            SELECT w.rid, CASE WHEN coalesce(b.is_same, w.is_same) THEN {DUPLICATE} ELSE {CONFLICT} END
            FROM within w LEFT JOIN before b ON b.rid = w.rid
            WHERE b.rid IS NOT NULL OR NOT w.is_first""",
        parameters,
    )
    return int(con.execute(f"SELECT count(*) FROM {verdicts}").fetchall()[0][0])
