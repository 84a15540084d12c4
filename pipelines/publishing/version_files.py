"""The files of one version: written in a stream, side by side, and validated by reopening them.

Belongs here: Parquet, Arrow IPC and key files of a run folder. Does not: manifests, the pointer, which rows are right.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.beside import Beside
from pipelines.durable import Disk, OutputFile
from pipelines.publishing.errors import PublishError
from pipelines.publishing.rows import RowCheck
from tierline.manifest import ARROW_NAME, KEYS_NAME, MSISDN, PARQUET_NAME, RUNS_FOLDER, FileEntry, Manifest
from tierline.opened import KEY_COLUMN, TIER_COLUMN, OpenedVersion
from tierline.verify import map_file


def write_files(run: Path, batches: Iterable[Any], schema: Any, check: RowCheck, disk: Disk) -> tuple[FileEntry, ...]:
    """Write a run's files in one pass over the batches and force them to the disk.

    Row groups and record batches are the batches as they come; Parquet, which is encoded, is written in a thread beside
    the others. Holds no more than two batches. Same rows, same bytes. Raises PublishError for a row that `check`
    refuses, OSError when the disk does.
    """
    names = [PARQUET_NAME, ARROW_NAME] + ([KEYS_NAME] if check.service_key_type == MSISDN else [])
    with ExitStack() as stack:
        files: dict[str, OutputFile] = {n: stack.enter_context(disk.create(run / n, n)) for n in names}
        with (
            pq.ParquetWriter(
                pa.PythonFile(files[PARQUET_NAME], mode="w"),
                schema,
                compression="zstd",
                sorting_columns=[pq.SortingColumn(0)],
            ) as parquet,
            pa.ipc.new_file(pa.PythonFile(files[ARROW_NAME], mode="w"), schema) as arrow,
            Beside("parquet") as beside,
        ):
            for batch in batches:
                keys: npt.NDArray[Any] | None = check.take(batch)
                beside.do(parquet.write_batch, batch, batch.num_rows)
                arrow.write_batch(batch)
                if keys is not None:
                    files[KEYS_NAME].write(keys.data)
            beside.wait()
        for file in files.values():
            file.sync()
        return tuple(file.entry(f"{RUNS_FOLDER}/{run.name}/{name}") for name, file in files.items())


def validate(folder: Path, manifest: Manifest, batch_rows: int) -> None:
    """Reopen a version's files, as a reader does, before it is committed.

    Checks digests, row counts, schema, the tier counts, and that the first and last key of each batch are found in
    their rows. Raises ManifestError or PublishError; then the disk or this program is at fault, not the rows.
    """
    opened = OpenedVersion(folder, manifest, let_go=True)
    entry = manifest.file(PARQUET_NAME)
    found = pq.ParquetFile(pa.BufferReader(pa.py_buffer(map_file(folder, entry))))
    if found.metadata.num_rows != manifest.rows or not found.schema_arrow.equals(opened.schema):
        raise PublishError(f"{entry.path} does not hold the rows and columns that were written; publish again")
    if (tiers := _tier_counts(opened)) != {tier: count for tier, count in manifest.tiers.items() if count}:
        raise PublishError(f"{manifest.file(ARROW_NAME).path} holds tiers {tiers}, not those written; publish again")
    key = opened.select((KEY_COLUMN,))
    for start in range(0, manifest.rows, batch_rows):
        for row in (start, min(start + batch_rows, manifest.rows) - 1):
            if opened.find(opened.read(row, key)[KEY_COLUMN]) != row:
                raise PublishError(f"version {manifest.version}: row {row} is not found by its key; publish again")


def _tier_counts(opened: OpenedVersion) -> dict[str, int]:
    counts: dict[str, int] = {}
    for tiers in opened.column(TIER_COLUMN):
        for item in pc.value_counts(tiers).to_pylist():
            counts[item["values"]] = counts.get(item["values"], 0) + item["counts"]
    return counts
