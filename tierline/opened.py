"""One published version, verified and mapped into memory: finding a key's row and reading its cells.

Belongs here: what never changes once a version is open. Does not: which version is current, freshness, refreshing.
"""

from __future__ import annotations

import gc
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tierline.breath import Breath
from tierline.columns import Cell, cell_reader
from tierline.held import HeldFile, Hold
from tierline.keys import KEY_BYTES, KEY_TYPE, encode_msisdn
from tierline.manifest import ARROW_NAME, KEYS_NAME, MSISDN, FileEntry, Manifest, ManifestError

KEY_COLUMN = "service_key"
TIER_COLUMN = "tier"
NOT_FOUND = -1
YOUNG_BATCHES = 8
MAX_SELECTIONS = 256
SETTLED_SECONDS = 2.0  # the coarsest clock that a file system keeps

VersionState = tuple[tuple[int, int, int, int], ...]
Wanted = tuple[str, ...] | None


class UnknownFieldError(KeyError):
    """A lookup named a field that the published table does not have; lists those it has."""

    def __str__(self) -> str:
        return str(self.args[0])


class OpenedVersion:
    """A version whose Arrow and key files were verified; immutable, safe to share between threads. hold, let_go: as of
    HeldFile.

    Raises ManifestError when the files are damaged or do not fit the manifest, OSError when one can't be opened.
    """

    def __init__(self, folder: Path, manifest: Manifest, hold: Hold = "map", *, let_go: bool = False) -> None:
        self.manifest = manifest
        self.expires = manifest.expires_at.timestamp()
        entry = manifest.file(ARROW_NAME)
        held = partial(HeldFile, folder, hold=hold, let_go=let_go)
        self._held = [held(entry)]
        try:
            reader = pa.ipc.open_file(pa.py_buffer(self._held[0].content))
            self._batches = self._mapped(reader)
        except pa.ArrowException as error:
            raise ManifestError(f"{entry.path} is not an Arrow IPC file") from error
        self.schema = reader.schema
        self.batch_rows = self._check_batches(entry.path)
        self._columns = {name: _Column(self._batches, name) for name in self.schema.names}
        self.selections = Selections(manifest.version, self._columns, len(self._batches))
        # find(key): the row of a service key, or NOT_FOUND, also for a key of another form than the table's.
        self.find = self._msisdn_finder(held) if manifest.service_key_type == MSISDN else _text_finder(self._batches)

    def damage(self) -> str | None:
        """What happened to the files since they were verified, as far as it can be seen; None when nothing did."""
        return next((damage for held in self._held if (damage := held.damage()) is not None), None)

    def select(self, fields: Sequence[str] | None) -> Selection:
        """The columns of these fields in this order; None is all but the key. Raises UnknownFieldError."""
        return self.selections[None if fields is None else tuple(fields)]

    def read(self, row: int, selection: Selection) -> dict[str, object]:
        """The selected cells of a row as name -> Python value."""
        batch, within = divmod(row, self.batch_rows)
        return {name: cell(within) for name, cell in selection.batches[batch] or selection.open(batch)}

    def prepare(self, selections: Iterable[Wanted]) -> None:
        """Make the cell readers of these selections now, so that no lookup has to wait for it.

        Runs beside serving threads, in small pieces.
        """
        breath = Breath()
        for wanted in selections:
            try:
                selection = self.select(wanted)
            except UnknownFieldError:  # this version dropped a field; who asks for it will be told
                continue
            for batch in range(len(self._batches)):
                selection.open(batch)
                if batch % YOUNG_BATCHES == 0 and gc.isenabled():
                    gc.collect(1)  # a few young objects at a time; left to itself, Python stops all threads for all
                breath.take()

    def dismantle(self) -> None:
        """Take apart what nobody looks into any more, in small pieces: at once it would stop serving threads for
        tens of milliseconds. Only the mapping is left, and goes outside the interpreter lock.
        """
        breath = Breath()
        for selection in self.selections.take_all():
            for batch in range(len(selection.batches)):
                selection.batches[batch] = None
                breath.take()
        for column in self._columns.values():
            for batch in range(len(column.cells)):
                column.cells[batch] = None
                breath.take()
        while self._batches:
            self._batches.pop()
            breath.take()

    def column(self, name: str) -> list[Any]:
        """A column's Arrow arrays, one a batch."""
        return [batch.column(name) for batch in self._batches]

    @staticmethod
    def _mapped(reader: Any) -> list[Any]:
        batches, breath = [], Breath()
        for index in range(reader.num_record_batches):
            batches.append(reader.get_batch(index))
            breath.take()
        return batches

    def _check_batches(self, path: str) -> int:
        rows = [batch.num_rows for batch in self._batches]
        if sum(rows) != self.manifest.rows:
            raise ManifestError(f"{path} has {sum(rows)} rows, its manifest says {self.manifest.rows}")
        names = self.schema.names
        text = bool(names) and names[0] == KEY_COLUMN and pa.types.is_string(self.schema.field(0).type)
        if not text or TIER_COLUMN not in names or len(set(names)) != len(names):
            raise ManifestError(f"{path} must have {KEY_COLUMN} (string) first, a {TIER_COLUMN}, no name twice")
        full = rows[0] if rows else 1
        if any(count != full for count in rows[:-1]) or (rows and not 0 < rows[-1] <= full):
            raise ManifestError(f"{path}: all record batches but the last must have the same count of rows")
        return full

    def _msisdn_finder(self, held: Callable[[FileEntry], HeldFile]) -> Callable[[object], int]:
        entry = self.manifest.file(KEYS_NAME)
        if entry.bytes != self.manifest.rows * KEY_BYTES:
            raise ManifestError(f"{entry.path} must have {KEY_BYTES} bytes a row, {self.manifest.rows} rows")
        self._held.append(held(entry))
        keys = np.frombuffer(self._held[1].content, KEY_TYPE)
        rows, search, stored = len(keys), keys.searchsorted, keys.data

        def find(key: object) -> int:
            code = encode_msisdn(key)
            if code is None:
                return NOT_FOUND
            row = int(search(code))
            return row if row < rows and stored[row] == code else NOT_FOUND

        return find


def version_state(folder: Path, manifest: Manifest) -> VersionState:
    """Size, inode and times of a version's files, which are others once something was done to them.

    Raises OSError when one is not there.
    """
    found = [(folder / e.path).stat() for e in manifest.files if e.name in (ARROW_NAME, KEYS_NAME)]
    return tuple((s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for s in found)


def settled(state: VersionState, now: float) -> bool:
    """Whether the last change lies so long before `now` (s since 1970) that another one would show in the times."""
    return all(max(changed, done) < (now - SETTLED_SECONDS) * 1e9 for _, _, changed, done in state)


class Selection:
    """Some columns of a version: for each record batch their (name, cell reader), made when it is first read."""

    __slots__ = ("_columns", "batches")

    def __init__(self, columns: list[_Column], batches: int) -> None:
        self._columns = columns
        self.batches: list[tuple[tuple[str, Cell], ...] | None] = [None] * batches

    def open(self, batch: int) -> tuple[tuple[str, Cell], ...]:
        """Make one batch's readers. Two threads may both do so; they make the same, and either may stay."""
        readers = tuple((column.name, column.cells[batch] or column.open(batch)) for column in self._columns)
        self.batches[batch] = readers
        return readers


class Selections(dict[Wanted, Selection]):
    """What lookups have selected so far, by the fields that they named; selections[fields] makes what is not there yet.

    Raises UnknownFieldError. A dict, so that a lookup comes to its selection without a call.
    """

    def __init__(self, version: int, columns: dict[str, _Column], batches: int) -> None:
        super().__init__()
        self._version = version
        self._columns = columns
        self._batches = batches

    def __missing__(self, fields: Sequence[str] | None) -> Selection:
        if isinstance(fields, str):
            raise UnknownFieldError(f"fields is a list or tuple of names, not the text {fields!r}")
        if fields is not None and type(fields) is not tuple:
            return self[tuple(fields)]
        names = [name for name in self._columns if name != KEY_COLUMN] if fields is None else fields
        if unknown := [name for name in names if name not in self._columns]:
            raise UnknownFieldError(
                f"version {self._version} has no field {', '.join(map(repr, unknown))}; "
                f"it has {', '.join(self._columns)}"
            )
        selection = Selection([self._columns[name] for name in names], self._batches)
        if len(self) < MAX_SELECTIONS:
            self[fields] = selection
        return selection

    def take_all(self) -> list[Selection]:
        """All selections, which are forgotten."""
        taken = list(self.values())
        self.clear()
        return taken


class _Column:
    """The cell readers of one column, one a batch, shared by all selections."""

    __slots__ = ("_batches", "_index", "cells", "name")

    def __init__(self, batches: list[Any], name: str) -> None:
        self._batches = batches
        self._index = batches[0].schema.get_field_index(name) if batches else 0
        self.name = name
        self.cells: list[Cell | None] = [None] * len(batches)

    def open(self, batch: int) -> Cell:
        cell = cell_reader(self._batches[batch].column(self._index))
        self.cells[batch] = cell
        return cell


def _text_finder(batches: list[Any]) -> Callable[[object], int]:
    """Bisect over the first keys of the batches, then over the batch's own offsets and bytes (UTF-8 order)."""
    columns = [batch.column(0).buffers() for batch in batches]
    offsets = [memoryview(buffers[1]).cast("i") for buffers in columns]
    # Arrow hands out signed bytes, and a view of those is never equal to bytes beyond ASCII.
    data = [memoryview(b"" if buffers[2] is None else buffers[2]).cast("B") for buffers in columns]
    rows = [batch.num_rows for batch in batches]
    starts: list[int] = [sum(rows[:index]) for index in range(len(rows))]
    firsts = [bytes(text[: ends[1]]) for text, ends in zip(data, offsets, strict=True)]

    def find(key: object) -> int:
        if not isinstance(key, str):
            return NOT_FOUND
        try:
            wanted = key.encode("utf-8")
        except UnicodeEncodeError:  # a lone surrogate: no stored key has one
            return NOT_FOUND
        batch = bisect_right(firsts, wanted) - 1
        if batch < 0:
            return NOT_FOUND
        ends, text = offsets[batch], data[batch]
        low, high = 0, rows[batch]
        while low < high:
            middle = (low + high) // 2
            if bytes(text[ends[middle] : ends[middle + 1]]) < wanted:
                low = middle + 1
            else:
                high = middle
        if low < rows[batch] and text[ends[low] : ends[low + 1]] == wanted:
            return starts[batch] + low
        return NOT_FOUND

    return find
