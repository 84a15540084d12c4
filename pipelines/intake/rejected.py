"""Which records were rejected, by file and by reason: enough to go and look, and never a value.

Belongs here: questions to intake.rejects. Does not: rejecting (typed.py, keys.py), printing (pipelines/cli).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import duckdb

_LINES_SHOWN = 5


@dataclass(frozen=True)
class RejectedFile:
    """Rejected records of one file and extract, and its duplicates; line, reason code and column of the first one.

    Lines are 1-based and physical; `column` is None where a record was rejected before it had columns.
    """

    extract: str
    file_name: str
    rejected: int
    duplicate: int
    first_line: int
    reason: str
    column: str | None


@dataclass(frozen=True)
class RejectedFor:
    """Records of a file and extract rejected for one reason: how many, and the first few lines (1-based, physical)."""

    file_name: str
    extract: str
    reason: str
    column: str | None
    detail: str
    records: int
    first_lines: tuple[int, ...]


def rejected_files(con: duckdb.DuckDBPyConnection, file_ids: Collection[int]) -> tuple[RejectedFile, ...]:
    """Those of the files that have rejected records, most of them first."""
    rows = con.execute(
        """SELECT f.extract, f.file_name, f.rejected, f.duplicate, min(r.line_number),
                  first(r.reason ORDER BY r.line_number), first(r.column_name ORDER BY r.line_number)
           FROM intake.rejects AS r JOIN intake.files AS f ON f.file_id = r.file_id
           WHERE r.file_id IN (SELECT unnest($ids))
           GROUP BY f.file_id, f.extract, f.file_name, f.rejected, f.duplicate
           ORDER BY f.rejected DESC, f.extract, f.file_name""",
        {"ids": list(file_ids)},
    ).fetchall()
    return tuple(RejectedFile(*row) for row in rows)


def rejected_for(con: duckdb.DuckDBPyConnection, file_ids: Collection[int]) -> tuple[RejectedFor, ...]:
    """The rejected records of the files by reason, those of a file and extract together, most of them first."""
    rows = con.execute(
        """SELECT file_name, extract, reason, column_name, detail, count(*),
                  list(line_number ORDER BY line_number)[1:$shown]
           FROM intake.rejects WHERE file_id IN (SELECT unnest($ids))
           GROUP BY file_name, extract, reason, column_name, detail
           ORDER BY extract, file_name, count(*) DESC, min(line_number), detail""",
        {"ids": list(file_ids), "shown": _LINES_SHOWN},
    ).fetchall()
    return tuple(RejectedFor(*(*row[:-1], tuple(row[-1]))) for row in rows)
