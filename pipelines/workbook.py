"""Tables as an Excel workbook that people open: formats, frozen header, filter, and no cell that Excel would run.

Belongs here: how a table looks as .xlsx. Does not: what is in it (reports.py, intake/returned.py), reading workbooks.
"""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import duckdb

from pipelines.durable import FILE_MODE, Disk

if TYPE_CHECKING:
    import xlsxwriter

Kind = Literal["text", "prose", "integer", "amount", "fraction", "share", "date", "time", "yes_no"]

Row = Sequence[object]

MOST_ROWS = 1_048_575  # below the header
_MOST_CHARACTERS = 32_767
_EXACT_DIGITS = 15  # of a number in Excel; a longer one is written as text
_MEASURED_ROWS = 500  # widths are taken from the first rows
_WIDTHS = (8, 60)
_FETCHED = 10_000
# Excel takes text that begins so for a formula when it is edited, or read back from CSV; the full-width ones in
# East Asian editions.
_RUNS = re.compile("[=+\\-@\t\r\n＝＋－＠]")
_NOT_IN_NAMES = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
_FORMATS: Mapping[Kind, str] = {
    "text": "@",
    "prose": "@",
    "integer": "#,##0",
    "amount": "#,##0.00",
    "fraction": "0.0000",
    "share": "0.0%",
    "date": "yyyy-mm-dd",
    "time": "yyyy-mm-dd hh:mm:ss",
    "yes_no": "General",
}
_CREATED = datetime(2000, 1, 1)  # same content, same bytes


@dataclass(frozen=True)
class Column:
    """A column: its name in the header, what it means (shown as a note on it), and the kind of its values."""

    name: str
    note: str = ""
    kind: Kind = "text"


@dataclass(frozen=True)
class Marked:
    """A value whose cell is coloured."""

    value: object


@dataclass(frozen=True)
class Sheet:
    """A table: the tab's title, its columns, its rows. Values fit the columns' kinds; None is an empty cell."""

    title: str
    columns: tuple[Column, ...]
    rows: Iterable[Row]


def sheet_of(
    title: str, found: duckdb.DuckDBPyConnection, notes: Mapping[str, str], kinds: Mapping[str, Kind]
) -> Sheet:
    """A table from what a connection has executed; kinds that are not given follow from DuckDB's types."""
    columns = tuple(
        Column(name, notes.get(name, ""), kinds.get(name) or _kind(str(type_)))
        for name, type_, *_ in found.description or ()
    )
    return Sheet(title, columns, fetched(found))


def fetched(found: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    """The rows of what a connection has executed, some at a time."""
    while rows := found.fetchmany(_FETCHED):
        yield from rows


def write_workbook(path: Path, sheets: Iterable[Sheet], *, most_rows: int = MOST_ROWS) -> None:
    """Writes the workbook, whole or not at all, mode 0640, in the place of an earlier one; the same bytes for the same
    content.

    A table of more than `most_rows` rows goes on in further sheets. Raises OSError.
    """
    import xlsxwriter  # noqa: PLC0415 -- half a second that only those who write a workbook need

    disk, partial = Disk(), path.with_name(f".{path.name}.part")
    try:
        with tempfile.TemporaryDirectory(prefix="tierline-") as folder:
            partial.touch(mode=FILE_MODE)  # before any content: it holds data of customers
            options = {"constant_memory": True, "tmpdir": folder, "strings_to_urls": False}
            with xlsxwriter.Workbook(str(partial), options) as book:
                book.set_properties({"created": _CREATED, "author": "Tierline"})
                writer = _Writer(book, most_rows)
                for sheet in sheets:
                    writer.add(sheet)
        disk.adopt(partial, path, "workbook")
    finally:
        partial.unlink(missing_ok=True)


def _kind(type_: str) -> Kind:
    if type_.startswith(("DECIMAL", "TIMESTAMP")):
        return "amount" if type_.startswith("DECIMAL") else "time"
    if type_.endswith(("INT", "INTEGER")):
        return "integer"
    return {"DATE": "date", "BOOLEAN": "yes_no"}.get(type_, "text")  # type: ignore[return-value]


class _Writer:
    """One workbook in the making: its formats, and the names taken."""

    def __init__(self, book: xlsxwriter.Workbook, most_rows: int) -> None:
        self.book, self.most_rows = book, most_rows
        self.names: set[str] = set()
        self.header = book.add_format({"bold": True, "bg_color": "#DDE6F0", "bottom": 1, "valign": "top"})
        self.formats = {
            (kind, marked, guarded): book.add_format(
                {"num_format": form, "valign": "top", "text_wrap": kind == "prose"}
                | ({"bg_color": "#FFC7CE", "font_color": "#9C0006"} if marked else {})
                | ({"quote_prefix": True} if guarded else {})
            )
            for kind, form in _FORMATS.items()
            for marked in (False, True)
            for guarded in (False, True)
        }

    def add(self, sheet: Sheet) -> None:
        rows = iter(sheet.rows)
        row = self.page(sheet, next(rows, None), rows)
        while row is not None:
            row = self.page(sheet, row, rows)

    def page(self, sheet: Sheet, row: Row | None, rows: Iterator[Row]) -> Row | None:
        """Writes one page of a table from `row` on; returns the row that found no room."""
        page = self.book.add_worksheet(self.name(sheet.title))
        widths = [_shown_width(column.name) + 3 for column in sheet.columns]
        for column, heading in enumerate(sheet.columns):
            page.write_string(0, column, heading.name, self.header)
            if heading.note:
                page.write_comment(0, column, heading.note, {"x_scale": 2, "author": ""})
        written = 0
        while row is not None and written < self.most_rows:
            written += 1
            for column, value in enumerate(row):
                self.cell(page, written, column, value, sheet.columns[column].kind)
            if written <= _MEASURED_ROWS:
                widths = [max(width, _shown_width(value)) for width, value in zip(widths, row, strict=True)]
            row = next(rows, None)
        page.freeze_panes(1, 0)
        page.autofilter(0, 0, written, len(sheet.columns) - 1)
        page.repeat_rows(0)
        page.set_landscape()
        page.fit_to_pages(1, 0)
        for column, width in enumerate(widths):
            page.set_column(column, column, min(max(width + 1, _WIDTHS[0]), _WIDTHS[1]))
        return row

    def cell(self, page: Any, row: int, column: int, value: object, kind: Kind) -> None:
        marked = isinstance(value, Marked)
        value = value.value if isinstance(value, Marked) else value
        write: Callable[..., int]
        if value is None:
            if marked:
                page.write_blank(row, column, None, self.formats[kind, True, False])
            return
        if isinstance(value, bool):
            write = page.write_boolean
        elif isinstance(value, int | float | Decimal) and _is_exact(value):
            write, value = page.write_number, float(value)
        elif isinstance(value, date) and value.year > 1900:  # its calendar is wrong before March 1900
            write = page.write_datetime
        else:
            # A string stays a string; the quote prefix keeps it one when somebody edits the cell.
            text, shape = _shortened(str(value)), kind if kind == "prose" else "text"
            page.write_string(row, column, text, self.formats[shape, marked, _RUNS.match(text) is not None])
            return
        write(row, column, value, self.formats[kind, marked, False])

    def name(self, title: str) -> str:
        """A name that Excel takes, and that no other sheet has."""
        clean = _NOT_IN_NAMES.sub(" ", title).strip("' ")[:31].strip("' ") or "Sheet"
        clean = clean if clean.casefold() != "history" else "History of"
        name, number = clean, 1
        while name.casefold() in self.names:
            number += 1
            name = f"{clean[: 30 - len(str(number))]} {number}"
        self.names.add(name.casefold())
        return name


def _is_exact(value: float | Decimal) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return len(Decimal(value).normalize().as_tuple().digits) <= _EXACT_DIGITS and abs(value) < 10**_EXACT_DIGITS


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"


def _shown_width(value: object) -> int:
    """About how many digits' width a value takes; East Asian characters take two."""
    value = value.value if isinstance(value, Marked) else value
    if isinstance(value, datetime):
        return 19
    text = "" if value is None else f"{value:,.2f}" if isinstance(value, Decimal | float) else str(value)
    return sum(2 if ord(character) > 0x2E7F else 1 for character in text[: _WIDTHS[1]])
