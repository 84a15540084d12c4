"""What a killed run left in a home folder, finished or removed as the next one starts.

Belongs here: leftovers of whole runs. Does not: those of one file (intake/temporary.py), of the warehouse's spilling
(warehouse.py) or of daily usage (day_files.py), which are cleared where they arise.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipelines.durable import Disk
from pipelines.publishing import PublishLockError, publishing_lock, recover
from tierline.manifest import MANIFESTS_FOLDER, RUNS_FOLDER

REBUILD_FOLDER = "tmp/rebuild"
SCRATCH_FOLDER = "tmp/scratch"


def clear_leftovers(home: Path, tier_table: Path, lock_wait_seconds: float) -> None:
    """Finishes a version that was committed and not switched to, and removes the rest. The caller has the home's turn.

    So readers get what a killed run committed even if this run publishes nothing. A folder whose lock is held (a mirror
    or rollback is at work) is left to the publication. Raises OSError.
    """
    shutil.rmtree(home / REBUILD_FOLDER, ignore_errors=True)
    if (home / SCRATCH_FOLDER).is_dir():
        with suppress(BlockingIOError), _locked(home / SCRATCH_FOLDER, fcntl.LOCK_NB):
            _remove_abandoned(home / SCRATCH_FOLDER)
    if (tier_table / MANIFESTS_FOLDER).is_dir() and (tier_table / RUNS_FOLDER).is_dir():
        with suppress(PublishLockError), publishing_lock(tier_table, lock_wait_seconds):
            recover(tier_table, Disk())


@contextmanager
def scratch_folder(home: Path) -> Iterator[Path]:
    """A new folder under tmp/ for one piece of work beside the runs, removed at the end; it removes what others left.

    Its lock ends with the process, however that ends: so a folder in use is never taken for a leftover.
    """
    parent = home / SCRATCH_FOLDER
    parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    with _locked(parent):
        _remove_abandoned(parent)
        folder = Path(tempfile.mkdtemp(dir=parent))
        lock = _open_folder(folder)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.iterdir():
        lock = _open_folder(folder)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            continue  # at work
        finally:
            os.close(lock)


@contextmanager
def _locked(folder: Path, at_once: int = 0) -> Iterator[None]:
    # So that nobody looks at a new folder between its making and its locking. A night does not wait for it.
    lock = _open_folder(folder)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | at_once)
        yield
    finally:
        os.close(lock)


def _open_folder(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
