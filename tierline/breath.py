"""Longer work in small pieces, beside threads that serve callers.

Belongs here: letting go of the interpreter in time. Does not: the work.
"""

from __future__ import annotations

import time

# A serving thread waits no longer than this for the interpreter; by itself Python takes it away after 5 ms only.
WORK_SECONDS = 0.0003
# Really asleep: after sleep(0) the same thread mostly gets the interpreter back before the waiting one has woken up.
REST_SECONDS = 0.0001


class Breath:
    """Taken between the pieces of a longer work; the pieces themselves must be short."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def take(self) -> None:
        """Rest, if the work since the last rest was long enough."""
        if time.perf_counter() - self._since > WORK_SECONDS:
            time.sleep(REST_SECONDS)
            self._since = time.perf_counter()
