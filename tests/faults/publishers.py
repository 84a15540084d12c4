"""Processes that publish, roll back, mirror or write for analysts, and are killed or stopped at a step they were told.

Belongs here: what such a process does, and starting it fast. Does not: expectations (the test modules).
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.day_files import remove_days, remove_leftovers, write_day
from pipelines.durable import Disk
from pipelines.expiry import Expired, expire_detail
from pipelines.intake import ingest
from pipelines.night import Night
from pipelines.progress import Silent
from pipelines.publishing import Mirrored, Publication, PublishError, PublishLockError, mirror, publish, rollback
from pipelines.publishing.analytics import write_analytics

ROWS = 400
AS_OF = date(2026, 3, 1)
KEEP_CDR_DAYS = 57
Hook = Callable[[str], None]
KEYS = [f"+8613{number:08d}" for number in range(ROWS)]
LOCKED, REFUSED = 3, 4  # exit codes of a publisher that PublishLockError, or its guard, turned away


def stamped_rows(run_key: str) -> pa.Table:
    return pa.table(
        {
            "service_key": KEYS,
            "subscription_id": [f"S{number}" for number in range(ROWS)],
            "tier": ["high" if number % 2 else "mid" for number in range(ROWS)],
            "brand": [run_key] * ROWS,
        }
    )


def publish_stamped(folder: Path, run_key: str, **changed: object) -> Publication:
    """A version whose every row carries its run key as brand, so that a mixed read shows."""
    arguments: dict[str, Any] = {
        "folder": folder,
        "as_of_date": AS_OF,
        "run_key": run_key,
        "service_key_type": "msisdn",
        "tiers": ("high", "mid"),
        "contract_version": "1.0.0",
        "published_at": datetime.now(UTC),
        "expires_at": datetime.now(UTC) + timedelta(hours=30),
        "provenance": {},
        "batch_rows": 128,
        "keep_versions": 2,
        "min_age": timedelta(0),
    }
    return publish(stamped_rows(run_key).to_reader(), **(arguments | changed))


def roll_back(folder: Path, **changed: object) -> Publication:
    arguments: dict[str, Any] = {
        "published_at": datetime.now(UTC),
        "expires_at": datetime.now(UTC) + timedelta(hours=30),
        "reason": "a test",
        "keep_versions": 2,
        "min_age": timedelta(0),
    }
    return rollback(folder, **(arguments | changed))


def copy_to(folder: Path, destination: Path, **changed: Any) -> Mirrored:
    return mirror(folder, destination, **({"now": datetime.now(UTC), "min_age": timedelta(0)} | changed))


def write_usage(folder: Path, name: str, hook: Hook = lambda _: None) -> None:
    """A day file of a thousand rows, as a night writes one."""
    disk = Disk(hook)
    with duckdb.connect() as con:
        remove_leftovers(folder, disk)
        write_day(con.sql("select range as subscription_id from range(1000)"), folder, name, disk, label="usage-day")


def remove_usage(folder: Path, before: str, hook: Hook = lambda _: None) -> int:
    """Day files of before a day go, as at the end of a night."""
    return remove_days(folder, lambda day, _digest: day.isoformat() >= before, Disk(hook))


def replace_analytics(home: Path, hook: Hook = lambda _: None) -> None:
    """The analysts' database of a home whose warehouse is there."""
    night = Night(home, AS_OF, {"threads": 1})
    with night.warehouse.open() as con:
        write_analytics(con, night, hook)


def let_expire(home: Path, as_of: date, hook: Hook = lambda _: None) -> Expired:
    """What a night does at its end: call detail expires. The home's files are taken first, as a night begins."""
    night = Night(home, as_of, {"threads": 1, "keep_cdr_days": KEEP_CDR_DAYS})
    with night.warehouse.open() as con:
        ingest(
            con,
            night.landing,
            mappings={},
            as_of_date=as_of,
            settings=night.intake_settings,
            progress=Silent(),
        )
        return expire_detail(con, night, hook=hook)


class Publishers:
    """A process that has imported everything and started no thread: it forks publishers that are ready at once."""

    def __init__(self) -> None:
        self._nursery = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, folder: Path, **order: object) -> int:
        """Fork a publisher and return its process id; see carry_out for the order."""
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(json.dumps({"folder": str(folder)} | order) + "\n")
        self._nursery.stdin.flush()
        return self._next_line()

    def ended(self) -> int:
        """Wait for the publisher's end; its exit code, negative for a signal."""
        return self._next_line()

    def start_and_stop_at(self, folder: Path, step: str, run_key: str = "", **order: object) -> int:
        """Fork a publisher and return its process id once it stands still at the step, to be continued."""
        publisher = self.start(folder, step=step, run_key=run_key, signal="SIGSTOP", **order)
        deadline = time.monotonic() + 30
        while Path(f"/proc/{publisher}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            assert time.monotonic() < deadline, f"the publisher did not come to the step {step}"
            time.sleep(0.005)
        return publisher

    def kill_one_at(self, folder: Path, step: str, run_key: str = "", occurrence: int = 1, **order: object) -> None:
        self.start(folder, step=step, run_key=run_key, occurrence=occurrence, **order)
        assert self.ended() == -signal.SIGKILL, f"the publisher came through without the step {step}"

    def close(self) -> None:
        self._nursery.communicate(timeout=60)

    def _next_line(self) -> int:
        assert self._nursery.stdout is not None
        return int(self._nursery.stdout.readline())


def carry_out(folder: str, operation: str = "publish", step: str | None = None, **order: Any) -> None:
    """What a forked publisher does: one operation, in which it sends itself a signal at the step; or, without a step,
    publishing until it is killed.

    order: occurrence of the step (1); signal (SIGKILL); turn: a file and the number that must stand in it at the
    commit; and what the operation needs: run_key, destination, name.
    """
    if step is None:
        while True:
            # Old enough that no reader of these tests still has its path: what min_age is for.
            min_age = timedelta(seconds=order.get("min_age", 2))
            publish_stamped(Path(folder), f"{os.getpid()} {time.monotonic_ns()}", min_age=min_age)
    steps: list[str] = []

    def hook(at: str) -> None:
        steps.append(at)
        if at == step and steps.count(step) == order.get("occurrence", 1):
            os.kill(os.getpid(), signal.Signals[order.get("signal", "SIGKILL")])

    OPERATIONS[operation](Path(folder), hook, order)


def guard(turn: tuple[str, str] | None) -> Callable[[], None]:
    """A commit's guard: refuses when another number stands in the file, as after a takeover."""

    def may_commit() -> None:
        if turn is not None and Path(turn[0]).read_text() != turn[1]:
            raise NotMyTurnError("another run took over")

    return may_commit


class NotMyTurnError(PublishError):
    """What a guard raises."""


OPERATIONS: dict[str, Callable[[Path, Hook, dict[str, Any]], object]] = {
    "publish": lambda folder, hook, order: publish_stamped(
        folder, order["run_key"], hook=hook, may_commit=guard(order.get("turn"))
    ),
    "rollback": lambda folder, hook, order: roll_back(folder, hook=hook, may_commit=guard(order.get("turn"))),
    "mirror": lambda folder, hook, order: copy_to(folder, Path(order["destination"]), hook=hook),
    "usage": lambda folder, hook, order: write_usage(folder, order["name"], hook),
    "removal": lambda folder, hook, order: remove_usage(folder, order["before"], hook),
    "expiry": lambda folder, hook, order: let_expire(folder, date.fromisoformat(order["as_of"]), hook),
    "analytics": lambda folder, hook, order: replace_analytics(folder, hook),
}


def fork_publishers() -> None:
    stamped_rows("a first table, since pyarrow imports pandas only then")
    for line in sys.stdin:
        publisher = os.fork()
        if publisher == 0:
            code = 1
            try:
                carry_out(**json.loads(line))
                code = 0
            except PublishLockError:
                code = LOCKED
            except NotMyTurnError:
                code = REFUSED
            finally:
                os._exit(code)
        tell(publisher)
        tell(os.waitstatus_to_exitcode(os.waitpid(publisher, 0)[1]))


def tell(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    fork_publishers()
