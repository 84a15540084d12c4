"""Publishers killed with SIGKILL at every durable step, and at random under readers: whole versions only, ever."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.publishing import Publication, publish
from tierline import TierTable, current_manifest, verified_file

ROWS = 400
KEYS = [f"+8613{number:08d}" for number in range(ROWS)]
RACE_SECONDS = 10

FIRST_STEPS = ["make:published", "sync-folder:parent", "make:runs", "sync-folder:published", "make:manifests"]
VERSION_STEPS = [
    "make:run",
    "create:customer_tiers.parquet",
    "create:customer_tiers.arrow",
    "create:customer_tiers.keys",
    "write:customer_tiers.parquet",
    "write:customer_tiers.arrow",
    "write:customer_tiers.keys",
    "sync:customer_tiers.parquet",
    "sync:customer_tiers.arrow",
    "sync:customer_tiers.keys",
    "sync-folder:run",
    "sync-folder:runs",
    "create:manifest",
    "write:manifest",
    "sync:manifest",
    "link:manifest",
    "sync-folder:manifests",
    "create:pointer",
    "write:pointer",
    "sync:pointer",
    "replace:pointer",
    "sync-folder:published",
]
COLLECT_STEPS = ["remove:manifest", "remove:run-file", "remove:run"]
# The step of the first kill, which leaves work for recovery, and the step of the second, in that recovery.
RECOVERY_STEPS = [
    ("sync:pointer", "sync-folder:manifests"),
    ("sync:pointer", "create:pointer"),
    ("sync:pointer", "replace:pointer"),
    ("sync:pointer", "remove:temporary"),
    ("link:manifest", "remove:run-file"),
    ("link:manifest", "remove:run"),
]


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
    arguments: dict[str, object] = {
        "folder": folder,
        "as_of_date": date(2026, 3, 1),
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
    return publish(stamped_rows(run_key).to_reader(), **(arguments | changed))  # type: ignore[arg-type]


class Publishers:
    """A process that has imported everything and started no thread: it forks publishers that are ready at once."""

    def __init__(self) -> None:
        self._nursery = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, folder: Path, **order: object) -> int:
        """Fork a publisher and return its process id; it dies at order's step, or publishes until it is killed."""
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(json.dumps({"folder": str(folder)} | order) + "\n")
        self._nursery.stdin.flush()
        return self._next_line()

    def ended(self) -> int:
        """Wait for the publisher's end; its exit code, negative for a signal."""
        return self._next_line()

    def kill_one_at(self, folder: Path, step: str, run_key: str, occurrence: int = 1) -> None:
        self.start(folder, step=step, run_key=run_key, occurrence=occurrence)
        assert self.ended() == -signal.SIGKILL, f"the publisher came through without the step {step}"

    def close(self) -> None:
        self._nursery.communicate(timeout=60)

    def _next_line(self) -> int:
        assert self._nursery.stdout is not None
        return int(self._nursery.stdout.readline())


@pytest.fixture(scope="module")
def publishers() -> Iterator[Publishers]:
    started = Publishers()
    yield started
    started.close()


def whole_version(folder: Path) -> int:
    """Read the current version both ways; every row must be of the run that its manifest names."""
    with TierTable(folder) as table:
        assert table.problem is None, table.problem
        manifest = table.manifest
        assert manifest is not None
        brands = {table.lookup(key, ("brand",)).row.get("brand") for key in KEYS}
        assert brands == {manifest.run_key}
        assert not table.lookup("+8613999").found
    rows = pq.read_table(verified_file(folder, "customer_tiers.parquet"))
    assert (rows.num_rows, set(rows["brand"].to_pylist())) == (ROWS, {manifest.run_key})
    return manifest.version


def check_after_kill(folder: Path, before: int, reader: TierTable) -> None:
    """A reader sees a whole version, not an older one; the next publisher succeeds and leaves nothing lying about."""
    if (folder / "CURRENT.json").exists():
        assert whole_version(folder) in {before, before + 1}
    reader.refresh()
    versions = [reader.manifest.version] if reader.manifest else []
    publication = publish_stamped(folder, "after the kill")
    assert publication.created
    assert whole_version(folder) == publication.version > before
    reader.refresh()
    assert reader.problem is None and reader.manifest is not None
    assert [*versions, reader.manifest.version] == sorted({*versions, reader.manifest.version})
    listed = {entry.path.split("/")[1] for entry in current_manifest(folder).files}
    assert listed <= {path.name for path in (folder / "runs").iterdir()}
    assert len(list((folder / "runs").iterdir())) == len(list((folder / "manifests").iterdir())) == 2 - (before == 0)
    assert list(folder.glob(".CURRENT*")) == []


def test_the_steps_killed_at_are_all_the_steps_there_are(tmp_path: Path) -> None:
    steps: list[str] = []
    for number in range(3):
        publish_stamped(tmp_path / "new" / "folder", f"r{number}", hook=steps.append)
    assert set(steps) == {*FIRST_STEPS, *VERSION_STEPS, *COLLECT_STEPS}


@pytest.mark.parametrize("step", FIRST_STEPS)
def test_killed_while_the_folder_is_made(tmp_path: Path, publishers: Publishers, step: str) -> None:
    folder = tmp_path / "customer_tiers"
    publishers.kill_one_at(folder, step, "first")
    with TierTable(folder) as reader:
        assert reader.status == "absent"
        check_after_kill(folder, 0, reader)


@pytest.mark.parametrize(
    ("step", "occurrence"),
    [(step, 1) for step in (*VERSION_STEPS, *COLLECT_STEPS)]
    + [("write:customer_tiers.parquet", 3), ("write:customer_tiers.arrow", 30), ("remove:run-file", 3)],
)
def test_killed_at_a_step(tmp_path: Path, publishers: Publishers, step: str, occurrence: int) -> None:
    folder = tmp_path / "customer_tiers"
    before = [publish_stamped(folder, f"r{number}").version for number in range(2)][-1]
    with TierTable(folder) as reader:
        publishers.kill_one_at(folder, step, "killed", occurrence)
        check_after_kill(folder, before, reader)


@pytest.mark.parametrize(("first", "second"), RECOVERY_STEPS)
def test_killed_again_while_recovering(tmp_path: Path, publishers: Publishers, first: str, second: str) -> None:
    folder = tmp_path / "customer_tiers"
    before = [publish_stamped(folder, f"r{number}").version for number in range(2)][-1]
    with TierTable(folder) as reader:
        publishers.kill_one_at(folder, first, "killed")
        publishers.kill_one_at(folder, second, "killed again")
        check_after_kill(folder, before, reader)


def test_killed_after_the_switch_and_before_anyone_was_told(tmp_path: Path, publishers: Publishers) -> None:
    folder = tmp_path / "customer_tiers"
    publish_stamped(folder, "r0")
    publishers.kill_one_at(folder, "sync-folder:published", "killed")
    again = publish_stamped(folder, "killed")
    assert (again.created, again.version, current_manifest(folder).run_key) == (False, 2, "killed")


def test_readers_beside_publishers_killed_at_random(tmp_path: Path, publishers: Publishers) -> None:
    folder = tmp_path / "customer_tiers"
    publish_stamped(folder, "r0")
    ending, kills = threading.Event(), []

    def kill_again_and_again() -> None:
        chance = random.Random(20260301)  # noqa: S311 -- when to kill is no secret
        while not ending.is_set():
            publisher = publishers.start(folder)
            time.sleep(chance.uniform(0.02, 0.4))
            os.kill(publisher, signal.SIGKILL)
            kills.append(publishers.ended())

    killer = threading.Thread(target=kill_again_and_again)
    killer.start()
    reads, seen = 0, [1]
    try:
        deadline = time.monotonic() + RACE_SECONDS
        with TierTable(folder) as table:
            while time.monotonic() < deadline:
                table.refresh()
                assert table.problem is None, table.problem
                assert table.manifest is not None
                answers = [table.lookup(key, ("brand",)) for key in KEYS[::37]]
                assert {answer.row.get("brand") for answer in answers} == {table.manifest.run_key}
                rows = pq.read_table(verified_file(folder, "customer_tiers.parquet"))
                assert (rows.num_rows, len(set(rows["brand"].to_pylist()))) == (ROWS, 1)
                assert table.manifest.version >= seen[-1]
                if table.manifest.version > seen[-1]:
                    seen.append(table.manifest.version)
                reads += 1
    finally:
        ending.set()
        killer.join()
    publish_stamped(folder, "last")
    assert whole_version(folder) > seen[-1]
    assert set(kills) == {-signal.SIGKILL}
    # Otherwise nothing raced.
    assert reads > 100 and len(kills) >= 3 and len(seen) > 5, (reads, len(kills), len(seen))


def carry_out(folder: str, step: str | None = None, run_key: str = "", occurrence: int = 1) -> None:
    """What a forked publisher does: publish until it is killed, or kill itself at the step."""
    steps: list[str] = []

    def die(at: str) -> None:
        steps.append(at)
        if at == step and steps.count(step) == occurrence:
            os.kill(os.getpid(), signal.SIGKILL)

    if step is not None:
        publish_stamped(Path(folder), run_key, hook=die)
        return
    while True:
        # Old enough that no reader of this test still has its path: what min_age is for.
        publish_stamped(Path(folder), f"{os.getpid()} {time.monotonic_ns()}", min_age=timedelta(seconds=2))


def fork_publishers() -> None:
    stamped_rows("a first table, since pyarrow imports pandas only then")
    for line in sys.stdin:
        publisher = os.fork()
        if publisher == 0:
            carry_out(**json.loads(line))
            os._exit(0)
        tell(publisher)
        tell(os.waitstatus_to_exitcode(os.waitpid(publisher, 0)[1]))


def tell(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    fork_publishers()
