"""The ledger's copy outside the database: what it holds, what it finds out, and how it mends a database that forgot.

Belongs here: the file and its comparison with the database. Does not: kills (tests/faults/test_ledger_copy_kill.py).
"""

from __future__ import annotations

import json
import stat
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from intake_desk import Desk, Silent, cdr_file, cdr_row, extract_file

from pipelines.intake import LedgerCopyError, parse_mapping, read_ledger_copy, replay
from pipelines.intake.ledger_copy import ExtractEntry, LedgerCopy, LedgerEntry

MAPPING = """
source: people
version: 1.0.0
header: [id, months]
known_at: as_of
extracts:
  customers:
    columns: {customer_id: {from: id}, customer_type: {constant: individual}}
  subscriptions:
    columns:
      subscription_id: {from: id, prefix: s}
      customer_id: {from: id}
      account_id: {from: id}
      payment_type: {constant: postpaid}
      activation_date: {months_before_as_of: months}
      valid_from: {months_before_as_of: months}
      status: {constant: active}
"""
FILES = {
    "cdr/cdr_20240628.csv": cdr_file(cdr_row(record_id="a"), cdr_row(record_id="b", charge="x")),
    "cdr/cdr_20240629.csv": cdr_file(cdr_row(record_id="a"), cdr_row(record_id="c")),
    "cdr/cdr_20240630.csv": cdr_file(cdr_row(record_id="d", called_number="1E9")),
}


@pytest.fixture
def kept(desk: Desk, tmp_path: Path) -> Desk:
    """A desk whose ledger has a copy, and on which three files lie."""
    from dataclasses import replace as changed

    desk.settings = changed(desk.settings, ledger_copy=tmp_path / "ledger.jsonl")
    for name, content in FILES.items():
        desk.put(name, content)
    return desk


def copy_of(desk: Desk) -> Path:
    assert desk.settings.ledger_copy is not None
    return desk.settings.ledger_copy


def forget(desk: Desk, *names: str) -> None:
    """Takes files out of the database as a damaged write-ahead log does: without a trace."""
    for name in names:
        ids = [i for (i,) in desk.ask("SELECT file_id FROM intake.files WHERE file_name = ?", name)]
        tables = ("staging.cdr", "staging.customers", "staging.subscriptions", "intake.rejects", "intake.duplicates")
        for table in (*tables, "intake.nulled", "intake.file_days", "intake.files"):
            desk.ask(f"DELETE FROM {table} WHERE file_id IN (SELECT unnest(?))", ids)


def content(desk: Desk) -> list[list[tuple[Any, ...]]]:
    """Everything but the numbers of files, which say only in which order a database took them."""
    return [
        desk.ask("SELECT * EXCLUDE (file_id) FROM intake.files ORDER BY ALL"),
        desk.ask("SELECT * EXCLUDE (file_id) FROM staging.cdr ORDER BY ALL"),
        desk.ask("SELECT * EXCLUDE (file_id) FROM intake.rejects ORDER BY ALL"),
        desk.ask("SELECT * EXCLUDE (file_id) FROM intake.duplicates ORDER BY ALL"),
    ]


def test_a_line_a_file_with_all_its_extracts(desk: Desk, tmp_path: Path) -> None:
    desk.mappings["people"] = parse_mapping(MAPPING, "people.yaml")
    desk.put("people/a.csv", b"id,months\n1,2\n2,x\n")
    desk.put("cdr/cdr_20240630.csv", FILES["cdr/cdr_20240630.csv"])
    path = tmp_path / "ledger.jsonl"
    report = desk.run(ledger_copy=path)
    assert not report.refused
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    people, cdr = read_ledger_copy(path)
    assert (people.source, people.file_name, people.as_of_date) == ("people", "people/a.csv", date(2024, 6, 30))
    assert [(e.extract, e.records, e.header, e.accepted, e.rejected) for e in people.extracts] == [
        ("customers", 3, 1, 2, 0),
        ("subscriptions", 3, 1, 1, 1),
    ]
    assert people.extracts[0].known_at == datetime(2024, 6, 29, 16)
    assert (cdr.as_of_date, cdr.extracts[0].nulled, cdr.bytes) == (None, 1, len(FILES["cdr/cdr_20240630.csv"]))
    assert [json.loads(line)["position"] for line in path.read_text().splitlines()] == [1, 2]


def test_a_run_that_takes_nothing_writes_nothing(kept: Desk) -> None:
    kept.run()
    before = copy_of(kept).read_bytes()
    kept.run()
    assert copy_of(kept).read_bytes() == before
    kept.put("cdr/cdr_20240701.csv", cdr_file(cdr_row(record_id="e")))
    kept.run()
    assert copy_of(kept).read_bytes().startswith(before)
    assert len(read_ledger_copy(copy_of(kept))) == 4


def test_a_refused_file_has_no_line(kept: Desk) -> None:
    kept.put("cdr/cdr_20240701.csv", b"nonsense\n")
    assert len(kept.run().refused) == 1
    assert [e.file_name for e in read_ledger_copy(copy_of(kept))] == list(FILES)


def test_a_warehouse_that_knew_no_copy_gets_one(kept: Desk) -> None:
    path = copy_of(kept)
    kept.run(ledger_copy=None)
    assert not path.exists()
    kept.run()
    assert [e.file_name for e in read_ledger_copy(path)] == list(FILES)


def test_lines_that_the_database_has_and_the_copy_lacks_are_appended(kept: Desk) -> None:
    kept.run()
    whole = copy_of(kept).read_bytes()
    lines = whole.splitlines(keepends=True)
    copy_of(kept).write_bytes(lines[0])
    kept.run()
    copy = LedgerCopy(copy_of(kept))
    copy.append(copy.lines[0])
    assert copy_of(kept).read_bytes().startswith(whole)
    assert len(read_ledger_copy(copy_of(kept))) == 4


@pytest.mark.parametrize("kept_bytes", [1, 40, -2])
def test_a_torn_last_line_is_cut_off(kept: Desk, kept_bytes: int) -> None:
    kept.run()
    whole = copy_of(kept).read_bytes()
    lines = whole.splitlines(keepends=True)
    copy_of(kept).write_bytes(lines[0] + lines[1] + lines[2][:kept_bytes])
    assert len(read_ledger_copy(copy_of(kept))) == 2
    kept.run()
    copy = LedgerCopy(copy_of(kept))
    copy.append(copy.lines[0])
    assert copy_of(kept).read_bytes().startswith(whole)
    assert len(read_ledger_copy(copy_of(kept))) == 4


def test_a_last_line_that_lacks_only_its_end_is_kept(kept: Desk) -> None:
    kept.run()
    whole = copy_of(kept).read_bytes()
    copy_of(kept).write_bytes(whole[:-1])
    assert len(read_ledger_copy(copy_of(kept))) == 3
    kept.run()
    copy = LedgerCopy(copy_of(kept))
    copy.append(copy.lines[0])
    assert copy_of(kept).read_bytes().startswith(whole)
    assert len(read_ledger_copy(copy_of(kept))) == 4


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    extract = ExtractEntry("cdr", 3, 1, 0, 0, 1, 1, 0, 0, datetime(2024, 6, 29, 16), "1.0.0")
    copy = LedgerCopy(tmp_path / "ledger.jsonl")
    for number in range(3):
        copy.append(LedgerEntry("cdr", f"cdr/{number}.csv", "ab" * 32, 9, None, number, None, "cd" * 32, (extract,)))
    whole = copy.path.read_bytes()
    ends = [i for i, byte in enumerate(whole) if byte == 10]
    last_line = ends[1]
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1
        copy.path.write_bytes(bytes(damaged))
        if at == ends[-1]:  # the last newline: what stands there now is a torn line, and the entry still proves itself
            assert len(read_ledger_copy(copy.path)) == 2
            continue
        with pytest.raises(LedgerCopyError) as told:
            read_ledger_copy(copy.path)
        line = 1 + sum(end < at for end in ends)
        assert f"ledger.jsonl, line {line}:" in str(told.value) or (at in ends and at < last_line + 1)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        pytest.param(lambda lines: lines[1:], 1, id="first taken out"),
        pytest.param(lambda lines: [lines[0], lines[2]], 2, id="middle taken out"),
        pytest.param(lambda lines: [lines[1], lines[0], lines[2]], 1, id="two changed places"),
        pytest.param(lambda lines: [lines[0], lines[0], *lines[1:]], 2, id="one twice"),
        pytest.param(lambda lines: [lines[0], b"\n", *lines[1:]], 2, id="blank line"),
        pytest.param(lambda lines: [lines[0], lines[1].replace(b'"accepted":1', b'"accepted":9')], 2, id="a count"),
    ],
)  # fmt: skip
def test_a_changed_copy_stops_the_run_by_file_and_line(kept: Desk, change: Any, line: int) -> None:
    kept.run()
    lines = copy_of(kept).read_bytes().splitlines(keepends=True)
    copy_of(kept).write_bytes(b"".join(change(lines)))
    kept.put("cdr/cdr_20240701.csv", cdr_file(cdr_row(record_id="new")))
    with pytest.raises(LedgerCopyError, match=rf"ledger\.jsonl, line {line}: .*move it away"):
        kept.run()
    assert kept.ask("SELECT count(*) FROM intake.files") == [(3,)]


@pytest.mark.parametrize("lost", [list(FILES)[2:], list(FILES)[1:], list(FILES), list(FILES)[1:2]])
def test_files_that_the_database_lost_are_taken_again(kept: Desk, lost: list[str]) -> None:
    kept.run()
    before, line_by_line = content(kept), copy_of(kept).read_bytes()
    forget(kept, *lost)
    kept.put("cdr/cdr_20240101.csv", cdr_file(cdr_row(record_id="a", charge="7")))
    report = kept.run()
    assert report.recovered == tuple(lost) and not report.refused
    assert copy_of(kept).read_bytes().startswith(line_by_line)
    assert len(read_ledger_copy(copy_of(kept))) == 4
    # The early name of the new file does not bring it before those that were taken first.
    assert kept.ask("SELECT rejected FROM intake.files WHERE file_name = 'cdr/cdr_20240101.csv'") == [(1,)]
    forget(kept, "cdr/cdr_20240101.csv")
    assert content(kept) == before


def test_a_lost_file_that_landing_lacks_refuses_the_night_until_it_is_back(kept: Desk) -> None:
    kept.run()
    before = content(kept)
    forget(kept, *list(FILES)[1:])
    (kept.landing / "cdr/cdr_20240629.csv").unlink()
    kept.put("cdr/cdr_20240630.csv", FILES["cdr/cdr_20240630.csv"] + b"\n")
    kept.put("cdr/cdr_20240701.csv", cdr_file(cdr_row(record_id="new")))
    for _ in range(2):
        report = kept.run()
        assert [(r.file, r.code) for r in report.refused] == [
            ("cdr/cdr_20240629.csv", "file_lost"),
            ("cdr/cdr_20240630.csv", "file_lost"),
        ]
        assert "landing/" in report.refused[0].cure and not report.accepted
        assert kept.ask("SELECT count(*) FROM staging.cdr") == [(1,)]
    kept.put("cdr/cdr_20240629.csv", FILES["cdr/cdr_20240629.csv"])
    kept.put("cdr/cdr_20240630.csv", FILES["cdr/cdr_20240630.csv"])
    report = kept.run()
    assert not report.refused and len(report.recovered) == 2 and len(report.accepted) == 3
    forget(kept, "cdr/cdr_20240701.csv")
    assert content(kept) == before


def test_a_file_that_comes_out_otherwise_is_refused_and_not_kept(kept: Desk) -> None:
    kept.put("cdr/cdr_20240630.csv.ctl", b"known_at: 2024-07-01")
    kept.run()
    forget(kept, "cdr/cdr_20240630.csv")
    (kept.landing / "cdr/cdr_20240630.csv.ctl").unlink()
    (refused,) = kept.run().refused
    assert refused.code == "counts_differ"
    assert "cdr.known_at 2024-06-30 16:00:00 became 2024-06-29 16:00:00" in refused.reason
    assert kept.ask("SELECT count(*) FROM staging.cdr WHERE record_id = 'd'") == [(0,)]


def test_counts_that_differ_in_the_database_are_refused(kept: Desk) -> None:
    kept.run()
    kept.ask("UPDATE intake.files SET accepted = 5, rejected = 0 WHERE file_name = 'cdr/cdr_20240628.csv'")
    report = kept_without_balance(kept)
    assert [(r.file, r.code) for r in report.refused] == [("cdr/cdr_20240628.csv", "ledger_differs")]
    assert "cdr.accepted 1 became 5" in report.refused[0].reason and "rebuild" in report.refused[0].cure


def kept_without_balance(desk: Desk) -> Any:
    """A run of a damaged database, which the desk's own check of the balance would not let pass."""
    from pipelines.intake import ingest

    return ingest(
        desk.con,
        desk.landing,
        mappings=desk.mappings,
        as_of_date=desk.as_of,
        settings=desk.settings,
        progress=Silent(),
    )


def test_a_mapping_relative_to_the_night_is_replayed_with_the_night_it_had(kept: Desk, tmp_path: Path) -> None:
    kept.mappings["people"] = parse_mapping(MAPPING, "people.yaml")
    kept.put("people/a.csv", b"id,months\n1,2\n")
    kept.as_of = date(2024, 3, 31)
    kept.run()
    before = kept.ask("SELECT activation_date, known_at FROM staging.subscriptions")
    assert before == [(date(2024, 1, 31), datetime(2024, 3, 30, 16))]
    forget(kept, "people/a.csv")
    kept.as_of = date(2024, 6, 30)
    assert kept.run().recovered == ("people/a.csv",)
    assert kept.ask("SELECT activation_date, known_at FROM staging.subscriptions") == before


class TestReplay:
    def replayed(self, desk: Desk, **given: Any) -> Any:
        return replay(
            given.pop("con"),
            desk.landing,
            given.pop("entries", None) or read_ledger_copy(copy_of(desk)),
            mappings=desk.mappings,
            settings=desk.settings,
            progress=Silent(),
        )

    def test_an_empty_database_becomes_what_the_first_one_was(self, kept: Desk) -> None:
        kept.put("cdr/cdr_20240701.csv", b"nonsense\n")
        kept.run()
        kept.put("cdr/cdr_20240101.csv", cdr_file(cdr_row(record_id="a", charge="7")))
        kept.run()
        lines = copy_of(kept).read_bytes()
        (kept.landing / "cdr/cdr_20240701.csv").unlink()
        kept.run()
        kept.ask("DELETE FROM intake.files WHERE status = 'refused'")
        expected = content(kept)
        with duckdb.connect() as con:
            report = self.replayed(kept, con=con)
            assert len(report.accepted) == 4 and not report.refused
            kept.con, first = con, kept.con
            assert content(kept) == expected
            kept.require_balance()
            kept.con = first
        assert copy_of(kept).read_bytes() == lines

    def test_every_file_that_is_gone_or_changed_is_named_before_any_is_taken(self, kept: Desk) -> None:
        kept.run()
        (kept.landing / "cdr/cdr_20240629.csv").unlink()
        kept.put("cdr/cdr_20240630.csv", b"")
        with duckdb.connect() as con:
            with pytest.raises(LedgerCopyError) as told:
                self.replayed(kept, con=con)
            assert "cdr/cdr_20240629.csv" in str(told.value) and "no such file" in str(told.value)
            assert "cdr/cdr_20240630.csv" in str(told.value) and "other content" in str(told.value)
            assert con.execute("SELECT count(*) FROM intake.files").fetchall() == [(0,)]

    def test_a_mapping_that_is_gone_is_named(self, kept: Desk) -> None:
        kept.mappings["people"] = parse_mapping(MAPPING, "people.yaml")
        kept.put("people/a.csv", b"id,months\n1,2\n")
        kept.run()
        kept.mappings.clear()
        with duckdb.connect() as con, pytest.raises(LedgerCopyError, match="the source mapping people is gone"):
            self.replayed(kept, con=con)

    def test_other_counts_than_the_copy_s_are_refused(self, kept: Desk) -> None:
        kept.run()
        entries = read_ledger_copy(copy_of(kept))
        with duckdb.connect() as con:
            report = self.replayed(kept, con=con, entries=entries[1:])  # without the file that had "a" first
            assert [(r.file, r.code) for r in report.refused] == [("cdr/cdr_20240629.csv", "counts_differ")]
            assert "cdr.accepted 1 became 2" in report.refused[0].reason


def test_an_older_warehouse_gets_the_columns_that_came_later(kept: Desk) -> None:
    kept.run()
    for column in ("sequence", "stream"):
        kept.ask(f"ALTER TABLE intake.files DROP COLUMN {column}")
    kept.put("payments/payments_20240630.csv", extract_file("payments"))
    assert len(kept.run().accepted) == 1
