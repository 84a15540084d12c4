"""Asking executors: one task a number, one answer a task.

Belongs here: sending tasks of intake out, and telling what went wrong in them. Does not: what a task does (taken.py).
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

from pipelines.settings import SettingsError
from pipelines.spark.failure import failed
from pipelines.spark.taken import ANSWERS, EXTRACT, Task, UnseenError, answered


def ask(spark: Any, task: Task, numbers: Sequence[int]) -> list[Any]:
    """The answers of a task for each number, in that order, refusals among them.

    Raises SettingsError where an executor does not see a path, WarehouseError where it fails.
    """
    given = list(numbers)
    asked = spark.range(0, len(given), 1, max(1, len(given)))
    try:
        said = asked.mapInArrow(answered(lambda i: task(given[i])), ANSWERS).collect()
    except Exception as error:
        raise failed(f"staging.{EXTRACT}", error) from error
    answers = [pickle.loads(row.answer) for row in sorted(said, key=lambda row: row.number)]  # noqa: S301 (our own)
    for answer in answers:
        if isinstance(answer, UnseenError):
            raise SettingsError(
                f"executors do not see {answer}. They take large CDR files, and must see landing/ and spark_path "
                "under the same names as this node: put both on a shared mount, or set spark_intake_mib: 0"
            )
    return answers
