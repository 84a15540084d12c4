"""Brings a delivered file to plain UTF-8 text: unpacked once, transcoded once, or left as it is.

Belongs here: compression and character encodings. Does not: lines and fields.
"""

from __future__ import annotations

import codecs
import hashlib
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipelines.intake.lines import CHUNK_BYTES
from pipelines.intake.refusal import IntakeRefusal
from pipelines.intake.settings import IntakeSettings


def sha256_of(path: Path) -> str:
    """SHA-256 of the bytes as delivered, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def needs_spool(path: Path, name: str, encoding: str) -> bool:
    """Whether the file must be rewritten before its lines can be looked at; by content, since names lie."""
    with path.open("rb") as stream:
        return name.lower().endswith(".gz") or stream.read(2) == b"\x1f\x8b" or encoding != "utf-8"


def plain_text(
    path: Path, file_name: str, encoding: str, digest: hashlib._Hash, settings: IntakeSettings
) -> Iterator[bytes]:
    """The file as UTF-8 text, unpacked, in blocks of CHUNK_BYTES or more and a last one.

    `digest` is given the bytes as delivered, all of them once the blocks are at their end.
    Raises IntakeRefusal for damaged or truncated gzip, for expansion beyond the limits, for undecodable bytes.
    """
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    if not packed and file_name.lower().endswith(".gz"):
        raise IntakeRefusal(
            file_name,
            "gzip_damaged",
            "the name says gzip, the content is not",
            "Compress it, or drop .gz from its name.",
        )
    blocks = _unpacked(path, file_name, digest, settings) if packed else _plain(path, digest)
    return _gathered(blocks if encoding == "utf-8" else _transcoded(blocks, file_name, encoding))


def written(blocks: Iterable[bytes], target: Path) -> Iterator[bytes]:
    """The blocks as they come, each written to `target` before it is handed on."""
    with target.open("wb") as out:
        for block in blocks:
            out.write(block)
            yield block


def _gathered(blocks: Iterator[bytes]) -> Iterator[bytes]:
    parts: list[bytes] = []
    size = 0
    for block in blocks:
        parts.append(block)
        size += len(block)
        if size >= CHUNK_BYTES:
            yield b"".join(parts)
            parts, size = [], 0
    if parts:
        yield b"".join(parts)


def _plain(path: Path, digest: hashlib._Hash) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(CHUNK_BYTES):
            digest.update(block)
            yield block


def _unpacked(path: Path, file_name: str, digest: hashlib._Hash, settings: IntakeSettings) -> Iterator[bytes]:
    limit = min(path.stat().st_size * settings.max_expansion, settings.max_file_bytes)
    written = 0
    member = zlib.decompressobj(wbits=31)
    for packed in _plain(path, digest):
        data = packed
        while data:
            if member.eof:
                if not data.strip(b"\x00"):  # padding behind the last member is allowed
                    break
                member = zlib.decompressobj(wbits=31)
            try:
                block = member.decompress(data, CHUNK_BYTES)
            except zlib.error as error:
                raise _damaged(file_name, str(error)) from error
            written += len(block)
            if written > limit:
                raise IntakeRefusal(
                    file_name,
                    "expands_too_far",
                    f"it unpacks to more than {limit} bytes from {path.stat().st_size}",
                    "If such a file is meant, raise max_expansion or max_file_bytes.",
                )
            yield block
            data = member.unused_data if member.eof else member.unconsumed_tail
    if not member.eof and (block := member.flush()):
        yield block
    if not member.eof:
        raise _damaged(file_name, "it ends too early")


def _damaged(file_name: str, what: str) -> IntakeRefusal:
    return IntakeRefusal(file_name, "gzip_damaged", f"the gzip stream is damaged: {what}", "Deliver the file again.")


def _transcoded(blocks: Iterator[bytes], file_name: str, encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    offset, line = 0, 1
    for block in blocks:
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(block)
        except UnicodeDecodeError as error:
            at = max(error.start - pending, 0)
            raise undecodable(file_name, encoding, offset + at, line + block[:at].count(b"\n")) from error
        yield text.encode("utf-8")
        offset += len(block)
        line += block.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise undecodable(file_name, encoding, offset, line) from error


def undecodable(file_name: str, encoding: str, offset: int, line: int) -> IntakeRefusal:
    """The refusal of bytes that are no text in the declared encoding; `offset` counts unpacked bytes from 0."""
    return IntakeRefusal(
        file_name,
        "not_in_encoding",
        f"byte {offset} is not {encoding} text",
        "Deliver it in that encoding, or declare its own as format.encoding in the source mapping (such as gbk).",
        line,
    )
