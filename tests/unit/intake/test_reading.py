"""Files that are read while the one before them is kept come out as if each had been read when its turn came.

Belongs here: reading.py, and what a night's intake makes of it. Does not: how one file is read (test_intake_files.py).
"""

from __future__ import annotations

import gzip
import threading
from pathlib import Path

import pytest
from intake_desk import Desk, cdr_file, cdr_row

from data_contracts import contract
from pipelines.intake import IntakeRefusal
from pipelines.intake.discover import Delivery, discover
from pipelines.intake.file_engine import OneNode
from pipelines.intake.mapping import identity_mapping
from pipelines.intake.opened import require_unchanged
from pipelines.intake.reading import ReadAhead

SOURCES = {"cdr": identity_mapping(contract("staging.cdr"))}
ENGINE = OneNode()


def content(day: int) -> bytes:
    return cdr_file(*(cdr_row(record_id=f"{day}-{i}") for i in range(20)))


def put(desk: Desk, *days: int) -> list[Path]:
    return [desk.put(f"cdr/cdr_202406{day:02}.csv", content(day)) for day in days]


def deliveries(desk: Desk) -> list[Delivery]:
    return list(discover(desk.landing, SOURCES).deliveries)


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("intake-next")]


def test_the_next_file_is_read_while_the_one_before_is_in_hand(desk: Desk) -> None:
    put(desk, 1, 2, 3)
    first, second, third = deliveries(desk)
    with ReadAhead([first, second, third], SOURCES, None) as ahead:
        with ahead.read(ENGINE, first, SOURCES["cdr"], desk.settings) as read:
            assert read.opened.records == 21
            assert begun(ahead) == second
            assert len(list(desk.settings.temporary_folder.iterdir())) == 2
        with ahead.read(ENGINE, second, SOURCES["cdr"], desk.settings) as read:
            assert read.opened.records == 21
            assert begun(ahead) == third
    assert list(desk.settings.temporary_folder.iterdir()) == []
    assert readers() == []


def begun(ahead: ReadAhead) -> Delivery | None:
    """What has been read ahead, once it is."""
    if ahead._begun is None:
        return None
    ahead._begun.result.result()
    return ahead._begun.delivery


def test_a_file_that_changed_after_it_was_read_ahead_is_refused(desk: Desk) -> None:
    _, late = put(desk, 1, 2)
    first, second = deliveries(desk)
    with ReadAhead([first, second], SOURCES, None) as ahead:
        with ahead.read(ENGINE, first, SOURCES["cdr"], desk.settings):
            assert begun(ahead) == second
        late.write_bytes(content(2) + content(3))
        with (
            ahead.read(ENGINE, second, SOURCES["cdr"], desk.settings) as read,
            pytest.raises(IntakeRefusal, match="changed while it was read"),
        ):
            require_unchanged(second, read.before)


def test_what_is_wrong_with_a_file_is_said_of_that_file_and_the_others_are_taken(desk: Desk) -> None:
    put(desk, 1, 3, 5)
    desk.put("cdr/cdr_20240602.csv.gz", b"").write_bytes(gzip.compress(content(2))[:-20])
    desk.put("cdr/cdr_20240604.csv", content(4).replace(b"record_id", b"record", 1))
    report = desk.run()
    assert [outcome.file_name[-6:-4] for outcome in report.accepted] == ["01", "03", "05"]
    assert [(refusal.file, refusal.code) for refusal in report.refused] == [
        ("cdr/cdr_20240602.csv.gz", "gzip_damaged"),
        ("cdr/cdr_20240604.csv", "header_differs"),
    ]
    assert readers() == []


def test_a_file_that_is_refused_before_it_is_asked_for_leaves_nothing(desk: Desk) -> None:
    put(desk, 1, 2, 3)
    desk.put("cdr/cdr_20240602.csv.ctl", b"records: many\n")
    report = desk.run()
    assert [refusal.file for refusal in report.refused] == ["cdr/cdr_20240602.csv.ctl"]
    assert len(report.accepted) == 2
    assert readers() == []


def test_a_file_with_the_content_of_the_one_before_is_its_copy(desk: Desk) -> None:
    put(desk, 1)
    desk.put("cdr/cdr_20240602.csv", content(1))
    report = desk.run()
    assert [(copy.file_name, copy.same_as) for copy in report.copies] == [
        ("cdr/cdr_20240602.csv", "cdr/cdr_20240601.csv")
    ]
