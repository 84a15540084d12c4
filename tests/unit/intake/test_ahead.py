"""Blocks that are made ahead: in order, with their errors, and without a thread that outlives its reader."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from pipelines.intake.ahead import ahead


def numbered(count: int, made: list[int]) -> Iterator[bytes]:
    for number in range(count):
        made.append(number)
        yield b"%d" % number


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "intake-ahead"]


def test_blocks_come_in_their_order() -> None:
    assert list(ahead(numbered(50, []))) == [b"%d" % n for n in range(50)]
    assert workers() == []


def test_an_error_comes_where_its_block_would() -> None:
    def damaged() -> Iterator[bytes]:
        yield b"fine"
        raise OSError("the disk")

    blocks = ahead(damaged())
    assert next(blocks) == b"fine"
    with pytest.raises(OSError, match="the disk"):
        next(blocks)
    assert workers() == []


def test_whoever_stops_reading_ends_the_thread() -> None:
    made: list[int] = []
    with closing(ahead(numbered(1_000, made))) as blocks:
        assert next(blocks) == b"0"
    assert workers() == []
    assert len(made) < 10
