"""The zip file of a workbook: its parts, read in bounded memory, and what they say of the whole.

Belongs here: zip, XML without entities, relationships, the list of sheets. Does not: cells (sheet.py, cells.py).
"""

from __future__ import annotations

import posixpath
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

from pipelines.intake.discover import printable
from pipelines.intake.refusal import IntakeRefusal
from pipelines.intake.settings import IntakeSettings

_BLOCK = 64 * 1024
_OLE, _ZIP = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PK\x03\x04"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
# The table of contents of a zip file is held whole; workbooks have some dozens of parts.
_MOST_CONTENTS = 4 * 1024 * 1024
# A single tag or attribute is held whole as well; a cell's text comes in pieces.
_MOST_TAG = 1024 * 1024
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError, RuntimeError, NotImplementedError)
_YES = ("1", "true")

Attributes = dict[str, str]


@dataclass(frozen=True)
class SheetPart:
    """One worksheet: its name as shown on its tab, the part that holds it, and whether the tab is to be seen."""

    name: str
    part: str
    is_hidden: bool

    @property
    def shown(self) -> str:
        """The name as text that any log can hold, shortened."""
        return repr(printable(self.name)[:60])


@dataclass(frozen=True)
class Contents:
    """What workbook.xml says. `is_calculated` is false where the program that wrote the file left formulas undone."""

    sheets: tuple[SheetPart, ...]
    shared_strings: str | None
    styles: str | None
    since_1904: bool
    is_calculated: bool


class Container:
    """An open workbook. All that is unpacked counts against the limits of `settings`, each part once."""

    def __init__(self, path: Path, file_name: str, settings: IntakeSettings) -> None:
        """Raises IntakeRefusal for what is no plain workbook: encrypted, of another kind, with macros, damaged."""
        self.file_name = file_name
        size = path.stat().st_size
        self.limit = min(size * settings.max_expansion, settings.max_file_bytes)
        self._packed = size
        self._unpacked: dict[str, int] = {}
        _require_workbook(path, file_name)
        try:
            self._zip = zipfile.ZipFile(path)
        except _DAMAGE as error:
            raise self.damaged("its zip file can't be opened") from error
        try:
            self._require_plain()
        except IntakeRefusal:
            self._zip.close()
            raise

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def damaged(self, what: str) -> IntakeRefusal:
        """The refusal of a workbook that is not as Excel writes one."""
        return IntakeRefusal(
            self.file_name,
            "workbook_damaged",
            what,
            "Open it in Excel, save it as Excel Workbook (.xlsx), deliver that.",
        )

    def expands_too_far(self, what: str) -> IntakeRefusal:
        """The refusal of a workbook that unpacks to more than is allowed."""
        return IntakeRefusal(
            self.file_name,
            "expands_too_far",
            f"{what} more than {self.limit} bytes from {self._packed}",
            "If such a workbook is meant, raise max_expansion or max_file_bytes, or deliver it as CSV.",
        )

    def _require_plain(self) -> None:
        names = [info.filename for info in self._zip.infolist()]
        if len(set(names)) != len(names):
            raise self.damaged("its zip file names a part twice")
        if any(info.flag_bits & 1 for info in self._zip.infolist()):
            raise _encrypted(self.file_name)
        if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in self._zip.infolist()):
            raise self.damaged("its parts are packed in a way that Excel does not use")
        if any("vbaproject" in name.lower() or "/macrosheets/" in name.lower() for name in names):
            raise IntakeRefusal(
                self.file_name,
                "workbook_macros",
                "it holds macros",
                "Save it as Excel Workbook without macros (.xlsx) and deliver that.",
            )

    def parse(
        self,
        part: str,
        start: Callable[[str, Attributes], None],
        *,
        end: Callable[[str], None] | None = None,
        text: Callable[[str], None] | None = None,
    ) -> Iterator[None]:
        """Reads a part a block at a time, giving control back after each; names come without prefixes.

        Nothing outside the part is read: a document type, which entities need, is refused. Raises IntakeRefusal.
        """
        parser = expat.ParserCreate()
        parser.buffer_text = True
        locals_: dict[str, str] = {}

        def local(name: str) -> str:
            found = locals_.get(name)
            if found is None:
                found = locals_[name] = name.rpartition(":")[2]
            return found

        def refuse_doctype(*_: object) -> None:
            raise self.damaged("its XML declares a document type")

        parser.StartDoctypeDeclHandler = refuse_doctype
        parser.StartElementHandler = lambda name, attributes: start(local(name), attributes)
        if end is not None:
            parser.EndElementHandler = lambda name: end(local(name))
        if text is not None:
            parser.CharacterDataHandler = text
        fed = 0
        try:
            for block in self._blocks(part):
                parser.Parse(block, False)
                fed += len(block)
                if fed - parser.CurrentByteIndex > _MOST_TAG:
                    raise self.damaged("its XML has a tag that does not end")
                yield
            parser.Parse(b"", True)
        except (expat.ExpatError, LookupError, ValueError) as error:  # the latter for encodings that it does not know
            raise self.damaged("its XML can't be read") from error
        yield

    def read(self, part: str, start: Callable[[str, Attributes], None], **more: Callable[[str], None]) -> None:
        """Reads a whole part, see `parse`."""
        for _ in self.parse(part, start, **more):
            pass

    def _blocks(self, part: str) -> Iterator[bytes]:
        read = 0
        try:
            with self._zip.open(part) as stream:
                while block := stream.read(_BLOCK):
                    read += len(block)
                    if read > self._unpacked.get(part, 0):
                        self._unpacked[part] = read
                        if sum(self._unpacked.values()) > self.limit:
                            raise self.expands_too_far("it unpacks to")
                    yield block
        except KeyError as error:
            raise self.damaged("a part that it names is missing") from error
        except _DAMAGE as error:
            raise self.damaged("its zip file is damaged or cut off") from error

    def contents(self) -> Contents:
        """What workbook.xml and the relationships say. Raises IntakeRefusal."""
        book = next(iter(self._related("", "officeDocument").values()), None)
        if book is None or not book.endswith(".xml"):
            raise self.damaged("it is no workbook in XML")
        sheets: list[tuple[str, str, bool]] = []
        said = {"date1904": "", "fullCalcOnLoad": ""}

        def start(name: str, attributes: Attributes) -> None:
            if name == "sheet":
                key = next((v for k, v in attributes.items() if k.rpartition(":")[2] == "id"), "")
                sheets.append((attributes.get("name", ""), key, attributes.get("state", "visible") != "visible"))
            elif name in ("workbookPr", "calcPr"):
                said.update({k: v for k, v in attributes.items() if k in said})

        self.read(book, start)
        parts = self._related(book, "worksheet")
        return Contents(
            tuple(SheetPart(name, parts[key], hidden) for name, key, hidden in sheets if key in parts),
            next(iter(self._related(book, "sharedStrings").values()), None),
            next(iter(self._related(book, "styles").values()), None),
            said["date1904"] in _YES,
            said["fullCalcOnLoad"] not in _YES,
        )

    def _related(self, part: str, kind: str) -> dict[str, str]:
        """Parts that `part` ("" is the whole file) refers to, by key; what lies outside of the file is left out."""
        folder, _, name = part.rpartition("/")
        found: dict[str, str] = {}

        def start(element: str, attributes: Attributes) -> None:
            outside = attributes.get("TargetMode") == "External"
            if element == "Relationship" and not outside and attributes.get("Type", "").endswith(f"/{kind}"):
                target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", "")))
                found[attributes.get("Id", "")] = target.lstrip("/")

        self.read(posixpath.join(folder, "_rels", f"{name}.rels"), start)
        return found


def _require_workbook(path: Path, file_name: str) -> None:
    with path.open("rb") as stream:
        head = stream.read(len(_OLE))
        if head == _OLE:
            raise _encrypted(file_name) if _holds(path, _ENCRYPTED) else _old(file_name)
        if not head.startswith(_ZIP):
            raise IntakeRefusal(
                file_name,
                "workbook_damaged",
                "the name says Excel workbook, the content is none",
                "Open it in Excel, save it as Excel Workbook (.xlsx), deliver that; or name text .csv.",
            )
        size = stream.seek(0, 2)
        stream.seek(max(0, size - 65_557))
        tail = stream.read()
    at = tail.rfind(b"PK\x05\x06")
    contents = int.from_bytes(tail[at + 12 : at + 16], "little")
    if at < 0 or contents > _MOST_CONTENTS or b"PK\x06\x07" in tail[max(0, at - 20) : at]:
        raise IntakeRefusal(
            file_name,
            "workbook_damaged",
            "it is cut off, or has more parts than a workbook has",
            "Open it in Excel, save it as Excel Workbook (.xlsx), deliver that.",
        )


def _holds(path: Path, wanted: bytes) -> bool:
    kept = b""
    with path.open("rb") as stream:
        while block := stream.read(1024 * 1024):
            if wanted in kept + block:
                return True
            kept = block[-len(wanted) :]
    return False


def _encrypted(file_name: str) -> IntakeRefusal:
    return IntakeRefusal(
        file_name,
        "workbook_encrypted",
        "it is protected by a password",
        "In Excel, File > Info > Protect Workbook > Encrypt with Password: empty the password, save, deliver again.",
    )


def _old(file_name: str) -> IntakeRefusal:
    return IntakeRefusal(
        file_name,
        "workbook_damaged",
        "it is a workbook of the old kind (.xls) under a new name",
        "Open it in Excel, save it as Excel Workbook (.xlsx), deliver that.",
    )
