"""Rows are judged once, and again where that could not be: what was broken, left over, changed, or promised anew.

Belongs here: pipelines/contracts/judged.py on real DuckDB and Great Expectations. Does not: single promises.
"""

from dataclasses import replace

import duckdb
import pytest

from data_contracts import contract
from pipelines.contracts.checks import Verdict
from pipelines.contracts.judged import judge_new
from pipelines.intake import create_tables

BILLS = contract("staging.bills")


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    create_tables(con)
    return con


def insert_bill(con: duckdb.DuckDBPyConnection, bill: str, file_id: int, *, due: str = "1.00") -> None:
    amounts = {c.name: "1.00" for c in BILLS.columns if c.logical == "number"}
    row = {
        "bill_id": bill, "account_id": "a1", "bill_type": "invoice", "billing_period": "2024-05",
        "bill_date": "2024-06-01", "currency": "CNY", "known_at": "2024-06-05", "file_id": file_id,
    } | amounts | {"amount_due": due}  # fmt: skip
    con.execute(f"insert into staging.bills ({', '.join(row)}) values ({', '.join('?' * len(row))})", [*row.values()])


def judged(con: duckdb.DuckDBPyConnection) -> Verdict:
    return judge_new(con, BILLS, "bills", window=7)


def test_a_row_is_judged_once(con: duckdb.DuckDBPyConnection) -> None:
    assert (judged(con).rows, judged(con).judged) == (0, 0)
    insert_bill(con, "b1", 1)
    insert_bill(con, "b2", 1)
    first = judged(con)
    assert (first.passed, first.rows) == (True, 2) and first.judged > 10
    again = judged(con)
    assert (again.passed, again.rows, again.judged) == (True, 0, 0)
    insert_bill(con, "b3", 2)
    assert judged(con).rows == 1


def test_what_broke_a_promise_breaks_it_again_until_it_is_mended(con: duckdb.DuckDBPyConnection) -> None:
    insert_bill(con, "b1", 1)
    assert judged(con).passed
    insert_bill(con, "b2", 2, due="1000000000.01")
    for _ in range(2):
        assert judged(con).broken == ("amount_due is at most 1000000000: broken by 1 of 1 rows",)
    insert_bill(con, "b3", 3)
    assert judged(con).rows == 2
    con.execute("update staging.bills set amount_due = 1 where bill_id = 'b2'")
    assert judged(con).passed
    assert judged(con).rows == 0


def test_a_new_row_with_the_key_of_a_judged_one(con: duckdb.DuckDBPyConnection) -> None:
    for bill in ("b1", "b2", "b3"):
        insert_bill(con, bill, 1)
    assert judged(con).passed
    insert_bill(con, "b2", 2)
    assert judged(con).broken == ('("bill_id") is unique: broken by 1 of 1 rows',)


def test_a_file_that_has_other_rows_than_judged_is_judged_anew(con: duckdb.DuckDBPyConnection) -> None:
    insert_bill(con, "b1", 1)
    assert judged(con).passed
    insert_bill(con, "b2", 1)
    assert judged(con).rows == 2
    assert judged(con).rows == 0


def test_other_promises_are_held_against_all_rows(con: duckdb.DuckDBPyConnection) -> None:
    insert_bill(con, "b1", 1, due="7.00")
    insert_bill(con, "b2", 2, due="8.00")
    assert judged(con).passed
    columns = tuple(replace(c, maximum="7.50") if c.name == "amount_due" else c for c in BILLS.columns)
    verdict = judge_new(con, replace(BILLS, columns=columns), "bills", window=7)
    assert verdict.broken == ("amount_due is at most 7.50: broken by 1 of 2 rows",)
    assert judged(con).passed
