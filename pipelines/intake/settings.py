"""What intake is told and what it answers: settings, progress, report.

Belongs here: plain values that cross the border of this package. Does not: anything that reads or decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pipelines.intake.refusal import IntakeRefusal

MIB = 1024 * 1024


@dataclass(frozen=True)
class IntakeSettings:
    """The operator's zone and currency, and the limits beyond which a file is refused.

    `time_zone` is an IANA name, `currency` an ISO 4217 code. `max_expansion` is decompressed ÷ compressed bytes;
    deflate reaches about 1030 on zeros, while extracts stay under 30. `max_file_bytes` counts decompressed bytes.
    A call detail record's key may not come again within `duplicate_window_days` before or after its day.
    `ledger_copy` is the file that keeps the ledger outside the database; None keeps none. Marked workbooks of refused
    rows go to `returned_folder`; None writes none.
    """

    time_zone: str
    currency: str
    temporary_folder: Path
    max_line_bytes: int = MIB
    max_expansion: int = 200
    max_file_bytes: int = 32 * 1024 * MIB
    duplicate_window_days: int = 7
    ledger_copy: Path | None = None
    returned_folder: Path | None = None


class Progress(Protocol):
    """Is told how far intake is."""

    def step(self, name: str, done: int, total: int) -> None:
        """`name` is the file about to be read, `done` of `total` files are behind it."""
        ...


@dataclass(frozen=True)
class FileOutcome:
    """One accepted file and extract, with the counts of its ledger row. `known_at` is UTC, None if by row."""

    file_id: int
    source: str
    extract: str
    file_name: str
    records: int
    accepted: int
    rejected: int
    duplicate: int
    nulled: int
    known_at: datetime | None


@dataclass(frozen=True)
class FileCopy:
    """A file whose content was accepted before, as `same_as`; nothing was done."""

    file_name: str
    same_as: str


@dataclass(frozen=True)
class IntakeReport:
    """What one run of intake did. The caller decides whether refusals stop the night.

    `recovered` are files that the database had lost and that were taken again; they are in `accepted` too. `returned`
    are the marked workbooks of this run's files.
    """

    accepted: tuple[FileOutcome, ...] = ()
    copies: tuple[FileCopy, ...] = ()
    refused: tuple[IntakeRefusal, ...] = ()
    ignored: tuple[str, ...] = field(default=())
    recovered: tuple[str, ...] = field(default=())
    returned: tuple[Path, ...] = field(default=())

    @property
    def newly_rejected(self) -> tuple[int, ...]:
        """The file_ids with records that this run rejected: what was taken again had been rejected before."""
        lost = set(self.recovered)
        return tuple(taken.file_id for taken in self.accepted if taken.rejected and taken.file_name not in lost)
