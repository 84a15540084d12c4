"""Turns: one run at a time works in a home folder, and a run that lost its turn can't change what readers see.

Belongs here: taking, showing life in, and asking for a turn. Does not: what a run does in it.

`<home>/turns/<number>` is a turn: numbers only grow, the highest one counts. Its run holds a lock on the file, which
ends with the process however that ends, and touches it while it lives. A stopped process keeps its lock and touches
nothing: after `takeover_seconds` the next run takes the next number, and the stopped one finds out before it writes.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pipelines.durable import FILE_MODE, FOLDER_MODE

FOLDER = "turns"
_POLL_SECONDS = 0.1


class TurnBusyError(RuntimeError):
    """Another run is at work in the home folder."""


class TurnLostError(RuntimeError):
    """This run was silent for so long that another one took over; it may not write any more."""


@dataclass(frozen=True)
class Turn:
    """The right to work in a home folder, as long as no later turn was taken."""

    folder: Path
    number: int

    def require(self) -> None:
        """Raises TurnLostError when another run has taken over."""
        newest = _newest(self.folder)
        if newest != self.number:
            raise TurnLostError(
                f"this run (turn {self.number}) was silent for too long and {_shown(self.folder, newest)} took over; "
                "it changes nothing more. Run again if that one did not do the work"
            )

    def beat(self) -> None:
        """Shows that the run lives."""
        with suppress(FileNotFoundError):  # cleaned up by the run that took over
            os.utime(self.folder / str(self.number))


@contextmanager
def take_turn(home: Path, run: str, *, wait_seconds: float, takeover_seconds: float) -> Iterator[Turn]:
    """Waits for the home folder's turn and holds it. `run` is a word for messages, such as the run's identifier.

    Raises TurnBusyError, naming the other run, when it is still at work after `wait_seconds`.
    """
    folder = home / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    number, file = _take(folder, run, wait_seconds, takeover_seconds)
    turn = Turn(folder, number)
    ended = threading.Event()
    heart = threading.Thread(target=_beat_until, args=(turn, ended, takeover_seconds / 10), daemon=True)
    heart.start()
    try:
        yield turn
    finally:
        ended.set()
        heart.join()
        fcntl.flock(file, fcntl.LOCK_UN)  # not only closed: a process forked meanwhile would keep it
        os.close(file)


def wait_until_free(home: Path, *, wait_seconds: float, takeover_seconds: float) -> None:
    """Waits until no run is at work in the home folder; takes no turn, so that a run that begins next does not wait.

    For who only reads. Raises TurnBusyError, naming the run, when it is still at work after `wait_seconds`.
    """
    folder = home / FOLDER
    deadline = time.monotonic() + wait_seconds
    while folder.is_dir() and (newest := _newest(folder)) and not _is_over(folder / str(newest), takeover_seconds):
        if time.monotonic() >= deadline:
            raise _busy(folder, newest, wait_seconds, takeover_seconds)
        time.sleep(_POLL_SECONDS)


def _take(folder: Path, run: str, wait_seconds: float, takeover_seconds: float) -> tuple[int, int]:
    deadline = time.monotonic() + wait_seconds
    while True:
        newest = _newest(folder)
        if newest == 0 or _is_over(folder / str(newest), takeover_seconds):
            with suppress(FileExistsError):  # another run was quicker
                file = _begin(folder, newest + 1, run)
                if _newest(folder) == newest + 1:
                    return newest + 1, file
                os.close(file)  # so much quicker that its turn is over already
        elif time.monotonic() >= deadline:
            raise _busy(folder, newest, wait_seconds, takeover_seconds)
        else:
            time.sleep(_POLL_SECONDS)


def _busy(folder: Path, number: int, wait_seconds: float, takeover_seconds: float) -> TurnBusyError:
    return TurnBusyError(
        f"{_shown(folder, number)} is at work in {folder.parent}; waited {wait_seconds:g} s. Let it finish, or "
        f"raise the setting lock_wait_seconds. If it hangs, end it; after {takeover_seconds:g} s without a "
        "sign of life (takeover_seconds) the next run takes over"
    )


def _begin(folder: Path, number: int, run: str) -> int:
    # Locked before it has its name, so that nobody ever sees a turn of a living run without its lock.
    unnamed = folder / f".{number}-{os.getpid()}-{threading.get_ident()}"
    file = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.write(file, json.dumps({"run": run, "pid": os.getpid()}).encode())
        os.link(unnamed, folder / str(number))
    except BaseException:
        os.close(file)
        raise
    finally:
        unnamed.unlink(missing_ok=True)
    for earlier in _numbers(folder):
        if earlier < number:
            (folder / str(earlier)).unlink(missing_ok=True)
    return file


def _is_over(path: Path, takeover_seconds: float) -> bool:
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False  # a later turn has just cleaned it up
    try:
        silent = time.time() - os.fstat(file).st_mtime
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return silent > takeover_seconds
    finally:
        os.close(file)
    return True


def _beat_until(turn: Turn, ended: threading.Event, seconds: float) -> None:
    while not ended.wait(seconds):
        turn.beat()


def _numbers(folder: Path) -> list[int]:
    return [int(path.name) for path in folder.iterdir() if path.name.isdigit()]


def _newest(folder: Path) -> int:
    return max(_numbers(folder), default=0)


def _shown(folder: Path, number: int) -> str:
    try:
        holder = json.loads((folder / str(number)).read_text(encoding="utf-8"))
        return f"run {holder['run']} (PID {holder['pid']})"
    except (OSError, ValueError, KeyError, TypeError):
        return f"the run of turn {number}"
