"""What can be killed, at which steps, and what must be true afterwards.

Belongs here: what all scenarios share, and those of publication and rollback. Does not: mirrors and the rest of a home
(mirror_scenarios.py, home_scenarios.py), all together (all_scenarios.py), how often each step is killed
(test_publishing_kill.py once, kill_every_step.py a hundred times).
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import pyarrow.parquet as pq
from publishers import (
    KEYS,
    ROWS,
    Publishers,
    publish_stamped,
    roll_back,
)

from pipelines.publishing import verify
from tierline import TierTable, current_manifest, verified_file

Hook = Callable[[str], None]

POINTER_STEPS = ("create:pointer", "write:pointer", "sync:pointer", "replace:pointer", "sync-folder:published")
COMMIT_STEPS = ("create:manifest", "write:manifest", "sync:manifest", "link:manifest", "sync-folder:manifests")
COLLECT_STEPS = ("remove:manifest", "remove:run-file", "remove:run")


def folder_in_memory() -> TemporaryDirectory[str]:
    """A folder that goes away, in memory where there is such: a SIGKILL loses nothing that was written, synced or not,
    so a disk's time would buy nothing.
    """
    memory = Path("/dev/shm")  # noqa: S108
    return TemporaryDirectory(prefix="tierline-", dir=memory if os.access(memory, os.W_OK) else None)


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


def nothing_left_lying_about(folder: Path) -> None:
    found = verify(folder)
    assert (found.damages, found.unlisted) == ((), ())
    assert list(folder.rglob("*.tmp")) == []


class Scenario(ABC):
    """Work on a folder below `root`, killed once and started again: prepare, kill, look, start_again, look again."""

    operation: str
    killed_once = True  # nothing is killed to prepare the work, so each of its steps comes as often as announced
    steps: tuple[str, ...]

    def __init__(self, root: Path, publishers: Publishers) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.folder, self.publishers, self.count = root / "customer_tiers", publishers, 0

    def prepare(self, step: str) -> None:  # noqa: B027 -- nothing, for some
        """What must stand there so that the work comes to the step."""

    def order(self) -> dict[str, Any]:
        """What the process to be killed is told besides the operation and the step."""
        return {}

    @abstractmethod
    def carry_out(self, hook: Hook) -> None:
        """The same work in this process, not killed: to see which steps it announces."""

    def look(self) -> None:  # noqa: B027 -- nothing, for some
        """What readers must see after the kill."""

    def start_again(self) -> None:  # noqa: B027 -- nothing, for some
        """The next start, and what must be true then."""

    def kill_at(self, step: str, occurrence: int = 1) -> None:
        """One kill at a step, and all that follows; raises AssertionError where something is not as it must be."""
        self.count += 1
        self.prepare(step)
        self.publishers.kill_one_at(
            self.folder, step, operation=self.operation, occurrence=occurrence, **({"run_key": "killed"} | self.order())
        )
        self.look()
        self.start_again()

    def announced(self) -> list[str]:
        """The steps of the work when nobody kills it."""
        steps: list[str] = []
        self.count += 1
        self.prepare(self.steps[0])
        self.carry_out(steps.append)
        return steps


class FirstPublication(Scenario):
    """Into a folder that is not there."""

    operation = "publish"
    steps = (
        "make:published",
        "sync-folder:parent",
        "open:lock",
        "make:runs",
        "sync-folder:published",
        "make:manifests",
    )

    def prepare(self, step: str) -> None:
        rmtree(self.folder, ignore_errors=True)

    def carry_out(self, hook: Hook) -> None:
        publish_stamped(self.folder, "not killed", hook=hook)

    def look(self) -> None:
        if (self.folder / "CURRENT.json").exists():
            assert whole_version(self.folder) == 1
            return
        with TierTable(self.folder) as table:
            assert table.status == "absent"

    def start_again(self) -> None:
        switched = (self.folder / "CURRENT.json").exists()
        assert publish_stamped(self.folder, "after the kill").version == whole_version(self.folder) == 1 + switched
        nothing_left_lying_about(self.folder)


class NextPublication(Scenario):
    """Of a folder with two versions, the older of which is collected; a reader is open all the time."""

    operation = "publish"
    steps = (
        "open:lock",
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
        *COMMIT_STEPS,
        *POINTER_STEPS,
        *COLLECT_STEPS,
    )
    versions = 2

    def __init__(self, root: Path, publishers: Publishers) -> None:
        super().__init__(root, publishers)
        for number in range(3):
            publish_stamped(self.folder, f"r{number}")
        self.reader = TierTable(self.folder)
        self.before = 0

    def prepare(self, step: str) -> None:
        self.before = current_manifest(self.folder).version

    def carry_out(self, hook: Hook) -> None:
        publish_stamped(self.folder, "not killed", hook=hook)

    def look(self) -> None:
        assert whole_version(self.folder) in {self.before, self.before + 1}
        self._reader_goes_on()

    def start_again(self) -> None:
        again = publish_stamped(self.folder, f"after kill {self.count}")
        assert again.created
        assert whole_version(self.folder) == again.version > self.before
        self._reader_goes_on()
        nothing_left_lying_about(self.folder)
        held = [len(list((self.folder / name).iterdir())) for name in ("manifests", "runs")]
        assert held[0] == self.versions and held[1] <= held[0]

    def _reader_goes_on(self) -> None:
        serving = self.reader.manifest
        self.reader.refresh()
        assert self.reader.problem is None and self.reader.manifest is not None
        assert serving is None or serving.version <= self.reader.manifest.version


class Recovery(NextPublication):
    """By the next publisher, of what one that was killed left; it is killed while it recovers."""

    killed_once = False
    first_kill: ClassVar = {
        "sync-folder:manifests": "create:pointer",
        "create:pointer": "create:pointer",
        "write:pointer": "create:pointer",
        "sync:pointer": "create:pointer",
        "replace:pointer": "sync:pointer",
        "sync-folder:published": "sync:pointer",
        "remove:temporary": "sync:pointer",
        "remove:run-file": "link:manifest",
        "remove:run": "link:manifest",
    }
    steps = tuple(first_kill)

    def prepare(self, step: str) -> None:
        super().prepare(step)
        self.publishers.kill_one_at(self.folder, self.first_kill[step], f"first kill {self.count}")

    def carry_out(self, hook: Hook) -> None:
        super().carry_out(hook)
        self.publishers.kill_one_at(self.folder, "sync:pointer", "another")
        super().carry_out(hook)
        self.publishers.kill_one_at(self.folder, "link:manifest", "yet another")
        super().carry_out(hook)


class Rollback(NextPublication):
    """To the version before; the oldest one is collected."""

    operation = "rollback"
    steps = ("open:lock", *COMMIT_STEPS, *POINTER_STEPS, "remove:temporary", *COLLECT_STEPS)

    def carry_out(self, hook: Hook) -> None:
        roll_back(self.folder, hook=hook)

    def prepare(self, step: str) -> None:
        # Versions 1 2 3 4 with files of their own: a rollback of 4 to 3 collects 1, and keeps 2 to roll back to.
        for number in range(4):
            publish_stamped(self.folder, f"before {self.count}.{number}", keep_versions=4)
        super().prepare(step)


class RollbackRecovery(Rollback):
    """By the next rollback, of a rollback that was killed."""

    killed_once = False
    steps = ("remove:temporary", "sync-folder:manifests", "create:pointer", "replace:pointer")

    def prepare(self, step: str) -> None:
        super().prepare(step)
        first = "link:manifest" if step == "remove:temporary" else "create:pointer"
        self.publishers.kill_one_at(self.folder, first, operation="rollback")

    def carry_out(self, hook: Hook) -> None:
        super().carry_out(hook)

    def look(self) -> None:
        assert whole_version(self.folder) in {self.before, self.before + 1, self.before + 2}
