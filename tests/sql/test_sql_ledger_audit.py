"""sql/audits/ledger_does_not_balance.sql: every line of a file became something."""

import pytest
from sql_desk import SqlDesk

BALANCED = {
    "records": "63",
    "header": "1",
    "trailer": "2",
    "blank": "4",
    "accepted": "8",
    "rejected": "16",
    "duplicate": "32",
    "status": "accepted",
}


def test_a_ledger_that_balances_passes(desk: SqlDesk) -> None:
    desk.given("intake.files", "file_id\n 1", **BALANCED, extract="bills")
    desk.expect("audits.ledger_does_not_balance", "file_id")


@pytest.mark.parametrize("column", [name for name in BALANCED if name != "status"])
def test_one_record_too_many_in_any_column_is_listed(desk: SqlDesk, column: str) -> None:
    more = BALANCED | {column: str(int(BALANCED[column]) + 1)}
    desk.given("intake.files", "file_id | extract | file_name\n 7 | bills | bills/b_1.csv", **more)
    desk.given("intake.files", "file_id | extract | file_name\n 8 | bills | bills/b_2.csv", **BALANCED)
    desk.expect("audits.ledger_does_not_balance", "file_id | extract | file_name\n 7 | bills | bills/b_1.csv")


def test_a_file_refused_as_a_whole_owes_no_balance(desk: SqlDesk) -> None:
    desk.given("intake.files", "file_id\n 1", **BALANCED | {"status": "refused", "accepted": "0"})
    desk.expect("audits.ledger_does_not_balance", "file_id")
