"""One piece of work at a time in a thread beside the caller's, which meanwhile makes what the next piece needs.

Belongs here: the thread, and how its errors come back. Does not: what is done in it (scoring.py, publishing).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any


class Beside:
    """A context. What it is given is done in that order, never two pieces at once, so that with what the caller is
    making no more than two are held. It is left only when nothing is under way, whatever made the caller leave.
    """

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, name)
        self._under_way: Future[Any] | None = None

    def __enter__(self) -> Beside:
        return self

    def do(self, work: Callable[..., Any], *given: Any) -> None:
        """Begin `work(*given)` once the piece before it is done; raises what that one raised."""
        self.wait()
        self._under_way = self._pool.submit(work, *given)

    def wait(self) -> None:
        """Until nothing is under way; raises what the last piece raised. Whoever needs it done must call it."""
        done, self._under_way = self._under_way, None
        if done is not None:
            done.result()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown()
