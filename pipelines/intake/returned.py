"""The marked workbook that goes back to whoever sent an .xlsx: its refused rows, what is wrong, what to do about it.

Belongs here: what is in it and where it lies. Does not: how a workbook looks (workbook.py), deciding about records.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb

from pipelines.durable import Disk
from pipelines.intake.discover import is_workbook
from pipelines.intake.mapping import SourceMapping
from pipelines.intake.refusal import IntakeRefusal
from pipelines.intake.xlsx.sheet import column_letters
from pipelines.workbook import Column, Marked, Sheet, fetched, write_workbook

_FIELD = re.compile(r'(?:"((?:[^"]|"")*)"|([^",]*))(,|\Z)')
_LONGEST_NAME = 180  # bytes: room for what is put before and behind it
_LEADING = (
    Column("row", "Row of the sheet that was delivered.", "integer"),
    Column("cell", "The cell that is wrong, where it is a single one."),
    Column("code", "Code of the reason; docs/sources.md lists them all."),
    Column("what is wrong", kind="prose"),
    Column("what to do", kind="prose"),
)
_BEYOND = Column("beyond the header", "What stood right of the last column of the header.")
_AS_TEXT = "Format the whole column as Text (Ctrl+1), enter the value anew."
CURES = {
    "wrong_field_count": "Empty the cells right of the last column of the header.",
    "quote_not_closed": "Deliver the sheet itself, not a text copied into it.",
    "quote_misplaced": "Deliver the sheet itself, not a text copied into it.",
    "control_character": "Write the cell anew, without pasting.",
    "required_missing": "Fill in the coloured cell.",
    "required_by_mapping": "Fill in the coloured cell.",
    "not_an_integer": "Enter a whole number.",
    "not_a_decimal": "Enter a plain number such as -12.50.",
    "too_many_decimals": "Round the number: =ROUND(cell, decimals), then paste as values.",
    "out_of_range": "Check the number: it is too large.",
    "not_a_date": "Enter a date, or the text 2024-06-30.",
    "not_a_timestamp": "Enter the time as text with its zone: 2024-06-30T23:59:59+08:00.",
    "no_zone": "Enter the time as text with its zone: 2024-06-30T23:59:59+08:00.",
    "ambiguous_local_time": "Enter the time as text with its zone: 2024-06-30T23:59:59+08:00.",
    "below_minimum": "Check the value: it is too small, or too early.",
    "above_maximum": "Check the value: it is too large, or too late.",
    "unknown_code": "Choose one of the codes named.",
    "bad_number_form": "Format the whole column as Text (Ctrl+1), enter the number with + and country code.",
    "bad_form": _AS_TEXT,
    "not_a_boolean": "Enter TRUE or FALSE.",
    "cell_error": "Mend the formula, or enter the value.",
    "cell_formula": "Open the workbook in Excel, let it calculate, save it; or paste the column as values.",
    "cell_rounded": _AS_TEXT,
    "cell_exponent": _AS_TEXT,
    "cell_scaled": "Format the column as Number, without percent or thousands.",
    "cell_date": _AS_TEXT,
    "cell_control": "Remove line breaks (Alt+Enter) from the cell.",
    "detail_expired": "Take the row out: what calls of that day said is final.",
    "key_conflict": "Keep one of the rows with this key; correct what was taken before by a new, whole delivery.",
}


def returned_path(folder: Path, file_name: str) -> Path:
    """Where the marked workbook of a delivery lies below `folder`; `file_name` is relative to landing."""
    name = PurePosixPath(file_name)
    stem = name.name[: -len(name.suffix)]
    if len(stem.encode()) > _LONGEST_NAME:
        stem = stem.encode()[:_LONGEST_NAME].decode(errors="ignore") + hashlib.sha256(stem.encode()).hexdigest()[:8]
    return folder / name.parent / f"{stem}_refused.xlsx"


def returned_workbooks(folder: Path | None, file_names: Iterator[str]) -> tuple[Path, ...]:
    """The marked workbooks that there are of these deliveries, sorted."""
    if folder is None:
        return ()
    paths = {returned_path(folder, name) for name in file_names if is_workbook(name)}
    return tuple(sorted(path for path in paths if path.exists()))


def return_rows(
    con: duckdb.DuckDBPyConnection, folder: Path, mapping: SourceMapping, *, file_name: str, file_ids: Sequence[int]
) -> Path | None:
    """Writes the workbook of the rejected rows of a file that is in the ledger; None without any. Raises OSError."""
    counts = con.execute(
        "SELECT count(*), count(*) FILTER (reason = 'wrong_field_count') FROM intake.rejects "
        "WHERE file_id IN (SELECT unnest(?))",
        [list(file_ids)],
    ).fetchall()[0]
    if not counts[0]:
        return None
    beyond = (_BEYOND,) if counts[1] else ()
    columns = (*_LEADING, *(Column(name) for name in mapping.header), *beyond)
    found = con.execute(
        "SELECT extract, line_number, column_name, reason, detail, raw FROM intake.rejects "
        "WHERE file_id IN (SELECT unnest(?)) ORDER BY line_number, extract",
        [list(file_ids)],
    )
    path = _place(folder, file_name)
    write_workbook(path, [Sheet("refused rows", columns, (_row(mapping, row) for row in fetched(found)))])
    return path


def return_refusal(folder: Path, refusal: IntakeRefusal, file_name: str) -> Path:
    """Writes the workbook that says why a whole file was not taken. Raises OSError."""
    columns = (Column("file"), *(column for column in _LEADING if column.name != "cell"))
    row = (file_name, refusal.line, refusal.code, refusal.reason, refusal.cure)
    path = _place(folder, file_name)
    write_workbook(path, [Sheet("refused file", columns, [row])])
    return path


def forget_returned(folder: Path, file_name: str) -> None:
    """Removes the workbook of a delivery that is now taken whole."""
    returned_path(folder, file_name).unlink(missing_ok=True)


def _place(folder: Path, file_name: str) -> Path:
    path, disk = returned_path(folder, file_name), Disk()
    disk.make_folder(folder, "returned")
    disk.make_folder(path.parent, "returned")
    return path


def _row(mapping: SourceMapping, reject: tuple[Any, ...]) -> list[object]:
    extract, line, column, reason, detail, raw = reject
    fields = _fields(raw)
    width = len(mapping.header)
    culprits = _culprits(mapping, extract, column)
    values: list[object] = [fields[i] or None if i < len(fields) else None for i in range(width)]
    for culprit in culprits:
        values[culprit] = Marked(values[culprit])
    if reason == "wrong_field_count":
        values.append(Marked(" | ".join(field for field in fields[width:] if field)))
    cell = f"{column_letters(culprits[0])}{line}" if len(culprits) == 1 else None
    return [line, cell, reason, detail, CURES[reason], *values]


def _fields(line: str) -> list[str]:
    """The fields of a line as transcode.py wrote it. csv.reader has a limit on fields that is not ours."""
    fields, at = [], 0
    while found := _FIELD.match(line, at):
        quoted, plain, mark = found.groups()
        fields.append(plain if quoted is None else quoted.replace('""', '"'))
        if not mark:
            break
        at = found.end()
    return fields


def _culprits(mapping: SourceMapping, extract: str, column: str | None) -> list[int]:
    """Positions in the header of what a reject names: a source column, or ours (or several) that it makes."""
    found: list[int] = []
    for name in (column or "").split(", "):
        transform = mapping.extracts[extract].columns.get(name)
        sources = [name] if name in mapping.header else [] if transform is None else list(transform.sources())
        found += [mapping.header.index(source) for source in sources]
    return sorted(set(found))
