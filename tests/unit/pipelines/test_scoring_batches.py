"""pipelines/scoring.py: batches on their way through a function of segmentation/ and back.

Belongs here: what memory holds meanwhile, and that a failure leaves the old table. Does not: the functions.
"""

from collections.abc import Iterator
from pathlib import Path
from weakref import ref

import duckdb
import polars as pl
import pytest

from pipelines import scoring

ROWS = 20 * scoring.BATCH_ROWS


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as con:
        con.execute("create schema scores")
        yield con


def test_memory_holds_few_batches_whatever_the_rows(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, alive = [], []
    to_arrow = pl.DataFrame.to_arrow

    def watched(frame: pl.DataFrame, **options: object) -> object:
        table = to_arrow(frame, **options)  # type: ignore[arg-type]
        written.append(ref(table))
        return table

    def judge(batch: pl.DataFrame) -> pl.DataFrame:
        alive.append(sum(table() is not None for table in written))
        return batch

    monkeypatch.setattr(pl.DataFrame, "to_arrow", watched)
    query = f"select range as n from range({ROWS})"
    assert scoring._apply(con, query, "numbers", {"n": pl.Int64}, judge) == ROWS
    assert len(written) >= 20
    assert max(alive) <= 2


def test_a_failure_leaves_the_table_as_it_was(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("create table scores.numbers as select 1 as n")
    batches = iter(range(3))

    def judge(batch: pl.DataFrame) -> pl.DataFrame:
        if next(batches) == 2:
            raise ValueError("no such number")
        return batch

    with pytest.raises(ValueError, match="no such number"):
        scoring._apply(con, f"select range as n from range({ROWS})", "numbers", {"n": pl.Int64}, judge)
    assert con.execute("from scores.numbers").fetchall() == [(1,)]
