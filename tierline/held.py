"""Holding a listed file's bytes, verified, for as long as its version is served.

Belongs here: opening without blocking, mapping or copying, noticing later changes. Does not: what the bytes mean.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import stat
from io import FileIO
from pathlib import Path
from typing import Literal

from tierline.manifest import FileEntry, ManifestError

Hold = Literal["map", "memory"]

COPY_BYTES = 1 << 22
HASH_BYTES = 1 << 24


def open_regular(path: Path) -> FileIO:
    """Open a file for reading; never waits, as it would for a FIFO's writer.

    Raises ManifestError for anything but a regular file, OSError when it can't be opened.
    """
    file = FileIO(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ManifestError(f"{path.name} is not a regular file; remove it and publish again")
    return file


class HeldFile:
    """The bytes of one listed file in `content`, which had the size and SHA-256 of its manifest when this was made.

    hold "map": the file's pages, shared with every process that reads it. They are the file: what overwrites it in
    place changes them, and touching what was cut off ends the process with SIGBUS. "memory": a private copy.
    let_go: mapped pages leave the process once they were hashed, and come back from the system's file cache where they
    are touched: for who looks into a large file here and there, and is not to seem as large as the file.
    Hashing and copying release the interpreter lock. Raises ManifestError or OSError.
    """

    def __init__(self, folder: Path, entry: FileEntry, hold: Hold = "map", *, let_go: bool = False) -> None:
        self._entry = entry
        self._file: FileIO | None = None
        with open_regular(folder / entry.path) as file:
            found = os.fstat(file.fileno())
            if found.st_size != entry.bytes:
                raise ManifestError(f"{entry.path} has {found.st_size} bytes, its manifest says {entry.bytes}")
            if entry.bytes == 0:  # which can't be mapped
                self.content, digest = memoryview(b""), hashlib.sha256().hexdigest()
            elif hold == "memory":
                self.content, digest = _copied(file, entry)
            else:
                mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                self.content = memoryview(mapping)
                digest = _hashed_and_let_go(mapping) if let_go else hashlib.sha256(self.content).hexdigest()
                self._file = FileIO(os.dup(file.fileno()))
                self._seen = found.st_size, found.st_mtime_ns
        if digest != entry.sha256:
            raise ManifestError(f"{entry.path} does not have the SHA-256 of its manifest: it is damaged; publish again")

    def damage(self) -> str | None:
        """What has happened to a mapped file since, if its bytes are no longer those verified; None for a copy.

        Looks at size and time of change, and hashes again only when they moved. A cut is seen without touching a page
        of the file; bytes behind those mapped do no harm.
        """
        if self._file is None:
            return None
        now = os.fstat(self._file.fileno())
        if now.st_size < self._entry.bytes:
            return f"{self._entry.path} was cut to {now.st_size} bytes while it was served"
        if (now.st_size, now.st_mtime_ns) != self._seen:
            if hashlib.sha256(self.content).hexdigest() != self._entry.sha256:
                return f"{self._entry.path} was overwritten while it was served"
            self._seen = now.st_size, now.st_mtime_ns
        return None


def _hashed_and_let_go(mapping: mmap.mmap) -> str:
    digest, content = hashlib.sha256(), memoryview(mapping)
    for start in range(0, len(content), HASH_BYTES):
        piece = content[start : start + HASH_BYTES]
        digest.update(piece)
        if hasattr(mmap, "MADV_DONTNEED"):
            mapping.madvise(mmap.MADV_DONTNEED, start, len(piece))
    return digest.hexdigest()


def _copied(file: FileIO, entry: FileEntry) -> tuple[memoryview, str]:
    # Anonymous memory and not bytes: it goes back to the system at once, and outside the interpreter lock.
    memory = mmap.mmap(-1, entry.bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    copy, digest, at = memoryview(memory), hashlib.sha256(), 0
    while at < entry.bytes:
        count = file.readinto(copy[at : at + COPY_BYTES])
        if not count:
            raise ManifestError(f"{entry.path} was cut while it was read")
        digest.update(copy[at : at + count])
        at += count
    return copy, digest.hexdigest()
