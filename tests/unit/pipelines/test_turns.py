"""Turns: one run at a time, a dead one is followed at once, a silent one is overtaken and can't write any more."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines.turns import TurnBusyError, TurnLostError, take_turn, wait_until_free

HOLDER = """
import sys, time
from pathlib import Path
from pipelines.turns import TurnLostError, take_turn
with take_turn(Path(sys.argv[1]), "other", wait_seconds=0, takeover_seconds=float(sys.argv[2])) as turn:
    print(turn.number, flush=True)
    sys.stdin.readline()
    try:
        turn.require()
        print("kept", flush=True)
    except TurnLostError as error:
        print(error, flush=True)
"""


@contextmanager
def another_run(home: Path, takeover_seconds: float = 60) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home), str(takeover_seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip().isdigit()
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_turns_follow_each_other(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        with take_turn(tmp_path, "mine", wait_seconds=0, takeover_seconds=60) as turn:
            assert turn.number == number
            turn.require()
    assert [path.name for path in (tmp_path / "turns").iterdir()] == ["3"]


def test_a_run_that_failed_gives_its_turn_back(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), take_turn(tmp_path, "mine", wait_seconds=0, takeover_seconds=60):
        raise ZeroDivisionError
    with take_turn(tmp_path, "mine", wait_seconds=0, takeover_seconds=60) as turn:
        assert turn.number == 2


def test_a_second_run_leaves_and_names_the_first(tmp_path: Path) -> None:
    with (
        another_run(tmp_path) as process,
        pytest.raises(TurnBusyError, match=rf"run other \(PID {process.pid}\)"),
        take_turn(tmp_path, "mine", wait_seconds=0.3, takeover_seconds=60),
    ):
        pytest.fail("two runs at once")


def test_a_second_run_waits_for_the_end_of_the_first(tmp_path: Path) -> None:
    with another_run(tmp_path) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        with take_turn(tmp_path, "mine", wait_seconds=60, takeover_seconds=60) as turn:
            assert turn.number == 2
        assert process.stdout.readline() == "kept\n"


def test_a_killed_run_is_followed_at_once(tmp_path: Path) -> None:
    with another_run(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        with take_turn(tmp_path, "mine", wait_seconds=0, takeover_seconds=60) as turn:
            turn.require()


def test_a_stopped_run_is_overtaken_and_finds_out(tmp_path: Path) -> None:
    with another_run(tmp_path, takeover_seconds=1) as process:
        assert process.stdin is not None and process.stdout is not None
        process.send_signal(signal.SIGSTOP)
        with take_turn(tmp_path, "mine", wait_seconds=60, takeover_seconds=1) as turn:
            process.send_signal(signal.SIGCONT)
            process.stdin.write("\n")
            process.stdin.flush()
            said = process.stdout.readline()
            assert "was silent for too long and run mine" in said and f"PID {os.getpid()}" in said
            process.wait(timeout=60)
            turn.require()


def test_a_living_run_is_not_overtaken(tmp_path: Path) -> None:
    with another_run(tmp_path, takeover_seconds=2):
        time.sleep(2.2)
        with (
            pytest.raises(TurnBusyError),
            take_turn(tmp_path, "mine", wait_seconds=0.5, takeover_seconds=2),
        ):
            pytest.fail("a living run was overtaken")


def test_a_turn_that_was_taken_over_stays_lost(tmp_path: Path) -> None:
    with take_turn(tmp_path, "first", wait_seconds=0, takeover_seconds=60) as first:
        old = (tmp_path / "turns" / "1").stat().st_mtime - 100
        os.utime(tmp_path / "turns" / "1", (old, old))
        with take_turn(tmp_path, "second", wait_seconds=0, takeover_seconds=60) as second:
            first.beat()
            second.require()
            with pytest.raises(TurnLostError, match="run second"):
                first.require()
        with pytest.raises(TurnLostError):
            first.require()


def test_who_only_reads_waits_for_a_run_and_takes_no_turn(tmp_path: Path) -> None:
    wait_until_free(tmp_path, wait_seconds=0, takeover_seconds=60)
    assert list(tmp_path.iterdir()) == []
    with another_run(tmp_path), pytest.raises(TurnBusyError, match=r"run other \(PID \d+\)"):
        wait_until_free(tmp_path, wait_seconds=0.2, takeover_seconds=60)
    wait_until_free(tmp_path, wait_seconds=60, takeover_seconds=60)
    with take_turn(tmp_path, "mine", wait_seconds=0, takeover_seconds=60) as turn:
        assert turn.number == 2
