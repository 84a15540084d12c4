"""Files that are refused whole, and odd files that are read rightly.

Belongs here: the file as a whole: bytes, header, name, control file. Does not: single records.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pytest
from intake_desk import CDR, Desk, cdr_file, cdr_row, extract_file

from pipelines.intake import IntakeRefusal, parse_mapping
from pipelines.intake.file_engine import OneNode
from pipelines.intake.file_rules import Format
from pipelines.intake.lines import CHUNK_BYTES, blocks_of, chunks, line_ends
from pipelines.intake.prescan import is_regular

NAME = "cdr/cdr_20240630.csv"
ROWS = [cdr_row(record_id=f"r{i}") for i in range(50)]
GOOD = cdr_file(*ROWS)
HEADER = list(CDR)


def put_gzip(desk: Desk, raw: bytes) -> None:
    path = desk.put("cdr/cdr_20240630.csv.gz", b"")
    path.write_bytes(raw)


def test_gzip_is_read(desk: Desk) -> None:
    desk.put("cdr/cdr_20240630.CSV.gz", b"").write_bytes(
        gzip.compress(cdr_file(*ROWS[:20])) + gzip.compress(GOOD[len(cdr_file(*ROWS[:20])) :])
    )
    (outcome,) = desk.run().accepted
    assert outcome.accepted == 50


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-20],
        lambda raw: raw[:-1],
        lambda raw: raw[:-8] + b"\x00\x00\x00\x00" + raw[-4:],
        lambda raw: raw[:40] + b"\xff\xff\xff\xff" + raw[44:],
        lambda raw: raw + b"trailing garbage",
        lambda raw: b"no gzip at all",
        lambda raw: b"",
    ],
    ids=["cut", "cut by one", "crc", "middle", "garbage behind", "not gzip", "empty"],
)
def test_damaged_gzip_is_refused(desk: Desk, damage) -> None:  # type: ignore[no-untyped-def]
    put_gzip(desk, damage(gzip.compress(GOOD)))
    assert desk.refusal() == ("gzip_damaged", None)


def test_a_bomb_is_refused_before_it_fills_the_disk(desk: Desk) -> None:
    put_gzip(desk, gzip.compress(GOOD + b"0" * 30_000_000))
    assert desk.refusal() == ("expands_too_far", None)


def test_limits_are_settings(desk: Desk) -> None:
    desk.put(NAME, GOOD)
    assert desk.refusal(max_file_bytes=100) == ("file_too_large", None)
    assert desk.refusal(max_line_bytes=150) == ("line_too_long", 1)
    assert desk.run().accepted[0].accepted == 50


def test_a_line_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "one_line"
    with path.open("wb") as stream:
        stream.truncate(500_000_000)  # a hole: takes no disk
    seen: list[int] = []
    blocks = (seen.append(len(block)) or block for block in blocks_of(path))
    with pytest.raises(IntakeRefusal, match="line_too_long"):
        list(chunks(blocks, "one_line", 1_000_000))
    assert sum(seen) < 20_000_000


def test_a_long_line_is_refused_with_its_number(desk: Desk) -> None:
    desk.put(NAME, GOOD + cdr_row(cause_for_term="x" * 2_000_000).encode() + b"\n")
    assert desk.refusal() == ("line_too_long", 52)
    desk.put(NAME, GOOD + b"x" * 20_000_000)
    assert desk.refusal() == ("line_too_long", 52)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (GOOD.decode().encode("utf-16"), 1),
        (GOOD.decode().encode("utf-16-le"), 1),
        (GOOD + cdr_row(cause_for_term="原因").encode("gbk"), 52),
        (GOOD + b"\x00" * 5000, 52),
    ],
    ids=["utf-16 bom", "utf-16", "gbk undeclared", "nul block"],
)
def test_another_encoding_is_refused_with_its_place(desk: Desk, content: bytes, line: int) -> None:
    desk.put(NAME, content)
    assert desk.refusal() == ("not_in_encoding", line)


def test_the_offset_of_an_undecodable_byte_is_named(desk: Desk) -> None:
    desk.put(NAME, GOOD + b"\xff\n")
    (refused,) = desk.run().refused
    assert f"byte {len(GOOD)} " in refused.reason


def gbk_mapping(desk: Desk, **format_: str) -> None:
    columns = "\n".join(f"      {c}: {{from: {c}}}" for c in CDR)
    form = ", ".join(f"{k}: {v}" for k, v in format_.items())
    text = f"source: calls\nversion: 1.0.0\nheader: [{', '.join(CDR)}]\nformat: {{{form}}}\n"
    text += f"extracts:\n  cdr:\n    columns:\n{columns}\n"
    desk.mappings["calls"] = parse_mapping(text, "calls.yaml")


def test_declared_gbk_is_transcoded(desk: Desk) -> None:
    gbk_mapping(desk, encoding="gbk")
    desk.put("calls/a.csv", cdr_file(cdr_row(cause_for_term="原因"), cdr_row(record_id="")).decode().encode("gbk"))
    desk.put("calls/b.csv", cdr_file(cdr_row(record_id="b")) + b"\xff\xff\n")
    report = desk.run()
    assert desk.ask("SELECT cause_for_term FROM staging.cdr") == [("原因",)]
    assert [(r.file, r.code, r.line) for r in report.refused] == [("calls/b.csv", "not_in_encoding", 3)]


def test_a_byte_order_mark_is_left_out(desk: Desk) -> None:
    desk.put(NAME, b"\xef\xbb\xbf" + cdr_file(cdr_row(charge="x"), *ROWS))
    assert desk.run().accepted[0].accepted == 50
    assert desk.ask("SELECT line_number, raw FROM intake.rejects") == [(2, cdr_row(charge="x"))]


def test_carriage_returns_alone_are_refused(desk: Desk) -> None:
    desk.put(NAME, GOOD.replace(b"\n", b"\r"))
    assert desk.refusal() == ("cr_line_ends", 1)


def test_mixed_line_ends_are_read_and_a_bare_return_rejects_its_line(desk: Desk) -> None:
    desk.put(NAME, GOOD.replace(b"\n", b"\r\n", 20) + cdr_row(cause_for_term="a\rb").encode())
    (outcome,) = desk.run().accepted
    assert (outcome.accepted, outcome.rejected) == (50, 1)


@pytest.mark.parametrize(
    ("header", "code", "said"),
    [
        ([HEADER[1], HEADER[0], *HEADER[2:]], "header_differs", "reordered"),
        (["record", *HEADER[1:]], "header_differs", "renamed"),
        (HEADER[:-1], "header_differs", "missing 'cause_for_term'"),
        ([*HEADER, "extra"], "header_differs", "unknown 'extra'"),
        ([HEADER[0], HEADER[0], *HEADER[2:]], "header_differs", "duplicated 'record_id'"),
        ([" record_id", *HEADER[1:]], "header_differs", "spaces, case"),
        (["RECORD_ID", *HEADER[1:]], "header_differs", "spaces, case"),
        (["\ufeff\ufeffrecord_id", *HEADER[1:]], "header_differs", "invisible"),
        (list(CDR.values()), "header_absent", "looks like data"),
    ],
)
def test_another_header_is_refused(desk: Desk, header: list[str], code: str, said: str) -> None:
    desk.put(NAME, (",".join(header) + "\n" + cdr_row() + "\n").encode())
    (refused,) = desk.run().refused
    assert (refused.code, refused.line) == (code, 1)
    assert said in refused.reason
    assert CDR["served_msisdn"] not in str(refused)


def test_a_quoted_header_is_a_header(desk: Desk) -> None:
    desk.put(NAME, (",".join(f'"{h}"' for h in HEADER) + "\r\n" + cdr_row() + "\r\n").encode())
    assert desk.run().accepted[0].accepted == 1


def test_empty_and_header_only(desk: Desk) -> None:
    desk.put("cdr/cdr_20240629.csv", b"")
    desk.put(NAME, cdr_file())
    desk.put("cdr/cdr_20240701.csv", cdr_file().rstrip(b"\n"))
    desk.put("cdr/cdr_20240702.csv", b"\n\n")
    report = desk.run()
    assert [(r.file, r.code) for r in report.refused] == [
        ("cdr/cdr_20240629.csv", "empty_file"),
        ("cdr/cdr_20240702.csv", "header_absent"),
    ]
    assert [(o.file_name, o.records, o.accepted) for o in report.accepted] == [
        (NAME, 1, 0),
        ("cdr/cdr_20240701.csv", 1, 0),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "a'b; DROP TABLE x;--.csv",
        'q"q.csv',
        "*.csv",
        "[a-z]?.csv",
        "sp ace.csv",
        "new\nline.csv",
        "名.csv",
        "$(x).csv",
        "-rf.csv",
    ],
)
def test_hostile_names_are_data(desk: Desk, name: str) -> None:
    desk.put("cdr/other1.csv", cdr_file(cdr_row(record_id="other")))
    desk.put(f"cdr/{name}", GOOD)
    report = desk.run()
    assert not report.refused
    assert sorted(o.accepted for o in report.accepted) == [1, 50]
    assert desk.ask("SELECT count(*) FROM staging.cdr") == [(51,)]


def test_a_name_that_is_no_text_is_escaped(desk: Desk) -> None:
    path = os.fsencode(desk.landing / "cdr") + b"/\xff\xfe.csv"
    (desk.landing / "cdr").mkdir()
    with open(path, "wb") as stream:  # noqa: PTH123  (a name that no Path shows)
        stream.write(GOOD)
    assert [o.file_name for o in desk.run().accepted] == ["cdr/\\xff\\xfe.csv"]


def test_a_temporary_folder_with_globs_in_its_name(desk: Desk, tmp_path: Path) -> None:
    desk.put(NAME, GOOD)
    folder = tmp_path / "t[m]p* it's"
    assert desk.run(temporary_folder=folder).accepted[0].accepted == 50


def test_what_lies_about_is_named(desk: Desk, tmp_path: Path) -> None:
    desk.put("customer/a.csv", b"x")
    desk.put("stray.csv", b"x")
    desk.put("cdr/table.docx", b"x")
    desk.put("cdr/gone_20240630.csv.ctl", b"records: 1")
    for ignored in (".hidden.csv", "growing.csv.part", "growing.tmp", "done.ok"):
        desk.put(f"cdr/{ignored}", b"x")
    (desk.landing / "cdr" / "folder.csv").mkdir()
    (desk.landing / "cdr" / "dangling.csv").symlink_to(tmp_path / "nowhere")
    os.mkfifo(desk.landing / "cdr" / "pipe.csv")
    (desk.landing / "empty_folder").mkdir()
    report = desk.run()
    assert sorted((r.file, r.code) for r in report.refused) == [
        ("cdr/dangling.csv", "not_a_file"),
        ("cdr/folder.csv", "not_a_file"),
        ("cdr/gone_20240630.csv.ctl", "file_missing"),
        ("cdr/pipe.csv", "not_a_file"),
        ("cdr/table.docx", "unknown_file_type"),
        ("customer", "unknown_folder"),
        ("stray.csv", "file_without_folder"),
    ]
    (unknown,) = [r for r in report.refused if r.code == "unknown_folder"]
    assert "Did you mean customers?" in unknown.cure and "cdr" in unknown.cure
    assert report.ignored == ("cdr/done.ok", "cdr/growing.csv.part", "cdr/growing.tmp")


def test_a_link_to_a_file_is_that_file(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "archive.csv").write_bytes(GOOD)
    (desk.landing / "cdr").mkdir()
    (desk.landing / NAME).symlink_to(tmp_path / "archive.csv")
    assert desk.run().accepted[0].accepted == 50


def test_a_file_that_changes_while_it_is_read_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = desk.put(NAME, GOOD)
    real = OneNode.type_rows

    def growing(*args, **kwargs):  # type: ignore[no-untyped-def]
        rows = real(*args, **kwargs)
        with path.open("ab") as stream:
            stream.write(b"more\n")
        return rows

    monkeypatch.setattr(OneNode, "type_rows", staticmethod(growing))
    assert desk.refusal() == ("file_changed", None)


@pytest.mark.parametrize(
    ("control", "code"),
    [
        ("records: 50", None),
        ("records: 51", "control_mismatch"),
        ("totals: {charge: '7.50', call_duration: '3050'}", None),
        ("totals: {charge: 7.500}", None),
        ("totals: {charge: '7.51'}", "control_mismatch"),
        ("totals: {charged: '7.51'}", "control_unreadable"),
        ("totals: {charge: 7,51}", "control_unreadable"),
        (f"sha256: {hashlib.sha256(GOOD).hexdigest().upper()}", None),
        (f"sha256: {'0' * 64}", "control_mismatch"),
        ("recrods: 50", "control_unreadable"),
        ("records: many", "control_unreadable"),
        ("records: [", "control_unreadable"),
        ("- records", "control_unreadable"),
        ("known_at: 2024-06-30T21:00:00", "control_unreadable"),
        ("known_at: soon", "control_unreadable"),
        ("known_at: 2024-06-30T21:00:00+08:00", None),
        ("", None),
    ],
)
def test_the_control_file_is_held_against_the_file(desk: Desk, control: str, code: str | None) -> None:
    desk.put(NAME, GOOD)
    desk.put(NAME + ".ctl", control.encode())
    report = desk.run()
    assert [r.code for r in report.refused] == ([code] if code else [])
    assert len(report.accepted) == (code is None)


def test_totals_count_every_record_that_is_a_number(desk: Desk) -> None:
    rows = [
        cdr_row(record_id="a", charge="1.10"),
        cdr_row(record_id="a", charge="1.10"),
        cdr_row(record_id="", charge="2"),
    ]
    rows += [cdr_row(record_id="n", charge="NaN"), "cut,off"]
    desk.put(NAME, cdr_file(*rows))
    desk.put(NAME + ".ctl", b"records: 5\ntotals: {charge: '4.2'}")
    (outcome,) = desk.run().accepted
    assert (outcome.accepted, outcome.rejected, outcome.duplicate) == (1, 3, 1)


def test_a_mismatch_names_both_figures(desk: Desk) -> None:
    desk.put(NAME, GOOD)
    desk.put(NAME + ".ctl", b"totals: {charge: '7.51'}")
    (refused,) = desk.run().refused
    assert "7.51" in refused.reason and "7.5 " in refused.reason + " "


def test_a_foreign_currency_refuses_the_file(desk: Desk) -> None:
    bill = dict.fromkeys(
        ("rental_amount", "voice_amount", "long_distance_amount", "roaming_amount", "data_amount"), "1"
    )
    bill |= dict.fromkeys(("messaging_amount", "value_added_amount", "device_instalment_amount", "refund_amount"), "1")
    bill |= {"tax_amount": "1", "amount_due": "1", "account_id": "a", "bill_type": "invoice", "bill_date": "2024-06-01"}
    bill |= {"billing_period": "2024-05"}
    name = "bills/bills_20240605.csv"
    desk.put(
        name,
        extract_file("bills", bill | {"bill_id": "1", "currency": "CNY"}, bill | {"bill_id": "2", "currency": "USD"}),
    )
    assert desk.refusal() == ("foreign_currency", None)
    desk.put(
        name,
        extract_file("bills", bill | {"bill_id": "1", "currency": "CNY"}, bill | {"bill_id": "2", "currency": "cny"}),
    )
    assert desk.run().accepted[0].accepted == 1
    assert desk.reasons() == [(3, "currency", "bad_form")]


def test_parquet_goes_through_the_same_checks(desk: Desk, tmp_path: Path) -> None:
    rows = [CDR, CDR | {"record_id": "r2", "charge": "1.23456"}, CDR, CDR | {"record_id": "r\x01"}]
    out = tmp_path / "x.parquet"
    values = ", ".join("(" + ", ".join("?" for _ in CDR) + ")" for _ in rows)
    desk.con.execute(
        "COPY (SELECT * REPLACE (CAST(call_duration AS BIGINT) AS call_duration, "
        "CAST(answer_time AS TIMESTAMPTZ) AS answer_time, "
        f"CAST(roaming AS BOOLEAN) AS roaming) FROM (VALUES {values}) t({', '.join(CDR)})) TO '{out}' (FORMAT parquet)",
        [v for r in rows for v in r.values()],
    )
    desk.put("cdr/cdr_20240630.parquet", out.read_bytes())
    desk.put("cdr/cdr_20240701.parquet", out.read_bytes()[:-30])
    report = desk.run()
    (outcome,) = report.accepted
    assert (outcome.records, outcome.accepted, outcome.rejected, outcome.duplicate) == (4, 1, 2, 1)
    assert desk.reasons() == [(2, "charge", "too_many_decimals"), (4, "record_id", "control_character")]
    assert '"record_id":"r2"' in desk.ask("SELECT raw FROM intake.rejects ORDER BY line_number")[0][0]
    assert [r.code for r in report.refused] == ["parquet_damaged"]


def test_parquet_with_other_columns_is_refused(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "x.parquet"
    desk.con.execute(f"COPY (SELECT 1 AS record_id) TO '{out}' (FORMAT parquet)")
    desk.put("cdr/cdr_20240630.parquet", out.read_bytes())
    assert desk.refusal() == ("header_differs", 1)


def test_a_number_that_is_not_plain_adds_nothing_to_a_total(desk: Desk) -> None:
    desk.put(NAME, cdr_file(cdr_row(record_id="a", call_duration="7"), cdr_row(record_id="b", call_duration="+5")))
    desk.put(NAME + ".ctl", b"totals: {call_duration: '12'}")
    assert desk.refusal() == ("control_mismatch", None)
    desk.put(NAME + ".ctl", b"totals: {call_duration: '7'}")
    (outcome,) = desk.run().accepted
    assert (outcome.accepted, outcome.rejected) == (1, 1)


def test_a_damaged_stream_goes_before_a_damaged_text(desk: Desk) -> None:
    # More than is unpacked ahead, so that the fault of the text is met first.
    packed = gzip.compress(b"\xff\xfe" + GOOD * (4 * CHUNK_BYTES // len(GOOD)), compresslevel=1)
    put_gzip(desk, packed)
    assert desk.refusal(max_expansion=1000) == ("not_in_encoding", 1)
    put_gzip(desk, packed[:-5] + bytes([packed[-5] ^ 1]) + packed[-4:])
    assert desk.refusal(max_expansion=1000) == ("gzip_damaged", None)


def test_a_line_with_256_fields_too_many_is_not_regular() -> None:
    sound, long = b"a,b,c\n", b"a" + b"," * 258 + b"\n"
    assert is_regular(sound, line_ends(sound), Format(), 3)
    assert not is_regular(sound + long, line_ends(sound + long), Format(), 3)
