"""A file cut into ranges of whole lines says together what one pass over it says.

Belongs here: cutting, opening range by range, joining. Does not: executors (tests/spark).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from intake_desk import CDR, cdr_row
from test_intake_property import DAMAGE, damaged

from pipelines.intake import IntakeRefusal, IntakeSettings, SourceMapping
from pipelines.intake.discover import Delivery
from pipelines.intake.mapping import with_identities
from pipelines.intake.opened import Opened, open_file
from pipelines.intake.ranges import PLACES, cut, joined, open_range

HEADER = (",".join(CDR) + "\n").encode()


def mapping(**form: Any) -> SourceMapping:
    own = with_identities({})["cdr"]
    return own.model_copy(update={"format": own.format.model_copy(update=form)})


def limits(folder: Path) -> IntakeSettings:
    return IntakeSettings("Asia/Shanghai", "CNY", folder, max_line_bytes=2000)


def told(opened: Opened, con: duckdb.DuckDBPyConnection, rows: list[tuple[Any, ...]], places: list[int]) -> Any:
    """All that a file comes to: counts, rejected lines, and each row with its line and its raw text."""
    unsplit = opened.unsplit
    lines = opened.lines_of(np.array(places, np.int64))
    faults = [(line, unsplit.reason(i), unsplit.found[i]) for i, line in enumerate(unsplit.rejected)]
    counts = (opened.records, opened.header, opened.trailer, unsplit.blank, opened.data_records)
    wanted = np.array(sorted({*lines.tolist(), *unsplit.rejected}), np.int64)
    return counts, faults, list(zip(lines.tolist(), rows, strict=True)), list(opened.raw(con, wanted))


def whole(path: Path, how: SourceMapping, folder: Path) -> Any:
    with tempfile.TemporaryDirectory(dir=folder) as name, duckdb.connect() as con:
        try:
            opened = open_file(Delivery(path, "cdr", path.name, path.name), how, limits(folder), Path(name))
        except IntakeRefusal as refusal:
            return refusal.code, refusal.line
        rows = con.execute(f"select * from {opened.source}").fetchall()
        return told(opened, con, rows, list(range(len(rows))))


def in_ranges(path: Path, how: SourceMapping, folder: Path, size: int) -> Any:
    """As executors go about it: the account of all ranges first, and rows only of a file that is not refused."""
    parts = cut(path, size)

    def opened_range(number: int, name: str) -> Opened | IntakeRefusal:
        try:
            return open_range(path, parts[number], how, limits(folder), Path(name), file_name=path.name)
        except IntakeRefusal as refusal:
            return refusal

    found: list[Opened | IntakeRefusal] = []
    for number in range(len(parts)):
        with tempfile.TemporaryDirectory(dir=folder) as name:
            found.append(opened_range(number, name))
    try:
        account = joined(found, how, sha256="", plain=path, file_name=path.name)
    except IntakeRefusal as refusal:
        return refusal.code, refusal.line
    rows, places = [], []
    with duckdb.connect() as con:
        for number in range(len(parts)):
            with tempfile.TemporaryDirectory(dir=folder) as name:
                again = opened_range(number, name)
                assert isinstance(again, Opened)
                these = con.execute(f"select * from {again.source}").fetchall()
            rows += these
            places += [number * PLACES + row for row in range(len(these))]
        return told(account, con, rows, places)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.integers(0, 12),
    steps=DAMAGE,
    size=st.integers(1, 900),
    line_end=st.sampled_from(["\n", "\r\n", "\n\n"]),
    trailer=st.sampled_from([b"", b"TRAILER", b"TRAILER\n\n\r\n\n"]),
    is_declared=st.booleans(),
    with_mark=st.booleans(),
)
@example(3, [("insert", 300, b"\xef\xbb\xbf")], 1, "\n", b"", False, True)
@example(3, [("replace", 320, b"\xff")], 100, "\n", b"", False, False)
@example(0, [("insert", 0, b"\r"), ("insert", 1, b",")], 1, "\n", b"", False, False)
@example(0, [], 10, "\n", b"", True, False)
def test_ranges_say_what_one_pass_says(  # noqa: PLR0917 (drawn by name)
    rows: int, steps: list[Any], size: int, line_end: str, trailer: bytes, is_declared: bool, with_mark: bool
) -> None:
    records = "".join(
        cdr_row(record_id=f"r{i}", cause_for_term='"q"' if i == 5 else "16") + line_end for i in range(rows)
    )
    content = b"\xef\xbb\xbf" * with_mark + damaged(HEADER + records.encode() + trailer, steps)
    how = mapping(trailer_prefix="TRAILER" if is_declared else None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "cdr_20240630.csv"
        path.write_bytes(content)
        expected = whole(path, how, folder)
        if expected[0] == "not_in_encoding":  # NULs are counted where a chunk ends, and ranges end elsewhere
            expected = expected[:1]
            assert in_ranges(path, how, folder, size)[:1] == expected
        else:
            assert in_ranges(path, how, folder, size) == expected


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_ranges_are_whole_lines_that_follow_each_other(tmp_path: Path, size: int) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"".join(b"x" * (i % 50) + b"\n" for i in range(300)) + b"no end")
    parts = cut(path, size)
    content = path.read_bytes()
    assert b"".join(content[part.start : part.end] for part in parts) == content
    assert all(content[part.start : part.end].endswith(b"\n") for part in parts[:-1])
    assert [part.has_end for part in parts] == [False] * (len(parts) - 1) + [True]
    assert len(parts) == (1 if size == 10_000 else len(parts)) and (size > 1 or len(parts) == 301)


def test_a_border_never_stands_before_what_only_a_file_begins_with(tmp_path: Path) -> None:
    path = tmp_path / "marks"
    path.write_bytes(b"a\n\xef\xbb\xbfb\n\xff\xfec\nd\n")
    assert [part.start for part in cut(path, 1)] == [0, 11]


def test_an_empty_file_has_no_ranges(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert cut(tmp_path / "empty", 10) == ()
