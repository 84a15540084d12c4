"""A folder for one file's temporary copies, and the removal of those that killed runs left behind.

Belongs here: temporary folders. Does not: what is put into them.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX, _LOCK = "intake-", ".lock"


@contextmanager
def working_folder(parent: Path) -> Iterator[Path]:
    """A fresh folder under `parent`, locked while it is in use and removed afterwards."""
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix=_PREFIX) as name:
        folder = Path(name)
        with (folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder


def remove_leftovers(parent: Path) -> None:
    """Removes the folders of runs that are no more: nobody holds their lock. Other runs may share `parent`."""
    for folder in parent.glob(_PREFIX + "*"):
        try:
            with (folder / _LOCK).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # in use, or just being made
            continue
