"""What stops a night that could run: a shut gate, another run's turn, a turn that was lost.

Belongs here: whole runs against gates and turns. Does not: each gate's rule (tests/sql), turns alone (tests/unit).
"""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from pipelines.runs import NightResult, run_night
from pipelines.turns import take_turn

AS_OF, NEXT = date(2024, 6, 30), date(2024, 7, 1)
MakeHome = Callable[[str], Path]
SMALL = {"gate_min_records": 20}


def manifest(home: Path, version: int) -> dict[str, object]:
    file = home / "published" / "customer_tiers" / "manifests" / f"{version}.json"
    found: dict[str, object] = json.loads(file.read_text(encoding="utf-8"))
    return found


def broken(result: NightResult) -> dict[str, str]:
    return {failure.where.rpartition(" ")[2]: failure.message for failure in result.failures}


def deliver_a_third(home: Path) -> None:
    """A snapshot of 1 July with a third of its lines, and a day of call detail records with none."""
    lines = (home / "landing" / "subscriptions" / "subscriptions_20240630.csv").read_text("utf-8").splitlines(True)
    kept = lines[: 1 + (len(lines) - 1) // 3]
    (home / "landing" / "subscriptions" / "subscriptions_20240701.csv").write_text("".join(kept), "utf-8")
    usage = gzip.decompress((home / "landing" / "cdr" / "cdr_20240629.csv.gz").read_bytes())
    (home / "landing" / "cdr" / "cdr_20240701.csv").write_bytes(usage.splitlines(keepends=True)[0])


def deliver_a_gap(home: Path) -> None:
    """Number 5 and 7 of a bank's files, both known four weeks ago, without number 6."""
    payments = gzip.decompress((home / "landing" / "payments" / "payments_20240630.csv.gz").read_bytes())
    for number, day in ((5, "0601"), (7, "0602")):
        file = home / "landing" / "payments" / f"numbered_2024{day}.csv"
        file.write_bytes(payments.splitlines(keepends=True)[0])
        file.with_name(file.name + ".ctl").write_text(f"sequence: {number}\nstream: BANK1", "utf-8")


def test_shut_gates_stop_the_night_until_they_are_accepted_with_a_reason(make_home: MakeHome) -> None:
    home = make_home("home")
    first = run_night(home, AS_OF, SMALL, accept="nothing to accept")
    assert first.created, first.failures
    assert "accepted" not in str(manifest(home, 1)["provenance"])

    deliver_a_gap(home)
    found = broken(run_night(home, AS_OF, SMALL))
    assert set(found) == {"delivery_gap_overdue"}
    assert "stream BANK1, first_missing 6, last_missing 6" in found["delivery_gap_overdue"]

    deliver_a_third(home)
    stopped = run_night(home, NEXT, SMALL)
    found = broken(stopped)
    # All that are shut are told together: who accepts must have seen them all.
    gates = {"delivery_empty", "delivery_shrank", "delivery_gap_overdue", "published_shrank"}
    assert gates <= set(found) and "--accept REASON" in found["delivery_empty"]
    # A person is shown the first in order; all of them are in the check's metadata.
    assert found["delivery_shrank"].startswith("2 rows: ")
    assert "source cdr" in found["delivery_shrank"] and "bound 0.6" in found["delivery_shrank"]
    assert not (home / "published" / "customer_tiers" / "manifests" / "2.json").exists()
    accepted = run_night(home, NEXT, SMALL, accept="the prepaid brand was sold")
    assert accepted.succeeded and accepted.version == 2, accepted.failures
    provenance = manifest(home, 2)["provenance"]
    assert isinstance(provenance, dict)
    assert provenance["accepted"] == "the prepaid brand was sold"
    assert set(provenance["accepted_gates"].split(", ")) == set(found)
    assert any("Accepted: the prepaid brand was sold" in warning for warning in accepted.warnings)


def test_a_second_run_leaves_while_the_first_has_the_turn(make_home: MakeHome) -> None:
    home = make_home("home")
    with take_turn(home, "first", wait_seconds=0, takeover_seconds=60):
        result = run_night(home, AS_OF, {"lock_wait_seconds": 0.2})
    assert [failure.kind for failure in result.failures] == ["busy"]
    assert f"run first (PID {os.getpid()})" in result.failures[0].message


def test_a_run_that_stood_still_while_another_took_over_publishes_nothing(make_home: MakeHome) -> None:
    """The first run is stopped between two steps, the second does the night, the first goes on and finds out."""
    home = make_home("home")
    options = ["--home", str(home), "--set", "takeover_seconds=5", "--set", "lock_wait_seconds=60"]
    command = [sys.executable, "-c", "from pipelines.cli import main; main()", "run", "--as-of"]
    first = subprocess.Popen([*command, str(AS_OF), *options], stderr=subprocess.PIPE, text=True)
    assert first.stderr is not None
    for line in first.stderr:
        if "scores.customer done" in line:
            break
    stop_between_steps(first, home)
    second = subprocess.run([*command, str(AS_OF), *options], capture_output=True, text=True, check=False)
    assert second.returncode == 0, second.stderr
    assert "version 1 published" in second.stdout
    first.send_signal(signal.SIGCONT)
    _, said = first.communicate(timeout=120)
    assert first.returncode == 1, said
    assert "took over" in said
    assert [path.name for path in (home / "published" / "customer_tiers" / "manifests").iterdir()] == ["1.json"]


def stop_between_steps(process: "subprocess.Popen[str]", home: Path) -> None:
    """Stops the process at a moment at which it does not hold the warehouse, which would keep others out."""
    warehouse = str(home / "warehouse.duckdb")
    while True:
        process.send_signal(signal.SIGSTOP)
        open_files = [str(link.readlink()) for link in Path(f"/proc/{process.pid}/fd").iterdir() if link.is_symlink()]
        if warehouse not in open_files:
            return
        process.send_signal(signal.SIGCONT)
        time.sleep(0.01)
        assert process.poll() is None, "the run ended before it could be stopped between two steps"
