"""Reads a text file in chunks of whole lines, and finds single lines again.

Belongs here: physical lines in bounded memory. Does not: what a line means.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipelines.intake.refusal import IntakeRefusal

# What a core holds near it: with 8 MiB the same looks at a file take half as long again to twice as long.
CHUNK_BYTES = 1024 * 1024
BOM = b"\xef\xbb\xbf"

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Chunk:
    """Whole lines. `first_line` is 1-based, `offset` the byte at which `data` begins in the file.

    `ends` are the positions behind each line, before its newline; a last line without one ends with the data.
    """

    first_line: int
    offset: int
    data: bytes
    ends: Positions


def blocks_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file, CHUNK_BYTES at a time."""
    with path.open("rb") as stream:
        while block := stream.read(CHUNK_BYTES):
            yield block


def chunks(blocks: Iterable[bytes], file_name: str, max_line_bytes: int, *, begins_at: int = 0) -> Iterator[Chunk]:
    """Chunks of whole lines; a last line without newline is a line. A UTF-8 BOM at the start is left out.

    `begins_at` is the byte of the file at which the blocks begin.

    All `blocks` but the last are at least as long as the BOM. Raises IntakeRefusal for a line beyond `max_line_bytes`.
    """
    line, offset, rest = 1, begins_at, b""
    first = True
    for given in blocks:
        block = given
        if first and block.startswith(BOM):
            block, offset = block[len(BOM) :], offset + len(BOM)
        first = False
        end = block.rfind(b"\n") + 1
        if end == 0:
            rest += block
            if len(rest) > max_line_bytes:
                raise long_line(file_name, line, rest, max_line_bytes)
            continue
        data = rest + block[:end]
        rest = block[end:]
        ends = line_ends(data)
        yield Chunk(line, offset, data, ends)
        line += len(ends)
        offset += len(data)
    if rest:
        yield Chunk(line, offset, rest, line_ends(rest))


def line_ends(data: bytes) -> Positions:
    """Where each line ends, without its newline."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 10)
    return ends if data.endswith(b"\n") else np.append(ends, len(data))


def bounds(data: bytes) -> tuple[Positions, Positions]:
    """Start and end (exclusive, without the newline) of each line of a chunk."""
    ends = line_ends(data)
    return line_starts(ends), ends


def line_starts(ends: Positions) -> Positions:
    """Where lines that end at `ends` start, the first one at 0."""
    starts = np.empty_like(ends)
    starts[:1] = 0
    starts[1:] = ends[:-1] + 1
    return starts


def raw_lines(path: Path, index: list[tuple[int, int]], wanted: Positions) -> Iterator[tuple[int, bytes]]:
    """The lines of the sorted numbers `wanted`, as (number, bytes without newline).

    `index` holds (first line, byte offset) of every chunk, so that only chunks with a wanted line are read.
    """
    firsts = np.array([first for first, _ in index], np.int64)
    with path.open("rb") as stream:
        for position, group in _by_chunk(firsts, wanted):
            stream.seek(index[position][1])
            size = index[position + 1][1] - index[position][1] if position + 1 < len(index) else -1
            data = stream.read(size)
            starts, ends = bounds(data)
            for number in group.tolist():
                at = number - int(firsts[position])
                yield number, data[starts[at] : ends[at]].removesuffix(b"\r")


def _by_chunk(firsts: Positions, wanted: Positions) -> Iterator[tuple[int, Positions]]:
    places = np.searchsorted(firsts, wanted, side="right") - 1
    cuts = np.flatnonzero(np.diff(places)) + 1
    for group, place in zip(np.split(wanted, cuts), np.split(places, cuts), strict=True):
        if len(group):
            yield int(place[0]), group


def long_line(file_name: str, line: int, start: bytes, limit: int) -> IntakeRefusal:
    """The refusal of a line longer than `limit`; tells the old Mac line ends from real length."""
    if b"\r" in start and b"\n" not in start:
        return cr_only(file_name)
    return IntakeRefusal(
        file_name,
        "line_too_long",
        f"a line is longer than {limit} bytes",
        "Check that lines end in a newline; if such lines are meant, raise max_line_bytes.",
        line,
    )


def cr_only(file_name: str) -> IntakeRefusal:
    """The refusal of a file whose lines end in a carriage return alone."""
    return IntakeRefusal(
        file_name,
        "cr_line_ends",
        "lines end in a carriage return alone (CR)",
        "Deliver it with line feeds (LF, or CR LF).",
        1,
    )
