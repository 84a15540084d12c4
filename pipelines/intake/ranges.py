"""A large text file as ranges of whole lines: cut without reading it, opened one by one, and joined into one account.

Belongs here: what a range is, and that many of them say together what one pass over the file says. Does not: who opens
them (pipelines/spark). A field never holds a line end, whatever the quotes (normalise.py), so any line end is a border.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from pipelines.intake.beforehand import Beforehand
from pipelines.intake.lines import BOM, Positions, blocks_of
from pipelines.intake.mapping import SourceMapping
from pipelines.intake.opened import Opened, require_ends, split_into_fields
from pipelines.intake.prescan import Scan, prescan, require_lines, require_text
from pipelines.intake.refusal import IntakeRefusal
from pipelines.intake.settings import IntakeSettings

# A place is the number of a range and the row in it: it grows along the file as a row's position does.
PLACES = 1 << 40
_STEP = 64 * 1024
# What only the first line of a file may begin with; behind a border it would be taken for the file's own.
_MARKS = (BOM, b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Range:
    """Bytes `start` up to, without, `end` of a file. `has_end`: the last line that is not blank is among them."""

    start: int
    end: int
    has_end: bool


def cut(path: Path, size: int) -> tuple[Range, ...]:
    """Ranges of about `size` bytes, each of whole lines, in their order; none of an empty file."""
    length = path.stat().st_size
    with path.open("rb") as stream:
        borders = [0]
        while borders[-1] < length:
            borders.append(_border(stream.fileno(), borders[-1] + size, length))
        parts = list(pairwise(borders))
        last = next((i for i in reversed(range(len(parts))) if _has_text(stream.fileno(), *parts[i])), 0)
    return tuple(Range(start, end, i == last) for i, (start, end) in enumerate(parts))


def open_range(
    path: Path, part: Range, mapping: SourceMapping, settings: IntakeSettings, folder: Path, *, file_name: str
) -> Opened:
    """A range as the small file that it is, see open_file; lines count from its own beginning.

    Raises IntakeRefusal for what is wrong within it; what only the whole file tells is asked by `joined`.
    """
    plain = folder / "range"
    with path.open("rb") as stream, plain.open("wb") as out:
        stream.seek(part.start)
        left = part.end - part.start
        while left and (block := stream.read(min(left, 1 << 20))):
            out.write(block)
            left -= len(block)
    form = mapping.format.model_copy(
        update={
            "header": mapping.format.header and part.start == 0,
            "trailer_prefix": mapping.format.trailer_prefix if part.has_end else None,
        }
    )
    scan = prescan(
        blocks_of(plain),
        file_name,
        form,
        fields=len(mapping.header),
        max_line_bytes=settings.max_line_bytes,
        begins_at=part.start,
        is_part=True,
    )
    trailer = scan.last_line_number if form.trailer_prefix is not None else None
    opened = split_into_fields(
        plain, folder, scan, form, mapping.header, settings=settings, trailer=trailer, beforehand=Beforehand()
    )
    opened.columns = mapping.header
    return opened


@dataclass
class OpenedRanges(Opened):
    """The account of a whole file. Rows are told by their place; `rows_before` are those of the ranges before each."""

    rows_before: tuple[int, ...] = ()

    def lines_of(self, rows: Positions) -> Positions:
        """Physical line numbers (1-based) of rows, given by their places."""
        before = np.array(self.rows_before, np.int64)
        return super().lines_of(before[rows // PLACES] + rows % PLACES)


def joined(
    opened: Sequence[Opened | IntakeRefusal], mapping: SourceMapping, *, sha256: str, plain: Path, file_name: str
) -> OpenedRanges:
    """What all ranges say together, in their order. Raises the IntakeRefusal that one pass over the file would."""
    form, whole = mapping.format, Scan()
    out = OpenedRanges(sha256, 0, "", 0, scan=whole, plain=plain, columns=mapping.header)
    rows_before, omitted, rejected = [0], array("q"), array("q")
    for found in opened:
        if isinstance(found, IntakeRefusal):
            raise _moved(found, whole.lines)
        scan = found.scan or Scan()
        whole.index += [(line + whole.lines, offset) for line, offset in scan.index]
        omitted.extend(line + whole.lines for line in found.unsplit.omitted)
        rejected.extend(line + whole.lines for line in found.unsplit.rejected)
        out.unsplit.reasons.extend(found.unsplit.reasons)
        out.unsplit.found.extend(found.unsplit.found)
        out.unsplit.blank += found.unsplit.blank
        out.header, out.trailer = out.header + found.header, out.trailer + found.trailer
        rows_before.append(rows_before[-1] + found.data_records - len(found.unsplit.rejected))
        whole.size, whole.nuls, whole.returns = (
            whole.size + scan.size,
            whole.nuls + scan.nuls,
            whole.returns + scan.returns,
        )
        require_text(whole, file_name, form, whole.lines + 1)
        if scan.header_line is not None:
            whole.header_line = scan.header_line
        if scan.last_line_number:
            whole.last_line, whole.last_line_number = scan.last_line, scan.last_line_number + whole.lines
        whole.lines, whole.longest = whole.lines + scan.lines, max(whole.longest, scan.longest)
    require_lines(whole, file_name)
    require_ends(whole, form, mapping.header, file_name)
    out.records, out.rows_before = whole.lines, tuple(rows_before)
    out.unsplit.omitted, out.unsplit.rejected = omitted, rejected
    return out


def _moved(refusal: IntakeRefusal, lines: int) -> IntakeRefusal:
    line = None if refusal.line is None else refusal.line + lines
    return IntakeRefusal(refusal.file, refusal.code, refusal.reason, refusal.cure, line)


def _border(file: int, at: int, length: int) -> int:
    """Where the first line begins that begins at `at` or behind it; the end of the file where none does."""
    for end in _line_ends(file, at - 1, length):
        if not os.pread(file, len(BOM), end).startswith(_MARKS):
            return end
    return length


def _line_ends(file: int, at: int, length: int) -> Iterator[int]:
    while at < length:
        block = os.pread(file, _STEP, at)
        place = block.find(b"\n")
        while place >= 0:
            yield at + place + 1
            place = block.find(b"\n", place + 1)
        at += len(block) or length


def _has_text(file: int, start: int, end: int) -> bool:
    return any(os.pread(file, min(_STEP, end - at), at).strip(b"\r\n") for at in range(start, end, _STEP))
