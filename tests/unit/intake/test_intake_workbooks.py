"""Excel workbooks: every cell is read as its user saw it, or its row is rejected; sheets in doubt are refused.

Belongs here: what only a workbook can do. Does not: hostile ones (tests/faults), rules of values.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from intake_desk import Desk
from workbooks import ENTRY, HEADER, LISTS, NAME, cells, fill, raw, sheet, written

from pipelines.intake import parse_mapping
from pipelines.intake.xlsx.cells import Read, Style, Wanted, read_number

DATE_STYLE = '<numFmts><numFmt numFmtId="164" formatCode="{}"/></numFmts><cellXfs><xf numFmtId="164"/></cellXfs>'


def accepted(desk: Desk) -> list[tuple[Any, ...]]:
    return desk.ask("SELECT customer_id, list, valid_from, valid_to FROM staging.service_lists ORDER BY rowid")


def one_cell(xml: str, column: str = "A", **more: Any) -> bytes:
    """A workbook whose only data row has that cell, and text everywhere else."""
    values = dict(zip("ABCDEF", ("C1", "red", "", "", "2024-01-01", ""), strict=True))
    row = "".join(
        xml if letter == column else f'<c r="{letter}2" t="inlineStr"><is><t>{value}</t></is></c>'
        for letter, value in values.items()
    )
    return raw(HEADER + f'<row r="2">{row}</row>', **more)


def test_a_workbook_goes_the_way_of_any_file(desk: Desk) -> None:
    desk.put(
        NAME,
        sheet(
            ["C1", "red", None, 'says "no", twice', "2024-01-01", None],
            [],
            ["C2", "gold", None, None, "2024-01-01", None],
            ["C1", "red", None, 'says "no", twice', "2024-01-01", None],
            ["C3", "vip", "M1", None, "2024-02-01", "2024-12-31"],
        ),
    )
    (outcome,) = desk.run().accepted
    assert (outcome.records, outcome.accepted, outcome.rejected, outcome.duplicate) == (6, 2, 1, 1)
    assert desk.ask("SELECT header, blank FROM intake.files") == [(1, 1)]
    assert desk.reasons() == [(4, "list", "unknown_code")]
    assert desk.ask("SELECT line_number FROM intake.duplicates") == [(5,)]
    assert desk.ask("SELECT reason FROM staging.service_lists WHERE customer_id = 'C1'") == [('says "no", twice',)]
    assert desk.ask("SELECT raw FROM intake.rejects") == [("C2,gold,,,2024-01-01,",)]
    # The date in its name says when it was known; the same workbook again is a copy.
    assert desk.ask("SELECT known_at FROM intake.files") == [(dt.datetime(2024, 6, 29, 16),)]
    assert desk.run().copies


def test_a_control_file_and_its_totals_hold(desk: Desk) -> None:
    header = ["payment_id", "account_id", "billing_period", "kind", "paid_at", "amount", "method"]
    mapping = parse_mapping(
        f"source: desk\nversion: '1'\nheader: {header}\nignored: [method]\nknown_at: row\n"
        "extracts: {payments: {columns: {payment_id: {from: payment_id}, account_id: {from: account_id}, "
        "billing_period: {from: billing_period}, kind: {from: kind}, paid_at: {from: paid_at, zone: Asia/Shanghai}, "
        "amount: {from: amount}}}}",
        "test",
    )
    desk.mappings["desk"] = mapping

    def make(book: Any) -> None:
        page = book.add_worksheet()
        moment = book.add_format({"num_format": "dd/mm/yyyy hh:mm"})
        fill(page, [header, ["P1", "A1", None, "payment", None, 12.3, "=x"], ["P2", "A1", None, "payment", None, 0.1]])
        page.write_datetime(1, 4, dt.datetime(2024, 6, 30, 23, 59, 59), moment)
        page.write_datetime(2, 4, dt.datetime(2024, 6, 30), moment)  # stored as a whole number of days

    desk.put("desk/day.xlsx", written(make, strings_to_formulas=False))
    desk.put("desk/day.xlsx.ctl", b"{records: 2, totals: {amount: '12.4'}}")
    desk.run()
    assert desk.reasons() == []
    assert desk.ask("SELECT payment_id, CAST(amount AS VARCHAR), paid_at FROM staging.payments ORDER BY 1") == [
        ("P1", "12.3000", dt.datetime(2024, 6, 30, 15, 59, 59)),
        ("P2", "0.1000", dt.datetime(2024, 6, 29, 16)),
    ]
    desk.put("desk/more.xlsx", sheet(["P3", "A1", None, "payment", None, 1, None], header=header))
    desk.put("desk/more.xlsx.ctl", b"records: 2")
    assert desk.refusal() == ("control_mismatch", None)


@pytest.mark.parametrize(
    ("cell", "styles", "customer"),
    [
        pytest.param('<c r="A2"><v>10000023</v></c>', "", "10000023", id="whole"),
        pytest.param('<c r="A2"><v>10000023.0</v></c>', "", "10000023", id="with decimals"),
        pytest.param('<c r="A2"><v>1.0000023E7</v></c>', "", "10000023", id="exponent in the XML only"),
        pytest.param('<c r="A2"><v>99999999999</v></c>', "", "99999999999", id="eleven digits are shown whole"),
        pytest.param('<c r="A2" s="0"><v>8613800000001</v></c>', "0", "8613800000001", id="shown whole by format 0"),
        pytest.param('<c r="A2" s="0"><v>999999999999999</v></c>', "0", "999999999999999", id="fifteen digits"),
        pytest.param('<c r="A2" s="0"><v>1234567</v></c>', "#,##0", "1234567", id="with separators"),
        pytest.param('<c r="A2" s="0"><v>123</v></c>', "00000000", "00000123", id="zeros by format"),
        pytest.param('<c r="A2" t="str"><f>B9</f><v>C7</v></c>', "", "C7", id="stored result of a formula"),
        pytest.param('<c r="A2" t="b"><v>1</v></c>', "", "TRUE", id="boolean"),
        pytest.param('<c r="A2" t="inlineStr"><is><r><t>C</t></r><r><t>8</t></r></is></c>', "", "C8", id="two formats"),
        pytest.param('<c r="A2" t="s"><v>0</v></c>', "", "王 1", id="shared, its reading left out"),
        pytest.param(
            '<c r="A2" t="inlineStr"><is><t>王</t><rPh sb="0" eb="1"><t>wang</t></rPh></is></c>',
            "",
            "王",
            id="inline, its reading left out",
        ),
        pytest.param('<c r="A2" t="inlineStr"><is><t>a_x0009_b</t></is></c>', "", "a\tb", id="escaped tab"),
        pytest.param('<c r="A2" t="inlineStr"><is><t>_x005F_x0041_</t></is></c>', "", "_x0041_", id="escaped escape"),
    ],
)
def test_a_cell_is_read_as_it_is_shown(desk: Desk, cell: str, styles: str, customer: str) -> None:
    strings = '<si><r><t>王</t></r><r><t xml:space="preserve"> 1</t></r><rPh sb="0" eb="1"><t>wang</t></rPh></si>'
    desk.put(NAME, one_cell(cell, styles=DATE_STYLE.format(styles) if styles else None, strings=strings))
    desk.run()
    assert desk.reasons() == []
    assert accepted(desk)[0][0] == customer


@pytest.mark.parametrize(
    ("cell", "styles", "reason"),
    [
        pytest.param('<c r="A2"><v>1234567890123456</v></c>', "", "cell_rounded", id="sixteen digits"),
        pytest.param('<c r="A2" s="0"><v>1.2345678901234568E19</v></c>', "0", "cell_rounded", id="twenty digits"),
        pytest.param('<c r="A2"><v>8613800000001</v></c>', "", "cell_exponent", id="shown as 8.6138E+12"),
        pytest.param('<c r="A2" s="0"><v>861380</v></c>', "0.00E+00", "cell_exponent", id="format with exponent"),
        pytest.param('<c r="A2" t="inlineStr"><is><t>8.6138E+12</t></is></c>', "", "cell_exponent", id="as text"),
        pytest.param('<c r="A2" s="0"><v>45293</v></c>', "m/d/yyyy", "cell_date", id="1-2 became a date"),
        pytest.param('<c r="A2" t="d"><v>2024-01-02T00:00:00</v></c>', "", "cell_date", id="ISO date"),
        pytest.param('<c r="A2" s="0"><v>0.5</v></c>', "0.0%", "cell_scaled", id="percent"),
        pytest.param('<c r="A2" s="0"><v>5000</v></c>', "#,##0,&quot;k&quot;", "cell_scaled", id="thousands"),
        pytest.param('<c r="A2" t="e"><v>#N/A</v></c>', "", "cell_error", id="error"),
        pytest.param('<c r="A2" t="e"><f>NA()</f><v>#N/A</v></c>', "", "cell_error", id="error of a formula"),
        pytest.param('<c r="A2"><f>1+1</f></c>', "", "cell_formula", id="formula without result"),
        pytest.param('<c r="A2"><f>1+1</f><v></v></c>', "", "cell_formula", id="formula with empty result"),
        pytest.param('<c r="A2" t="inlineStr"><is><t>C1\n</t></is></c>', "", "cell_control", id="line break"),
        pytest.param('<c r="A2" t="inlineStr"><is><t>C1_x0000_</t></is></c>', "", "cell_control", id="escaped NUL"),
        pytest.param('<c r="A2" t="inlineStr"><is><t>C_x001F_</t></is></c>', "", "cell_control", id="our separator"),
    ],
)
def test_what_can_not_be_known_from_a_cell_rejects_its_row(desk: Desk, cell: str, styles: str, reason: str) -> None:
    desk.put(NAME, one_cell(cell, styles=DATE_STYLE.format(styles) if styles else None))
    (outcome,) = desk.run().accepted
    assert (outcome.accepted, outcome.rejected) == (0, 1)
    assert desk.reasons() == [(2, "customer_id", reason)]
    assert "customer_id (column A)" in desk.ask("SELECT detail FROM intake.rejects")[0][0]


def test_a_program_that_leaves_formulas_to_excel_has_stored_no_results(desk: Desk) -> None:
    def make(book: Any) -> None:
        page = book.add_worksheet()
        fill(page, [LISTS, [None, "red", None, None, "2024-01-01"]])
        page.write_formula("A2", '="C"&"1"')  # the writer stores 0 as its result, and asks Excel to calculate

    desk.put(NAME, written(make))
    desk.run()
    assert desk.reasons() == [(2, "customer_id", "cell_formula")]


@pytest.mark.parametrize(
    ("serial", "book", "code", "found"),
    [
        pytest.param("45473", "", "yyyy-mm-dd", dt.date(2024, 6, 30), id="1900"),
        pytest.param("44011", '<workbookPr date1904="1"/>', "yyyy-mm-dd", dt.date(2024, 6, 30), id="1904"),
        pytest.param("45473", "", 'yyyy"年"m"月"d"日"', dt.date(2024, 6, 30), id="Chinese form"),
        pytest.param("45473", "", "[$-409]d\\-mmm\\-yy;@", dt.date(2024, 6, 30), id="language and second section"),
        pytest.param("45473", "", "[Red]General", "not_a_date", id="plain serial in red"),
        pytest.param("45473.5", "", "yyyy-mm-dd", "not_a_date", id="with a time of day"),
        pytest.param("60", "", "yyyy-mm-dd", "not_a_date", id="29 February 1900"),
        pytest.param("59", "", "yyyy-mm-dd", "below_minimum", id="28 February 1900"),
        pytest.param("0.5", "", "h:mm", "not_a_date", id="time of day"),
        pytest.param("-1", "", "yyyy-mm-dd", "not_a_date", id="negative"),
        pytest.param("2958466", "", "yyyy-mm-dd", "not_a_date", id="year 10000"),
    ],
)
def test_dates_are_serial_numbers_of_two_systems(
    desk: Desk, serial: str, book: str, code: str, found: dt.date | str
) -> None:
    cell = f'<c r="E2" s="0"><v>{serial}</v></c>'
    desk.put(NAME, one_cell(cell, "E", book=book, styles=DATE_STYLE.format(code.replace('"', "&quot;"))))
    desk.run()
    if isinstance(found, dt.date):
        assert [row[2] for row in accepted(desk)] == [found]
    else:
        assert desk.reasons() == [(2, "valid_from", found)]


@pytest.mark.parametrize(
    ("serial", "wanted", "text"),
    [
        ("1", "date", "1900-01-01"),
        ("59", "date", "1900-02-28"),
        ("60", "date", "1900-02-29"),
        ("61", "date", "1900-03-01"),
        ("45473.5", "date", "2024-06-30 12:00:00"),
        ("45473.999988425929", "time", "2024-06-30 23:59:59"),
        ("45473.00000001", "time", "2024-06-30 00:00:00.001"),
        ("45473", "time", "2024-06-30 00:00:00"),
        ("2958465", "date", "9999-12-31"),
    ],
)
def test_serial_numbers_stand_for_days_and_parts_of_days(serial: str, wanted: Wanted, text: str) -> None:
    assert read_number(serial, Style("date"), wanted, since_1904=False) == Read(text)


def test_dates_as_text_and_as_dates_mix(desk: Desk) -> None:
    desk.put(
        NAME,
        written(
            lambda book: fill(
                book.add_worksheet(),
                [
                    LISTS,
                    ["C1", "red", None, None, dt.date(2024, 1, 1)],
                    ["C2", "red", None, None, "2024-01-02"],
                    ["C3", "red", None, None, "03/01/2024"],
                ],
            ),
            default_date_format="dd.mm.yyyy",
        ),
    )
    desk.run()
    assert [row[2] for row in accepted(desk)] == [dt.date(2024, 1, 1), dt.date(2024, 1, 2)]
    assert desk.reasons() == [(4, "valid_from", "not_a_date")]


def test_columns_that_nothing_uses_may_hold_anything(desk: Desk) -> None:
    desk.mappings["crm"] = parse_mapping(
        "source: crm\nversion: '1'\nheader: [note, id, list, since]\nignored: [note]\nknown_at: {date: 2024-06-30}\n"
        "extracts: {service_lists: {columns: {customer_id: {from: id, prefix: C}, list: {from: list}, "
        "valid_from: {from: since}}}}",
        "test",
    )
    rows = (
        cells(1, "note", "id", "list", "since")
        + '<row r="2"><c r="A2" t="e"><v>#REF!</v></c><c r="B2"><v>7</v></c>'
        + '<c r="C2" t="inlineStr"><is><t>red</t></is></c><c r="D2" t="inlineStr"><is><t>2024-01-01</t></is></c></row>'
    )
    desk.put("crm/any.xlsx", raw(rows))
    desk.run()
    assert accepted(desk) == [("C7", "red", dt.date(2024, 1, 1), None)]


def test_rows_are_counted_by_their_place_in_the_sheet(desk: Desk) -> None:
    row_9 = cells(9, "C2", "gold", "", "", "2024-01-01")
    formatted = "".join(f'<row r="{n}"><c r="A{n}" s="1"/></row>' for n in range(10, 60))
    desk.put(NAME, raw(HEADER + ENTRY + row_9 + formatted))
    (outcome,) = desk.run().accepted
    assert (outcome.records, outcome.accepted, outcome.rejected) == (9, 1, 1)
    assert desk.ask("SELECT blank FROM intake.files") == [(6,)]
    assert desk.reasons() == [(9, "list", "unknown_code")]


def test_a_row_with_a_cell_too_many_is_rejected(desk: Desk) -> None:
    note = '<row r="3"><c r="A3" t="inlineStr"><is><t>C2</t></is></c><c r="I3" t="str"><v>see mail</v></c></row>'
    desk.put(NAME, raw(HEADER + ENTRY + note))
    desk.run()
    assert desk.reasons() == [(3, None, "wrong_field_count")]


def test_prefixes_and_cells_without_a_place_are_read_like_any(desk: Desk) -> None:
    """As some programs write them: names with a prefix, rows and cells that follow each other."""
    header = "".join(f"<x:c t='str'><x:v>{name}</x:v></x:c>" for name in LISTS)
    entry = "".join(f"<x:c t='str'><x:v>{v}</x:v></x:c>" for v in ("C1", "red", "", "", "2024-01-01", ""))
    page = f"<x:worksheet xmlns:x='x'><x:sheetData><x:row>{header}</x:row><x:row>{entry}</x:row></x:sheetData>"
    desk.put(NAME, raw("", parts={"xl/worksheets/sheet1.xml": page + "</x:worksheet>"}))
    desk.run()
    assert accepted(desk) == [("C1", "red", dt.date(2024, 1, 1), None)]


class TestWhichSheet:
    def test_the_only_filled_one_is_read(self, desk: Desk) -> None:
        desk.put(NAME, raw("", sheets={"Sheet2": "<row r='3'><c r='A3' s='1'/></row>", "Lists": HEADER + ENTRY}))
        desk.run()
        assert len(accepted(desk)) == 1

    def test_of_several_the_one_named_like_the_extract(self, desk: Desk) -> None:
        desk.put(NAME, raw(cells(1, "a title"), sheets={"Service_Lists ": HEADER + ENTRY}))
        desk.run()
        assert len(accepted(desk)) == 1

    def test_several_filled_ones_are_refused_and_named(self, desk: Desk) -> None:
        desk.put(NAME, raw(HEADER + ENTRY, sheets={"Old": HEADER, "Codes": HEADER}, states={"Codes": "veryHidden"}))
        assert desk.refusal() == ("several_sheets", None)
        (said,) = desk.ask("SELECT reason FROM intake.files")
        assert "'Sheet1', 'Old', 'Codes' (hidden)" in said[0]

    @pytest.mark.parametrize("state", ["hidden", "veryHidden"])
    def test_a_hidden_one_is_not_read_unseen(self, desk: Desk, state: str) -> None:
        desk.put(NAME, raw(HEADER + ENTRY, states={"Sheet1": state}))
        assert desk.refusal() == ("sheet_hidden", None)

    def test_an_empty_workbook_is_no_delivery(self, desk: Desk) -> None:
        desk.put(NAME, raw("<row r='1'><c r='A1' s='1'/></row>"))
        assert desk.refusal() == ("empty_file", 1)

    def test_a_header_alone_is_an_empty_delivery(self, desk: Desk) -> None:
        desk.put(NAME, raw(HEADER))
        assert desk.run().accepted[0].records == 1


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        pytest.param(raw(cells(1, *LISTS[:-1], "to")), "header_differs", 1, id="header"),
        pytest.param(raw(cells(2, *LISTS)), "header_absent", 1, id="header below a blank row"),
        pytest.param(raw(cells(1, *LISTS, "note")), "header_differs", 1, id="a column more"),
        pytest.param(raw(HEADER + ENTRY.replace("<row", "<row hidden='1'")), "rows_hidden", 2, id="hidden row"),
        pytest.param(
            raw(HEADER + ENTRY, behind="<mergeCells><mergeCell ref='B2:B3'/></mergeCells>"),
            "cells_merged",
            2,
            id="merged",
        ),
    ],
)
def test_a_sheet_in_doubt_is_refused(desk: Desk, content: bytes, code: str, line: int) -> None:
    desk.put(NAME, content)
    assert desk.refusal() == (code, line)


def test_hidden_empty_rows_and_merged_cells_beside_the_table_do_no_harm(desk: Desk) -> None:
    hidden = "<row r='7' hidden='1'><c r='A7' s='1'/></row>"
    merged = "<mergeCells><mergeCell ref='K1:L1'/><mergeCell ref='A90:B90'/></mergeCells>"
    desk.put(NAME, raw(HEADER + ENTRY + hidden, behind=merged))
    assert desk.run().accepted[0].accepted == 1


@pytest.mark.parametrize("name", ["lists.xls", "lists.XLSM", "lists.xlsb", "lists.ods"])
def test_other_workbooks_are_refused_with_the_cure(desk: Desk, name: str) -> None:
    desk.put(f"service_lists/{name}", b"x")
    assert desk.refusal() == ("unknown_file_type", None)
    assert "save it as Excel Workbook (.xlsx)" in desk.ask("SELECT reason FROM intake.files")[0][0]


def test_what_excel_lays_beside_an_open_workbook_is_left_alone(desk: Desk) -> None:
    desk.put("service_lists/~$service_lists_20240630.xlsx", b"owner")
    assert desk.run().ignored == ("service_lists/~$service_lists_20240630.xlsx",)
