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


CDR = {"records": "9", "header": "1", "accepted": "8", "status": "accepted",
       **dict.fromkeys(("trailer", "blank", "rejected", "duplicate"), "0")}  # fmt: skip
CDR_FILE = "file_id | extract | file_name\n 3 | cdr | cdr/c.csv"


@pytest.mark.parametrize(
    ("first_day", "second_day", "there", "is_whole"),
    [
        pytest.param(5, 3, 3, True, id="what left and what stays add up"),
        pytest.param(5, 3, 2, False, id="a row of a kept day is lost"),
        pytest.param(4, 3, 3, False, id="less left than was there"),
        pytest.param(5, 3, 4, False, id="a row of a kept day twice"),
    ],
)
def test_days_that_expired_count_with_the_records_that_they_had(
    desk: SqlDesk, first_day: int, second_day: int, there: int, is_whole: bool
) -> None:
    desk.given("intake.files", CDR_FILE, **CDR)
    desk.given("intake.file_days", f"""
        file_id | usage_date | records
        3       | 2024-03-01 | {first_day}
        3       | 2024-03-02 | {second_day}
    """)  # fmt: skip
    desk.given("intake.expired_days", "usage_date | detail_from\n 2024-03-01 | 2024-03-02")
    desk.given("staging.cdr", "file_id | usage_date" + "\n 3 | 2024-03-02" * there)
    desk.expect(AUDIT, "file_id" if is_whole else CDR_FILE)


def test_rows_of_an_expired_day_that_are_still_there_count_once(desk: SqlDesk) -> None:
    desk.given("intake.files", CDR_FILE, **CDR)
    desk.given("intake.file_days", "file_id | usage_date | records\n 3 | 2024-03-01 | 5\n 3 | 2024-03-02 | 3")
    desk.given("intake.expired_days", "usage_date | detail_from\n 2024-03-01 | 2024-03-02")
    desk.given("staging.cdr", "file_id | usage_date" + "\n 3 | 2024-03-01" * 5 + "\n 3 | 2024-03-02" * 3)
    desk.expect(AUDIT, "file_id")


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
