"""sql/audits/ledger_does_not_balance.sql: every line of a file became something, and all of it is still there."""

import pytest
from sql_desk import SqlDesk

from data_contracts import contract_names
from pipelines.sql_catalogue import sql_table

AUDIT = "audits.ledger_does_not_balance"
FILE = "file_id | extract | file_name\n 7 | bills | bills/b_1.csv"
BALANCED = {
    "records": "13",
    "header": "1",
    "trailer": "2",
    "blank": "4",
    "accepted": "3",
    "rejected": "2",
    "duplicate": "1",
    "status": "accepted",
}
ROWS = {"staging.bills": 3, "intake.rejects": 2, "intake.duplicates": 1}


def rows(desk: SqlDesk, table: str, count: int, file_id: int = 7, extract: str = "bills") -> None:
    named = {} if table.startswith("staging") else {"extract": extract}
    desk.given(table, "file_id" + f"\n {file_id}" * count, **named)


def kept(desk: SqlDesk, **other: int) -> None:
    for table, count in ROWS.items():
        rows(desk, table, other.get(table.partition(".")[2], count))


def test_a_ledger_that_balances_passes(desk: SqlDesk) -> None:
    desk.given("intake.files", FILE, **BALANCED)
    kept(desk)
    desk.expect(AUDIT, "file_id")


@pytest.mark.parametrize("column", [name for name in BALANCED if name != "status"])
def test_one_record_too_many_in_any_column_is_listed(desk: SqlDesk, column: str) -> None:
    desk.given("intake.files", FILE, **BALANCED | {column: str(int(BALANCED[column]) + 1)})
    kept(desk)
    desk.given("intake.files", "file_id | extract | file_name\n 8 | cdr | cdr/c.csv", status="accepted",
               **dict.fromkeys(list(BALANCED)[:-1], "0"))  # fmt: skip
    desk.expect(AUDIT, FILE)


@pytest.mark.parametrize("table", ["bills", "rejects", "duplicates"])
@pytest.mark.parametrize("change", [-1, 1])
def test_a_row_lost_or_doubled_inside_a_file_is_listed(desk: SqlDesk, table: str, change: int) -> None:
    desk.given("intake.files", FILE, **BALANCED)
    there = next(count for name, count in ROWS.items() if name.endswith(table))
    kept(desk, **{table: there + change})
    desk.expect(AUDIT, FILE)


@pytest.mark.parametrize("extract", contract_names("staging"))
def test_rows_of_no_file_are_listed_whatever_the_extract(desk: SqlDesk, extract: str) -> None:
    rows(desk, f"staging.{extract}", 1, file_id=5)
    desk.given("intake.files", f"file_id | extract\n 5 | {extract}", status="refused")
    desk.expect(AUDIT, f"file_id | extract | file_name\n 5 | {extract} |")


def test_a_file_refused_as_a_whole_owes_no_balance(desk: SqlDesk) -> None:
    desk.given("intake.files", FILE, **BALANCED | {"status": "refused", "accepted": "0"})
    desk.expect(AUDIT, "file_id")


def test_every_extract_is_counted() -> None:
    assert {f"staging.{name}" for name in contract_names("staging")} <= set(sql_table(AUDIT).upstreams)
