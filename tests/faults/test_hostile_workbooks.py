"""Workbooks made to fool or to break intake: each is refused by name, in bounded memory, and nothing outside is read.

Belongs here: bombs, entities, damage, encryption, macros. Does not: cells and sheets of honest senders (unit/intake).
"""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path

import duckdb
import pytest

from pipelines.intake import IntakeReport, IntakeSettings, ingest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "intake"))
from workbooks import ENTRY, HEADER, NAME, cells, raw, sheet, zipped

GOOD = raw(HEADER + ENTRY)
MEMORY_MIB = 200  # above what the imports take


class Silent:
    def step(self, name: str, done: int, total: int) -> None: ...


def take(home: Path, content: bytes, **limits: int) -> IntakeReport:
    file = home / "landing" / NAME
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    with duckdb.connect() as con:
        report = ingest(
            con,
            home / "landing",
            mappings={},
            as_of_date=date(2024, 6, 30),
            settings=IntakeSettings("Asia/Shanghai", "CNY", home / "tmp", **limits),
            progress=Silent(),
        )
    assert not list((home / "tmp").iterdir()), "temporary files are left"
    return report


def refusal(home: Path, content: bytes, **limits: int) -> str:
    (refused,) = take(home, content, **limits).refused
    assert refused.cure
    return refused.code


def test_the_workbook_that_the_hostile_ones_are_made_of_is_taken(tmp_path: Path) -> None:
    assert take(tmp_path, GOOD).accepted[0].accepted == 1


ENTITY = f"<!DOCTYPE x [<!ENTITY e SYSTEM 'file://{__file__}'>]>"
BILLION = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]>"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param(raw(HEADER + cells(2, "&e;", "red"), doctype=ENTITY), "workbook_damaged", id="external entity"),
        pytest.param(raw(HEADER + cells(2, "&b;", "red"), doctype=BILLION), "workbook_damaged", id="entities"),
        pytest.param(raw(HEADER, parts={"xl/vbaProject.bin": b"x"}), "workbook_macros", id="macros"),
        pytest.param(raw(HEADER, parts={"xl/macrosheets/sheet1.xml": "<x/>"}), "workbook_macros", id="old macros"),
        pytest.param(b"", "workbook_damaged", id="nothing"),
        pytest.param(b"customer_id,list\n", "workbook_damaged", id="text"),
        pytest.param(zipped({"a.txt": "hello"}), "workbook_damaged", id="another zip"),
        pytest.param(raw(HEADER + cells(1, "again")), "workbook_damaged", id="row twice"),
        pytest.param(raw(HEADER + '<row r="1048577"><c><v>1</v></c></row>'), "workbook_damaged", id="row too far"),
        pytest.param(raw(HEADER + '<row r="2"><c r="XFE2"/></row>'), "workbook_damaged", id="column too far"),
        pytest.param(raw(HEADER + '<row r="2"><c r="A3"><v>1</v></c></row>'), "workbook_damaged", id="cell elsewhere"),
        pytest.param(raw(HEADER + '<row r="2"><c r="B2"/><c r="A2"/></row>'), "workbook_damaged", id="backwards"),
        pytest.param(raw(HEADER + '<row r="2"><c t="s"><v>7</v></c></row>'), "workbook_damaged", id="no such string"),
        pytest.param(raw(HEADER + '<row r="2"><c t="s"><v>-1</v></c></row>', strings="<si><t>x</t></si>"),
                     "workbook_damaged", id="string before the first"),
        pytest.param(raw(HEADER + '<row r="2"><c><v>1_0</v></c></row>'), "workbook_damaged", id="underscore"),
        pytest.param(raw(HEADER + '<row r="2"><c><v>nan</v></c></row>'), "workbook_damaged", id="not a number"),
        pytest.param(raw(HEADER + '<row r="2"><c><v>1e999</v></c></row>'), "workbook_damaged", id="infinite"),
        pytest.param(raw(HEADER + '<row r="2"><c t="z"><v>1</v></c></row>'), "workbook_damaged", id="unknown type"),
        pytest.param(raw(HEADER + "<row r='2'><c>"), "workbook_damaged", id="XML that does not close"),
        pytest.param(raw("", doctype="<?xml version='1.0' encoding='gbk'?>"), "workbook_damaged", id="odd encoding"),
        pytest.param(raw("", parts={"xl/workbook.xml": "<workbook/>"}), "workbook_damaged", id="no sheets"),
        pytest.param(raw(HEADER, book='<sheets><sheet name="x" id="rId9"/></sheets>', parts={
            "xl/_rels/workbook.xml.rels":
                "<R><Relationship Id='rId1' Type='/worksheet' Target='../../../etc/passwd'/></R>"
        }), "workbook_damaged", id="path out of the file"),
        pytest.param(raw(HEADER, parts={
            "xl/_rels/workbook.xml.rels": "<R><Relationship Id='rId1' TargetMode='External' Type='/worksheet' "
            "Target='worksheets/sheet1.xml'/></R>"
        }), "workbook_damaged", id="sheet elsewhere"),
    ],
)  # fmt: skip
def test_it_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    assert refusal(tmp_path, content) == code


def test_every_cut_and_every_flipped_byte_is_refused_or_read_as_it_was(tmp_path: Path) -> None:
    """The zip file's checksums see what is inside; its own table of contents is not covered by any."""
    content = sheet(["C1", "red", None, None, "2024-01-01", None])
    for at in range(0, len(content), 389):
        assert refusal(tmp_path, content[:at]) in ("workbook_damaged", "empty_file"), at
        flipped = content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]
        report = take(tmp_path, flipped)
        if report.refused:
            assert report.refused[0].code.startswith("workbook_"), (at, report.refused[0])
        else:
            assert report.accepted[0].accepted == 1, at


def ole(*names: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2_000_000) + b"".join(n.encode("utf-16-le") for n in names)


def test_a_password_and_the_old_kind_are_told_apart(tmp_path: Path) -> None:
    assert refusal(tmp_path, ole("EncryptionInfo", "EncryptedPackage")) == "workbook_encrypted"
    assert refusal(tmp_path, ole("Workbook")) == "workbook_damaged"
    packed = bytearray(GOOD)
    for at in range(len(packed)):  # the flag of encryption in each entry of the table of contents
        if packed[at : at + 4] == b"PK\x01\x02":
            packed[at + 8] |= 1
    assert refusal(tmp_path, bytes(packed)) == "workbook_encrypted"


def test_a_part_that_is_there_twice_is_not_chosen_from(tmp_path: Path) -> None:
    out = io.BytesIO(GOOD)
    with zipfile.ZipFile(out, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("xl/worksheets/sheet1.xml", "<worksheet/>")
    assert refusal(tmp_path, out.getvalue()) == "workbook_damaged"


def test_a_table_of_contents_larger_than_any_workbooks_is_not_read(tmp_path: Path) -> None:
    end = GOOD.rindex(b"PK\x05\x06")
    lied = GOOD[: end + 12] + struct.pack("<I", 2**31) + GOOD[end + 16 :]
    assert refusal(tmp_path, lied) == "workbook_damaged"
    many = {f"xl/{n:05}{'x' * 200}": b"" for n in range(20_000)}
    assert refusal(tmp_path, raw(HEADER + ENTRY, parts=many)) == "workbook_damaged"


def test_one_string_named_from_many_cells_stays_within_the_limits(tmp_path: Path) -> None:
    rows = "".join(f'<row r="{n}"><c t="s"><v>0</v></c></row>' for n in range(2, 3000))
    content = raw(HEADER + rows, strings=f"<si><t>{'x' * 32_000}</t></si>")
    assert refusal(tmp_path, content) == "expands_too_far"
    wide = "".join('<c t="s"><v>0</v></c>' for _ in range(6))
    content = raw(HEADER + f'<row r="2">{wide}</row>', strings=f"<si><t>{'x' * 32_000}</t></si>")
    assert refusal(tmp_path, content, max_line_bytes=100_000) == "workbook_damaged"


BOMB = """
import resource, sys
sys.path[:0] = [{unit!r}, {faults!r}]
from pathlib import Path
from test_hostile_workbooks import refusal
import zipfile
from workbooks import raw, HEADER, NAME
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
home = Path({home!r})
before = peak()
print(refusal(home, Path({file!r}).read_bytes(), max_expansion=10_000), peak() - before)
"""


@pytest.mark.parametrize("where", ["cell", "attribute", "string", "rows"])
def test_a_bomb_is_refused_in_little_memory(tmp_path: Path, where: str) -> None:
    """Much behind little: in a text, an attribute, a shared string, in rows; even where the ratio is allowed."""
    size = 256 * 1024**2
    heads = {
        "cell": ("xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row><c t='str'><v>", b"x"),
        "attribute": ("xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row spans='", b"x"),
        "string": ("xl/sharedStrings.xml", b"<sst><si><t>", b"x"),
        "rows": ("xl/worksheets/sheet1.xml", b"<worksheet><sheetData>", b"<row><c><f>1</f></c></row>"),
    }
    part, head, piece = heads[where]
    if where == "rows":
        size //= 64
    block = piece * (1024 * 1024 // len(piece))
    file = tmp_path / "bomb"
    base = zipfile.ZipFile(io.BytesIO(raw(HEADER, strings="")))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in base.namelist():
            if name != part:
                archive.writestr(name, base.read(name))
        with archive.open(part, "w", force_zip64=True) as stream:
            stream.write(head)
            for _ in range(size // len(block)):
                stream.write(block)
    here = Path(__file__)
    script = BOMB.format(
        unit=str(here.parents[1] / "unit" / "intake"), faults=str(here.parent), home=str(tmp_path), file=str(file)
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    code, mib = done.stdout.split()[-2:]
    assert code in ("workbook_damaged", "expands_too_far", "header_absent", "line_too_long")
    assert int(mib) < MEMORY_MIB
