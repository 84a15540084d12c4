"""Keys that a contract promises for some days: which repetitions are too near, and whose they are.

Belongs here: pipelines/contracts/keys.py on real DuckDB. Does not: keys that never come
again (test_contract_checks.py).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import combinations

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts import contract
from pipelines.contracts.checks import KEYS_REPEATED, asking, count_rows
from pipelines.contracts.keys import repeated_keys
from pipelines.contracts.tables import staging_columns

CDR = contract("staging.cdr")
FIRST = date(2024, 6, 1)
# (key, day from FIRST, file_id) of a record; files from 10 on are new.
Record = tuple[str, int, int]
NEW = 10
RECORD = st.tuples(st.sampled_from("abc"), st.integers(0, 12), st.sampled_from((1, NEW, NEW + 1)))


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        columns = ", ".join(f'"{name}" {kind}' for name, kind in staging_columns("cdr").items())
        con.execute(f"create schema staging; create table staging.cdr ({columns})")
        yield con


def put(con: duckdb.DuckDBPyConnection, records: list[Record]) -> None:
    con.execute("delete from staging.cdr")
    for key, day, file_id in records:
        con.execute(
            "insert into staging.cdr (record_id, usage_date, known_at, file_id) values (?, ?, ?, ?)",
            [key, FIRST + timedelta(days=day), FIRST, file_id],
        )


def repeated_by_new(con: duckdb.DuckDBPyConnection, records: list[Record], window: int) -> tuple[int, date | None]:
    """How many rows repeat a key too near to a row of the new files, and the first day of one."""
    put(con, records)
    counts = count_rows(con, CDR, "staging.cdr", (NEW, NEW + 1), window=window)
    return counts.by_metric[KEYS_REPEATED], counts.repeated_on


def too_near(one: Record, other: Record, window: int) -> bool:
    return one[0] == other[0] and abs(one[1] - other[1]) <= window


@pytest.mark.parametrize(
    ("records", "found"),
    [
        ([("a", 0, 1), ("a", 8, NEW)], (0, None)),
        ([("a", 0, 1), ("a", 7, NEW)], (1, FIRST + timedelta(days=7))),
        # A late record is held against the days after it, too.
        ([("a", 0, NEW), ("a", 7, 1)], (1, FIRST + timedelta(days=7))),
        ([("a", 3, NEW), ("a", 3, NEW)], (1, FIRST + timedelta(days=3))),
        # What was taken within a smaller window of then is no fault of a new file.
        ([("a", 0, 1), ("a", 4, 1), ("a", 12, NEW)], (0, None)),
        ([("a", 0, 1), ("a", 4, 1), ("a", 11, NEW)], (1, FIRST + timedelta(days=11))),
        ([("a", 0, 1), ("b", 1, NEW), ("a", 12, NEW), ("b", 12, NEW)], (0, None)),
    ],
)
def test_a_key_may_come_again_after_the_window(
    con: duckdb.DuckDBPyConnection, records: list[Record], found: tuple[int, date | None]
) -> None:
    assert repeated_by_new(con, records, 7) == found


@given(records=st.lists(RECORD, max_size=9), window=st.integers(0, 5))
def test_it_is_found_wherever_two_are_too_near_and_one_is_new(
    con: duckdb.DuckDBPyConnection, records: list[Record], window: int
) -> None:
    records = [*records, ("z", 0, NEW)]
    pairs = [pair for pair in combinations(records, 2) if too_near(*pair, window)]
    of_new = [pair for pair in pairs if max(one[2] for one in pair) >= NEW]
    found, first_day = repeated_by_new(con, records, window)
    assert (found > 0) == bool(of_new)
    assert (first_day is not None) == bool(of_new)
    assert (repeated_keys(asking(con), CDR, "staging.cdr", {}, window=window).rows > 0) == bool(pairs)
