"""Damaged files as they are delivered: believable rows, written as their source writes, changed on the way.

Belongs here: from rows to bytes, and control files. Does not: the changes (changes.py).
"""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .changes import BYTES, CELLS, LINES, PACKED, Change, Draft
from .layouts import Layout, believable_rows
from .reading import announced


def _falsified(chance: random.Random, told: dict[str, Any]) -> dict[str, Any]:
    match chance.randrange(4):
        case 0:
            return told | {"records": told["records"] + chance.choice((-1, 1)) if told["records"] else 1}
        case 1:
            return told | {"sha256": "0" * 64}
        case 2 if told["totals"]:
            return told | {"totals": dict.fromkeys(told["totals"], "0.0000000001")}
        case _:
            return told | {"recrods": 1}


CONTROLS: dict[str, Callable[[random.Random, dict[str, Any]], dict[str, Any]]] = {
    "control file of the undamaged file": lambda chance, told: (
        told if chance.random() < 0.2 else {key: told[key] for key in ("records", "totals")}
    ),
    "control file that is right": lambda chance, told: told,
    "control file that is wrong": _falsified,
}
KINDS = (
    *("undamaged", *CELLS, *LINES, *BYTES, *PACKED, *CONTROLS, "parquet cells", "parquet bytes"),
    *("several at once",) * 6,
)


@dataclass(frozen=True)
class Delivered:
    """One damaged file as it is delivered: its name, bytes, what its control file says, and what was done to it."""

    layout: Layout
    name: str
    content: bytes
    control: dict[str, Any] | None
    kind: str


def deliver(layout: Layout, number: int, kind: str, chance: random.Random) -> Delivered:
    """A file of believable rows with changes of that kind, or several. Same arguments, same bytes."""
    draft = Draft(layout, chance, list(layout.header), believable_rows(layout, chance))
    draft.ending = chance.choice((b"\n", b"\n", b"\r\n"))
    draft.bom = layout.encoding == "utf-8" and chance.random() < 0.2
    draft.all_quoted = layout.quoted and chance.random() < 0.2
    draft.packed = kind in PACKED or chance.random() < 0.25
    draft.parquet = kind.startswith("parquet")
    kinds = [kind]
    if kind == "several at once":
        kinds = chance.sample([*CELLS, *LINES, *BYTES, *(PACKED if draft.packed else ())], chance.randint(2, 4))
    if draft.parquet:
        draft.packed, draft.typed_parquet = False, chance.random() < 0.5
        content = _parquet(draft, kind)
        return Delivered(layout, f"{layout.source}-{number:06}_20240630.parquet", content, None, kind)
    _apply(draft, kinds, CELLS)
    draft.lines = _rendered(draft)
    _apply(draft, kinds, LINES)
    draft.content = b"\xef\xbb\xbf" * draft.bom + draft.ending.join([*draft.lines, b""])
    before = draft.content
    _apply(draft, kinds, BYTES)
    if draft.packed:
        draft.content, before = gzip.compress(draft.content, mtime=0), gzip.compress(before, mtime=0)
    _apply(draft, kinds, PACKED)
    name = f"{layout.source}-{number:06}_20240630.csv" + ".gz" * draft.packed
    control = None
    if kind in CONTROLS:
        if kind == "control file of the undamaged file":
            _apply(draft, [chance.choice(list(PACKED if draft.packed else BYTES))], PACKED | BYTES)
        told = announced(before if "undamaged" in kind else draft.content, name, layout)
        control = CONTROLS[kind](chance, told)
    return Delivered(layout, name, draft.content, control, kind)


def _apply(draft: Draft, kinds: list[str], stage: dict[str, Change]) -> None:
    for kind in kinds:
        if kind in stage:
            for _ in range(draft.chance.choice((1, 1, 1, 2, 4))):
                stage[kind](draft)


def _rendered(draft: Draft) -> list[bytes]:
    form = draft.layout
    rows = [*([draft.header] if form.has_header else []), *draft.rows]
    if form.quoted:
        text = io.StringIO()
        quoting = csv.QUOTE_ALL if draft.all_quoted else csv.QUOTE_MINIMAL
        csv.writer(text, delimiter=form.delimiter, lineterminator="\n", quoting=quoting).writerows(rows)
        # A field with a newline in it stays on two lines: that is a damage to be found.
        lines = text.getvalue().removesuffix("\n").split("\n")
    else:
        lines = [form.delimiter.join(row) for row in rows]
    if form.trailer is not None:
        lines.append(f"{form.trailer}{form.delimiter}{len(draft.rows)}")
    return [line.encode(form.encoding, "replace") for line in lines]


def _parquet(draft: Draft, kind: str) -> bytes:
    if kind == "parquet cells":
        for _ in range(draft.chance.randint(1, 4)):
            CELLS[draft.chance.choice(list(CELLS))](draft)
    names = draft.header
    width = len(names)
    rows = [[*row, *[""] * width][:width] for row in draft.rows]
    arrays = []
    for i in range(width):
        texts = [row[i] for row in rows]
        arrays.append(_typed_array(texts) if draft.typed_parquet else pa.array([t or None for t in texts], pa.string()))
    out = io.BytesIO()
    compression = draft.chance.choice(("snappy", "zstd", "none"))
    checksum = draft.chance.random() < 0.5
    pq.write_table(
        pa.Table.from_arrays(arrays, names=names), out, compression=compression, write_page_checksum=checksum
    )
    draft.content = out.getvalue()
    if kind == "parquet bytes":
        _apply(draft, [draft.chance.choice(list(PACKED))], PACKED)
    return draft.content


def _typed_array(texts: list[str]) -> Any:
    """The column as integers, decimals, days or booleans where all of it can be."""
    for make in (int, _amount, date.fromisoformat, {"true": True, "false": False}.__getitem__):
        try:
            made = [make(t) if t else None for t in texts]
            if make is int and any(str(m) != t for m, t in zip(made, texts, strict=True) if t):
                continue
            return pa.array(made)
        except (ValueError, KeyError, ArithmeticError, OverflowError, pa.ArrowException):
            continue
    return pa.array([t or None for t in texts], pa.string())


def _amount(text: str) -> Decimal:
    return Decimal(text).quantize(Decimal("0.0001"))
