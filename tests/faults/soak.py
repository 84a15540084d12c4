"""Racing publishers killed at random while readers of every kind read: nothing torn, missing or backwards.

Belongs here: the race, and counting what came of it. Does not: kills at a certain step (kill_every_step.py).

    python tests/faults/soak.py --reads 1000000 --each 100000 --switches 10000 --kills 2000
"""

import argparse
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from publishers import KEYS, ROWS, Publishers, publish_stamped, stamped_rows
from rich.console import Console
from rich.table import Table

from tierline import TierTable, current_manifest, verified_file

# Longer than any reader here keeps a path: the publisher's promise that a slow query's file stays.
MIN_AGE = timedelta(seconds=10)
RACERS = 2
CALLS, PAUSE_SECONDS = 100, 0.05
REPORT_SECONDS = 0.2
SHOWN_SECONDS = 10


@dataclass
class Tally:
    """What one reader has seen so far."""

    reads: int = 0
    versions: int = 0
    torn: int = 0
    missing: int = 0
    backwards: int = 0
    first_fault: str = ""

    def fault(self, kind: str, said: str) -> None:
        setattr(self, kind, getattr(self, kind) + 1)
        self.first_fault = self.first_fault or f"{kind}: {said}"


@dataclass
class Watch:
    """Judges one reader's reads: each is (version, run keys found in its rows, rows found, rows expected)."""

    tally: Tally = field(default_factory=Tally)
    latest: int = 0
    run_keys: dict[int, str] = field(default_factory=dict)

    def judge(self, version: int, found: set[str], rows: int, expected: int) -> None:
        self.tally.reads += 1
        if rows < expected:
            self.tally.fault("missing", f"{rows} of {expected} rows of version {version}")
        elif len(found) != 1 or rows > expected:
            self.tally.fault("torn", f"rows of {len(found)} runs in version {version}")
        else:
            [run_key] = found
            if self.run_keys.setdefault(version, run_key) != run_key:
                self.tally.fault("torn", f"version {version} held another run before")
        if version < self.latest:
            self.tally.fault("backwards", f"version {version} after {self.latest}")
        if version > self.latest:
            self.latest = version
            self.tally.versions += 1


def with_tier_table(folder: Path, watch: Watch) -> Iterator[None]:
    """One caller a read, while another thread follows new versions."""
    chance = random.Random(os.getpid())  # noqa: S311 -- which key is no secret
    table = TierTable(folder).follow(0.01)
    while True:
        answer = table.lookup(chance.choice(KEYS), ("brand",))
        watch.judge(answer.version or 0, {str(answer.row.get("brand"))}, int(answer.found), 1)
        if watch.tally.reads % CALLS == 0:
            time.sleep(PAUSE_SECONDS)  # a hotline's pace, that leaves the machine to the slower readers
        yield


def with_parquet(read: Callable[[Path], tuple[int, set[str]]]) -> Callable[[Path, Watch], Iterator[None]]:
    """Whole verified files, opened by a library: path, then (rows, run keys)."""

    def reader(folder: Path, watch: Watch) -> Iterator[None]:
        # A library's first read imports for seconds: not between taking a path and using it.
        practice = folder.parent / f"practice-{os.getpid()}.parquet"
        pq.write_table(stamped_rows("practice"), practice)
        assert read(practice) == (ROWS, {"practice"})
        while True:
            path = verified_file(folder, "customer_tiers.parquet")
            rows, found = read(path)
            watch.judge(int(path.parent.name.partition("-")[0]), found, rows, ROWS)
            yield

    return reader


def duckdb_reads(path: Path) -> tuple[int, set[str]]:
    import duckdb

    global _con  # noqa: PLW0603 -- one connection a process
    _con = globals().get("_con") or duckdb.connect(config={"threads": 1})
    rows = _con.execute("select brand, count(*) from read_parquet(?) group by brand", [str(path)]).fetchall()
    return sum(count for _, count in rows), {brand for brand, _ in rows}


def polars_reads(path: Path) -> tuple[int, set[str]]:
    import polars as pl

    brands = pl.read_parquet(path, columns=["brand"])["brand"]
    return len(brands), set(brands.unique())


def pandas_reads(path: Path) -> tuple[int, set[str]]:
    import pandas as pd

    brands = pd.read_parquet(path, columns=["brand"])["brand"]
    return len(brands), set(brands.unique())


def pyarrow_reads(path: Path) -> tuple[int, set[str]]:
    brands = pq.read_table(path, columns=["brand"], use_threads=False)["brand"]
    return len(brands), set(brands.unique().to_pylist())


KINDS: dict[str, Callable[[Path, Watch], Iterator[None]]] = {
    "TierTable": with_tier_table,
    "DuckDB": with_parquet(duckdb_reads),
    "Polars": with_parquet(polars_reads),
    "pandas": with_parquet(pandas_reads),
    "pyarrow": with_parquet(pyarrow_reads),
}


def read_until_told(kind: str, folder: Path, report: Connection) -> None:
    """A reader's process: reads, reports its tally every now and then, ends when the other side hangs up."""
    os.environ["POLARS_MAX_THREADS"] = "1"
    watch = Watch()
    reads = KINDS[kind](folder, watch)
    told = time.monotonic()
    while True:
        try:
            next(reads)
        except Exception as error:
            watch.tally.reads += 1
            watch.tally.fault("missing", repr(error))
            reads = KINDS[kind](folder, watch)
        if time.monotonic() - told > REPORT_SECONDS:
            told = time.monotonic()
            try:
                report.send(watch.tally)
            except OSError:
                return


class Killers:
    """Publishers that race for one folder, each killed after a random while and followed by another."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.kills = 0
        self.strange: list[int] = []  # exit codes of publishers that ended by themselves
        self._folder, self._ending, self._lock = folder, threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._race, args=(seed + number,)) for number in range(RACERS)]
        for thread in self._threads:
            thread.start()

    def _race(self, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 -- when to kill is no secret
        publishers = Publishers()
        while not self._ending.is_set():
            publisher = publishers.start(self._folder, min_age=MIN_AGE.total_seconds())
            time.sleep(chance.uniform(0.02, 1.2))
            os.kill(publisher, signal.SIGKILL)
            code = publishers.ended()
            with self._lock:
                self.kills += 1
                if code != -signal.SIGKILL:
                    self.strange.append(code)
        publishers.close()

    def end(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()


@dataclass
class Soak:
    """What came of a soak."""

    tallies: dict[str, Tally]
    switches: int
    kills: int
    seconds: float
    strange: list[int]

    @property
    def sound(self) -> bool:
        """Nothing torn, missing or backwards, and every publisher ended by its kill."""
        return not self.strange and all(t.torn == t.missing == t.backwards == 0 for t in self.tallies.values())


def soak(
    folder: Path, *, reads: int, each: int, switches: int, kills: int, seed: int, show: Callable[[Soak], None]
) -> Soak:
    """Races until every count is reached: `reads` in all and `each` by every kind, versions and kills."""
    first = publish_stamped(folder, "the first").version
    context = multiprocessing.get_context("spawn")
    ends: dict[str, Connection] = {}
    processes: list[Any] = []
    for kind in KINDS:
        ends[kind], theirs = context.Pipe()
        processes.append(context.Process(target=read_until_told, args=(kind, folder, theirs), daemon=True))
        processes[-1].start()
        theirs.close()
    killers = Killers(folder, seed)
    started = shown = time.monotonic()
    state = Soak({kind: Tally() for kind in KINDS}, 0, 0, 0.0, killers.strange)
    try:
        while True:
            time.sleep(REPORT_SECONDS)
            for kind, end in ends.items():
                while end.poll():
                    state.tallies[kind] = end.recv()
            state.switches = current_manifest(folder).version - first
            state.kills, state.seconds = killers.kills, time.monotonic() - started
            if time.monotonic() - shown > SHOWN_SECONDS:
                shown = time.monotonic()
                show(state)
            counts = [tally.reads for tally in state.tallies.values()]
            if sum(counts) >= reads and min(counts) >= each and state.switches >= switches and state.kills >= kills:
                break
            if not all(process.is_alive() for process in processes):
                raise RuntimeError("a reader's process has died")
    finally:
        killers.end()
        for end in ends.values():
            end.close()
        for process in processes:
            process.join(timeout=30)
            process.kill()
    return state


def table_of(state: Soak) -> Table:
    """The tallies as a table for people."""
    table = Table("reader", "reads", "versions seen", "torn", "missing", "backwards", "first fault")
    for kind, tally in state.tallies.items():
        counts = (tally.reads, tally.versions, tally.torn, tally.missing, tally.backwards)
        table.add_row(kind, *(f"{count:,}" for count in counts), tally.first_fault)
    total = sum(tally.reads for tally in state.tallies.values())
    table.caption = f"{total:,} reads, {state.switches:,} switches, {state.kills:,} kills in {state.seconds:,.0f} s"
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("reads", 1_000_000), ("each", 100_000), ("switches", 10_000), ("kills", 2_000), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = vars(parser.parse_args())
    console = Console()
    with tempfile.TemporaryDirectory(prefix="tierline-soak-") as name:
        state = soak(Path(name) / "customer_tiers", **given, show=lambda state: console.print(table_of(state)))
    console.print(table_of(state))
    console.print("[green]sound[/]" if state.sound else f"[red]not sound[/] {state.strange}")
    sys.exit(0 if state.sound else 1)


if __name__ == "__main__":
    main()
