"""A command watched from outside: wall, CPU, peak memory and bytes, in all and between any two moments.

Belongs here: starting a process, sampling what Linux counts of it and its children. Does not: what the command is.

Sums grow steadily, so a share of them is read off between two samples. The peak is the kernel's own (VmHWM), set back
after each sample, so that nothing between two samples is missed; where that is not allowed, the resident size is read.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

INTERVAL_SECONDS = 0.05
_TICK = os.sysconf("SC_CLK_TCK")
_MIB = 1024 * 1024
SUMS = ("cpu", "read", "written", "disk_read", "disk_written")


@dataclass(frozen=True)
class Figures:
    """Seconds of wall and CPU (all threads), peak resident MiB, MiB through read and write calls (cached or not), MiB
    that had to come from and go to the disk.
    """

    wall: float
    cpu: float
    peak_mib: float
    read_mib: float
    written_mib: float
    disk_read_mib: float
    disk_written_mib: float

    def less(self, other: Figures) -> Figures:
        """These figures without those of another, memory apart: a peak can't be taken off a peak."""
        mine, theirs = asdict(self), asdict(other)
        kept = {name: value if name == "peak_mib" else value - theirs[name] for name, value in mine.items()}
        return Figures(**kept)


@dataclass(frozen=True)
class Watched:
    """A finished command: its output, when it ran (epoch seconds), and the samples, a row a moment: time, the sums of
    SUMS since the start, the peak since the sample before.
    """

    output: str
    started: float
    ended: float
    samples: np.ndarray

    def figures(self, start: float | None = None, end: float | None = None) -> Figures:
        """Between two moments, by default all of it."""
        start, end = start or self.started, end or self.ended
        at, peaks = self.samples[:, 0], self.samples[:, -1]
        sums = [np.interp(end, at, column) - np.interp(start, at, column) for column in self.samples[:, 1:-1].T]
        # A peak belongs to the time up to its sample, so the first sample after the end counts too.
        first, last = np.searchsorted(at, start, side="right"), np.searchsorted(at, end, side="left")
        peak = float(peaks[first : last + 1].max(initial=0.0))
        cpu, *sizes = map(float, sums)
        return Figures(end - start, cpu, peak / _MIB, *(size / _MIB for size in sizes))


def watch(command: Sequence[str], *, environment: dict[str, str] | None = None) -> Watched:
    """Runs a command to its end. Leaves with what it said if it fails."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        started = time.time()
        samples = [(started, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)]
        process = subprocess.Popen(command, stdout=said, stderr=complained, env=environment)
        counts: dict[int, tuple[float, ...]] = {}
        due = started
        while True:
            # Left as a zombie for one more sample: its last sums are still there to read.
            over = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
            samples.append((time.time(), *_sample(process.pid, counts)))
            if over:
                break
            due = max(due + INTERVAL_SECONDS, time.time())
            time.sleep(max(due - time.time(), 0))
        ended = time.time()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            complained.seek(0)
            text = complained.read().decode(errors="replace")
            sys.exit(f"{' '.join(command)} failed with {process.returncode}:\n{text[-3000:]}")
        samples.append((ended, *_at_the_end(used, samples[-1])))
        said.seek(0)
        return Watched(said.read().decode(), started, ended, np.asarray(samples))


def _at_the_end(used: resource.struct_rusage, last: tuple[float, ...]) -> tuple[float, ...]:
    # The exact CPU of the whole; children that were not waited for are only in the samples.
    return (max(used.ru_utime + used.ru_stime, last[1]), *last[2:])


def _sample(pid: int, counts: dict[int, tuple[float, ...]]) -> tuple[float, ...]:
    """Sums over the process and its descendants, those that have ended included, and the peak of all together."""
    peak = 0.0
    for one in _family(pid):
        # What ended meanwhile can't be read; what it had used by the sample before stays in the sum.
        with suppress(OSError, ValueError, KeyError, IndexError):
            counts[one] = _counts(one)
            peak += _peak(one)
    return (*(sum(column) for column in zip(*counts.values(), strict=True)), peak) if counts else (0.0,) * 6


def _family(pid: int) -> list[int]:
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        try:
            tasks = list(Path(f"/proc/{one}/task").iterdir())
            for task in tasks:
                todo += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return found


def _counts(pid: int) -> tuple[float, ...]:
    # Past the name, which may hold blanks, the 12th and 13th field are user and system time.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    io = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    cpu = (int(fields[11]) + int(fields[12])) / _TICK
    return (cpu, *(float(io[name]) for name in ("rchar", "wchar", "read_bytes", "write_bytes")))


def _peak(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    sizes = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("VmHWM", "VmRSS"))}
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        return float(sizes["VmRSS"]) * 1024
    return float(sizes["VmHWM"]) * 1024
