"""The lock that lets one publisher at a time into a published folder.

Belongs here: taking and leaving it. Does not: what is done under it (publish.py).
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.durable import Disk, Hook, ignore_step
from pipelines.publishing.errors import PublishLockError

LOCK_NAME = ".lock"
LOCK_POLL_SECONDS = 0.05


@contextmanager
def publishing_lock(
    folder: Path, wait_seconds: float, hook: Hook = ignore_step, name: str = LOCK_NAME
) -> Iterator[None]:
    """Hold the folder's exclusive lock; it goes with the process, however that ends.

    A holder that is stopped, not dead, keeps it: then nobody else can publish, and says so after `wait_seconds`.
    Raises PublishLockError when another publisher still holds it by then.
    """
    lock = Disk(hook).open_lock(folder / name)
    try:
        _take(lock, folder / name, wait_seconds)
        try:
            yield
        finally:
            # Unlocked, not just closed: a process forked meanwhile would keep it.
            fcntl.flock(lock, fcntl.LOCK_UN)
    finally:
        os.close(lock)


def _take(lock: int, path: Path, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise PublishLockError(
                    f"{path} is held by another process, after a wait of {wait_seconds:g} s; let it end, or find "
                    f"it with `lslocks` (one that is stopped holds it too: continue or kill it), then run again"
                ) from None
            time.sleep(LOCK_POLL_SECONDS)
        else:
            return
