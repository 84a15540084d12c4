"""Mirrors that are killed: to a new folder, to one that lags behind, and again in what the next mirror clears.

Belongs here: scenarios of mirror(). Does not: publication (scenarios.py).
"""

from datetime import timedelta
from pathlib import Path
from shutil import rmtree
from typing import Any

from publishers import (
    Publishers,
    copy_to,
    publish_stamped,
)
from scenarios import COLLECT_STEPS, POINTER_STEPS, Hook, Scenario, nothing_left_lying_about, whole_version

from tierline import TierTable, current_manifest


class FirstMirror(Scenario):
    """To a folder that is not there."""

    operation = "mirror"
    steps = (
        "open:lock",
        "make:published",
        "sync-folder:parent",
        "make:runs",
        "make:manifests",
        "make:run",
        "sync-folder:runs",
        "create:copy",
        "write:copy",
        "sync:copy",
        "rename:copy",
        "sync-folder:run",
        "create:manifest",
        "write:manifest",
        "sync:manifest",
        "rename:manifest",
        "sync-folder:manifests",
        *POINTER_STEPS,
    )

    def __init__(self, root: Path, publishers: Publishers) -> None:
        super().__init__(root, publishers)
        self.there = root / "there"
        for number in range(3):
            publish_stamped(self.folder, f"r{number}")

    def prepare(self, step: str) -> None:
        rmtree(self.there, ignore_errors=True)

    def order(self) -> dict[str, Any]:
        return {"destination": str(self.there)}

    def carry_out(self, hook: Hook) -> None:
        copy_to(self.folder, self.there, hook=hook)

    def look(self) -> None:
        if (self.there / "CURRENT.json").exists():
            assert whole_version(self.there) == current_manifest(self.folder).version
        else:
            with TierTable(self.there) as table:
                assert table.status == "absent"

    def start_again(self) -> None:
        done = copy_to(self.folder, self.there)
        assert whole_version(self.there) == done.version == current_manifest(self.folder).version
        nothing_left_lying_about(self.there)
        held = [len(list((self.there / name).iterdir())) for name in ("manifests", "runs")]
        assert held == [1, 1]


class NextMirror(FirstMirror):
    """Of a new version, beside a reader of the mirror; an old version leaves it."""

    steps = (
        "make:run",
        "create:copy",
        "write:copy",
        "sync:copy",
        "rename:copy",
        "create:manifest",
        "write:manifest",
        "sync:manifest",
        "rename:manifest",
        "sync-folder:manifests",
        *POINTER_STEPS,
        *COLLECT_STEPS,
    )

    def __init__(self, root: Path, publishers: Publishers) -> None:
        super().__init__(root, publishers)
        for number in range(3):
            publish_stamped(self.folder, f"s{number}")
            copy_to(self.folder, self.there, min_age=timedelta(days=1))
        self.reader = TierTable(self.there)

    def prepare(self, step: str) -> None:
        copy_to(self.folder, self.there)  # leaves the current version alone there
        # Then the mirror holds the version it serves and two older ones, which the source no longer has.
        for number in range(2):
            publish_stamped(self.folder, f"old {self.count}.{number}")
            copy_to(self.folder, self.there, min_age=timedelta(days=1))
        for number in range(2):
            publish_stamped(self.folder, f"new {self.count}.{number}")
        self.before = current_manifest(self.there).version

    def look(self) -> None:
        assert whole_version(self.there) in {self.before, current_manifest(self.folder).version}
        self.reader.refresh()
        assert self.reader.problem is None

    def start_again(self) -> None:
        done = copy_to(self.folder, self.there)
        assert whole_version(self.there) == done.version == current_manifest(self.folder).version
        self.reader.refresh()
        assert self.reader.problem is None and self.reader.manifest is not None
        assert self.reader.manifest.version == done.version
        nothing_left_lying_about(self.there)
        assert len(list((self.there / "manifests").iterdir())) <= 2  # the one served before the switch


class MirrorRecovery(NextMirror):
    """By the next mirror, of what one that was killed left under a temporary name."""

    killed_once = False
    steps = ("remove:temporary",)

    def prepare(self, step: str) -> None:
        super().prepare(step)
        self.publishers.kill_one_at(self.folder, "rename:copy", operation="mirror", **self.order())
