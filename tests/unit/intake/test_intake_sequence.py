"""Numbered files: copies, conflicts, wraps, and what a mapping may say of numbers.

Belongs here: what intake makes of a number. Does not: gaps (tests/sql/test_sql_delivery_gaps.py).
"""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from intake_desk import CDR, Desk, cdr_file, cdr_row

from pipelines import warehouse
from pipelines.intake import MappingError, parse_mapping, read_ledger_copy
from pipelines.run_context import parameters
from pipelines.sql_catalogue import sql_table

RULE = r"file_name: 'TD(?P<stream>[A-Z]+)(?P<sequence>\d{5})\.csv'"


def numbered_source(desk: Desk, rule: str = RULE) -> None:
    columns = "\n".join(f"      {c}: {{from: {c}}}" for c in CDR)
    text = f"source: tap\nversion: 1.0.0\nheader: [{', '.join(CDR)}]\nsequence: {{{rule}}}\n"
    desk.mappings["tap"] = parse_mapping(text + f"extracts:\n  cdr:\n    columns:\n{columns}\n", "tap.yaml")


def put(desk: Desk, name: str, record: str, control: str | None = None) -> None:
    desk.put(f"tap/{name}", cdr_file(cdr_row(record_id=record)))
    if control is not None:
        desk.put(f"tap/{name}.ctl", control.encode())


def numbers(desk: Desk) -> list[tuple[str | None, int, int]]:
    return desk.ask(  # type: ignore[return-value]
        "SELECT stream, sequence, sequence_position FROM intake.files WHERE status = 'accepted' ORDER BY ALL"
    )


def gaps(desk: Desk) -> list[tuple[str | None, int, int]]:
    night = parameters(desk.as_of, ZoneInfo("Asia/Shanghai"), "msisdn")
    found = warehouse.select(desk.con, sql_table("features.delivery_gaps"), night)
    return found.project("stream, first_missing, last_missing").order("ALL").fetchall()


def test_the_name_says_number_and_stream(desk: Desk, tmp_path: Path) -> None:
    numbered_source(desk)
    put(desk, "TDAB00007.csv", "a")
    put(desk, "TDAB00009.csv", "b")
    put(desk, "TDXY00001.csv", "c")
    assert not desk.run(ledger_copy=tmp_path / "ledger.jsonl").refused
    assert numbers(desk) == [("AB", 7, 7), ("AB", 9, 9), ("XY", 1, 1)]
    assert gaps(desk) == [("AB", 8, 8)]
    first, *_ = read_ledger_copy(tmp_path / "ledger.jsonl")
    assert (first.stream, first.sequence) == ("AB", 7)
    put(desk, "TDAB00008.csv", "late")
    desk.run()
    assert gaps(desk) == []


def test_the_control_file_wins_and_needs_no_mapping(desk: Desk) -> None:
    numbered_source(desk)
    put(desk, "TDAB00007.csv", "a", "sequence: 17\nstream: Z")
    desk.put("cdr/cdr_20240630.csv", cdr_file(cdr_row(record_id="b")))
    desk.put("cdr/cdr_20240630.csv.ctl", b"sequence: 3")
    desk.run()
    assert numbers(desk) == [("Z", 17, 17), (None, 3, 3)]


def test_the_same_number_and_content_is_a_copy_under_any_name(desk: Desk) -> None:
    numbered_source(desk)
    put(desk, "TDAB00001.csv", "a")
    put(desk, "resent_TDAB00001.csv", "a")
    report = desk.run()
    assert [(c.file_name, c.same_as) for c in report.copies] == [("tap/resent_TDAB00001.csv", "tap/TDAB00001.csv")]
    assert numbers(desk) == [("AB", 1, 1)]


def test_the_same_number_with_other_content_is_refused_with_both_names(desk: Desk) -> None:
    numbered_source(desk)
    put(desk, "TDAB00001.csv", "a")
    put(desk, "other_TDAB00001.csv", "b")
    put(desk, "TDXY00001.csv", "c")  # another stream
    desk.run()
    (refused,) = desk.run().refused
    assert refused.code == "sequence_conflict" and "number of its own" in refused.cure
    assert refused.file == "tap/other_TDAB00001.csv"
    assert "as tap/TDAB00001.csv" in refused.reason and "stream AB" in refused.reason
    assert desk.ask("SELECT count(*) FROM staging.cdr") == [(2,)]


def test_the_same_content_under_another_number_is_a_file_of_its_own(desk: Desk) -> None:
    """Else its number would be missing for ever; its records are duplicates, each accounted for."""
    numbered_source(desk)
    put(desk, "TDAB00001.csv", "a")
    put(desk, "TDAB00002.csv", "a")
    first, second = desk.run().accepted
    assert (first.accepted, second.accepted, second.duplicate) == (1, 0, 1)
    assert gaps(desk) == []


@pytest.mark.parametrize(
    "order", [(99998, 99999, 1, 2), (1, 2, 99998, 99999), (99999, 2, 1, 99998), (2, 99998, 1, 99999)]
)
def test_numbers_begin_anew_in_whatever_order_files_come(desk: Desk, order: tuple[int, ...]) -> None:
    numbered_source(desk)
    for number in order:
        put(desk, f"TDAB{number:05}.csv", f"r{number}")
        assert not desk.run().refused
    assert gaps(desk) == []
    ordered = desk.ask("SELECT sequence FROM intake.files ORDER BY sequence_position")
    assert ordered == [(99998,), (99999,), (1,), (2,)]


def test_a_number_comes_again_in_the_next_round(desk: Desk) -> None:
    numbered_source(desk, RULE + ", first: 0, last: 9")
    for turn in range(3):
        for number in range(10):
            put(desk, f"{turn}TDAB{number:05}.csv", f"{turn}-{number}")
            assert not desk.run().refused
    assert len(numbers(desk)) == 30 and gaps(desk) == []


@pytest.mark.parametrize(
    ("name", "control", "code"),
    [
        ("without.csv", None, "sequence_missing"),
        ("TDAB00000.csv", None, "sequence_out_of_range"),
        ("TDAB00001.csv", "sequence: 100000", "sequence_out_of_range"),
        ("TDAB00001.csv", "sequence: -1", "control_unreadable"),
        ("TDAB00001.csv", "sequence: 1.5", "control_unreadable"),
    ],
)
def test_a_number_that_can_t_be_is_refused(desk: Desk, name: str, control: str | None, code: str) -> None:
    numbered_source(desk)
    put(desk, name, "a", control)
    (refused,) = desk.run().refused
    assert refused.code == code and refused.cure


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("file_name: '(x'", "no regular expression"),
        ("file_name: 'x'", "needs a group"),
        (r"file_name: '(?P<sequence>\d+)(?P<date>x)'", "needs a group"),
        ("first: 5, last: 9", "fewer than ten"),
        ("frist: 5", "did you mean 'first'"),
    ],
)
def test_a_rule_that_can_t_be_is_refused(desk: Desk, rule: str, said: str) -> None:
    with pytest.raises(MappingError, match=said.replace("(", r"\(")):
        numbered_source(desk, rule)
