"""Writes frames as an operator's files: names, CSV, gzip without a clock, control files with exact totals.

Belongs here: bytes and names. Does not: what the rows say.
"""

from __future__ import annotations

import io
import zlib
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from types import TracebackType

import polars as pl

from sample_data.horizon import compact, iso

_GZIP_LEVEL = 5
_PENDING = 4


class Landing:
    """Writes `landing/<extract>/<extract>_<YYYYMMDD>[_<seq>].csv[.gz]`, compressing beside the caller.

    A context manager: leaving it waits for the writes and raises the first one's error.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rows: Counter[str] = Counter()
        self._pool = ThreadPoolExecutor(max_workers=2)
        self._pending: list[Future[None]] = []

    def __enter__(self) -> Landing:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown(wait=True)
        if error is None:
            self._wait(0)

    def write(
        self, extract: str, day: int, frame: pl.DataFrame, *, seq: int = 0, gz: bool = True, control: str = ""
    ) -> None:
        """Writes one delivery. `control` is '' (no control file), 'records' or 'totals' (with all sums of measures)."""
        folder = self.root / extract
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{extract}_{compact(day)}" + (f"_{seq}" if seq else "") + (".csv.gz" if gz else ".csv")
        if control:
            totals = _totals(frame) if control == "totals" else {}
            (folder / f"{name}.ctl").write_text(control_text(frame.height, day, totals), encoding="utf-8")
        self.rows[extract] += frame.height
        self._wait(_PENDING)
        self._pending.append(self._pool.submit(_write, folder / name, frame, gz))

    def _wait(self, left: int) -> None:
        while len(self._pending) > left:
            self._pending.pop(0).result()


def csv_bytes(frame: pl.DataFrame) -> bytes:
    """UTF-8, LF, header; timestamps are local wall-clock and get the zone +08:00."""
    buffer = io.BytesIO()
    frame.write_csv(buffer, datetime_format="%Y-%m-%dT%H:%M:%S+08:00", null_value="", quote_style="necessary")
    return buffer.getvalue()


def gzip_bytes(data: bytes) -> bytes:
    """One gzip member with time 0 and no name, so that the same data gives the same bytes."""
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def control_text(records: int, day: int, totals: Mapping[str, str]) -> str:
    """A control file's YAML: data records without the header, when the delivery was known, exact totals."""
    lines = [f"records: {records}", f'known_at: "{iso(day)}T00:00:00+08:00"']
    if totals:
        lines += ["totals:", *(f'  {column}: "{total}"' for column, total in totals.items())]
    return "\n".join(lines) + "\n"


def _totals(frame: pl.DataFrame) -> dict[str, str]:
    totals: dict[str, str] = {}
    for column, kind in frame.schema.items():
        if isinstance(kind, pl.Decimal):
            # Past a scale of 18 digits the sum needs the wider type, else it would overflow in silence.
            total = frame.select(pl.col(column).cast(pl.Decimal(38, kind.scale)).sum()).item()
            totals[column] = str(total if total is not None else Decimal(0))
        elif column == "call_duration":
            totals[column] = str(frame[column].sum())
    return totals


def _write(path: Path, frame: pl.DataFrame, gz: bool) -> None:
    data = csv_bytes(frame)
    if gz:
        data = gzip_bytes(data)
    path.write_bytes(data)
