"""Publishers killed with SIGKILL at every durable step, and at random under readers: whole versions only, ever."""

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from publishers import KEYS, ROWS, Publishers, publish_stamped

from tierline import TierTable, current_manifest, verified_file

RACE_SECONDS = 10

FIRST_STEPS = [
    "make:published",
    "sync-folder:parent",
    "open:lock",
    "make:runs",
    "sync-folder:published",
    "make:manifests",
]
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
