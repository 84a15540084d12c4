"""Writes the copy that DuckDB can read without quoting: fields between \\x1f, lines between LF, nothing else.

Belongs here: quotes, line ends, and lines that can't be split into fields. Does not: the fields' content.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipelines.intake.beforehand import CELL_REASONS, Beforehand
from pipelines.intake.file_rules import Format
from pipelines.intake.lines import Positions, blocks_of, bounds, chunks
from pipelines.intake.prescan import is_regular

SEPARATOR = "\x1f"
Flags = npt.NDArray[np.bool_]
_SEP = 0x1F
# A rejected line keeps the position of its reason in this list: a byte a line.
_REASONS = ("wrong_field_count", "quote_not_closed", "quote_misplaced", "control_character", *CELL_REASONS)
_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass
class Normalised:
    """Which lines did not make it into the copy. `rejected`, `reasons`, `found` run parallel, by line number.

    `found` is the number of fields, or for a cell's reason (CELL_REASONS) its column (0-based).

    `omitted` are all lines that are no row of the copy (header, blank, trailer, rejected), ascending.
    """

    blank: int = 0
    omitted: array[int] = field(default_factory=lambda: array("q"))
    rejected: array[int] = field(default_factory=lambda: array("q"))
    reasons: array[int] = field(default_factory=lambda: array("b"))
    found: array[int] = field(default_factory=lambda: array("q"))

    def reason(self, position: int) -> str:
        """Reason code of one rejected line."""
        return _REASONS[self.reasons[position]]


def normalise(
    path: Path,
    target: Path,
    form: Format,
    *,
    fields: int,
    max_line_bytes: int,
    trailer_line: int | None,
    beforehand: Beforehand,
) -> Normalised:
    """Writes `target` from the prescanned text at `path`.

    The header is left out, as is line `trailer_line`; the lines of `beforehand` are rejected for its reasons.
    """
    out = Normalised()
    writer = _Writer(form, fields, out, beforehand)
    with target.open("wb") as stream:
        for chunk in chunks(blocks_of(path), target.name, max_line_bytes):
            holds_trailer = trailer_line is not None and 0 <= trailer_line - chunk.first_line < len(chunk.ends)
            is_faulty = len(beforehand.between(chunk.first_line, chunk.first_line + len(chunk.ends))) > 0
            is_plain = chunk.first_line > 1 and not holds_trailer and not is_faulty
            if is_plain and is_regular(chunk.data, chunk.ends, form, fields):
                stream.write(chunk.data.translate(writer.table))
                stream.write(b"" if chunk.data.endswith(b"\n") else b"\n")
            else:
                stream.write(writer.chunk(chunk.data, chunk.first_line, trailer_line))
    return out


class _Writer:
    def __init__(self, form: Format, fields: int, out: Normalised, beforehand: Beforehand) -> None:
        self.beforehand = beforehand
        self.delimiter = ord(form.delimiter)
        self.quoted = form.quote != "none"
        self.header = form.header
        self.fields = fields
        self.out = out
        self.table = bytes.maketrans(form.delimiter.encode(), SEPARATOR.encode())
        d = re.escape(form.delimiter).encode()
        self.field = re.compile(rb'(?:"((?:[^"]|"")*)"|([^"' + d + rb"]*))(" + d + rb"|$)")

    def chunk(self, data: bytes, first_line: int, trailer_line: int | None) -> bytes:
        """The normalised bytes of a chunk; what is left out is noted."""
        data = data.replace(b"\r\n", b"\n")
        if not data.endswith(b"\n"):
            data = data.removesuffix(b"\r") + b"\n"
        values = np.frombuffer(data, np.uint8)
        starts, ends = bounds(data)
        marks = np.flatnonzero(values == self.delimiter)
        odd = (values < 32) & (values != 10) & (values != 9) | (values == 127)
        special = _count(np.flatnonzero(odd), starts, ends) > 0
        special |= starts == ends
        keep: Flags | None = None
        if self.quoted and b'"' in data:
            quotes = np.flatnonzero(values == 34)
            misplaced, inside = self._quotes(values, quotes, starts, marks)
            special |= misplaced
            marks = marks[~inside]
            keep = np.ones(len(values), np.bool_)
            keep[quotes] = False
        special |= _count(marks, starts, ends) != self.fields - 1
        special[self.beforehand.between(first_line, first_line + len(starts)) - first_line] = True
        if first_line == 1 and self.header:
            special[0] = True
        if trailer_line is not None and first_line <= trailer_line < first_line + len(starts):
            special[trailer_line - first_line] = True
        written = values.copy()
        written[marks] = _SEP
        parts: list[bytes] = []
        done = 0
        for at in np.flatnonzero(special).tolist():
            start, end = int(starts[at]), int(ends[at])
            parts.append(_kept(written[done:start], None if keep is None else keep[done:start]))
            parts.append(self._line(data[start:end], first_line + at, trailer_line))
            done = end + 1
        parts.append(_kept(written[done:], None if keep is None else keep[done:]))
        return b"".join(parts)

    def _quotes(
        self, values: npt.NDArray[np.uint8], quotes: Positions, starts: Positions, marks: Positions
    ) -> tuple[Flags, Flags]:
        """(lines whose quotes are not plainly around whole fields, delimiters that stand inside quotes)."""
        line_of = np.searchsorted(starts, quotes, side="right") - 1
        before = np.searchsorted(quotes, starts)
        rank = np.arange(len(quotes)) - before[line_of]
        opening = rank % 2 == 0
        left = np.where(quotes > 0, values[np.maximum(quotes - 1, 0)], 10)
        right = values[quotes + 1]  # every line ends in LF
        good = np.where(opening, (left == self.delimiter) | (left == 10), (right == self.delimiter) | (right == 10))
        misplaced = np.zeros(len(starts), np.bool_)
        misplaced[line_of[~good]] = True
        counts = np.diff(np.append(before, len(quotes)))
        misplaced |= counts % 2 == 1
        mark_line = np.searchsorted(starts, marks, side="right") - 1
        inside = (np.searchsorted(quotes, marks) - before[mark_line]) % 2 == 1
        # Where the quotes are not plain, the line is split on its own and this count means nothing.
        return misplaced, inside

    def _line(self, line: bytes, number: int, trailer_line: int | None) -> bytes:
        out = self.out
        if (number == 1 and self.header) or number == trailer_line:
            out.omitted.append(number)
            return b""
        if not line:
            out.blank += 1
            out.omitted.append(number)
            return b""
        if (fault := self.beforehand.at(number)) is not None:
            return self._reject(number, *fault)
        parts: list[bytes] | None = []
        if _CONTROL.search(line):
            reason = "control_character"
        elif not (self.quoted and b'"' in line):
            parts, reason = line.split(bytes([self.delimiter])), "wrong_field_count"
        elif line.count(b'"') % 2 == 1:
            reason = "quote_not_closed"
        else:
            parts = self._split(line)
            reason = "quote_misplaced" if parts is None else "wrong_field_count"
        if parts and len(parts) == self.fields:
            return bytes([_SEP]).join(parts) + b"\n"
        return self._reject(number, reason, len(parts or ()))

    def _split(self, line: bytes) -> list[bytes] | None:
        parts: list[bytes] = []
        at = 0
        while found := self.field.match(line, at):
            quoted, plain, mark = found.groups()
            parts.append(plain if quoted is None else quoted.replace(b'""', b'"'))
            if not mark:
                return parts
            at = found.end()
        return None

    def _reject(self, number: int, reason: str, found: int) -> bytes:
        self.out.omitted.append(number)
        self.out.rejected.append(number)
        self.out.reasons.append(_REASONS.index(reason))
        self.out.found.append(found)
        return b""


def _kept(values: npt.NDArray[np.uint8], keep: Flags | None) -> bytes:
    return values.tobytes() if keep is None else values[keep].tobytes()


def _count(positions: Positions, starts: Positions, ends: Positions) -> Positions:
    return np.searchsorted(positions, ends) - np.searchsorted(positions, starts)


def physical_lines(rows: Positions, omitted: Positions) -> Positions:
    """Physical line numbers of the copy's rows (0-based), given the ascending lines that are no row."""
    kept_before = omitted - 1 - np.arange(len(omitted))
    return rows + 1 + np.searchsorted(kept_before, rows, side="right")


def split_header(line: bytes, form: Format) -> list[str]:
    """The names in a header line, by the same rules as a record."""
    writer = _Writer(form, 0, Normalised(), Beforehand())
    plain = line.removesuffix(b"\r")
    parts = writer._split(plain) if writer.quoted and b'"' in plain else None
    return [p.decode("utf-8", "replace") for p in parts or plain.split(form.delimiter.encode())]
