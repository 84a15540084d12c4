"""SHA-256 of files on the disk, and the list that remembers those of files which no manifest names.

Belongs here: digests by path. Does not: what to do about a file that differs (who calls).

The list is one JSON object a line, {"path": …, "bytes": …, "sha256": …}, written at its end and forced to the disk
before the file gets its name; it is written anew, beside the old one, only to forget files that are gone. A line that a
kill or a full disk cut off is passed over; of two lines for one path the later one counts.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection
from pathlib import Path

from pipelines.durable import Disk
from tierline.manifest import FileEntry

CHUNK_BYTES = 1 << 22
LIST_NAME = "SHA256SUMS.jsonl"


def digest_of(
    path: Path, name: str, told: Callable[[int], None] = lambda _: None, *, from_disk: bool = False
) -> FileEntry:
    """Size and SHA-256 of a file as the entry `name`. `told` hears of each piece's bytes. Raises OSError.

    from_disk: what the system still holds of the file in memory is given up first, where it can be, so that the bytes
    come from the disk.
    """
    sha256, size = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as file:
        if from_disk and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while piece := file.read(CHUNK_BYTES):
            sha256.update(piece)
            size += len(piece)
            told(len(piece))
    return FileEntry(name, size, sha256.hexdigest())


def remember(folder: Path, entry: FileEntry, disk: Disk) -> None:
    """Append a file's digest to its folder's list, durably. Steps open:, write:, sync:digests."""
    disk.append_line(folder / LIST_NAME, _line(entry), "digests")


def forget_removed(folder: Path, there: Collection[str], disk: Disk) -> None:
    """Write a folder's list anew once most of its lines are of files that are gone (not `there`, by path relative to
    it): a list of every file that ever was would grow for ever.

    Steps remove:temporary, create:, write:, sync:, replace:, sync-folder:digests.

    The caller is the only one to write to the folder. Raises OSError; the list stays as it is then.
    """
    temporary = folder / f".{LIST_NAME}.tmp"
    if temporary.exists():  # of a run that was killed
        disk.remove_file(temporary, "temporary")
    known = remembered(folder)
    kept = [entry for entry in known.values() if entry.path in there]
    if not known or 2 * len(kept) > len(known):
        return
    disk.write_file(temporary, b"".join(_line(entry) + b"\n" for entry in kept), "digests")
    disk.adopt(temporary, folder / LIST_NAME, "digests")


def _line(entry: FileEntry) -> bytes:
    return json.dumps({"path": entry.path, "bytes": entry.bytes, "sha256": entry.sha256}).encode()


def remembered(folder: Path) -> dict[str, FileEntry]:
    """The digests of a folder's list by path relative to it; lines that can't be read are passed over."""
    try:
        lines = (folder / LIST_NAME).read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    found = {}
    for line in lines:
        try:
            fields = json.loads(line)
            entry = FileEntry(str(fields["path"]), int(fields["bytes"]), str(fields["sha256"]))
        except (ValueError, KeyError, TypeError):
            continue
        found[entry.path] = entry
    return found
