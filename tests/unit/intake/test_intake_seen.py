"""An accepted file is read again only if it looks otherwise than when it was read, and other content is never passed.

Belongs here: pipelines/intake/seen.py. Does not: copies under another name.
"""

from __future__ import annotations

import os

import pytest
from intake_desk import Desk, cdr_file, cdr_row

from pipelines.intake.seen import look_of

NAME = "cdr/cdr_20240630.csv"
FIRST, OTHER = cdr_file(cdr_row()), cdr_file(cdr_row(charge="9.99"))


@pytest.fixture
def taken(desk: Desk) -> Desk:
    assert len(FIRST) == len(OTHER)
    desk.put(NAME, FIRST)
    assert len(desk.run().accepted) == 1
    return desk


def codes(desk: Desk) -> list[str]:
    report = desk.run()
    assert len(report.copies) + len(report.refused) == 1
    return [refused.code for refused in report.refused]


def seen(desk: Desk) -> list[tuple[object, ...]]:
    return desk.ask("SELECT file_name, bytes, modified_ns, changed_ns, inode FROM intake.seen")


def test_a_file_that_looks_as_it_did_is_not_read(taken: Desk) -> None:
    path = taken.put(NAME, OTHER)
    taken.con.execute("UPDATE intake.seen SET bytes = ?, modified_ns = ?, changed_ns = ?, inode = ?", [*look_of(path)])
    assert codes(taken) == []
    taken.con.execute("DELETE FROM intake.seen")
    assert codes(taken) == ["name_taken"]


def test_other_content_of_the_old_size_and_date_is_refused(taken: Desk) -> None:
    path = taken.landing / NAME
    old = path.stat()
    path.write_bytes(OTHER)
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))
    assert look_of(path)[:2] == (old.st_size, old.st_mtime_ns)
    assert codes(taken) == ["name_taken"]
    assert codes(taken) == ["name_taken"]


def test_other_content_moved_over_it_is_refused(taken: Desk) -> None:
    path = taken.landing / NAME
    other = path.with_name("other.part")
    other.write_bytes(OTHER)
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    assert codes(taken) == ["name_taken"]


def test_a_file_that_was_moved_about_is_read_once_and_remembered(taken: Desk) -> None:
    path = taken.landing / NAME
    aside = path.with_name("aside.part")
    aside.write_bytes(FIRST)
    aside.replace(path)
    assert seen(taken) != [(NAME, *look_of(path))]
    assert codes(taken) == []
    assert seen(taken) == [(NAME, *look_of(path))]


def test_a_warehouse_of_an_earlier_release_reads_it_once(taken: Desk) -> None:
    taken.con.execute("DROP TABLE intake.seen")
    assert codes(taken) == []
    assert seen(taken) == [(NAME, *look_of(taken.landing / NAME))]
