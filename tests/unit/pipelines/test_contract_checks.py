"""Contracts judged by Great Expectations: each kind of promise kept and broken.

Belongs here: pipelines/contracts/checks.py on real DuckDB and Great Expectations. Does not: Dagster.
"""

import duckdb
import pytest

from data_contracts import contract
from pipelines.contracts.checks import judge, promises
from pipelines.contracts.tables import arrow_schema, arrow_type, staging_columns

BILL = {
    "bill_id": "'b1'", "account_id": "'a1'", "bill_type": "'invoice'", "billing_period": "'2024-05'",
    "bill_date": "date '2024-06-01'", "currency": "'CNY'", "known_at": "timestamp '2024-06-05'", "file_id": "1",
}  # fmt: skip
WINDOW = 7
AMOUNTS = [c for c in staging_columns("bills") if c.endswith("_amount") or c == "amount_due"]


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("create schema staging")
    for name in ("bills", "customers"):
        columns = ", ".join(f'"{c}" {t}' for c, t in staging_columns(name).items())
        con.execute(f"create table staging.{name} ({columns})")
    return con


def insert_bill(con: duckdb.DuckDBPyConnection, **changes: str) -> None:
    row = {**BILL, **dict.fromkeys(AMOUNTS, "1.00"), **changes}
    con.execute(f"insert into staging.bills ({', '.join(row)}) values ({', '.join(row.values())})")


def broken(con: duckdb.DuckDBPyConnection, name: str = "bills") -> str:
    return "\n".join(
        judge(con, contract(f"staging.{name}"), f"staging.{name}", may_be_empty=False, window=WINDOW).broken
    )


def test_a_table_that_keeps_its_contract_passes(con: duckdb.DuckDBPyConnection) -> None:
    insert_bill(con)
    verdict = judge(con, contract("staging.bills"), "staging.bills", may_be_empty=False, window=WINDOW)
    assert (verdict.passed, verdict.rows) == (True, 1)
    assert verdict.judged == len(promises(contract("staging.bills"))) + 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"account_id": "null"}, "account_id is given: broken by 1 of 2 rows"),
        ({"bill_type": "'proforma'"}, "bill_type is one of invoice, credit, adjustment: broken by 1"),
        ({"billing_period": "'2024-13'"}, "billing_period has the form"),
        ({"bill_date": "date '1970-01-01'"}, "bill_date is at least 1980-01-01"),
        ({"amount_due": "1000000000.01"}, "amount_due is at most 1000000000"),
        ({"bill_id": "'b1'"}, "is unique"),
    ],
)
def test_each_broken_promise_is_told(con: duckdb.DuckDBPyConnection, change: dict[str, str], said: str) -> None:
    insert_bill(con)
    insert_bill(con, **{"bill_id": "'b2'", **change})
    assert said in broken(con)


def test_an_empty_table_passes_only_where_it_may(con: duckdb.DuckDBPyConnection) -> None:
    assert broken(con) == "the table is empty"
    assert judge(con, contract("staging.bills"), "staging.bills", may_be_empty=True, window=WINDOW).passed


def test_a_snapshot_may_repeat_a_key_in_another_delivery(con: duckdb.DuckDBPyConnection) -> None:
    statement = "insert into staging.customers (customer_id, customer_type, known_at) values ('c1', 'individual', ?)"
    for day in ("2024-06-01", "2024-06-02"):
        con.execute(statement, [f"{day} 00:00:00"])
    assert broken(con, "customers") == ""
    con.execute(statement, ["2024-06-02 00:00:00"])
    assert '("customer_id", "known_at") is unique: broken by 1 of 3 rows' in broken(con, "customers")


def test_arrow_types_keep_decimals_and_nullability() -> None:
    schema = arrow_schema(contract("published.customer_tiers"))
    assert str(schema.field("value_score").type) == "decimal128(12, 4)"
    assert not schema.field("service_key").nullable
    assert schema.field("language").nullable
    with pytest.raises(KeyError):
        arrow_type("DOUBLE")
