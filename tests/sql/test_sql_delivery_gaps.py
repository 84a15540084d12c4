"""sql/features/delivery_gaps.sql and the audits that read it: numbered files that never came."""

import pytest
from sql_desk import SqlDesk

GAPS = "features.delivery_gaps"
RANGE = "source | stream | first_missing | last_missing | missing_files"
FILE = "source | stream | sequence | sequence_position | known_at"
# The night of 2024-06-30 ends at 16:00 UTC; 48 hours before is 2024-06-28 16:00.
NUMBERS = {"status": "accepted", "sequence_first": "1", "sequence_last": "99999"}
KNOWN = {"known_at": "2024-06-30 00:00"}


def files(desk: SqlDesk, *numbers: tuple[int, int] | int, stream: str = "A", **given: str) -> None:
    """Files by (number, position), or by a number that is its own position."""
    for number in numbers:
        sequence, position = number if isinstance(number, tuple) else (number, number)
        row = f"source | stream | sequence | sequence_position\n tap | {stream} | {sequence} | {position}"
        desk.given("intake.files", row, **NUMBERS | KNOWN | given)


def test_without_numbers_nothing_is_missing(desk: SqlDesk) -> None:
    desk.given("intake.files", "source | known_at\n cdr | 2024-06-29", status="accepted")
    desk.expect(GAPS, RANGE)


def test_a_run_without_a_gap_has_none_wherever_it_begins(desk: SqlDesk) -> None:
    files(desk, 412, 413, 414)
    desk.expect(GAPS, RANGE)


def test_each_missing_range_is_a_row(desk: SqlDesk) -> None:
    files(desk, 1, 2, 4, 9, 10)
    desk.expect(GAPS, f"{RANGE}\n tap | A | 3 | 3 | 1 \n tap | A | 5 | 8 | 4")


def test_streams_and_sources_run_by_themselves(desk: SqlDesk) -> None:
    files(desk, 1, 3)
    files(desk, 2, stream="B")
    files(desk, 2, stream="")
    desk.given("intake.files", f"{FILE}\n other | A | 2 | 2 | 2024-06-30", **NUMBERS)
    desk.expect(GAPS, f"{RANGE}\n tap | A | 2 | 2 | 1")


@pytest.mark.parametrize(
    ("numbers", "gap"),
    [
        pytest.param([(99998, 98), (99999, 99), (1, 100), (2, 101)], None, id="none"),
        pytest.param([(99998, 98), (1, 100)], "99999 | 99999 | 1", id="the last number"),
        pytest.param([(99999, 99), (2, 101)], "1 | 1 | 1", id="the first number"),
        pytest.param([(99997, 97), (3, 102)], "99998 | 2 | 4", id="on both sides"),
    ],
)
def test_numbers_begin_anew(desk: SqlDesk, numbers: list[tuple[int, int]], gap: str | None) -> None:
    files(desk, *numbers)
    desk.expect(GAPS, RANGE + (f"\n tap | A | {gap}" if gap else ""))


def test_other_bounds(desk: SqlDesk) -> None:
    files(desk, (8, 8), (0, 10), sequence_first="0", sequence_last="9")
    desk.expect(GAPS, f"{RANGE}\n tap | A | 9 | 9 | 1")


def test_a_file_that_feeds_two_extracts_is_one_file(desk: SqlDesk) -> None:
    files(desk, 1, 1, 2, 2)
    desk.expect(GAPS, RANGE)


def test_a_refused_file_has_not_come(desk: SqlDesk) -> None:
    files(desk, 1, 3)
    files(desk, 2, status="refused")
    desk.expect(GAPS, f"{RANGE}\n tap | A | 2 | 2 | 1")


def test_a_late_file_closes_its_gap_and_the_rest_is_missing_as_long_as_before(desk: SqlDesk) -> None:
    files(desk, 1, known_at="2024-06-26 00:00")
    files(desk, 6, known_at="2024-06-27 00:00")
    files(desk, 3, 4, known_at="2024-06-30 00:00")
    desk.expect(
        GAPS,
        """
        first_missing | last_missing | missing_since    | is_overdue
        2             | 2            | 2024-06-27 00:00 | true
        5             | 5            | 2024-06-27 00:00 | true
        """,
    )


@pytest.mark.parametrize(
    ("known_at", "gap"),
    [("2024-06-30 15:59:59", False), ("2024-06-30 16:00", True)],
    ids=["closed within the night", "closed later"],
)
def test_what_is_known_on_the_night_counts(desk: SqlDesk, known_at: str, gap: bool) -> None:
    files(desk, 1, 3)
    files(desk, 2, known_at=known_at)
    desk.expect(GAPS, RANGE + ("\n tap | A | 2 | 2 | 1" if gap else ""))


@pytest.mark.parametrize(
    ("known_at", "is_overdue"),
    [("2024-06-28 15:59:59", True), ("2024-06-28 16:00", False), ("2024-06-30 15:00", False)],
)
def test_a_gap_is_overdue_after_its_hours_and_the_audits_share_it(
    desk: SqlDesk, known_at: str, is_overdue: bool
) -> None:
    files(desk, 1, known_at="2024-06-01 00:00")
    files(desk, 3, known_at=known_at)
    desk.expect(GAPS, f"missing_since | is_overdue\n {known_at} | {is_overdue}")
    desk.build(GAPS)
    row = f"source | stream | first_missing | last_missing | missing_since\n tap | A | 2 | 2 | {known_at}"
    nothing = row.partition("\n")[0]
    desk.expect("audits.delivery_gap", nothing if is_overdue else row)
    desk.expect("audits.delivery_gap_overdue", row if is_overdue else nothing)


def test_files_known_by_their_rows_count_from_the_latest_of_them(desk: SqlDesk) -> None:
    files(desk, 1)
    desk.given(
        "intake.files",
        "source | stream | sequence | sequence_position | known_until\n tap | A | 3 | 3 | 2024-06-28 10:00",
        **NUMBERS,
    )
    desk.expect(GAPS, "missing_since | is_overdue\n 2024-06-28 10:00 | true")
