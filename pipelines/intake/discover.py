"""Finds the files in the landing folder, in the order in which they are to be read.

Belongs here: names and folders. Does not: the inside of any file.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from pipelines.intake.refusal import IntakeRefusal

_WORKBOOK = ".xlsx"
_DATA = (".csv", ".csv.gz", ".txt", ".txt.gz", ".parquet", _WORKBOOK)
_OTHER_WORKBOOKS = (".xls", ".xlsm", ".xlsb", ".xltx", ".xltm", ".ods")
_IN_USE = "~$"  # what Excel lays beside a workbook that somebody has open
_UNFINISHED = (".part", ".tmp")
_MARKERS = (".ok", ".done", ".md5", ".sha1", ".sha256")
_DATE = re.compile(r"(?<!\d)((?:19|20)\d{6})(?!\d)")


@dataclass(frozen=True)
class Delivery:
    """One file to read: `name` is its bare name, `file_name` its printable name relative to landing."""

    path: Path
    source: str
    name: str
    file_name: str

    @property
    def order(self) -> tuple[str, str, str]:
        """By the date in the name, then the name; undated files come first."""
        dated = _DATE.search(self.name)
        return (dated.group(1) if dated else "", self.name, self.source)


@dataclass(frozen=True)
class Landing:
    """What the landing folder holds. `ignored` are markers and unfinished files, by printable name."""

    deliveries: tuple[Delivery, ...]
    refused: tuple[IntakeRefusal, ...]
    ignored: tuple[str, ...]


def discover(landing: Path, sources: Collection[str]) -> Landing:
    """All files of `landing`/<source>/. What can't be read is named as a refusal, nothing is passed over in silence."""
    deliveries: list[Delivery] = []
    refused: list[IntakeRefusal] = []
    ignored: list[str] = []
    for folder in _visible(landing):
        shown = printable(folder.name)
        if not folder.is_dir():
            if _is_ignored(folder.name):
                ignored.append(shown)
            else:
                refused.append(_stray(shown, sources))
        elif folder.name in sources:
            for entry in _visible(folder):
                found = _judge(entry, folder.name, f"{shown}/{printable(entry.name)}")
                if isinstance(found, Delivery):
                    deliveries.append(found)
                elif isinstance(found, IntakeRefusal):
                    refused.append(found)
                elif found is not None:
                    ignored.append(found)
        elif _visible(folder):
            refused.append(_unknown_folder(shown, sources))
    return Landing(tuple(sorted(deliveries, key=lambda d: d.order)), tuple(refused), tuple(ignored))


def _judge(entry: Path, source: str, file_name: str) -> Delivery | IntakeRefusal | str | None:
    """A delivery, a refusal, the name of what is ignored; None for a control file beside its file."""
    lower = entry.name.lower()
    if lower.endswith(".ctl"):
        return None if os.path.lexists(entry.with_name(entry.name[:-4])) else _orphan_control(file_name)
    if _is_ignored(entry.name):
        return file_name
    if not _is_regular(entry):
        return _not_a_file(file_name)
    if lower.endswith(_OTHER_WORKBOOKS):
        return _other_workbook(file_name)
    if not lower.endswith(_DATA):
        return _unknown_kind(file_name)
    return Delivery(entry, source, entry.name, file_name)


def is_workbook(name: str) -> bool:
    """Whether a file of that name is read as an Excel workbook."""
    return name.lower().endswith(_WORKBOOK)


def delivery_of(path: Path, source: str) -> Delivery | IntakeRefusal:
    """The file as it would be found in landing/`source`/, wherever it lies; a refusal if it would not be taken."""
    file_name = f"{printable(source)}/{printable(path.name)}"
    found = _judge(path, source, file_name)
    if isinstance(found, Delivery | IntakeRefusal):
        return found
    return _unknown_kind(file_name)


def printable(name: str) -> str:
    """A name as text that any database and log can hold: bytes that are no UTF-8 and control characters escaped."""
    if name.isascii() and name.isprintable():  # nearly all, and years of them each night
        return name
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _visible(folder: Path) -> list[Path]:
    return sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=lambda p: os.fsencode(p.name))


def _is_ignored(name: str) -> bool:
    return name.startswith(_IN_USE) or name.lower().endswith((*_UNFINISHED, *_MARKERS))


def _is_regular(path: Path) -> bool:
    # A pipe would block and a folder can't be read; a link counts as what it leads to.
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def _known(sources: Collection[str]) -> str:
    return ", ".join(sorted(sources))


def _stray(shown: str, sources: Collection[str]) -> IntakeRefusal:
    return IntakeRefusal(
        shown,
        "file_without_folder",
        "the file lies beside the source folders, so it is unclear what it holds",
        f"Move it into the folder of its extract or source: {_known(sources)}.",
    )


def _unknown_folder(shown: str, sources: Collection[str]) -> IntakeRefusal:
    near = get_close_matches(shown, list(sources), n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return IntakeRefusal(
        shown,
        "unknown_folder",
        f"the folder {shown} is neither an extract nor the source of a mapping",
        f"Rename it to one of: {_known(sources)}; or add a source mapping for it.{hint}",
    )


def _orphan_control(file_name: str) -> IntakeRefusal:
    return IntakeRefusal(
        file_name,
        "file_missing",
        "the control file announces a file that is not there",
        "Deliver the file, or remove the control file.",
    )


def _not_a_file(file_name: str) -> IntakeRefusal:
    return IntakeRefusal(
        file_name,
        "not_a_file",
        "it is a folder, a pipe, or a link that leads nowhere",
        "Put plain files into the folder of a source.",
    )


def _other_workbook(file_name: str) -> IntakeRefusal:
    return IntakeRefusal(
        file_name,
        "unknown_file_type",
        f"intake reads workbooks as {_WORKBOOK} only: without macros, and not of the old or binary kinds",
        f"Open it, save it as Excel Workbook ({_WORKBOOK}), deliver that.",
    )


def _unknown_kind(file_name: str) -> IntakeRefusal:
    return IntakeRefusal(
        file_name,
        "unknown_file_type",
        "intake can't read this kind of file",
        f"Deliver it as one of {', '.join(_DATA)}; names that end in .part or .tmp are left alone.",
    )
