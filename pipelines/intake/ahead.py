"""Reads ahead: what makes the next block works in a thread of its own while the last one is looked at.

Belongs here: that thread, and its end. Does not: what the blocks are. Unpacking and hashing let go of the interpreter's
lock, so that two cores are at work.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator

_AHEAD = 2


def ahead(blocks: Iterator[bytes]) -> Generator[bytes]:
    """The blocks in their order, made up to _AHEAD blocks before they are asked for. What is raised in making one is
    raised here; whoever stops asking ends the thread.
    """
    made: queue.Queue[bytes | BaseException | None] = queue.Queue(_AHEAD)
    unwanted = threading.Event()

    def put(item: bytes | BaseException | None) -> None:
        while not unwanted.is_set():
            try:
                return made.put(item, timeout=0.1)
            except queue.Full:
                continue

    def make() -> None:
        try:
            for block in blocks:
                put(block)
                if unwanted.is_set():
                    return
            put(None)
        except BaseException as error:  # told where the blocks are read
            put(error)

    worker = threading.Thread(target=make, name="intake-ahead", daemon=True)
    worker.start()
    try:
        while (item := made.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        unwanted.set()
        worker.join()
