"""Workbooks for the tests: as XlsxWriter writes them, and from XML as other programs and hostile senders do.

Belongs here: making .xlsx bytes, reading written ones back. Does not: expectations.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import xlsxwriter

from data_contracts import contract

LISTS = tuple(c.name for c in contract("staging.service_lists").columns)
NAME = "service_lists/service_lists_20240630.xlsx"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def written(make: Callable[[Any], None], **options: Any) -> bytes:
    """A workbook by XlsxWriter; `make` gets the workbook."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, **options})
    make(book)
    book.close()
    return out.getvalue()


def sheet(*rows: Sequence[object], header: Sequence[str] = LISTS) -> bytes:
    """A workbook of one sheet: the header, then the rows; None is an empty cell, text stays text."""

    def make(book: Any) -> None:
        book.add_worksheet("Tabelle1")
        fill(book.worksheets()[0], [header, *rows])

    return written(make, strings_to_formulas=False, strings_to_urls=False)


def fill(page: Any, rows: Sequence[Sequence[object]], **formats: Any) -> None:
    for number, row in enumerate(rows):
        for column, value in enumerate(row):
            if isinstance(value, str):
                page.write_string(number, column, value)
            elif value is not None:
                page.write(number, column, value)


def cells(number: int, *values: str) -> str:
    """The XML of a row of inline strings."""
    inside = "".join(f'<c t="inlineStr"><is><t>{value}</t></is></c>' for value in values)
    return f'<row r="{number}">{inside}</row>'


def raw(
    data: str,
    *,
    behind: str = "",
    sheets: Mapping[str, str] | None = None,
    book: str = "",
    strings: str | None = None,
    styles: str | None = None,
    states: Mapping[str, str] | None = None,
    parts: Mapping[str, bytes | str] | None = None,
    doctype: str = "",
) -> bytes:
    """A workbook from XML: `data` is what stands in sheetData of the first sheet, `behind` what follows it.

    `sheets` are further sheets by name, `parts` further files of the zip, or others in the place of those made here.
    """
    pages = {"Sheet1": data, **(sheets or {})}
    listed = "".join(
        f'<sheet name="{name}" sheetId="{i}" state="{(states or {}).get(name, "visible")}" r:id="rId{i}"/>'
        for i, name in enumerate(pages, start=1)
    )
    relations = "".join(
        f'<Relationship Id="rId{i}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{i}.xml"/>'
        for i in range(1, len(pages) + 1)
    )
    for kind, given in (("sharedStrings", strings), ("styles", styles)):
        if given is not None:
            relations += f'<Relationship Id="{kind}" Type="{_OFFICE}/{kind}" Target="/xl/{kind}.xml"/>'
    files: dict[str, bytes | str] = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="r" Type="{_OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">{book}<sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}">{relations}</Relationships>',
    }
    for i, content in enumerate(pages.values(), start=1):
        end = behind if i == 1 else ""
        text = f'{doctype}<worksheet xmlns="{_MAIN}"><sheetData>{content}</sheetData>{end}</worksheet>'
        files[f"xl/worksheets/sheet{i}.xml"] = text
    if strings is not None:
        files["xl/sharedStrings.xml"] = f'<sst xmlns="{_MAIN}">{strings}</sst>'
    if styles is not None:
        files["xl/styles.xml"] = f'<styleSheet xmlns="{_MAIN}">{styles}</styleSheet>'
    return zipped(files | dict(parts or {}))


def zipped(files: Mapping[str, bytes | str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


HEADER = cells(1, *LISTS)
ENTRY = cells(2, "C1", "red", "", "", "2024-01-01", "")


@dataclass(frozen=True)
class Cell:
    """A cell of a workbook that was written: what XML says of it, read without the code under test."""

    value: str | None
    fill: str | None
    is_guarded: bool
    is_formula: bool
    number_format: int
    kind: str


def read_back(path: Path) -> dict[str, list[list[Cell]]]:
    """All cells of all sheets by name, rows padded to the header's width."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        # Our own output: nothing hostile in it.
        parts = {n: ElementTree.fromstring(archive.read(n)) for n in archive.namelist() if n.endswith(".xml")}  # noqa: S314
    main = f"{{{_MAIN}}}"
    styles = parts["xl/styles.xml"]
    fills = [fill.find(f".//{main}fgColor") for fill in styles.find(f"{main}fills") or ()]
    formats = list(styles.find(f"{main}cellXfs") or ())
    found = {}
    for i, listed in enumerate(parts["xl/workbook.xml"].iter(f"{main}sheet"), start=1):
        rows = []
        for row in parts[f"xl/worksheets/sheet{i}.xml"].iter(f"{main}row"):
            cells_: dict[int, Cell] = {}
            for cell in row.iter(f"{main}c"):
                style = formats[int(cell.get("s", "0"))]
                fill = fills[int(style.get("fillId", "0"))]
                value = "".join(t.text or "" for t in cell.iter() if t.tag in (f"{main}v", f"{main}t"))
                at = 0
                for letter in re.match("[A-Z]+", cell.get("r", ""))[0]:  # type: ignore[index]
                    at = at * 26 + ord(letter) - 64
                cells_[at - 1] = Cell(
                    value or None,
                    None if fill is None else fill.get("rgb"),
                    style.get("quotePrefix") == "1",
                    cell.find(f"{main}f") is not None,
                    int(style.get("numFmtId", "0")),
                    cell.get("t", "n"),
                )
            rows.append(cells_)
        width = max(rows[0]) + 1
        nothing = Cell(None, None, False, False, 0, "n")
        found[listed.get("name", "")] = [[row.get(at, nothing) for at in range(width)] for row in rows]
    return found
