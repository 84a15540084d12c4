"""What can be killed, at which steps, and what must be true afterwards.

Belongs here: one class for each piece of durable work. Does not: how often each step is killed (test_publishing_kill.py
once, kill_every_step.py a hundred times).
"""

import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import duckdb
import pyarrow.parquet as pq
from publishers import (
    AS_OF,
    KEYS,
    ROWS,
    Publishers,
    copy_to,
    publish_stamped,
    replace_analytics,
    roll_back,
    write_usage,
)

from pipelines.publishing import verify
from pipelines.publishing.analytics import MARTS
from pipelines.usage_files import verify_days
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


class Scenario:
    """Work on a folder below `root`, killed once and started again: prepare, kill, look, start_again, look again."""

    operation: str
    killed_once = True  # nothing is killed to prepare the work, so each of its steps comes as often as announced
    steps: tuple[str, ...]

    def __init__(self, root: Path, publishers: Publishers) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.folder, self.publishers, self.count = root / "customer_tiers", publishers, 0

    def prepare(self, step: str) -> None:
        """What must stand there so that the work comes to the step."""

    def order(self) -> dict[str, Any]:
        """What the process to be killed is told besides the operation and the step."""
        return {}

    def carry_out(self, hook: Hook) -> None:
        """The same work in this process, not killed: to see which steps it announces."""
        raise NotImplementedError

    def look(self) -> None:
        """What readers must see after the kill."""

    def start_again(self) -> None:
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


class UsageDay(Scenario):
    """One more day file."""

    killed_once = False
    operation = "usage"
    steps = (
        "make:usage-day",
        "write:usage-day",
        "open:digests",
        "write:digests",
        "sync:digests",
        "sync-folder:digests",
        "sync:usage-day",
        "replace:usage-day",
        "sync-folder:usage-day",
        "remove:temporary",
    )

    def prepare(self, step: str) -> None:
        if step == "sync-folder:digests":
            rmtree(self.folder, ignore_errors=True)
        if step == "remove:temporary":
            self.publishers.kill_one_at(self.folder, "open:digests", operation="usage", **self.order())

    def order(self) -> dict[str, Any]:
        return {"name": f"usage_date={AS_OF + timedelta(days=self.count)}/{self.count:04x}.parquet"}

    def carry_out(self, hook: Hook) -> None:
        rmtree(self.folder, ignore_errors=True)
        write_usage(self.folder, self.order()["name"], hook)
        self.publishers.kill_one_at(self.folder, "open:digests", operation="usage", name="usage_date=x/1.parquet")
        write_usage(self.folder, "usage_date=x/1.parquet", hook)

    def look(self) -> None:
        for path in self.folder.glob("*/*.parquet"):
            assert pq.read_metadata(path).num_rows == 1000

    def start_again(self) -> None:
        name = self.order()["name"]
        if not (self.folder / name).exists():
            write_usage(self.folder, name)
        compared, unknown, damages = verify_days(self.folder)
        assert (unknown, damages) == (0, ()) and compared == len(list(self.folder.glob("*/*.parquet")))
        assert (self.folder / name).exists()
        assert list(self.folder.glob("*/*.tmp")) == []


class Analytics(Scenario):
    """The analysts' database, made anew beside the old one."""

    killed_once = False
    operation = "analytics"
    steps = (
        "make:published",
        "write:analytics",
        "sync:analytics",
        "replace:analytics",
        "sync-folder:analytics",
        "remove:temporary",
    )

    def __init__(self, root: Path, publishers: Publishers) -> None:
        super().__init__(root, publishers)
        self.folder = root / "home"
        make_warehouse(self.folder)
        replace_analytics(self.folder)

    def prepare(self, step: str) -> None:
        if step == "remove:temporary":
            self.publishers.kill_one_at(self.folder, "sync:analytics", operation="analytics")

    def carry_out(self, hook: Hook) -> None:
        self.prepare("remove:temporary")
        replace_analytics(self.folder, hook)

    def look(self) -> None:
        with duckdb.connect(str(self.folder / "published" / "analytics.duckdb"), read_only=True) as con:
            tables = {name for (name,) in con.execute("select table_name from information_schema.tables").fetchall()}
        assert {*MARTS, "usage_daily"} <= tables

    def start_again(self) -> None:
        replace_analytics(self.folder)
        self.look()
        assert [path.name for path in (self.folder / "published").iterdir()] == ["analytics.duckdb"]


def make_warehouse(home: Path) -> None:
    """A warehouse whose tables are there and empty, and one day file, as the marts and the view need them."""
    sys.path.append(str(Path(__file__).parents[1] / "sql"))  # where tables are made from their SQL files
    from sql_desk import SqlDesk, column_types

    (home / "published").mkdir(parents=True)
    day = home / "day.parquet"
    with duckdb.connect(str(home / "warehouse.duckdb")) as con:
        desk = SqlDesk(con)
        desk.at(AS_OF)
        for mart in MARTS:
            desk.run(f"marts.{mart}")
        columns = ", ".join(
            f'cast(null as {kind}) as "{name}"' for name, kind in column_types("features.usage_daily").items()
        )
        con.sql(f"select {columns} limit 0").write_parquet(str(day))
        con.execute("create or replace table run.usage_files (usage_date date, path varchar)")
        con.execute("insert into run.usage_files values (?, ?)", [AS_OF, str(day)])


SCENARIOS: dict[str, type[Scenario]] = {
    "first publication": FirstPublication,
    "publication": NextPublication,
    "recovery": Recovery,
    "rollback": Rollback,
    "rollback recovery": RollbackRecovery,
    "first mirror": FirstMirror,
    "mirror": NextMirror,
    "mirror recovery": MirrorRecovery,
    "usage day": UsageDay,
    "analytics": Analytics,
}
