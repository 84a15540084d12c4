"""The same files taken by this node and by executors, range by range: the same ledger, rejects, duplicates and rows.

Belongs here: equality of both ways of intake. Does not: what should be said of a record (tests/unit/intake).
"""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import ON_SPARK

from data_contracts import contract
from pipelines.contracts.judged import judge_new
from pipelines.contracts.tables import INTAKE_COLUMNS
from pipelines.engine import count_elsewhere_of, file_engine_of
from pipelines.intake import IntakeReport, create_tables, elsewhere, ingest
from pipelines.intake.expiries import ExpiredDay, Expiry, expire
from pipelines.night import Night
from pipelines.rebuild import rebuild
from pipelines.scratch import scratch
from pipelines.settings import SettingsError
from pipelines.spark import intake, taken
from pipelines.spark.intake import SparkIntake
from pipelines.warehouse import WarehouseError, transaction

AS_OF = date(2024, 6, 30)
HEADER = (
    "record_id,served_msisdn,calling_number,called_number,direction,call_type,answer_time,call_duration,"
    "uplink_bytes,downlink_bytes,roaming,long_distance,charge,cause_for_term"
)
# By executors: every file, in ranges so small that a file of this module has dozens.
BY_EXECUTORS = {**ON_SPARK, "spark_intake_mib": 0.0001}
LEDGER = [name for name in INTAKE_COLUMNS if name != "subscription_changes"]


class Silent:
    def step(self, name: str, done: int, total: int) -> None: ...


def row(record_id: str, **values: str) -> str:
    given = {
        "served": "+8613800000001", "calling": "+8613800000001", "called": "10086", "direction": "outgoing",
        "type": "voice", "time": "2024-06-30T12:00:00+08:00", "duration": "61", "up": "0", "down": "0",
        "roaming": "false", "far": "true", "charge": "0.15", "cause": "16",
    }  # fmt: skip
    return ",".join([record_id, *(given | values).values()])


def rows(first: int, after: int, **values: str) -> list[str]:
    return [row(f"r{i:05d}", **values) for i in range(first, after)]


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "RANGE_BYTES", 4096)


def put(home: Path, name: str, lines: list[str], *, end: str = "\n", last: str = "\n", mark: bytes = b"") -> None:
    path = home / "landing" / "cdr" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(mark + (end.join([HEADER, *lines]) + last).encode())


def taken_in(night: Night, *, by_executors: bool) -> tuple[IntakeReport, dict[str, list[Any]]]:
    """The report, and all that the ledger and staging say afterwards."""
    with night.warehouse.open() as con:
        report = ingest(
            con,
            night.landing,
            mappings=night.mappings,
            as_of_date=night.as_of_date,
            settings=night.intake_settings,
            progress=Silent(),
            engine=file_engine_of(night) if by_executors else None,
        )
        return report, said(con)


def said(con: duckdb.DuckDBPyConnection) -> dict[str, list[Any]]:
    tables = [*(f"intake.{name}" for name in LEDGER), "staging.cdr"]
    return {table: con.execute(f"select * from {table} order by all").fetchall() for table in tables}


@pytest.fixture
def night(tmp_path: Path) -> Night:
    (tmp_path / "home").mkdir()
    return Night(tmp_path / "home", AS_OF, BY_EXECUTORS)


def both(night: Night) -> tuple[IntakeReport, dict[str, list[Any]]]:
    """Takes landing/ both ways, and expects the same."""
    other = night.home.with_name("one_node")
    shutil.copytree(night.home, other)
    expected, on_one = taken_in(Night(other, AS_OF, {}), by_executors=False)
    report, on_many = taken_in(night, by_executors=True)
    assert list(map(str, report.refused)) == list(map(str, expected.refused))
    assert report.accepted == expected.accepted and report.copies == expected.copies
    for table, found in on_one.items():
        assert on_many[table] == found, table
    temporary = [*night.home.rglob("*.tmp"), *(night.home / "tmp" / "intake").glob("*")]
    assert not temporary
    return report, on_many


def test_hostile_files_come_to_the_same(night: Night) -> None:
    # Its later records are within the window of the last file, and of none of that file's days.
    earlier = [*rows(0, 40, time="2024-06-15T12:00:00+08:00"), *rows(90, 95, time="2024-06-25T12:00:00+08:00")]
    put(night.home, "cdr_20240615.csv", earlier)
    put(night.home, "cdr_20240627.csv", rows(40, 90, time="2024-06-27T23:30:00+08:00"))
    put(
        night.home,
        "cdr_20240630.csv",
        [
            *rows(100, 160),
            row("bad-date", time="2024-06-31T12:00:00+08:00"), row("no-zone", time="2024-06-30T12:00:00"),
            row("bad-number", duration="6.5"), row("hex", up="0x10"), row("bad-served", served="13800000001"),
            row("no-other", called="nobody"), "", "", row("short") + ",x,y", "r1,2",
            row("quoted").replace("10086", '"10086"'), row("open") + '"', row("control", cause="\x01"),
            *rows(100, 130),  # the same again, ranges later
            *rows(130, 140, duration="62"),  # other content
            *rows(0, 10),  # seen 15 days ago: outside the window
            *rows(40, 60, time="2024-06-27T23:30:00+08:00"),  # accepted before, the same
            *rows(60, 70), *rows(90, 95),  # accepted before within the window, another content
            *rows(200, 400),
            row("r00200", duration="-1"), row("r00500", duration="-1"), row("r00500"), row("r00500"),
        ],
        end="\r\n", last="", mark=b"\xef\xbb\xbf",
    )  # fmt: skip
    (night.landing / "cdr" / "cdr_20240630.csv.ctl").write_text("totals: {uplink_bytes: '0'}")
    report, _ = both(night)
    assert not report.refused
    by_name = {outcome.file_name: outcome for outcome in report.accepted}
    hostile = by_name["cdr/cdr_20240630.csv"]
    assert (hostile.rejected, hostile.duplicate, hostile.nulled) == (36, 51, 1)
    with night.warehouse.open() as con:
        assert con.execute("select count(*) from intake.elsewhere").fetchall() == [(3,)]
        own = con.execute("select count(*) from staging.cdr_here").fetchall()
    assert own == [(0,)]


@pytest.mark.parametrize(
    ("name", "lines", "control", "code"),
    [
        ("cdr_1.csv", [*rows(0, 100), row("x" * 3000), *rows(100, 200)], "", "line_too_long"),
        ("cdr_2.csv", rows(0, 300), "records: 299", "control_mismatch"),
        (
            "cdr_3.csv",
            [*rows(0, 300), row("bad", duration="x")],
            "totals: {call_duration: '18301'}",
            "control_mismatch",
        ),
        ("cdr_4.csv", [*rows(0, 300), row("bad", duration="x")], "totals: {call_duration: '18300'}", None),
        ("cdr_5.csv", [*rows(0, 150), "\udcff", *rows(150, 300)], "", "not_in_encoding"),
        ("cdr_6.csv", rows(0, 200), f"sha256: {'0' * 64}", "control_mismatch"),
    ],
)
def test_a_file_is_refused_in_the_same_words(
    night: Night, name: str, lines: list[str], control: str, code: str | None
) -> None:
    settings = night.home / "tierline.yaml"
    settings.write_text("max_line_bytes: 2048\n")
    path = night.landing / "cdr" / name
    path.parent.mkdir(parents=True)
    path.write_bytes("\n".join([HEADER, *lines, ""]).encode("utf-8", "surrogateescape"))
    path.with_name(name + ".ctl").write_text(control)
    report, found = both(night)
    assert [refused.code for refused in report.refused] == ([] if code is None else [code])
    assert bool(found["staging.cdr"]) == (code is None)


def test_a_trailer_and_a_header_in_another_order_are_seen_by_the_driver(night: Night) -> None:
    sources = night.home / "sources"
    sources.mkdir()
    columns = "\n".join(f"      {name}: {{from: {name}}}" for name in HEADER.split(","))
    (sources / "switch.yaml").write_text(
        f"source: switch\nversion: '1'\nformat: {{trailer_prefix: 'END'}}\nheader: [{HEADER}]\n"
        f"known_at: {{date: 2024-06-30}}\nextracts:\n  cdr:\n    columns:\n{columns}\n"
    )
    folder = night.landing / "switch"
    folder.mkdir(parents=True)
    content = "\n".join([HEADER, *rows(0, 100)])
    (folder / "a.csv").write_text(f"{content}\nEND 100\n\n\n")
    (folder / "b.csv").write_text(content.replace("r0", "s0"))
    (folder / "c.csv").write_text("\n".join([",".join(reversed(HEADER.split(","))), *rows(300, 400), "END"]))
    report, found = both(night)
    assert [(refused.file, refused.code) for refused in report.refused] == [
        ("switch/b.csv", "trailer_missing"), ("switch/c.csv", "header_differs"),
    ]  # fmt: skip
    assert len(found["staging.cdr"]) == 100


def test_what_executors_do_not_see_is_told_with_its_cure(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    put(night.home, "cdr_20240630.csv", rows(0, 10))

    monkeypatch.setattr(intake, "Work", lambda path, *rest: taken.Work(path.with_name("unseen"), *rest))
    with pytest.raises(SettingsError, match=r"do not see landing/.*shared mount, or set spark_intake_mib: 0"):
        taken_in(night, by_executors=True)


def test_a_path_that_can_not_be_written_names_its_setting(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("no folder")
    night = Night(tmp_path / "home", AS_OF, {**BY_EXECUTORS, "spark_path": str(tmp_path)})
    put(night.home, "cdr_20240630.csv", rows(0, 100))
    with pytest.raises(SettingsError, match=r"setting spark_path: .* can't be written"):
        taken_in(night, by_executors=True)


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("cdr_1.csv.gz", b"\x1f\x8b" + b"x" * 500, {}),
        ("cdr_2.csv", b"x" * 50, {}),
        ("cdr_3.csv", b"x" * 500, {"spark_intake_mib": 0}),
        ("cdr_4.csv", b"x" * 500, {"spark_path": "hdfs:///apps/tierline"}),
        ("cdr_5.parquet", b"x" * 500, {}),
    ],
)
def test_what_stays_on_one_node(tmp_path: Path, name: str, content: bytes, options: dict[str, Any]) -> None:
    from pipelines.intake.discover import Delivery
    from pipelines.intake.mapping import with_identities

    path = tmp_path / name
    path.write_bytes(content)
    engine = SparkIntake(Night(tmp_path, AS_OF, {**BY_EXECUTORS, **options}))
    sources = with_identities({})
    assert not engine.takes(Delivery(path, "cdr", name, f"cdr/{name}"), sources["cdr"])


KILLED = """
import os, signal, sys
from datetime import date, datetime
from pathlib import Path
from test_spark_intake import BY_EXECUTORS, taken_in
from pipelines.intake import elsewhere
from pipelines.night import Night
from pipelines.spark import intake

intake.RANGE_BYTES = 4096
elsewhere.note = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
taken_in(Night(Path(sys.argv[1]), date(2024, 6, 30), BY_EXECUTORS), by_executors=True)
"""


def test_a_run_killed_before_the_commit_is_started_again_and_leaves_nothing(night: Night) -> None:
    put(night.home, "cdr_20240630.csv", [*rows(0, 60), *rows(0, 5), row("bad", duration="x")])
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    command = [sys.executable, "-c", KILLED, str(night.home)]
    killed = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    place = night.home / "spark" / "taken" / "cdr"
    left = {folder.name for folder in place.iterdir()}
    assert len(left) == 2, "the rows had their name, and what they were made from was beside them"
    with night.warehouse.open() as con:
        assert con.execute("select count(*) from intake.files").fetchall() == [(0,)]
    report, _ = both(night)
    assert [outcome.accepted for outcome in report.accepted] == [60]
    (named,) = place.iterdir()
    assert named.name not in left


def test_whoever_reads_accepted_rows_finds_those_that_executors_took(night: Night) -> None:
    put(night.home, "cdr_20240629.csv", rows(0, 100, time="2024-06-29T12:00:00+08:00"))
    taken_in(night, by_executors=True)
    # The engine is changed: this node judges the keys of a new file against rows that executors took.
    put(
        night.home, "cdr_20240630.csv", [*rows(0, 10, time="2024-06-29T12:00:00+08:00"), *rows(10, 15), *rows(200, 230)]
    )
    here = Night(night.home, AS_OF, {})
    report, found = taken_in(here, by_executors=False)
    (outcome,) = report.accepted
    assert (outcome.accepted, outcome.rejected, outcome.duplicate) == (30, 5, 10)
    with here.warehouse.open() as con:
        assert con.execute("select count(*) from staging.cdr_here").fetchall() == [(30,)]
        assert judge_new(con, contract("staging.cdr"), "cdr", window=7).rows == 130
    with scratch(here) as beside:
        counted = beside.con.execute(
            "select usage_date, count(*) from staging.cdr group by all order by all"
        ).fetchall()
    assert [records for _, records in counted] == [100, 30]
    rebuilt = rebuild(night.home, {}, Silent())
    assert rebuilt.files == 2
    with here.warehouse.open() as con:
        assert said(con) == found
        create_tables(con)
        assert con.execute("select count(*) from intake.elsewhere").fetchall() == [(0,)]


def test_promises_are_counted_where_the_rows_are(night: Night) -> None:
    put(night.home, "cdr_20240610.csv", rows(0, 100, time="2024-06-10T12:00:00+08:00"))
    # Numbers that start again, after the window and beyond a smaller one.
    again = [*rows(0, 20), *rows(40, 43, time="2024-06-16T00:00:00+08:00")]
    put(night.home, "cdr_20240630.csv", [*again, *rows(100, 200, type="sms")])
    smaller = Night(night.home, AS_OF, {**BY_EXECUTORS, "duplicate_window_days": 5})
    taken_in(smaller, by_executors=True)
    promised = contract("staging.cdr")
    stricter = [
        replace(column, enum=("voice",)) if column.name == "call_type" else column for column in promised.columns
    ]
    broken = replace(promised, columns=tuple(stricter))
    with night.warehouse.open() as con:
        for of, repeated in ((smaller, []), (night, ["3 of 223 rows, first on 2024-06-16"])):
            window = of.settings.duplicate_window_days
            here = judge_new(con, broken, "cdr", window=window)
            assert judge_new(con, broken, "cdr", window=window, count_elsewhere=count_elsewhere_of(of)) == here
            assert any("call_type is one of voice: broken by 100 of 223 rows" in said for said in here.broken)
            within = '("record_id") is unique within duplicate_window_days: broken by '
            assert [said.removeprefix(within) for said in here.broken if said.startswith(within)] == repeated


def test_a_home_may_be_moved_and_rows_that_are_gone_are_told_with_their_cure(night: Night) -> None:
    put(night.home, "cdr_20240630.csv", rows(0, 10))
    taken_in(night, by_executors=True)
    moved = Night(night.home.rename(night.home.with_name("moved")), AS_OF, BY_EXECUTORS)
    assert len(taken_in(moved, by_executors=True)[1]["staging.cdr"]) == 10
    shutil.rmtree(moved.home / "spark" / "taken")
    with pytest.raises(WarehouseError, match=r"file_id 1 are gone, they were in .*tierline rebuild"):
        taken_in(moved, by_executors=True)


def test_detail_that_executors_took_expires_and_leaves_the_disk(night: Night) -> None:
    put(night.home, "cdr_20240610.csv", rows(0, 50, time="2024-06-10T12:00:00+08:00"))
    put(night.home, "cdr_20240630.csv", [*rows(100, 150), *rows(50, 60, time="2024-06-11T12:00:00+08:00")])
    taken_in(night, by_executors=True)
    place = night.home / "spark" / "taken" / "cdr"
    with night.warehouse.open() as con:
        beside = elsewhere.parents(con, "cdr")
        with transaction(con):
            gone = expire(
                con,
                Expiry(
                    date(2024, 6, 20),
                    datetime(2024, 7, 1),
                    date(2024, 6, 1),
                    (ExpiredDay(date(2024, 6, 10), "a", "b"),),
                ),
            )
        elsewhere.sweep(con, "cdr", beside)
        assert gone == 60
        assert con.execute("select file_id, count(*) from staging.cdr group by all").fetchall() == [(2, 50)]
    (left,) = place.iterdir()
    with duckdb.connect() as con:
        assert con.execute(f"select count(*) from '{left}/*.parquet'").fetchall() == [(50,)]
    put(night.home, "cdr_20240701.csv", [*rows(200, 210), row("late", time="2024-06-19T12:00:00+08:00")])
    both_report, _ = taken_in(night, by_executors=True)
    (outcome,) = both_report.accepted
    assert (outcome.accepted, outcome.rejected) == (10, 1)
    with night.warehouse.open() as con:
        assert con.execute("select reason from intake.rejects where file_id = 3").fetchall() == [("detail_expired",)]
