"""One made-up operator in memory: everything that the extracts of all months and days are made from.

Belongs here: the parts put together. Does not: rows of any extract.
"""

from __future__ import annotations

from dataclasses import dataclass

from sample_data.changes import Changes, make_changes
from sample_data.horizon import Horizon
from sample_data.life import Lives, live
from sample_data.lines import Lines, make_lines
from sample_data.people import People, make_people


@dataclass(frozen=True)
class World:
    """Customers, their lines and what becomes of them over the horizon."""

    horizon: Horizon
    people: People
    lines: Lines
    lives: Lives
    changes: Changes
    seed: int


def make_world(horizon: Horizon, customers: int, seed: int) -> World:
    """Draws all of it; memory is about 600 bytes a line."""
    people = make_people(horizon, customers, seed)
    lines, lives = live(horizon, people, make_lines(horizon, people, seed), seed)
    return World(horizon, people, lines, lives, make_changes(horizon, people, lines, lives, seed), seed)
