"""How far a run is, told to whoever watches.

Belongs here: the listener's form and the silent one. Does not: drawing (pipelines/cli).
"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Is told of each step of a run, in order."""

    def step(self, name: str, done: int, total: int) -> None:
        """`done` of `total` pieces of the step `name` are behind us; the last call has done == total."""
        ...


class Silent:
    """Listens to nothing: runs that nobody watches, such as those the web UI starts."""

    def step(self, name: str, done: int, total: int) -> None:
        """Takes the news and keeps it."""
