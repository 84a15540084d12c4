"""From a workbook to lines of delimited text, a line a row of its sheet, and the cells that can't be taken.

Belongs here: which sheet is read, how a row becomes a line. Does not: the fields' types, which are judged as text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pipelines.intake.beforehand import Beforehand
from pipelines.intake.refusal import IntakeRefusal
from pipelines.intake.settings import IntakeSettings
from pipelines.intake.xlsx import sheet as xml
from pipelines.intake.xlsx.cells import GENERAL, Read, Wanted, read_date, read_number, read_text
from pipelines.intake.xlsx.container import Container, Contents, SheetPart

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_PICTURES = {code: 0x2400 + code for code in range(32) if code != 9} | {0x7F: 0x2421}
_NEEDS_QUOTES = re.compile('[",]')
_TIMELESS = re.compile(r"(\d{4}-\d{2}-\d{2})T00:00:00(\.0+)?Z?")
_SHOWN = 10


def transcode(
    path: Path,
    file_name: str,
    target: Path,
    *,
    sheet_name: str,
    columns: Sequence[Wanted],
    header_rows: int,
    settings: IntakeSettings,
) -> Beforehand:
    """Writes the sheet to `target` as UTF-8 text, and returns the rows with a cell that can't be taken.

    Commas, quotes where needed; line n is row n, empty rows behind the last filled one are left out. The sheet is the
    one named `sheet_name`, else the only filled one; `columns` says what each of its columns feeds. Control characters
    are written as pictures (␊). Nothing is calculated, nothing outside the file is read. Raises IntakeRefusal.
    """
    with Container(path, file_name, settings) as container:
        contents = container.contents()
        part = _sheet(container, contents, sheet_name, settings)
        writer = _Lines(container, contents, columns, header_rows, settings)
        reader = xml.SheetReader(container, part.part, settings.max_line_bytes)
        with target.open("w", encoding="utf-8", newline="") as out:
            for row in reader.rows():
                out.write(writer.line(row))
        if not writer.last:
            raise _empty(file_name, part)
        _require_unmerged(reader.merged, file_name, rows=writer.last, columns=len(columns))
        return writer.faults


def _sheet(container: Container, contents: Contents, name: str, settings: IntakeSettings) -> SheetPart:
    if not contents.sheets:
        raise container.damaged("it has no worksheet")
    named = [s for s in contents.sheets if s.name.strip().casefold() == name.casefold()]
    filled = named or [s for s in contents.sheets if _is_filled(container, s, settings)]
    if not filled:
        raise _empty(container.file_name, contents.sheets[0])
    if len(filled) > 1:
        shown = ", ".join(s.shown + (" (hidden)" if s.is_hidden else "") for s in filled[:_SHOWN])
        raise IntakeRefusal(
            container.file_name,
            "several_sheets",
            f"{len(filled)} sheets are filled, and none is named {name}: {shown}",
            f"Leave one sheet in the workbook, or name the one to be read {name}.",
        )
    if filled[0].is_hidden:
        raise IntakeRefusal(
            container.file_name,
            "sheet_hidden",
            f"the sheet to be read, {filled[0].shown}, is hidden",
            "Show it (right click on a tab, Unhide), check it, deliver again.",
        )
    return filled[0]


def _is_filled(container: Container, part: SheetPart, settings: IntakeSettings) -> bool:
    rows = xml.SheetReader(container, part.part, settings.max_line_bytes).rows()
    return any(cell.value or cell.formula is not None for row in rows for cell in row.cells)


def _empty(file_name: str, part: SheetPart) -> IntakeRefusal:
    return IntakeRefusal(
        file_name,
        "empty_file",
        f"the sheet {part.shown} is empty",
        "Deliver it again; a delivery without records has its header line.",
        1,
    )


def _require_unmerged(merged: Sequence[str], file_name: str, *, rows: int, columns: int) -> None:
    for reference in merged:
        found = re.fullmatch(r"([A-Z]{1,3})(\d{1,7}):[A-Z]{1,3}\d{1,7}", reference)
        if found is None or (xml.column_number(found[1]) < columns and int(found[2]) <= rows):
            raise IntakeRefusal(
                file_name,
                "cells_merged",
                f"the cells {reference[:20]} are merged, so that only the first of them holds the value",
                "Unmerge the cells of the sheet and fill each row.",
                int(found[2]) if found else None,
            )


class _Lines:
    """Makes the line of each row; blank lines stand for rows without content before it."""

    def __init__(
        self,
        container: Container,
        contents: Contents,
        kinds: Sequence[Wanted],
        header_rows: int,
        settings: IntakeSettings,
    ) -> None:
        self.faults = Beforehand()
        self.last = 0
        self._container, self._contents, self._kinds, self._header_rows = container, contents, kinds, header_rows
        self._strings = xml.shared_strings(container, contents.shared_strings)
        self._styles = xml.styles(container, contents.styles)
        self._most, self._written = settings.max_line_bytes, 0

    def line(self, row: xml.Row) -> str:
        texts: list[str] = []
        fault: tuple[str, int] | None = None
        size = 0
        is_header = row.number <= self._header_rows
        for cell in row.cells:
            is_looked_at = cell.column < len(self._kinds) and not is_header
            kind = self._kinds[cell.column] if is_looked_at else "ignored"
            read = self._read(cell, row.number, kind)
            text, reason = read.text, read.reason
            if _CONTROL.search(text):
                text, reason = text.translate(_PICTURES), reason or "cell_control"
            if not text and reason is None:
                continue
            size += len(text)
            if size > self._most:
                raise self._container.damaged(f"row {row.number} is longer than {self._most} characters")
            texts += [""] * (cell.column - len(texts))
            texts.append(text)
            if reason is not None and fault is None and kind != "ignored":
                fault = (reason, cell.column)
        if not texts:
            return ""
        if row.is_hidden:
            raise self._hidden(row.number)
        if fault is not None:
            self.faults.note(row.number, *fault)
        blank = "\n" * (row.number - self.last - 1)
        self.last = row.number
        if not is_header:
            texts += [""] * (len(self._kinds) - len(texts))
        line = blank + ",".join(map(_quoted, texts)) + "\n"
        self._written += len(line)
        if self._written > self._container.limit:
            raise self._container.expands_too_far("its cells come to")
        return line

    def _read(self, cell: xml.Cell, row: int, wanted: Wanted) -> Read:
        # Formulas are never calculated here: what Excel stored is what its user saw.
        if cell.formula is not None and (not self._contents.is_calculated or _is_undone(cell)):
            return Read("=" + cell.formula, "cell_formula")
        if cell.value is None or (cell.value == "" and cell.kind == "n"):
            return Read("")
        try:
            return self._value(cell, cell.value, wanted)
        except (ValueError, IndexError, KeyError) as error:
            place = f"{xml.column_letters(cell.column)}{row}"
            raise self._container.damaged(f"cell {place} is not as Excel writes one") from error

    def _value(self, cell: xml.Cell, value: str, wanted: Wanted) -> Read:
        match cell.kind:
            case "n":
                style = self._styles[cell.style] if cell.style < len(self._styles) else GENERAL
                read = read_number(value, style, wanted, since_1904=self._contents.since_1904)
            case "s":
                read = read_text(self._strings[_position(value)], wanted)
            case "str" | "inlineStr":
                read = read_text(xml.unescaped(value), wanted)
            case "b":
                read = Read({"1": "TRUE", "0": "FALSE"}[value])
            case "e":
                read = Read(value, "cell_error")
            case "d":
                timeless = _TIMELESS.fullmatch(value)
                read = read_date(timeless[1] if timeless else value, wanted)
            case unknown:
                raise ValueError(unknown)
        return read

    def _hidden(self, row: int) -> IntakeRefusal:
        return IntakeRefusal(
            self._container.file_name,
            "rows_hidden",
            f"row {row} is hidden or filtered out, and holds something",
            "Clear the filter (Data > Clear) and unhide all rows, delete what is not meant, deliver again.",
            row,
        )


def _is_undone(cell: xml.Cell) -> bool:
    # A formula whose result is an empty text is stored as one, with type str.
    return cell.value is None or (cell.value == "" and cell.kind != "str")


def _position(value: str) -> int:
    if not value.isdecimal():  # -1 would be the last one
        raise ValueError(value)
    return int(value)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text
