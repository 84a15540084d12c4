"""Each accepted row is judged once, by the first run that has it: which files' rows were, and under which promises.

Belongs here: intake.judged. Does not: what is measured of them, and the verdict (checks.py).

A file is judged when a run of its rows kept every promise. What a run that died left behind, what broke a promise, a
file whose number of rows is another one since, and all files once the promises change, are judged by the next run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import duckdb

from data_contracts import Contract, contract, contract_names
from pipelines.contracts.checks import Counts, Verdict, count_rows, judge, promises, verdict_on
from pipelines.intake.elsewhere import folders
from pipelines.sql_text import identifier

# As count_rows in checks.py, of the table of the contract and within the window of the settings.
Count = Callable[[duckdb.DuckDBPyConnection, Contract, Sequence[int]], Counts]


def judge_new(
    con: duckdb.DuckDBPyConnection,
    promised: Contract,
    extract: str,
    *,
    window: int,
    count_elsewhere: Count | None = None,
) -> Verdict:
    """Judges what staging.`extract` has and nobody judged, and remembers the files that kept their contract.

    A verdict on no rows is one of no promises. `window` are the days of `duplicate_window_days`. `count_elsewhere`
    counts the files whose rows lie beside the warehouse; without it this node does. Raises duckdb.Error on a missing
    table.
    """
    table = f"staging.{extract}"
    con.execute(
        "create table if not exists intake.judged (extract varchar, file_id bigint, records bigint, promises varchar)"
    )
    given = {"extract": extract, "promises": _digest(promised)}
    new = con.execute(
        f"""
        select s.file_id, s.records
        from (select file_id, count(*) as records from staging.{identifier(extract)} group by file_id) as s
        anti join (select * from intake.judged where extract = $extract and promises = $promises) as j
            on j.file_id = s.file_id and j.records = s.records
        order by s.file_id
        """,
        given,
    ).fetchall()
    if not new:
        return Verdict(table, rows=0, judged=0, broken=())
    beside = folders(con, extract) if count_elsewhere is not None else {}
    far = [file_id for file_id, _ in new if file_id in beside]
    near = [file_id for file_id, _ in new if file_id not in beside]
    counts = count_rows(con, promised, table, near, window=window) if near else Counts({})
    if far and count_elsewhere is not None:
        counts += count_elsewhere(con, promised, far)
    verdict = verdict_on(promised, table, counts)
    if verdict.passed:
        con.execute("begin transaction")
        con.execute(
            "delete from intake.judged where extract = $extract "
            "and (promises <> $promises or file_id in (select unnest($ids)))",
            given | {"ids": [file_id for file_id, _ in new]},
        )
        con.executemany(
            "insert into intake.judged values (?, ?, ?, ?)",
            [(extract, file_id, records, given["promises"]) for file_id, records in new],
        )
        con.execute("commit")
    return verdict


def judge_all(con: duckdb.DuckDBPyConnection, *, window: int) -> list[Verdict]:
    """Judges every row of every extract, whatever was judged before. Remembers nothing. `window` is as in judge_new."""
    tables = (f"staging.{name}" for name in contract_names("staging"))
    return [judge(con, contract(table), table, may_be_empty=True, window=window) for table in tables]


def _digest(promised: Contract) -> str:
    """Changes with every promise of the contract."""
    told = "\n".join(f"{promise.metric} {promise.expression}" for promise in promises(promised))
    return hashlib.sha256(told.encode()).hexdigest()[:16]
