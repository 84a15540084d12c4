"""Holding a file: what of it stays in the process.

Belongs here: held.py beside what the system counts. Does not: what a damaged file does to a reader (tests/faults).
"""

import hashlib
import sys
from pathlib import Path

import pytest

from tierline.held import HASH_BYTES, HeldFile
from tierline.manifest import FileEntry

MIB = 1024 * 1024
SIZE = 3 * HASH_BYTES + 5000


def mapped_bytes() -> int:
    """What of files is in this process's memory, by the system's own count."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssFile"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_pages_that_are_let_go_leave_the_process_and_come_back(tmp_path: Path) -> None:
    content = bytes(range(256)) * (SIZE // 256) + b"x" * (SIZE % 256)
    (tmp_path / "large").write_bytes(content)
    entry = FileEntry("large", SIZE, hashlib.sha256(content).hexdigest())
    before = mapped_bytes()
    let_go = HeldFile(tmp_path, entry, let_go=True)
    assert mapped_bytes() - before < 4 * MIB
    assert let_go.content == content
    assert mapped_bytes() - before > SIZE - 4 * MIB
    del let_go
    kept = HeldFile(tmp_path, entry)
    assert mapped_bytes() - before > SIZE - 4 * MIB
    assert kept.damage() is None
