"""One streaming pass over a text file before any of it is believed: encoding, lines, shape.

Belongs here: what can be known without typing a field. Does not: mending lines (normalise.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from pipelines.intake.file_rules import Format
from pipelines.intake.lines import Chunk, Positions, chunks, cr_only, line_starts, long_line
from pipelines.intake.refusal import IntakeRefusal
from pipelines.intake.spool import undecodable

_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass
class Scan:
    """What the pass saw. Lines are physical and 1-based; `index` has (first line, byte offset) of each chunk.

    `is_regular` means: UTF-8, LF, no quotes, no control characters, every line with as many fields as the header;
    such a file can be read as it stands. The last line that is not blank is kept where a trailer is declared. `size`,
    `nuls`, `returns` count bytes: all, NUL, carriage returns.
    """

    lines: int = 0
    longest: int = 0
    is_regular: bool = True
    header_line: bytes | None = None
    last_line: bytes = b""
    last_line_number: int = 0
    index: list[tuple[int, int]] = field(default_factory=list)
    size: int = 0
    nuls: int = 0
    returns: int = 0


def prescan(
    blocks: Iterable[bytes],
    file_name: str,
    form: Format,
    *,
    fields: int,
    max_line_bytes: int,
    begins_at: int = 0,
    is_part: bool = False,
) -> Scan:
    """Scans plain text of `fields` columns, given in blocks (see chunks).

    Raises IntakeRefusal for an empty file, a wrong encoding, a line beyond `max_line_bytes`, CR-only line ends. Of a
    part of a file, which begins at byte `begins_at` of it, what only the whole tells is not asked: see require_text,
    require_lines.
    """
    scan = Scan()
    scan.is_regular = form.trailer_prefix is None
    for chunk in chunks(_no_utf16(blocks, file_name), file_name, max_line_bytes, begins_at=begins_at):
        data = chunk.data
        scan.index.append((chunk.first_line, chunk.offset))
        scan.lines += len(chunk.ends)
        scan.size += len(data)
        scan.nuls += data.count(b"\x00") if b"\x00" in data else 0
        scan.returns += data.count(b"\r") if b"\r" in data else 0
        if not is_part:
            require_text(scan, file_name, form, chunk.first_line)
        _require_utf8(chunk, file_name)
        body = data
        if chunk.first_line == 1 and form.header:
            head, _, body = data.partition(b"\n")
            scan.header_line = head
            _require_length(head, file_name, 1, max_line_bytes)
        scan.longest = max(scan.longest, _longest(chunk, file_name, max_line_bytes))
        ends = chunk.ends if body is data else chunk.ends[1:] - (len(data) - len(body))
        scan.is_regular = scan.is_regular and is_regular(body, ends, form, fields)
        if form.trailer_prefix is not None:
            _remember_last(scan, chunk)
    if not is_part:
        require_lines(scan, file_name)
    return scan


def require_text(scan: Scan, file_name: str, form: Format, line: int) -> None:
    """Raises IntakeRefusal where a tenth of what was read so far is NUL; `line` begins what was read last."""
    if scan.nuls * 10 > scan.size:
        raise IntakeRefusal(
            file_name,
            "not_in_encoding",
            "it is riddled with NUL bytes, as UTF-16 text or a damaged disk block is",
            f"Deliver it as {form.encoding}.",
            line,
        )


def require_lines(scan: Scan, file_name: str) -> None:
    """Raises IntakeRefusal where the whole file is empty, or one line of carriage returns."""
    if scan.lines == 0:
        raise IntakeRefusal(
            file_name,
            "empty_file",
            "the file is empty",
            "Deliver it again; a delivery without records has its header line.",
        )
    if scan.lines == 1 and scan.returns > 1:
        raise cr_only(file_name)


def _no_utf16(blocks: Iterable[bytes], file_name: str) -> Iterator[bytes]:
    for number, block in enumerate(blocks):
        if number == 0 and block.startswith(_UTF16):
            raise IntakeRefusal(
                file_name, "not_in_encoding", "byte 0 begins UTF-16 text (byte order mark)", "Deliver it as UTF-8.", 1
            )
        yield block


def _require_utf8(chunk: Chunk, file_name: str) -> None:
    if chunk.data.isascii():
        return
    try:
        chunk.data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = chunk.first_line + chunk.data.count(b"\n", 0, error.start)
        raise undecodable(file_name, "utf-8", chunk.offset + error.start, line) from error


def _require_length(line: bytes, file_name: str, number: int, limit: int) -> None:
    if len(line) > limit:
        raise long_line(file_name, number, line, limit)


def _longest(chunk: Chunk, file_name: str, limit: int) -> int:
    ends = chunk.ends
    lengths = np.diff(ends, prepend=-1) - 1
    longest = int(lengths.max())
    if longest > limit:
        at = int(np.argmax(lengths > limit))
        start = int(ends[at] - lengths[at])
        raise long_line(file_name, chunk.first_line + at, chunk.data[start : int(ends[at])], limit)
    return longest


def is_regular(body: bytes, ends: Positions, form: Format, fields: int) -> bool:
    """Whether whole lines, which end at `ends`, can be read as they stand, see Scan."""
    if not body:
        return True
    if (form.quote != "none" and b'"' in body) or b"\r" in body or b"\x7f" in body:
        return False
    values = np.frombuffer(body, np.uint8)
    newlines = len(ends) - (not body.endswith(b"\n"))
    # Below the space stand the control characters; a tab is text. Asking for one is far quicker than counting none.
    tabs = body.count(b"\t") if b"\t" in body else 0
    if int(np.count_nonzero(values < 32)) != newlines + tabs:
        return False
    if fields == 1:
        return not body.startswith(b"\n") and b"\n\n" not in body and form.delimiter.encode() not in body
    between = values == ord(form.delimiter)
    if int(np.count_nonzero(between)) != len(ends) * (fields - 1):
        return False
    # Small sums are quick; where they are all right modulo 256 and their total is right, each is: none is negative.
    a_line = np.add.reduceat(between.view(np.uint8), line_starts(ends), dtype=np.uint8 if fields <= 256 else np.int64)
    return bool((a_line == fields - 1).all())


def _remember_last(scan: Scan, chunk: Chunk) -> None:
    """Keeps the last line that is not blank: it may be the trailer."""
    text = chunk.data.rstrip(b"\r\n")
    if text:
        start = text.rfind(b"\n") + 1
        scan.last_line = text[start:]
        scan.last_line_number = chunk.first_line + text.count(b"\n")
