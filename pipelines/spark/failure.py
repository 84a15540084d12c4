"""What is told of a failure on Spark.

Belongs here: its words. Does not: catching it.
"""

from __future__ import annotations

from pipelines.warehouse import WarehouseError


def failed(table: str, error: Exception) -> WarehouseError:
    """What failed, by its condition: Spark's own words may hold values of rows."""
    condition = getattr(error, "getCondition", lambda: None)() or type(error).__name__
    return WarehouseError(f"{table} failed on Spark: {condition}. The executors' logs say more")
