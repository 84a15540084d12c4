"""What goes back to whoever sent a workbook: its refused rows, the wrong cell marked, what to do in words.

Belongs here: pipelines/intake/returned.py. Does not: how any workbook looks (unit/pipelines/test_workbook.py).
"""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path

import duckdb
import pytest
from intake_desk import Desk
from workbooks import HEADER, NAME, raw, read_back, sheet

from pipelines.intake import parse_mapping
from pipelines.intake.reasons import reason_codes
from pipelines.intake.rehearse import rehearse
from pipelines.intake.returned import CURES, returned_path

GOOD = ["C1", "red", None, None, "2024-01-01", None]
BAD = ["C2", "gold", "M1", "=HYPERLINK(1)", "2024-01-01", None]
MARK = "FFFFC7CE"


@pytest.fixture
def returning(desk: Desk, tmp_path: Path) -> Desk:
    desk.settings = replace(desk.settings, returned_folder=tmp_path / "returned")
    return desk


def test_every_reason_has_a_cure_for_whoever_works_in_excel() -> None:
    assert set(CURES) == set(reason_codes())


def test_refused_rows_come_back_with_the_wrong_cell_marked(returning: Desk, tmp_path: Path) -> None:
    returning.put(
        NAME, sheet(GOOD, BAD, [], ["C3", "vip", None, None, "1/2/2024", None], ["C1", "red", "M2", *GOOD[3:]])
    )
    (path,) = returning.run().returned
    assert path == tmp_path / "returned" / "service_lists" / "service_lists_20240630_refused.xlsx"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750
    found = read_back(path)["refused rows"]
    header = [cell.value for cell in found[0]]
    assert header[:5] == ["row", "cell", "code", "what is wrong", "what to do"]
    assert header[5:] == ["customer_id", "list", "account_manager_id", "reason", "valid_from", "valid_to"]
    assert [[cell.value for cell in row[:3]] for row in found[1:]] == [
        ["3", "B3", "unknown_code"],
        ["5", "E5", "not_a_date"],
        ["6", None, "key_conflict"],
    ]
    assert found[1][3].value == "list is none of red, black, vip. Mend it, or map it under codes."
    assert found[1][4].value == CURES["unknown_code"]
    assert [cell.value for cell in found[1][5:]] == ["C2", "gold", "M1", "=HYPERLINK(1)", "2024-01-01", None]
    # What would be a formula is text, and stays text when somebody edits the cell.
    assert found[1][8].is_guarded and not found[1][8].is_formula
    marked = [[header[i] for i, cell in enumerate(row) if cell.fill == MARK] for row in found[1:]]
    assert marked == [["list"], ["valid_from"], ["customer_id", "list", "valid_from"]]


def test_a_mapped_column_is_marked_where_it_stands_in_the_senders_sheet(returning: Desk) -> None:
    returning.mappings["crm"] = parse_mapping(
        "source: crm\nversion: '1'\nheader: [note, since, id, kind]\nignored: [note]\nknown_at: {date: 2024-06-30}\n"
        "extracts: {service_lists: {columns: {customer_id: {from: id}, list: {from: kind, codes: {R: red}}, "
        "valid_from: {from: since}}}}",
        "test",
    )
    header = ["note", "since", "id", "kind"]
    returning.put("crm/a.xlsx", sheet([None, "soon", "C1", "R"], [None, "2024-01-01", "C1", "X"], header=header))
    found = read_back(returning.run().returned[0])["refused rows"]
    assert [row[1].value for row in found[1:]] == ["B2", "D3"]


def test_a_field_too_many_is_shown_behind_the_rest(returning: Desk) -> None:
    returning.put(NAME, sheet([*GOOD, None, "see mail", "and note"]))
    found = read_back(returning.run().returned[0])["refused rows"]
    assert (found[0][-1].value, found[1][-1].value) == ("beyond the header", "see mail | and note")
    assert found[1][-1].fill == MARK


def test_long_and_quoted_cells_come_back_as_they_were(returning: Desk) -> None:
    said = 'a "quoted", text'
    returning.put(NAME, sheet(["C1", "gold", said, "x" * 32_767, "2024-01-01", None]))
    found = read_back(returning.run().returned[0])["refused rows"][1]
    assert (found[7].value, found[8].value) == (said, "x" * 32_767)
    # Other programs write more into a cell than Excel can; text that packs badly, lest it be taken for a bomb.
    long = "".join(sha256(bytes([i // 256, i % 256])).hexdigest() for i in range(3000))
    row = '<row r="2"><c t="str"><v>C1</v></c><c t="str"><v>gold</v></c><c t="str"><v>' + long
    returning.put("service_lists/long_20240630.xlsx", raw(HEADER + row + "</v></c></row>"))
    assert read_back(returning.run().returned[0])["refused rows"][1][7].value == long[:32_766] + "…"


def test_a_refused_file_comes_back_with_the_reason(returning: Desk) -> None:
    returning.put(NAME, sheet(GOOD, header=["customer", "list"]))
    (path,) = returning.run().returned
    ((_, *header), (name, *said)) = read_back(path)["refused file"]
    assert [cell.value for cell in header] == ["row", "code", "what is wrong", "what to do"]
    assert name.value == NAME
    assert (said[0].value, said[1].value) == ("1", "header_differs")
    assert returning.run().returned == (path,)  # it is tried again, and refused again


def test_the_same_again_is_the_same_bytes_and_a_mended_file_takes_it_away(returning: Desk) -> None:
    file = returning.put(NAME, sheet(BAD, header=["customer", "list"]))
    (path,) = returning.run().returned
    first = path.read_bytes()
    path.unlink()
    returning.run()
    assert path.read_bytes() == first
    file.write_bytes(sheet(GOOD))
    assert returning.run().returned == ()
    assert not path.exists()


def test_it_is_written_before_the_rows_are_committed(returning: Desk, tmp_path: Path) -> None:
    """A run that ends in between takes the file again; the other way round nobody would write it any more."""
    returning.put(NAME, sheet(GOOD, BAD))
    in_the_way = tmp_path / "returned"
    in_the_way.write_text("a file where the folder should be")
    with pytest.raises(NotADirectoryError):
        returning.run()
    assert returning.ask("SELECT count(*) FROM intake.files") == [(0,)]
    in_the_way.unlink()
    assert len(returning.run().returned) == 1


def test_other_files_and_copies_bring_nothing_back(returning: Desk, tmp_path: Path) -> None:
    returning.put("service_lists/service_lists_20240629.csv", b"customer_id\nC1\n")
    returning.put(NAME, sheet(GOOD, BAD))
    assert len(returning.run().returned) == 1
    assert returning.run().returned == ()
    assert len(list((tmp_path / "returned").rglob("*.*"))) == 1


def test_a_workbook_taken_again_after_a_loss_comes_out_the_same_and_is_not_returned_again(
    returning: Desk, tmp_path: Path
) -> None:
    returning.settings = replace(returning.settings, ledger_copy=tmp_path / "ledger.jsonl")
    returning.put(NAME, sheet(GOOD, BAD))
    (path,) = returning.run().returned
    path.unlink()
    with duckdb.connect() as emptied:
        returning.con = emptied
        report = returning.run()
        assert (report.recovered, report.refused, report.returned) == ((NAME,), (), ())
        assert returning.reasons() == [(3, "list", "unknown_code")]
    assert not path.exists()


def test_a_rehearsal_writes_it_too_and_leaves_an_earlier_one(returning: Desk, tmp_path: Path) -> None:
    def ask(content: bytes) -> Path | None:
        file = tmp_path / "service_lists_20240630.xlsx"
        file.write_bytes(content)
        given = {"mappings": {}, "as_of_date": date(2024, 6, 30), "settings": returning.settings}
        return rehearse(returning.con, file, "service_lists", **given).returned

    path = ask(sheet(GOOD, BAD))
    assert path is not None and len(read_back(path)["refused rows"]) == 2
    assert ask(sheet(GOOD)) is None
    assert path.exists()
    assert ask(b"no workbook") == path
    assert "refused file" in read_back(path)
    assert returning.ask("SELECT count(*) FROM intake.files") == [(0,)]


def test_names_as_long_as_names_may_be_and_odd_ones_have_their_place(tmp_path: Path) -> None:
    long = returned_path(tmp_path, f"cdr/{'名' * 83}.xlsx")
    assert len(long.name.encode()) < 255
    assert long != returned_path(tmp_path, f"cdr/{'名' * 82}x.xlsx")
    assert returned_path(tmp_path, "cdr/a.b.XLSX").name == "a.b_refused.xlsx"
