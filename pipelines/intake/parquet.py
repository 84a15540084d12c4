"""What can be known of a Parquet file before it is read: its columns, rows and size.

Belongs here: the prescan of Parquet. Does not: typing; its values go through text like those of any file.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.intake.refusal import IntakeRefusal
from pipelines.intake.settings import IntakeSettings


def parquet_columns_and_rows(path: Path, file_name: str, settings: IntakeSettings) -> tuple[list[str], int]:
    """Column names in order and number of rows. Raises IntakeRefusal for a damaged, nested or oversized file."""
    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
            groups = range(file.metadata.num_row_groups)
            size = sum(file.metadata.row_group(i).total_byte_size for i in groups)
    except (pa.ArrowException, OSError) as error:
        raise IntakeRefusal(
            file_name, "parquet_damaged", "it can't be opened as Parquet", "Deliver the file again."
        ) from error
    if size > settings.max_file_bytes or size > settings.max_expansion * max(path.stat().st_size, 1):
        raise IntakeRefusal(
            file_name,
            "expands_too_far",
            f"it unpacks to {size} bytes",
            "If such a file is meant, raise max_expansion or max_file_bytes.",
        )
    for column in schema:
        if pa.types.is_nested(column.type) or pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            raise IntakeRefusal(
                file_name,
                "parquet_type",
                f"column {column.name!r} is {column.type}, which is no single value",
                "Deliver text, numbers, dates, times or booleans.",
            )
    return list(schema.names), int(rows)
