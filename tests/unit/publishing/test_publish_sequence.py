import errno
import hashlib
import json
import os
import stat
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.publishing import Publication, PublishError, PublishLockError, publishing_lock
from tierline import ManifestError, TierTable, current_manifest

Run = Callable[..., Publication]
Records = Callable[[int], list[dict[str, Any]]]

STEPS_OF_A_VERSION = [
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
    "create:manifest",
    "write:manifest",
    "sync:manifest",
    "sync-folder:run",
    "link:manifest",
    "sync-folder:manifests",
    "create:pointer",
    "write:pointer",
    "sync:pointer",
    "replace:pointer",
    "sync-folder:published",
]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_durable_steps_stand_in_the_order_that_was_proven(run: Run) -> None:
    run()
    steps: list[str] = []
    run(night=1, hook=steps.append)
    in_order = [
        s for i, s in enumerate(steps) if not s.startswith("write:customer") or s not in steps[:i]
    ]  # many writes, interleaved
    assert in_order == STEPS_OF_A_VERSION


def test_what_a_version_holds(run: Run, folder: Path, records: Records) -> None:
    publication = run(records(10), batch_rows=4)
    manifest = publication.manifest
    assert (publication.created, publication.version, publication.reason, manifest.rows) == (True, 1, None, 10)
    assert list(manifest.tiers.items()) == [("gold", 5), ("silver", 5), ("bronze", 0)]
    assert current_manifest(folder) == manifest
    pointer = json.loads((folder / "CURRENT.json").read_bytes())
    assert pointer == {
        "version": 1,
        "manifest": "manifests/1.json",
        "manifest_sha256": hashlib.sha256((folder / "manifests/1.json").read_bytes()).hexdigest(),
    }
    for entry in manifest.files:
        content = (folder / entry.path).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry.bytes, entry.sha256)
    parquet = pq.ParquetFile(folder / manifest.file("customer_tiers.parquet").path)
    groups = [parquet.metadata.row_group(index).num_rows for index in range(parquet.num_row_groups)]
    arrow = pa.ipc.open_file(pa.memory_map(str(folder / manifest.file("customer_tiers.arrow").path)))
    batches = [arrow.get_batch(index).num_rows for index in range(arrow.num_record_batches)]
    assert groups == batches == [4, 4, 2]
    assert parquet.read().to_pylist() == arrow.read_all().to_pylist() == records(10)
    keys = np.fromfile(folder / manifest.file("customer_tiers.keys").path, "<i8")
    assert keys.tolist() == [int(f"8613{n:08d}000") * 16 + 12 for n in range(10)]


def test_batches_hold_65536_rows_unless_told_otherwise(run: Run, folder: Path, records: Records) -> None:
    rows = records(65_537)
    manifest = run(rows).manifest
    arrow = pa.ipc.open_file(pa.memory_map(str(folder / manifest.file("customer_tiers.arrow").path)))
    assert [arrow.get_batch(index).num_rows for index in range(arrow.num_record_batches)] == [65_536, 1]
    with TierTable(folder) as table:
        for row in (rows[0], rows[65_535], rows[65_536]):
            assert table.lookup(row["service_key"]).row["subscription_id"] == row["subscription_id"]


def test_other_key_types_have_no_key_file(run: Run) -> None:
    assert [entry.name for entry in run(service_key_type="account_number").manifest.files] == [
        "customer_tiers.parquet",
        "customer_tiers.arrow",
    ]


def test_files_are_0640_and_folders_0750_whatever_the_umask(run: Run, folder: Path) -> None:
    for umask in (0o000, 0o077):
        before = os.umask(umask)
        try:
            run(night=umask)
        finally:
            os.umask(before)
    for path in [folder.parent, folder, *folder.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o750 if path.is_dir() else 0o640), path.name


def test_the_same_run_key_is_a_no_op(run: Run, folder: Path) -> None:
    first = run()
    before = tree(folder)
    again = run()
    assert (again.created, again.manifest) == (False, first.manifest)
    assert "same run key" in str(again.reason)
    assert tree(folder) == before


def test_the_same_run_key_over_a_damaged_version_publishes_it_anew(run: Run, folder: Path) -> None:
    path = folder / run().manifest.file("customer_tiers.arrow").path
    path.write_bytes(path.read_bytes()[:-9] + b"x" * 9)
    assert (run().version, run().created) == (2, False)
    with TierTable(folder) as table:
        assert table.problem is None


def test_an_older_as_of_date_changes_nothing(run: Run, folder: Path) -> None:
    run(night=3)
    before = tree(folder)
    older = run(night=2)
    assert (older.created, older.version) == (False, 1)
    assert str(older.reason).startswith("older as-of date: 2026-03-03 is before 2026-03-04 of version 1")
    assert tree(folder) == before
    assert run(night=3, run_key="restated").version == 2


def test_an_older_as_of_date_is_refused_also_when_the_current_manifest_is_damaged(run: Run, folder: Path) -> None:
    run(night=3)
    run(night=4)
    (folder / "manifests/2.json").write_bytes(b"{}")
    assert run(night=2).created is False
    repaired = run(night=4)
    assert (repaired.created, repaired.version, repaired.recovery.damaged) == (True, 3, ("manifests/2.json",))


@pytest.mark.parametrize("step", STEPS_OF_A_VERSION[: STEPS_OF_A_VERSION.index("link:manifest") + 1])
def test_a_full_disk_leaves_the_current_version_and_no_leftovers(run: Run, folder: Path, step: str) -> None:
    run()
    before = tree(folder)

    def full(at: str) -> None:
        if at == step:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left"):
        run(night=1, hook=full)
    assert tree(folder) == before
    assert len(list((folder / "runs").iterdir())) == 1
    assert run(night=1).version == 2


@pytest.mark.parametrize("step", STEPS_OF_A_VERSION[STEPS_OF_A_VERSION.index("link:manifest") + 1 :])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_an_error_after_the_commit_loses_nothing(run: Run, folder: Path, step: str, error: BaseException) -> None:
    run()

    def fail(at: str) -> None:
        if at == step:
            raise error

    with pytest.raises(type(error)):
        run(night=1, hook=fail)
    again = run(night=1)
    assert (again.created, again.version) == (False, 2)
    with TierTable(folder) as table:
        assert (table.problem, table.lookup("+861300000003").found) == (None, True)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"contract_version": "2.0.0"}, "contract_version is '2.0.0'"),
        ({"run_key": ""}, "run_key must not be empty"),
        ({"provenance": {"policy": 3}}, "provenance must map names to str"),
        ({"published_at": datetime(2026, 3, 2)}, "aware"),
        ({"expires_at": datetime.fromisoformat("2026-03-02T01:00:00Z")}, "expires_at must be after published_at"),
        ({"keep_versions": 0}, "keep_versions is 0"),
    ],
)
def test_arguments_that_no_reader_would_take_are_refused_before_anything_is_written(
    run: Run, folder: Path, changed: dict[str, Any], told: str
) -> None:
    with pytest.raises(PublishError, match=told):
        run(**changed)
    assert not folder.exists()


def test_a_file_that_does_not_read_back_as_written_is_never_committed(run: Run, folder: Path, records: Records) -> None:
    run()

    def damage(step: str) -> None:
        if step == "sync-folder:runs":  # everything is written, nothing validated yet
            path = next(folder.glob("runs/2-*/customer_tiers.parquet"))
            path.write_bytes(path.read_bytes()[:-5] + b"xxxxx")

    with pytest.raises(ManifestError, match=r"customer_tiers\.parquet does not have the SHA-256"):
        run(night=1, hook=damage)
    assert current_manifest(folder).version == 1
    assert [path.name for path in (folder / "manifests").iterdir()] == ["1.json"]


def test_a_taken_version_number_is_never_overwritten(run: Run, folder: Path) -> None:
    run()

    def rival(step: str) -> None:
        if step == "link:manifest":
            (folder / "manifests/2.json").write_bytes(b"a rival's")

    with pytest.raises(FileExistsError):
        run(night=1, hook=rival)
    assert (folder / "manifests/2.json").read_bytes() == b"a rival's"
    assert current_manifest(folder).version == 1
    assert run(night=1).version == 3


def test_a_second_publisher_waits_for_so_long_and_then_says_who_is_in_the_way(run: Run, folder: Path) -> None:
    run()
    with publishing_lock(folder, 1), pytest.raises(PublishLockError, match=r"\.lock is held by another process"):
        run(night=1, lock_wait_seconds=0.1)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with publishing_lock(folder, 1):
            held.set()
            release.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    threading.Timer(0.2, release.set).start()
    assert run(night=1, lock_wait_seconds=10).version == 2
    holder.join()


def test_collecting_that_fails_does_not_undo_the_publication(run: Run, folder: Path) -> None:
    run()

    def refuse(step: str) -> None:
        if step == "remove:manifest":
            raise PermissionError("read-only")

    publication = run(night=1, keep_versions=1, min_age=timedelta(0), hook=refuse)
    assert (publication.created, publication.version, publication.uncollected) == (True, 2, "read-only")
    assert current_manifest(folder).version == 2
