"""Workbooks for people: what a cell holds, that none is run, that a table as long as it likes has its place.

Belongs here: pipelines/workbook.py. Does not: what reports ask (test_reports.py).
"""

from __future__ import annotations

import datetime as dt
import stat
import sys
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.workbook import Column, Kind, Marked, Sheet, sheet_of, write_workbook

sys.path.insert(0, str(Path(__file__).parents[1] / "intake"))
from workbooks import Cell, read_back


def one(tmp_path: Path, value: object, kind: Kind = "text") -> Cell:
    path = tmp_path / "one.xlsx"
    write_workbook(path, [Sheet("one", (Column("value", kind=kind),), [(value,)])])
    return read_back(path)["one"][1][0]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_text_that_could_be_run_is_text_and_stays_it(tmp_path: Path, start: str) -> None:
    for text in (f"{start}1+1", f'{start}HYPERLINK("http://127.0.0.1")', start):
        cell = one(tmp_path, text)
        assert (cell.is_formula, cell.is_guarded, cell.kind) == (False, True, "inlineStr")


def test_guarded_text_is_written_whole(tmp_path: Path) -> None:
    assert one(tmp_path, "=cmd|' /C calc'!A0").value == "=cmd|' /C calc'!A0"


@pytest.mark.parametrize("text", ["C1", "a=b", "'=1", " =1", "http://127.0.0.1", "1", "{=1}", "#N/A", "TRUE"])
def test_other_text_is_text_too(tmp_path: Path, text: str) -> None:
    cell = one(tmp_path, text)
    assert (cell.value, cell.kind, cell.is_formula, cell.is_guarded) == (text, "inlineStr", False, False)


@pytest.mark.parametrize(
    ("value", "kind", "written", "type_"),
    [
        pytest.param(-5, "integer", "-5", "n", id="negative number"),
        pytest.param(Decimal("-12.5000"), "amount", "-12.5", "n", id="money"),
        pytest.param(0.5, "share", "0.5", "n", id="share"),
        pytest.param(10**15, "integer", "1000000000000000", "inlineStr", id="sixteen digits"),
        pytest.param(Decimal("1234567890123.4567"), "amount", "1234567890123.4567", "inlineStr", id="too exact"),
        pytest.param(float("nan"), "amount", "nan", "inlineStr", id="no number"),
        pytest.param(True, "yes_no", "1", "b", id="yes"),
        pytest.param(dt.date(2024, 6, 30), "date", "45473", "n", id="date"),
        pytest.param(dt.datetime(2024, 6, 30, 12), "time", "45473.5", "n", id="time"),
        pytest.param(dt.date(1899, 1, 1), "date", "1899-01-01", "inlineStr", id="before Excel's calendar"),
    ],
)
def test_values_keep_their_kind_and_every_digit(
    tmp_path: Path, value: object, kind: Kind, written: str, type_: str
) -> None:
    cell = one(tmp_path, value, kind)
    assert (cell.value, cell.kind) == (written, type_)


def test_text_beyond_what_a_cell_holds_is_cut_visibly(tmp_path: Path) -> None:
    value = one(tmp_path, "x" * 40_000).value
    assert value is not None and len(value) == 32_767 and value.endswith("x…")


def test_marked_cells_are_coloured_empty_ones_too(tmp_path: Path) -> None:
    path = tmp_path / "m.xlsx"
    columns = (Column("a"), Column("b"), Column("c", kind="integer"))
    write_workbook(path, [Sheet("m", columns, [(Marked("=1"), Marked(None), Marked(5))])])
    row = read_back(path)["m"][1]
    assert [cell.fill for cell in row] == ["FFFFC7CE"] * 3
    assert row[0].is_guarded


def test_the_header_is_frozen_filtered_and_explained(tmp_path: Path) -> None:
    path = tmp_path / "h.xlsx"
    write_workbook(path, [Sheet("h", (Column("tier", "How much a customer is worth."),), [("high",), ("mid",)])])
    with zipfile.ZipFile(path) as archive:
        page = archive.read("xl/worksheets/sheet1.xml").decode()
        assert 'state="frozen"' in page and 'ySplit="1"' in page
        assert '<autoFilter ref="A1:A3"' in page
        assert "How much a customer is worth." in archive.read("xl/comments1.xml").decode()


def test_same_content_same_bytes(tmp_path: Path) -> None:
    def sheets() -> list[Sheet]:
        return [Sheet("a", (Column("x", "note"),), [(1,), ("t",)]), Sheet("b", (Column("y"),), [])]

    for name in ("1.xlsx", "2.xlsx"):
        write_workbook(tmp_path / name, sheets())
    assert (tmp_path / "1.xlsx").read_bytes() == (tmp_path / "2.xlsx").read_bytes()


def test_names_of_sheets_are_such_that_excel_opens_them(tmp_path: Path) -> None:
    titles = ["a/b[c]:*?\\", "'quoted'", "x" * 40, "X" * 40, "History", "", "Tier", "tier"]
    path = tmp_path / "n.xlsx"
    write_workbook(path, [Sheet(title, (Column("x"),), []) for title in titles])
    found = list(read_back(path))
    assert found[:2] == ["a b c", "quoted"]
    assert len({name.casefold() for name in found}) == len(titles)
    assert all(
        0 < len(name) <= 31 and not set("[]:*?/\\") & set(name) and name.casefold() != "history" for name in found
    )


def test_a_table_longer_than_a_sheet_goes_on_in_the_next(tmp_path: Path) -> None:
    path = tmp_path / "l.xlsx"
    for rows, expected in ((3, [3]), (7, [3, 3, 1])):
        write_workbook(path, [Sheet("rows", (Column("n", kind="integer"),), [(n,) for n in range(rows)])], most_rows=3)
        pages = read_back(path)
        assert [len(page) - 1 for page in pages.values()] == expected
        assert [row[0].value for page in pages.values() for row in page[1:]] == [str(n) for n in range(rows)]


def test_a_workbook_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "w.xlsx"
    write_workbook(path, [Sheet("a", (Column("x"),), [("before",)])])
    before = path.read_bytes()

    def failing() -> Iterator[tuple[Any, ...]]:
        yield ("some",)
        raise OSError("the source broke")

    with pytest.raises(OSError, match="the source broke"):
        write_workbook(path, [Sheet("a", (Column("x"),), failing())])
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["w.xlsx"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_kinds_follow_from_the_types_of_the_database(tmp_path: Path) -> None:
    with duckdb.connect() as con:
        found = con.execute(
            "select 1::integer a, 2::bigint b, 3::hugeint c, 1.5::decimal(18,4) d, date '2024-06-30' e, "
            "timestamp '2024-06-30 12:00:00' f, true g, 'x' h, 0.5::double i"
        )
        sheet = sheet_of("t", found, {"a": "note"}, {"i": "share"})
        assert [(column.name, column.kind) for column in sheet.columns] == [
            *(("a", "integer"), ("b", "integer"), ("c", "integer"), ("d", "amount"), ("e", "date")),
            *(("f", "time"), ("g", "yes_no"), ("h", "text"), ("i", "share")),
        ]
        assert sheet.columns[0].note == "note"
        write_workbook(tmp_path / "t.xlsx", [sheet])
    assert [cell.value for cell in read_back(tmp_path / "t.xlsx")["t"][1]] == [
        *("1", "2", "3", "1.5", "45473", "45473.5", "1", "x", "0.5")
    ]
