"""Damaged extracts: each is refused, or its ledger balances and every accepted value is the one in the file.

Belongs here: a slice of the corpus, and arbitrary edits of one extract. Does not: the thousands (mutated_extracts.py).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutation.changes import PIECES
from mutation.deliveries import KINDS, deliver
from mutation.layouts import Layout, layouts
from mutation.verdict import Result, corpus, judge_batch, judge_corpus, new_database

TURNS = 2
CDR = next(layout for layout in layouts() if layout.source == "cdr")
EDITS = st.lists(
    st.tuples(st.integers(0, 5_000), st.integers(0, 3), st.sampled_from(PIECES) | st.binary(max_size=3)), max_size=5
)


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with new_database() as con:
        yield con


def test_a_slice_of_the_corpus(tmp_path: Path) -> None:
    result = judge_corpus(corpus(2, 0, TURNS * len(KINDS)), tmp_path)
    total = result.total
    assert (total.faults, result.said) == (0, [])
    assert total.files == TURNS * len(KINDS) == total.refused.total() + total.taken
    assert set(result.tallies) == set(KINDS)
    # The corpus reaches all there is to reach: files taken and refused, lines of each fate.
    assert min(total.taken, total.refused.total(), total.accepted, total.rejected, total.duplicate) > 0
    assert result.harmless_refused == 0


@pytest.mark.parametrize("layout", layouts(), ids=lambda layout: layout.source)
def test_the_plain_reading_takes_undamaged_files_whole(
    layout: Layout, database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    file = deliver(layout, 1, "undamaged", random.Random(3))  # noqa: S311
    result = Result()
    judge_batch(database, [file], tmp_path, result)
    tally = result.of("undamaged")
    assert (tally.faults, tally.taken, tally.rejected) == (0, 1, 0)
    assert tally.accepted > 0


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(edits=EDITS, seed=st.integers(0, 3))
def test_whatever_bytes_are_edited(
    edits: list[tuple[int, int, bytes]], seed: int, database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    file = deliver(CDR, 1, "undamaged", random.Random(seed))  # noqa: S311
    content = file.content
    for place, size, piece in edits:
        at = place % (len(content) + 1)
        content = content[:at] + piece + content[at + size :]
    result = Result()
    judge_batch(database, [replace(file, content=content)], tmp_path, result)
    assert (result.total.faults, result.said) == (0, [])
