"""What executors run: a function of segmentation/ over the Arrow batches of a partition.

Belongs here: code that Spark ships by name, so it imports little. Does not: Spark itself, or any rule.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import polars as pl
import pyarrow as pa

Judge = Callable[[pl.DataFrame], pl.DataFrame]
Batches = Callable[[Iterator[Any]], Iterator[Any]]
COUNTS = "_counts"
"""Column of what a partition counted, in a row of its own that has nothing else."""


def judged(judge: Judge, schema: Any) -> Batches:
    """For mapInArrow: batches with the columns of `schema`, in its order."""

    def over(batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            if batch.num_rows:
                rows = judge(pl.DataFrame(batch)).select(schema.names).to_arrow()
                yield from rows.cast(schema).to_batches()

    return over


def judged_and_counted(
    counting: Callable[[], tuple[Judge, Callable[[], dict[str, list[int]]]]], schema: Any
) -> Batches:
    """The same with a column COUNTS; the last row of each partition has in it, as JSON, what was counted.

    `counting` makes, in the executor, the function and what tells its counts. So they come with the rows, from the
    task that wrote them: a task that is tried again does not count twice, as an accumulator would.
    """
    with_counts = schema.append(pa.field(COUNTS, pa.string()))

    def over(batches: Iterator[Any]) -> Iterator[Any]:
        judge, counts = counting()
        for batch in judged(judge, schema)(batches):
            yield pa.RecordBatch.from_arrays(
                [*batch.columns, pa.nulls(batch.num_rows, pa.string())], schema=with_counts
            )
        said = [pa.nulls(1, field.type) for field in schema]
        yield pa.RecordBatch.from_arrays([*said, pa.array([json.dumps(counts())])], schema=with_counts)

    return over
