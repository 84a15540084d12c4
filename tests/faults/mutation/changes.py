"""What can happen to a file between a billing system and the landing folder, each a seeded change.

Belongs here: damage, at the level of cells, lines, bytes and packed bytes. Does not: making files (deliveries.py).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from .layouts import Layout
from .reading import MAX_LINE_BYTES

_PLAIN = "0x10 1e3 1_000 １２３ NaN inf +5 1,5 10.6 0.00001 1.50000000 -0 007 -1 1e400 --1 1. .5 ５.0 ٣ 0.10"
NUMBERS = (*_PLAIN.split(), *(" 5", "5 ", "1 000", "9" * 30, str(2**63 - 1), str(2**63)))
MOMENTS = (
    *("2024-02-30", "2023-02-29", "9999-12-31", "0000-00-00", "0001-01-01", "1979-12-31", "2100-01-02", "20240630"),
    *("2024-06-30T24:00:00+08:00", "2024-06-30T23:59:60+08:00", "2024-06-30T12:00:00", "2024-06-30 12:00:00Z"),
    *("2024-06-30T12:00:00+15:00", "2024-06-30T12:00:00.123456+0800", "2024-06-30T12:00:00.1234567+08:00"),
    *("2024-06-30T12:00:00-00:30", "2024-06-30T12:00:00+08", "９999-01-01", "30.06.2024", "2024-03-31 01:30:00"),
    *("2024-10-27 01:30:00", "infinity", "epoch", "2024-6-3", "2024-06-30T12:00+08:00", "1970-01-01T00:00:00Z"),
    *("30.06.2024 9:05:00 +0800", "30.06.24 09:05:00 +0800", "30.06.2024 09:05:00", "31.06.2024 09:05:00 +0000"),
    *("2024-06-30T12:00:00 +08:00", "290000-01-01", "-2024-06-30", "2024-06-30 (BC)", "2024-06-30T12:00:00+08:00:30"),
)
_WORDS = "=1+1 中文 é NULL \\N \\ '' # +8613800000001 8613800000001 8.61380E+12 ＋8613800000001 true 1 TRUE yes"
TEXTS = (*_WORDS.split(), "a b", " x", "x ", "+86 138 0000 0001", "\u200b", "\u00a0", "\u2028", "\u0085", "a\tb")
_MARKS = (*map(str.encode, ('"', '""', ",", "|", ";", "\n", "\r", "\r\n", "\n\n", " ", "\t", "5", "-", ".", "'")),)
PIECES = (*_MARKS, b"\x00", b"\x1a", b"\x1f", b"\x7f", b"\xff", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xef\xbb\xbf")


@dataclass
class Draft:
    """A file on its way: cells, then lines, then plain bytes, then the delivered bytes; a stage makes the next."""

    layout: Layout
    chance: random.Random
    header: list[str]
    rows: list[list[str]]
    ending: bytes = b"\n"
    bom: bool = False
    all_quoted: bool = False
    packed: bool = False
    parquet: bool = False
    typed_parquet: bool = False
    lines: list[bytes] = field(default_factory=list)
    content: bytes = b""

    def anywhere(self) -> int:
        return self.chance.randrange(max(len(self.content), 1))

    def any_row(self) -> list[str]:
        return self.chance.choice(self.rows) if self.rows else [""]

    def set_cell(self, text: str) -> None:
        row = self.any_row()
        row[self.chance.randrange(len(row))] = text


Change = Callable[[Draft], None]


def _swap_columns(d: Draft) -> None:
    a, b = d.chance.sample(range(len(d.header)), 2)
    for row in (d.header, *(d.rows if d.chance.random() < 0.5 else [])):
        row[a], row[b] = row[b], row[a]


def _swap_cells(d: Draft) -> None:
    row = d.any_row()
    a, b = d.chance.sample(range(len(row)), 2)
    row[a], row[b] = row[b], row[a]


def _rename_column(d: Draft) -> None:
    at = d.chance.randrange(len(d.header))
    name = d.header[at]
    d.header[at] = d.chance.choice((name.upper(), f" {name}", f"{name}s", name[:-1], "", f"\ufeff{name}", f'"{name}"'))


def _double_column(d: Draft) -> None:
    at = d.chance.randrange(len(d.header))
    for row in (d.header, *d.rows):
        row.insert(at, row[min(at, len(row) - 1)])


def _lose_column(d: Draft) -> None:
    at = d.chance.randrange(len(d.header))
    for row in (d.header, *d.rows):
        del row[min(at, len(row) - 1)]


def _cell_of(choices: tuple[str, ...]) -> Change:
    return lambda d: d.set_cell(d.chance.choice(choices))


def _cell_like(d: Draft, is_like: Callable[[str], bool], choices: tuple[str, ...]) -> None:
    """Puts a choice where something of its kind stands."""
    places = [(row, i) for row in d.rows for i, text in enumerate(row) if is_like(text)]
    if places:
        row, i = d.chance.choice(places)
        row[i] = d.chance.choice(choices)


def _is_number(text: str) -> bool:
    return text.replace(".", "").replace("-", "").isdigit() and len(text) < 12


def _is_moment(text: str) -> bool:
    return len(text) >= 10 and (text[4] == "-" or text[2] == ".")


def _in_field(d: Draft) -> None:
    row = d.any_row()
    at = d.chance.randrange(len(row))
    cut = d.chance.randint(0, len(row[at]))
    piece = d.chance.choice((d.layout.delimiter, '"', '""', "\n", "\r", "\r\n", "\0", "\x1f", "\x0b", "\x7f", "\t"))
    row[at] = row[at][:cut] + piece + row[at][cut:]


def _line_pairs(d: Draft) -> None:
    if len(d.lines) > 1:
        a, b = d.chance.sample(range(len(d.lines)), 2)
        d.lines[a], d.lines[b] = d.lines[b], d.lines[a]


def _lines_at(act: Callable[[Draft, int], None]) -> Change:
    def change(d: Draft) -> None:
        if d.lines:
            act(d, d.chance.randrange(len(d.lines)))

    return change


def _quote_in_line(d: Draft, at: int) -> None:
    line = d.lines[at]
    cut = d.chance.randint(0, len(line))
    d.lines[at] = line[:cut] + b'"' + line[cut:]


def _merge(d: Draft, at: int) -> None:
    d.lines[at : at + 2] = [b"".join(d.lines[at : at + 2])]


def _cut_line(d: Draft, at: int) -> None:
    d.lines[at] = d.lines[at][: d.chance.randint(0, len(d.lines[at]))]


def _long(d: Draft, at: int) -> None:
    d.lines[at] += b"x" * (MAX_LINE_BYTES + d.chance.randint(-200, 200) - len(d.lines[at]))


def _splice(d: Draft, at: int, size: int, piece: bytes) -> None:
    d.content = d.content[:at] + piece + d.content[at + size :]


def _flip(d: Draft) -> None:
    at = d.anywhere()
    _splice(d, at, 1, bytes(b ^ (1 << d.chance.randrange(8)) for b in d.content[at : at + 1]))


def _swap_bytes(d: Draft) -> None:
    at = d.anywhere()
    _splice(d, at, 2, d.content[at : at + 2][::-1])


def _append(d: Draft) -> None:
    d.content += d.chance.choice(
        (
            b"x",
            b"\n",
            b"\0" * 40,
            b"\x1a",
            b"\r\n\r\n",
            d.chance.randbytes(30),
            d.content[-60:],
            b'"',
            b"PK\x03\x04",
            b"\x1f",
        )
    )


def _recode(d: Draft) -> None:
    try:
        text = d.content.decode(d.layout.encoding)
    except UnicodeDecodeError:
        return
    to = d.chance.choice(
        ("utf-16", "utf-16-le", "utf-8", "utf-8-sig", "gbk", "gb18030", "iso-8859-1", "cp1252", "utf-7")
    )
    d.content = text.encode(to, "replace")


def _truncate(d: Draft) -> None:
    d.content = d.content[: d.anywhere()]


CELLS: dict[str, Change] = {
    "columns swapped": _swap_columns,
    "cells swapped": _swap_cells,
    "column renamed": _rename_column,
    "column doubled": _double_column,
    "column lost": _lose_column,
    "numbers": lambda d: _cell_like(d, _is_number, NUMBERS),
    "dates and times": lambda d: _cell_like(d, _is_moment, MOMENTS),
    "odd text": _cell_of(TEXTS),
    "empty cell": _cell_of(("",)),
    "delimiter, quote, control in a field": _in_field,
    "foreign currency": lambda d: _cell_like(d, "CNY".__eq__, ("USD", "cny", "XX", "")),
}
LINES: dict[str, Change] = {
    "line doubled": _lines_at(lambda d, at: d.lines.insert(d.chance.randint(0, len(d.lines)), d.lines[at])),
    "line lost": _lines_at(lambda d, at: d.lines.pop(at) and None),
    "lines swapped": _line_pairs,
    "lines merged": _lines_at(_merge),
    "line cut": _lines_at(_cut_line),
    "header or first line lost": lambda d: d.lines.pop(0) and None if d.lines else None,
    "blank line": _lines_at(lambda d, at: d.lines.insert(at, d.chance.choice((b"", b"", b" ", b"\t", b"\r")))),
    "stray quote": _lines_at(_quote_in_line),
    "overlong line": _lines_at(_long),
}
BYTES: dict[str, Change] = {
    "bit flipped": _flip,
    "bytes deleted": lambda d: _splice(d, d.anywhere(), d.chance.choice((1, 1, 2, 40)), b""),
    "bytes inserted": lambda d: _splice(d, d.anywhere(), 0, d.chance.choice(PIECES)),
    "bytes replaced": lambda d: _splice(d, d.anywhere(), 1, d.chance.choice(PIECES)),
    "bytes swapped": _swap_bytes,
    "truncated": _truncate,
    "other encoding": _recode,
    "CR line ends": lambda d: setattr(d, "content", d.content.replace(b"\n", b"\r")),
    "garbage appended": _append,
}
PACKED: dict[str, Change] = {
    "packed: bit flipped": _flip,
    "packed: truncated": _truncate,
    "packed: garbage appended": _append,
    "packed: bytes deleted": lambda d: _splice(d, d.anywhere(), d.chance.choice((1, 2, 8)), b""),
}
