"""What was rejected, told by file and by reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from intake_desk import Desk, cdr_file, cdr_row

from pipelines.intake.rejected import RejectedFile, rejected_files, rejected_for

BAD, WORSE = "cdr/cdr_20240629.csv", "cdr/cdr_20240630.csv.gz"


def deliver(desk: Desk) -> None:
    desk.put(BAD, cdr_file(cdr_row(), cdr_row(), cdr_row(record_id="x", charge="13800000009")))
    desk.put(
        WORSE,
        cdr_file(
            cdr_row(record_id="good"),
            cdr_row(record_id="y")[:-20],  # has no columns
            cdr_row(record_id="z", served_msisdn="13800000009"),
            cdr_row(record_id="z2", served_msisdn="13800000009"),
        ),
    )
    desk.put("cdr/cdr_20240701.csv", cdr_file(cdr_row(record_id="fine")))


def test_files_are_told_worst_first_with_their_first_line_and_no_value(desk: Desk) -> None:
    deliver(desk)
    told = rejected_files(desk.con, desk.run().newly_rejected)
    assert told == (
        RejectedFile("cdr", WORSE, 3, 0, 3, "wrong_field_count", None),
        RejectedFile("cdr", BAD, 1, 1, 4, "above_maximum", "charge"),
    )
    assert "13800000009" not in str(told)


def test_what_a_run_did_not_take_it_did_not_reject(desk: Desk) -> None:
    deliver(desk)
    desk.run()
    again = desk.run()
    assert again.newly_rejected == ()
    assert rejected_files(desk.con, again.newly_rejected) == ()


def test_what_the_warehouse_had_lost_is_no_news_when_taken_again(desk: Desk, tmp_path: Path) -> None:
    desk.settings = replace(desk.settings, ledger_copy=tmp_path / "ledger.jsonl")
    deliver(desk)
    assert len(desk.run().newly_rejected) == 2
    for table in ("staging.cdr", "intake.rejects", "intake.duplicates", "intake.files"):
        desk.ask(f"DELETE FROM {table}")
    again = desk.run()
    assert len(again.recovered) == 3 and again.newly_rejected == ()


def test_reasons_are_told_by_file_with_the_first_lines(desk: Desk) -> None:
    deliver(desk)
    told = rejected_for(desk.con, desk.run().newly_rejected)
    assert [(r.file_name, r.reason, r.column, r.records, r.first_lines) for r in told] == [
        (BAD, "above_maximum", "charge", 1, (4,)),
        (WORSE, "bad_number_form", "served_msisdn", 2, (4, 5)),
        (WORSE, "wrong_field_count", None, 1, (3,)),
    ]
