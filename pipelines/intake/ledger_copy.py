"""The ledger's copy outside the database: one line a file that was taken, and one an expiry of call detail, each
chained to the one before it.

Belongs here: its lines, reading and appending them. Does not: comparing it with the database (account.py).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pipelines.durable import Disk, Hook, ignore_step
from pipelines.intake.expiries import ExpiredDay, Expiry

_LINE = re.compile(rb'(\{"position":\d+,.*),"check":"([0-9a-f]{16})"\}', re.DOTALL)
_FIRST = ""  # what the check of the first line is chained to


class LedgerCopyError(RuntimeError):
    """The ledger copy can't be trusted; the message names file, line and cure."""


@dataclass(frozen=True)
class ExtractEntry:
    """What one taken file gave to one extract, as in its ledger row. `known_at` is naive UTC, None if by row."""

    extract: str
    records: int
    header: int
    trailer: int
    blank: int
    accepted: int
    rejected: int
    duplicate: int
    nulled: int
    known_at: datetime | None
    contract_version: str


@dataclass(frozen=True)
class LedgerEntry:
    """One taken file. `as_of_date` is given only where the file's rows depend on it; `bytes` and `sha256` are those
    of the file as delivered; `extracts` in the order of the ledger.
    """

    source: str
    file_name: str
    sha256: str
    bytes: int
    as_of_date: date | None
    sequence: int | None
    stream: str | None
    mapping_fingerprint: str
    extracts: tuple[ExtractEntry, ...]

    def differences(self, found: LedgerEntry) -> list[str]:
        """In words, what `found` has otherwise than this entry; the rules that were applied are not compared."""
        own, other = self._compared(), found._compared()
        return [
            f"{name} {_said(own.get(name))} became {_said(other.get(name))}"
            for name in dict.fromkeys((*own, *other))
            if own.get(name) != other.get(name)
        ]

    def _compared(self) -> dict[str, object]:
        left_out = {"extract", "contract_version", "mapping_fingerprint", "extracts"}
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in left_out}
        for entry in self.extracts:
            own = {f.name: getattr(entry, f.name) for f in fields(entry) if f.name not in left_out}
            values |= {f"{entry.extract}.{name}": value for name, value in own.items()}
        return values


LedgerLine = LedgerEntry | Expiry


def _said(value: object) -> str:
    return "nothing" if value is None else str(value)


def read_ledger_copy(path: Path) -> tuple[LedgerEntry, ...]:
    """All files in the order in which they were taken; none if there is no copy. Changes nothing.

    A last line that a kill cut off is left out. Raises LedgerCopyError for a line that was changed, put in or lost.
    """
    return tuple(line for line in read_ledger_lines(path) if isinstance(line, LedgerEntry))


def read_ledger_lines(path: Path) -> tuple[LedgerLine, ...]:
    """Files and expiries in their order. As of read_ledger_copy."""
    return tuple(line for line, _, _ in _checked(path, path.read_bytes() if path.exists() else b""))


def with_detail_from(lines: Iterable[LedgerLine], detail_from: date | None) -> Iterator[tuple[LedgerLine, date | None]]:
    """Each line with the first day of which call detail was kept when it was written; `detail_from` is that before the
    first line.
    """
    for line in lines:
        yield line, detail_from
        if isinstance(line, Expiry):
            detail_from = line.detail_from


class LedgerCopy:
    """The copy at `path`, checked from the first line to the last and ready for more.

    Opening cuts off a last line that a kill left unfinished. Raises LedgerCopyError like read_ledger_copy.
    """

    def __init__(self, path: Path, hook: Hook = ignore_step) -> None:
        self.path = path
        self._disk = Disk(hook)
        content = path.read_bytes() if path.exists() else b""
        lines = list(_checked(path, content))
        self.lines = [line for line, _, _ in lines]
        self._check, sound = (lines[-1][1], lines[-1][2]) if lines else (_FIRST, 0)
        if sound < len(content):
            self._disk.cut(path, sound, "ledger-copy")

    def append(self, line: LedgerLine) -> None:
        """One more line, on the disk when this returns. Raises OSError; a line written in part is cut off next time."""
        text, check = _line(len(self.lines) + 1, line, self._check)
        self._disk.append_line(self.path, text, "ledger-copy")
        self.lines.append(line)
        self._check = check


def _line(position: int, line: LedgerLine, before: str) -> tuple[bytes, str]:
    """The line and its check: it covers every byte of the line and the check of the line before."""
    values = {"position": position} | ({"expiry": asdict(line)} if isinstance(line, Expiry) else asdict(line))
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), default=lambda moment: moment.isoformat())
    content = text.encode()[:-1]
    check = _digest(before, content)
    return content + f',"check":"{check}"}}'.encode(), check


def _digest(before: str, content: bytes) -> str:
    return hashlib.sha256(before.encode() + content).hexdigest()[:16]


def _checked(path: Path, content: bytes) -> Iterator[tuple[LedgerLine, str, int]]:
    """(file or expiry, its check, where its line ends) of each line."""
    check, end = _FIRST, 0
    lines = content.split(b"\n")
    for number, line in enumerate(lines, start=1):
        is_last = number == len(lines)
        if is_last and not line:
            return
        found = _LINE.fullmatch(line)
        if found is None or _digest(check, found[1]) != found[2].decode():
            if is_last:  # no newline: the process was killed while it wrote, and the file's rows are in the database
                return
            raise LedgerCopyError(
                f"{path}, line {number}: the line, or the one before it, was changed, put in or taken out, so the copy "
                "of the ledger proves nothing. Bring the file back from a backup; without one, move it away: the "
                "next run writes it anew from the warehouse"
            )
        check, end = found[2].decode(), end + len(line) + 1
        values = json.loads(found[1] + b"}")
        yield _expiry(values["expiry"]) if "expiry" in values else _entry(values), check, end


def _expiry(values: dict[str, Any]) -> Expiry:
    return Expiry(
        date.fromisoformat(values["detail_from"]),
        datetime.fromisoformat(values["known_before"]),
        date.fromisoformat(values["usage_from"]),
        tuple(ExpiredDay(**day | {"usage_date": date.fromisoformat(day["usage_date"])}) for day in values["days"]),
    )


def _entry(values: dict[str, Any]) -> LedgerEntry:
    del values["position"]
    as_of = values.pop("as_of_date")
    return LedgerEntry(
        **values | {"extracts": tuple(map(_extract, values["extracts"]))},
        as_of_date=None if as_of is None else date.fromisoformat(as_of),
    )


def _extract(values: dict[str, Any]) -> ExtractEntry:
    known_at = values.pop("known_at")
    return ExtractEntry(**values, known_at=None if known_at is None else datetime.fromisoformat(known_at))
