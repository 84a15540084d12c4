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

from pipelines.durable import FILE_MODE
from pipelines.publishing.errors import PublishLockError

LOCK_NAME = ".lock"
LOCK_POLL_SECONDS = 0.05


@contextmanager
def publishing_lock(folder: Path, wait_seconds: float) -> Iterator[None]:
    """Hold the folder's exclusive lock; it goes with the process, however that ends.

    Raises PublishLockError when another publisher still holds it after `wait_seconds`.
    """
    lock = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        _take(lock, folder, wait_seconds)
        try:
            yield
        finally:
            # Unlocked, not just closed: a process forked meanwhile would keep it.
            fcntl.flock(lock, fcntl.LOCK_UN)
    finally:
        os.close(lock)


def _take(lock: int, folder: Path, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise PublishLockError(
                    f"{folder / LOCK_NAME} is held by another publisher, after a wait of {wait_seconds:g} s; "
                    f"let it end, or find it with `lslocks`, then run again"
                ) from None
            time.sleep(LOCK_POLL_SECONDS)
        else:
            return
