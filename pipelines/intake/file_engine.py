"""What reads, types and keeps the rows of one file: the seam between the way of a file and who does the work.

Belongs here: what such an engine must do, and the one of this node. Does not: the order of the steps (taking.py), the
engine for large files (pipelines/spark).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import duckdb

from data_contracts import contract
from pipelines.intake.control import sums_of_text
from pipelines.intake.discover import Delivery
from pipelines.intake.load import TypedRows, drop_rows, type_rows
from pipelines.intake.mapping import SCHEMA, SourceMapping
from pipelines.intake.opened import Opened, open_file
from pipelines.intake.settings import IntakeSettings
from pipelines.intake.typed import Terms


class FileEngine(Protocol):
    """Each method is asked in this order, for one file at a time; `clear` in any case."""

    def takes(self, delivery: Delivery, mapping: SourceMapping) -> bool:
        """Whether it is one for this file."""

    def open(self, delivery: Delivery, mapping: SourceMapping, settings: IntakeSettings, folder: Path) -> Opened:
        """As open_file."""

    def type_rows(self, con: duckdb.DuckDBPyConnection, opened: Opened, terms: Terms) -> TypedRows:
        """As type_rows in load.py."""

    def text_sums(
        self, con: duckdb.DuckDBPyConnection, opened: Opened, columns: Sequence[str], file_name: str
    ) -> Sequence[Decimal]:
        """As sums_of_text in control.py, over all records that could be split into fields."""

    def clear(self, con: duckdb.DuckDBPyConnection, mapping: SourceMapping) -> None:
        """Removes what the file left behind that is not kept."""


class OneNode:
    """DuckDB in this process."""

    def takes(self, delivery: Delivery, mapping: SourceMapping) -> bool:
        """As of FileEngine: every file."""
        del delivery, mapping
        return True

    open = staticmethod(open_file)
    type_rows = staticmethod(type_rows)

    def text_sums(
        self, con: duckdb.DuckDBPyConnection, opened: Opened, columns: Sequence[str], file_name: str
    ) -> Sequence[Decimal]:
        """As of FileEngine."""
        return sums_of_text(con, columns, opened.source, file_name)

    def clear(self, con: duckdb.DuckDBPyConnection, mapping: SourceMapping) -> None:
        """As of FileEngine."""
        for extract in mapping.extracts:
            drop_rows(con, contract(f"{SCHEMA}.{extract}"))
