"""The rows of one worksheet, and the strings and styles that its cells refer to, as the XML has them.

Belongs here: elements and attributes. Does not: what a cell is read as (cells.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from pipelines.intake.xlsx.cells import GENERAL, Style, style_of
from pipelines.intake.xlsx.container import Attributes, Container

MOST_ROWS, MOST_COLUMNS = 1_048_576, 16_384
_MOST_SHARED = 128 * 1024 * 1024
_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


class Cell(NamedTuple):
    """A cell: 0-based column, type (n, s, str, inlineStr, b, e, d), position of its style, value, formula."""

    column: int
    kind: str
    style: int
    value: str | None
    formula: str | None


@dataclass
class Row:
    """A row with its 1-based number; its cells ascend by column. `size` is what their text takes."""

    number: int
    is_hidden: bool = False
    cells: list[Cell] = field(default_factory=list)
    size: int = 0


def column_letters(column: int) -> str:
    """The letters over a 0-based column: A, B, … Z, AA."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def column_number(letters: str) -> int:
    """The 0-based column of its letters."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def unescaped(text: str) -> str:
    """Text as it was entered: what XML can't hold is written as _x000A_."""
    return _ESCAPED.sub(_character, text) if "_x" in text else text


def _character(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    return found[0] if 0xD800 <= code < 0xE000 else chr(code)


class SheetReader:
    """Reads the rows of a worksheet; behind the last one `merged` holds the ranges of merged cells."""

    def __init__(self, container: Container, part: str, max_row_bytes: int) -> None:
        self.merged: list[str] = []
        self._container, self._part, self._most = container, part, max_row_bytes
        self._done: list[Row] = []
        self._row = Row(0)
        self._in_data = False
        self._column = -1
        self._cell: Attributes | None = None
        self._into: list[str] | None = None
        self._value: list[str] | None = None
        self._formula: list[str] | None = None
        self._phonetic = False
        self._columns: dict[str, int] = {}

    def rows(self) -> Iterator[Row]:
        """All rows that the XML has, in order. Raises IntakeRefusal for damage."""
        for _ in self._container.parse(self._part, self._start, end=self._end, text=self._text):
            if self._row.size > self._most:
                raise self._container.damaged(f"row {self._row.number} is longer than {self._most} characters")
            if self._done:
                yield from self._done
                self._done.clear()

    def _start(self, name: str, attributes: Attributes) -> None:
        if not self._in_data:
            if name == "sheetData":
                self._in_data = True
            elif name == "mergeCell":
                self.merged.append(attributes.get("ref", ""))
        elif self._cell is not None:
            if name == "v" or (name == "t" and not self._phonetic):
                self._value = self._into = [] if self._value is None else self._value
            elif name == "f":
                self._formula = self._into = []
            elif name == "rPh":
                self._phonetic = True
        elif name == "c":
            self._cell, self._value, self._formula = attributes, None, None
        elif name == "row":
            self._begin_row(attributes)

    def _end(self, name: str) -> None:
        if not self._in_data:
            return
        if name in ("v", "t", "f"):
            self._into = None
        elif name == "rPh":
            self._phonetic = False
        elif name == "c":
            self._end_cell()
        elif name == "row":
            self._done.append(self._row)
        elif name == "sheetData":
            self._in_data = False

    def _text(self, text: str) -> None:
        if self._into is not None:
            self._into.append(text)
            self._row.size += len(text)
            if self._row.size > self._most:
                self._into = None  # rows() refuses it; nothing more is held meanwhile

    def _begin_row(self, attributes: Attributes) -> None:
        number = attributes.get("r", "")
        at = int(number) if number.isdecimal() else self._row.number + 1
        if not self._row.number < at <= MOST_ROWS:
            raise self._container.damaged(f"its rows are out of order behind row {self._row.number}")
        self._row = Row(at, attributes.get("hidden") in ("1", "true"))
        self._column = -1

    def _end_cell(self) -> None:
        cell, self._cell = self._cell or {}, None
        column = self._place(cell.get("r"))
        value, formula = self._value, self._formula
        if value is None and formula is None:
            return  # only formatted
        style = cell.get("s", "0")
        self._row.cells.append(
            Cell(
                column,
                cell.get("t", "n"),
                int(style) if style.isdecimal() else 0,
                None if value is None else "".join(value),
                None if formula is None else "".join(formula),
            )
        )

    def _place(self, reference: str | None) -> int:
        column = self._column + 1
        if reference is not None:
            found = _REFERENCE.fullmatch(reference)
            if found is None or int(found[2]) != self._row.number:
                raise self._container.damaged(f"a cell of row {self._row.number} says that it stands elsewhere")
            letters = found[1]
            known = self._columns.get(letters)
            if known is None:
                known = self._columns[letters] = column_number(letters)
            if known < column:
                raise self._container.damaged(f"the cells of row {self._row.number} are out of order")
            column = known
        if column >= MOST_COLUMNS:
            raise self._container.damaged(f"row {self._row.number} has more cells than a sheet has columns")
        self._column = column
        return column


def shared_strings(container: Container, part: str | None) -> list[str]:
    """The strings that cells refer to by position; readings of characters (phonetic runs) are left out."""
    strings: list[str] = []
    if part is None:
        return strings
    pieces: list[str] = []
    state = {"text": False, "phonetic": False}
    held = 0

    def start(name: str, _attributes: Attributes) -> None:
        if name == "si":
            pieces.clear()
        elif name == "rPh":
            state["phonetic"] = True
        elif name == "t":
            state["text"] = not state["phonetic"]

    def end(name: str) -> None:
        if name == "si":
            strings.append(unescaped("".join(pieces)))
        elif name == "rPh":
            state["phonetic"] = False
        elif name == "t":
            state["text"] = False

    def text(piece: str) -> None:
        nonlocal held
        if state["text"]:
            pieces.append(piece)
            held += len(piece)
            if held > _MOST_SHARED:
                raise container.expands_too_far("its shared strings come to")

    container.read(part, start, end=end, text=text)
    return strings


def styles(container: Container, part: str | None) -> list[Style]:
    """The style of each position that a cell may name."""
    if part is None:
        return [GENERAL]
    codes: dict[str, str] = {}
    numbers: list[str] = []
    inside = {"cellXfs": False}

    def start(name: str, attributes: Attributes) -> None:
        if name == "numFmt":
            codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif name == "cellXfs":
            inside["cellXfs"] = True
        elif name == "xf" and inside["cellXfs"]:
            numbers.append(attributes.get("numFmtId", "0"))

    def end(name: str) -> None:
        if name == "cellXfs":
            inside["cellXfs"] = False

    container.read(part, start, end=end)
    return [style_of(int(n) if n.isdecimal() else 0, codes.get(n)) for n in numbers] or [GENERAL]
