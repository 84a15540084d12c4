"""Intake killed between the commit of a file and its line in the ledger copy, and in the middle of the line.

Belongs here: SIGKILL at exact moments, and what the next run makes of it. Does not: random moments (integration).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest

from pipelines.intake import IntakeReport, IntakeSettings, ingest, read_ledger_copy

FILES = 3
HEADER = (
    "record_id,served_msisdn,calling_number,called_number,direction,call_type,answer_time,call_duration,"
    "uplink_bytes,downlink_bytes,roaming,long_distance,charge,cause_for_term\n"
)
RUN = """
import os, signal, sys
from datetime import date
from pathlib import Path
import duckdb
from pipelines.intake import IntakeSettings, ingest, ledger_copy

class Silent:
    def step(self, name, done, total): pass

home, moment, number = Path(sys.argv[1]), sys.argv[2], 2
write, append, written = os.write, ledger_copy.LedgerCopy.append, []

def killed(): os.kill(os.getpid(), signal.SIGKILL)

def append_unless_killed(copy, entry):
    written.append(entry)
    if moment == "before" and len(written) == number: killed()
    append(copy, entry)

def write_in_part(file, data):
    if len(written) == number and len(data) > 100:
        share = {"half": len(data) // 2, "but its end": len(data) - 1}[moment]
        write(file, data[:share])
        os.fsync(file)
        killed()
    return write(file, data)

ledger_copy.LedgerCopy.append = append_unless_killed
if moment != "before": os.write = write_in_part
con = duckdb.connect(str(home / "warehouse.duckdb"))
settings = IntakeSettings("Asia/Shanghai", "CNY", home / "tmp", ledger_copy=home / "ledger.jsonl")
report = ingest(con, home / "landing", mappings={}, as_of_date=date(2024, 6, 30), settings=settings, progress=Silent())
con.close()
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "landing" / "cdr").mkdir(parents=True)
    for day in range(1, FILES + 1):
        line = f"{day},+8613800000001,,10086,outgoing,voice,2024-06-{day:02}T12:00:00+08:00,9,0,0,false,false,0.1,\n"
        bad = line.replace("0.1", "x")
        (tmp_path / "landing" / "cdr" / f"cdr_202406{day:02}.csv").write_text(HEADER + line + bad + line)
    return tmp_path


class Silent:
    def step(self, name: str, done: int, total: int) -> None: ...


def killed(home: Path, moment: str) -> bool:
    """Runs intake in a process of its own, which kills itself at its second file."""
    command = [sys.executable, "-c", RUN, str(home), moment]
    return subprocess.run(command, env=dict(os.environ), timeout=120, check=False).returncode == -signal.SIGKILL


def run(home: Path) -> IntakeReport:
    settings = IntakeSettings("Asia/Shanghai", "CNY", home / "tmp", ledger_copy=home / "ledger.jsonl")
    with duckdb.connect(str(home / "warehouse.duckdb")) as con:
        return ingest(
            con, home / "landing", mappings={}, as_of_date=date(2024, 6, 30), settings=settings, progress=Silent()
        )


def taken(home: Path) -> list[tuple[str, int, int, int]]:
    with duckdb.connect(str(home / "warehouse.duckdb")) as con:
        return con.execute(
            """SELECT file_name, accepted, rejected, duplicate FROM intake.files f WHERE status = 'accepted'
               AND accepted = (SELECT count(*) FROM staging.cdr s WHERE s.file_id = f.file_id) ORDER BY file_id"""
        ).fetchall()


@pytest.mark.parametrize(("moment", "lines"), [("before", 1), ("half", 1), ("but its end", 2)])
def test_the_next_run_mends_what_a_kill_left(home: Path, moment: str, lines: int) -> None:
    assert killed(home, moment)
    assert len(taken(home)) == 2  # committed, whatever the copy says of it
    assert len(read_ledger_copy(home / "ledger.jsonl")) == lines
    assert [o.file_name for o in run(home).accepted] == ["cdr/cdr_20240603.csv"]
    entries = read_ledger_copy(home / "ledger.jsonl")
    in_copy = [(e.file_name, x.accepted, x.rejected, x.duplicate) for e in entries for x in e.extracts]
    assert in_copy == taken(home) == [(f"cdr/cdr_202406{day:02}.csv", 1, 1, 1) for day in range(1, FILES + 1)]
    assert (home / "ledger.jsonl").read_bytes().count(b"\n") == FILES
    assert not run(home).accepted
    assert len(read_ledger_copy(home / "ledger.jsonl")) == FILES


def remove_warehouse(home: Path) -> None:
    for file in home.glob("warehouse.duckdb*"):
        file.unlink()


def test_a_warehouse_that_is_gone_is_made_anew_and_the_copy_stays(home: Path) -> None:
    assert len(run(home).accepted) == FILES
    before, lines = taken(home), (home / "ledger.jsonl").read_bytes()
    remove_warehouse(home)
    assert len(run(home).recovered) == FILES
    assert taken(home) == before
    assert (home / "ledger.jsonl").read_bytes() == lines
    remove_warehouse(home)
    (home / "landing" / "cdr" / "cdr_20240602.csv").unlink()
    assert [(r.file, r.code) for r in run(home).refused] == [("cdr/cdr_20240602.csv", "file_lost")]
    assert taken(home) == []
