"""What must be known of a Parquet file before DuckDB reads it: its columns, rows and size, and that it is whole.

Belongs here: the prescan of Parquet. Does not: typing; its values go through text like those of any file.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.intake.refusal import IntakeRefusal
from pipelines.intake.settings import IntakeSettings
from pipelines.sql_text import identifier

_MOST_DIGITS = 38  # of DuckDB's DECIMAL
_DAMAGE = (pa.ArrowException, OSError, UnicodeDecodeError)  # the last for names of columns


def parquet_columns_and_rows(path: Path, file_name: str, settings: IntakeSettings) -> tuple[list[tuple[str, str]], int]:
    """(name, SQL expression of it as text) of each column in order, and the number of rows.

    Reads all of the file once: DuckDB neither looks at the checksums of pages nor tells damage from other errors.
    Raises IntakeRefusal for a damaged, nested or oversized file.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
            names = list(schema.names)
            groups = range(file.metadata.num_row_groups)
            size = sum(file.metadata.row_group(i).total_byte_size for i in groups)
    except _DAMAGE as error:
        raise _damaged(file_name, "it can't be opened as Parquet") from error
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
    _require_whole(path, file_name, rows)
    return list(zip(names, map(_as_text, schema), strict=True)), int(rows)


def _require_whole(path: Path, file_name: str, rows: int) -> None:
    read = 0
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for batch in file.iter_batches():
                batch.validate(full=True)
                read += batch.num_rows
    except _DAMAGE as error:
        raise _damaged(file_name, "its pages can't be read, or differ from their checksums") from error
    if read != rows:
        raise _damaged(file_name, f"it announces {rows} rows and has {read}")


def _damaged(file_name: str, what: str) -> IntakeRefusal:
    return IntakeRefusal(file_name, "parquet_damaged", what, "Deliver the file again.")


def _as_text(column: pa.Field) -> str:
    name, kind = identifier(column.name), column.type
    if pa.types.is_decimal(kind) and kind.precision == kind.scale < _MOST_DIGITS:
        # Without a digit before the point DuckDB writes .5000, which is no plain number.
        name = f"CAST({name} AS DECIMAL({kind.precision + 1}, {kind.scale}))"
    return f"CAST({name} AS VARCHAR)"
