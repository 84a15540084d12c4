"""Files made to fool or to break intake: each is refused or accounted for record by record, in bounded memory.

Belongs here: what tests/unit/intake does not hold: bombs, growing files, odd names and control files, odd calendars.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from pipelines.intake import IntakeReport, IntakeSettings, ingest

HEADER = (
    "record_id,served_msisdn,calling_number,called_number,direction,call_type,answer_time,call_duration,"
    "uplink_bytes,downlink_bytes,roaming,long_distance,charge,cause_for_term\n"
)
NAME_MAX = 255
# More than this above what the imports take would mean that a file, or a line, was held whole.
MEMORY_MIB = 600


def row(record: str, at: str = "2024-06-30T12:00:00+08:00") -> str:
    return f"{record},+8613800000001,,10086,outgoing,voice,{at},9,0,0,false,false,0.15,\n"


class Silent:
    def step(self, name: str, done: int, total: int) -> None: ...


class Desk:
    """A landing folder and a database; every run must balance, file by file."""

    def __init__(self, home: Path) -> None:
        self.landing = home / "landing"
        (self.landing / "cdr").mkdir(parents=True)
        self.con = duckdb.connect(str(home / "warehouse.duckdb"))
        self.settings = IntakeSettings("Asia/Shanghai", "CNY", home / "tmp", ledger_copy=home / "ledger.jsonl")

    def put(self, name: str, content: str | bytes) -> Path:
        path = self.landing / "cdr" / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def run(self) -> IntakeReport:
        report = ingest(
            self.con,
            self.landing,
            mappings={},
            as_of_date=date(2024, 6, 30),
            settings=self.settings,
            progress=Silent(),
        )
        unbalanced = self.ask(
            """SELECT file_name FROM intake.files f WHERE status = 'accepted' AND (
               records <> header + trailer + blank + accepted + rejected + duplicate
               OR accepted <> (SELECT count(*) FROM staging.cdr s WHERE s.file_id = f.file_id)
               OR rejected <> (SELECT count(*) FROM intake.rejects r WHERE r.file_id = f.file_id))"""
        )
        assert unbalanced == []
        assert all(refused.reason and refused.cure and refused.file for refused in report.refused)
        return report

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        return self.con.execute(sql).fetchall()

    def codes(self) -> list[str]:
        return [refused.code for refused in self.run().refused]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.con.close()


MEASURED = """
import json, resource, sys
from datetime import date
from pathlib import Path
import duckdb
from pipelines.intake import IntakeSettings, ingest

class Silent:
    def step(self, name, done, total): pass

home, limits = Path(sys.argv[1]), json.loads(sys.argv[2])
settings = IntakeSettings("Asia/Shanghai", "CNY", home / "tmp", **limits)
con = duckdb.connect(str(home / "warehouse.duckdb"))

def taken(landing):
    return ingest(con, landing, mappings={}, as_of_date=date(2024, 6, 30), settings=settings, progress=Silent())

assert len(taken(home / "small").accepted) == 1  # what the first use of every library takes is no fault of the file
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
report = taken(home / "landing")
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
left = [str(path) for path in (home / "tmp").rglob("*") if path.is_file()]
print(json.dumps([sorted([r.file, r.code, r.line] for r in report.refused), len(report.accepted), grown, left]))
"""


def repeated(block: bytes, times: int) -> bytes:
    """A gzip of `times` blocks that takes the time of one: its members are the same bytes."""
    return gzip.compress(block, 9, mtime=0) * times


def test_bombs_and_endless_lines_are_refused_in_bounded_memory(tmp_path: Path) -> None:
    landing = tmp_path / "landing" / "cdr"
    landing.mkdir(parents=True)
    (tmp_path / "small" / "cdr").mkdir(parents=True)
    (tmp_path / "small" / "cdr" / "small.csv").write_text(HEADER + row("small"))
    mib = 1024 * 1024
    (landing / "bomb_10_gb.csv.gz").write_bytes(gzip.compress(HEADER.encode()) + repeated(bytes(100 * mib), 100))
    (landing / "line_2_gb.csv.gz").write_bytes(gzip.compress(HEADER.encode()) + repeated(b"x" * (32 * mib), 64))
    with (landing / "line_2_gb.csv").open("wb") as stream:
        stream.write(HEADER.encode())
        stream.truncate(2048 * mib)  # a hole: takes no disk
    (landing / "good.csv").write_text(HEADER + row("good"))
    limits = json.dumps({"max_file_bytes": 2100 * mib, "max_expansion": 20})
    found = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path), limits],
        env=dict(os.environ), capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    refused, accepted, grown, left = json.loads(found.stdout)
    assert refused == [
        ["cdr/bomb_10_gb.csv.gz", "expands_too_far", None],
        ["cdr/line_2_gb.csv", "line_too_long", 2],
        ["cdr/line_2_gb.csv.gz", "expands_too_far", None],
    ]
    assert (accepted, left) == (1, [])
    assert grown < MEMORY_MIB, f"{grown} MiB for files of which no line may be held whole"


def test_a_long_line_inside_gzip_is_refused_when_the_limits_let_it_unpack(desk: Desk) -> None:
    desk.settings = replace(desk.settings, max_expansion=100_000)
    desk.put("line.csv.gz", gzip.compress(HEADER.encode()) + repeated(b"x" * 8_000_000, 4))
    (refused,) = desk.run().refused
    assert (refused.code, refused.line) == ("line_too_long", 2)


def test_gzip_under_another_name_is_read_and_a_zlib_stream_is_not(desk: Desk) -> None:
    desk.put("packed.csv", gzip.compress((HEADER + row("a")).encode()))
    desk.put("zlib.csv.gz", zlib.compress((HEADER + row("b")).encode()))
    report = desk.run()
    assert [(r.file, r.code) for r in report.refused] == [("cdr/zlib.csv.gz", "gzip_damaged")]
    assert desk.ask("SELECT record_id FROM staging.cdr") == [("a",)]


GROW = """
import sys
path, line = sys.argv[1:]
with open(path, "a", buffering=1) as stream:
    print("writing", flush=True)
    while not sys.stdin.closed:
        stream.write(line)
"""


def test_a_file_that_another_process_writes_is_not_taken_until_it_rests(desk: Desk) -> None:
    path = desk.put("cdr_20240630.csv", HEADER + "".join(row(str(i)) for i in range(50_000)))
    writer = subprocess.Popen(
        [sys.executable, "-c", GROW, str(path), row("more")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "writing\n"
    try:
        assert desk.codes() == ["file_changed"]
        assert desk.ask("SELECT count(*) FROM staging.cdr") == [(0,)]
    finally:
        writer.kill()
        writer.communicate()
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"\n") + 1])
    (outcome,) = desk.run().accepted
    assert outcome.accepted == 50_001 and outcome.duplicate == whole.count(b"\nmore,") - 1 + whole.endswith(b"\nmore,")


def test_a_file_that_grows_after_it_was_taken_is_named_and_what_was_taken_stays(desk: Desk) -> None:
    path = desk.put("cdr_20240630.csv", HEADER + row("a"))
    assert len(desk.run().accepted) == 1
    with path.open("a") as stream:
        stream.write(row("b"))
    assert desk.codes() == ["name_taken"]
    assert desk.ask("SELECT record_id FROM staging.cdr") == [("a",)]


@pytest.mark.parametrize(
    "name",
    [
        "x" * (NAME_MAX - 4) + ".csv",
        "名" * 83 + ".csv",
        "'; DROP TABLE staging.cdr; --.csv",
        'a"||(SELECT 1)||".csv',
        "${HOME}`id`$(id).csv",
        "{a,b}[c]*?.csv",
        "back\\slash.csv",
        "carriage\rreturn\ttab\x1b[31m.csv",
        "\u202egpj.csv",
        " .csv",
        "%s%n{0}.csv",
    ],
    ids=range(11),
)
def test_a_hostile_name_names_one_file(desk: Desk, name: str) -> None:
    for other in ("a", "b", "ac", "c1"):
        desk.put(f"{other}.csv", HEADER + row(other))
    desk.put(name, HEADER + row("hostile") + row("bad").replace("0.15", "x"))
    report = desk.run()
    assert not report.refused
    assert sorted(outcome.accepted for outcome in report.accepted) == [1] * 5
    ((file_name, line),) = desk.ask("SELECT file_name, line_number FROM intake.rejects")
    assert line == 3 and str(file_name).startswith("cdr/") and str(file_name).isprintable()
    assert len(desk.run().copies) == 5


def test_seven_files_behind_one_name_stay_seven(desk: Desk) -> None:
    for number in range(7):
        desk.put(f"{number}.csv", HEADER + row(f"r{number}"))
    desk.put("*.csv", HEADER + row("star"))
    outcomes = desk.run().accepted
    assert len(outcomes) == 8 and {outcome.accepted for outcome in outcomes} == {1}


def test_names_that_look_alike_once_printed_do_not_hide_each_other(desk: Desk) -> None:
    folder = os.fsencode(desk.landing / "cdr")
    for name, record in ((b"\xff.csv", "bytes"), (b"\\xff.csv", "letters")):
        with open(folder + b"/" + name, "wb") as stream:  # noqa: PTH123  (a name that no Path shows)
            stream.write((HEADER + row(record)).encode())
    report = desk.run()
    assert (len(report.accepted), [r.code for r in report.refused]) == (1, ["name_taken"])


@pytest.mark.parametrize(
    "control",
    [
        b"\x00\x01\x02",
        b"\xff\xferecords: 1",
        b"records: 1\nrecords: 2",
        b"records: [1",
        b"- records: 1",
        b"[" * 5_000,
        b"{" * 5_000 + b"a" + b"}" * 5_000,
        b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nrecords: *c",
        b"records: !!python/object/apply:os.system ['true']",
        b"known_at: 2024-02-30",
        b"known_at: 2024-06-30T12:00:00",
        b"stream: ''",
        b"# " + b"x" * 2_000_000,
    ],
    ids=["nul", "utf-16", "key twice", "open", "list", "deep", "deeper", "aliases", "object", "no date", "no zone",
         "no stream", "large"],
)  # fmt: skip
def test_a_hostile_control_file_refuses_its_file(desk: Desk, control: bytes) -> None:
    desk.put("cdr_20240630.csv", HEADER + row("a"))
    beside = desk.put("cdr_20240630.csv.ctl", control)
    assert desk.codes() == ["control_unreadable"]
    beside.unlink()
    assert len(desk.run().accepted) == 1


def test_a_control_file_that_is_no_file_refuses_its_file(desk: Desk) -> None:
    desk.put("cdr_20240630.csv", HEADER + row("a"))
    os.mkfifo(desk.landing / "cdr" / "cdr_20240630.csv.ctl")
    assert desk.codes() == ["control_unreadable"]


@pytest.mark.parametrize(
    ("at", "local_day"),
    [
        ("2024-02-29T23:59:59+08:00", date(2024, 2, 29)),
        ("2023-02-29T12:00:00+08:00", None),
        ("2000-02-29T12:00:00+08:00", date(2000, 2, 29)),
        ("2024-04-31T12:00:00+08:00", None),
        ("2024-06-30T16:00:00Z", date(2024, 7, 1)),
        ("2024-06-30T15:59:59.999999Z", date(2024, 6, 30)),
        ("2024-12-31T23:59:59-05:00", date(2025, 1, 1)),
        ("2024-06-30T23:59:60+08:00", None),
        ("2024-06-30T12:00:00+08:60", None),
        ("2024-06-30T12:00:00 Asia/Shanghai", None),
        ("1719720000", None),
        ("30.06.2024 12:00", None),
    ],
)
def test_odd_calendars(desk: Desk, at: str, local_day: date | None) -> None:
    desk.put("cdr_20240630.csv", HEADER + row("a", at))
    desk.run()
    assert desk.ask("SELECT usage_date FROM staging.cdr") == ([] if local_day is None else [(local_day,)])
    rejected = desk.ask("SELECT line_number, column_name FROM intake.rejects")
    assert rejected == ([(2, "answer_time")] if local_day is None else [])


def test_a_clock_that_goes_backwards_within_and_across_files(desk: Desk) -> None:
    times = ["2024-06-30T12:00:00+08:00", "2024-06-30T11:59:59+08:00", "2024-06-29T00:00:00+08:00"]
    desk.put("cdr_20240630.csv", HEADER + "".join(row(f"a{i}", at) for i, at in enumerate(times)))
    assert len(desk.run().accepted) == 1
    # Delivered later, known earlier: it counts from when it was known, and nothing that was there is touched.
    desk.put("cdr_20240601.csv", HEADER + row("b", times[0]))
    desk.put("cdr_20240601.csv.ctl", "known_at: 2024-06-28T00:00:00Z")
    assert len(desk.run().accepted) == 1
    assert desk.ask("SELECT record_id, known_at FROM staging.cdr ORDER BY record_id") == [
        *((f"a{i}", datetime(2024, 6, 29, 16)) for i in range(3)),
        ("b", datetime(2024, 6, 28)),
    ]


@pytest.mark.parametrize(
    ("broken", "rejected"),
    [
        (lambda text: text.replace("r10,", '"r10,', 1), [12]),
        (lambda text: text.replace("r10,", '"r10,', 1).replace("r60,", '"r60,', 1), [12, 62]),
        (lambda text: text.replace("\nr20,", "\n\x00r20,", 1), [22]),
        (lambda text: text.replace("\nr20,", "\n\x1ar20,", 1), [22]),
        (lambda text: text.replace("\nr30,", "\rr30,", 1), [31]),
        (lambda text: text.replace("0.15,\nr40", "0.15,\u2028r40", 1), [41]),
        (lambda text: text.replace("\nr50,", "\n" + HEADER + "r50,", 1), [52]),
    ],
    ids=["quote", "pair of quotes", "nul", "sub", "lone return", "line separator", "header again"],
)  # fmt: skip
def test_one_broken_line_costs_one_record_and_is_named(desk: Desk, broken, rejected: list[int]) -> None:  # type: ignore[no-untyped-def]
    desk.put("cdr_20240630.csv", broken(HEADER + "".join(row(f"r{i}") for i in range(80))))
    (outcome,) = desk.run().accepted
    assert [line for (line,) in desk.ask("SELECT line_number FROM intake.rejects ORDER BY 1")] == rejected
    assert outcome.records == 1 + outcome.accepted + outcome.rejected
    assert outcome.accepted >= 77
