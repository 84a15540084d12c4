"""Intake killed at random moments: a file is in whole or not at all, and a run to the end mends everything.

Belongs here: crashes of the process. Does not: faults of files.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb

from pipelines.intake import read_ledger_copy

ROWS, FILES, KILLS = 2_000, 12, 8
RUN = """
import sys
from datetime import date
from pathlib import Path
import duckdb
from pipelines.intake import IntakeSettings, ingest

class Silent:
    def step(self, name, done, total): print(name, flush=True)

home = Path(sys.argv[1])
con = duckdb.connect(str(home / "warehouse.duckdb"))
con.execute("SET TimeZone = 'UTC'")
settings = IntakeSettings("Asia/Shanghai", "CNY", home / "tmp", ledger_copy=home / "ledger.jsonl")
report = ingest(con, home / "landing", mappings={}, as_of_date=date(2024, 6, 30), settings=settings, progress=Silent())
assert not report.refused
con.close()
"""
HEADER = (
    "record_id,served_msisdn,calling_number,called_number,direction,call_type,answer_time,call_duration,"
    "uplink_bytes,downlink_bytes,roaming,long_distance,charge,cause_for_term\n"
)


def write_landing(home: Path) -> None:
    (home / "landing" / "cdr").mkdir(parents=True)
    for day in range(1, FILES + 1):
        lines = [
            f"{day}-{i},+8613800000001,,10086,outgoing,voice,2024-06-{day:02}T12:00:00+08:00,"
            f"{'x' if i % 100 == 0 else i},0,0,false,false,0.1,\n"
            for i in range(ROWS)
        ]
        lines.append(lines[1])
        (home / "landing" / "cdr" / f"cdr_202406{day:02}.csv").write_text(HEADER + "".join(lines))


def start(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(home)], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )


def test_killed_at_random(tmp_path: Path) -> None:
    write_landing(tmp_path)
    chance = random.Random(7)  # noqa: S311  (moments, not secrets)
    killed = 0
    for _ in range(KILLS):
        process = start(tmp_path)
        assert process.stdout is not None
        process.stdout.readline()  # the first file is on its way
        time.sleep(chance.uniform(0, 0.25))
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        process.stdout.close()
        require_whole_files(tmp_path)
    assert killed > 0
    last = start(tmp_path)
    last.communicate(timeout=120)
    assert last.returncode == 0
    assert require_whole_files(tmp_path) == FILES
    copied = [entry.file_name for entry in read_ledger_copy(tmp_path / "ledger.jsonl")]
    assert copied == [f"cdr/cdr_202406{day:02}.csv" for day in range(1, FILES + 1)]


def require_whole_files(home: Path) -> int:
    if not (home / "warehouse.duckdb").exists():
        return 0
    with duckdb.connect(str(home / "warehouse.duckdb")) as con:
        if con.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'files'").fetchall() == [(0,)]:
            return 0
        files = con.execute("SELECT count(*), count(DISTINCT file_name) FROM intake.files").fetchall()[0]
        assert files[0] == files[1]
        expected = (files[0] * (ROWS - ROWS // 100), files[0] * (ROWS // 100), files[0])
        counts = tuple(
            con.execute(f"SELECT count(*) FROM {t}").fetchall()[0][0]
            for t in ("staging.cdr", "intake.rejects", "intake.duplicates")
        )
        assert counts == expected
        return int(files[0])
