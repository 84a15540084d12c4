"""Copying versions to another host's folder."""

import datetime as dt
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.durable import Disk
from pipelines.publishing import Mirrored, Publication, PublishError, PublishLockError, mirror, publishing_lock, verify
from tierline import TierTable, current_manifest

Run = Callable[..., Publication]
Back = Callable[..., Publication]
NOW = dt.datetime(2026, 3, 10, tzinfo=dt.UTC)
LONG = dt.timedelta(days=365)


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """The destination, not made yet."""
    return tmp_path / "mount" / "customer_tiers"


@pytest.fixture
def copy(folder: Path, there: Path) -> Callable[..., Mirrored]:
    there.parent.mkdir()
    return lambda **changed: mirror(folder, there, **({"now": NOW} | changed))


Copy = Callable[..., Mirrored]


def versions(folder: Path) -> list[str]:
    return sorted(path.stem for path in (folder / "manifests").iterdir())


def runs(folder: Path) -> list[str]:
    return sorted(path.name.split("-")[0] for path in (folder / "runs").iterdir())


def damage(folder: Path, version: int) -> Path:
    path = next(folder.glob(f"runs/{version}-*/customer_tiers.arrow"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    return path


def test_the_current_version_is_copied_whole(run: Run, copy: Copy, folder: Path, there: Path) -> None:
    run()
    run(night=1)
    size = sum(entry.bytes for entry in current_manifest(folder).files)
    heard: list[tuple[int, int]] = []
    done = copy(progress=lambda done, total: heard.append((done, total)))
    assert done == Mirrored(2, switched=True, copied=3, bytes=size, already_there=0, damaged=(), removed=())
    assert heard[-1] == (size, size)
    assert current_manifest(there) == current_manifest(folder)
    assert (versions(there), runs(there), verify(there).damages) == (["2"], ["2"], ())
    assert (there / "CURRENT.json").read_bytes() == (folder / "CURRENT.json").read_bytes()
    with TierTable(there) as table:
        assert (table.problem, table.lookup("+861300000003").found) == (None, True)
    for path in there.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o750 if path.is_dir() else 0o640), path.name
    assert not any(path.name.endswith(("lock", ".tmp")) for path in there.rglob("*"))


def test_again_changes_nothing(run: Run, copy: Copy, there: Path) -> None:
    run()
    copy()
    before = {path: path.stat().st_mtime_ns for path in there.rglob("*") if path.is_file()}
    again = copy()
    assert (again.switched, again.copied, again.already_there) == (False, 0, 3)
    assert {path: path.stat().st_mtime_ns for path in there.rglob("*") if path.is_file()} == before


def test_all_versions_and_a_rollback_whose_files_are_there(run: Run, back: Back, copy: Copy, there: Path) -> None:
    for night in range(3):
        run(night=night)
    back(night=2)
    done = copy(all_versions=True)
    assert (done.copied, done.already_there, versions(there), runs(there)) == (
        9,
        3,
        ["1", "2", "3", "4"],
        ["1", "2", "3"],
    )
    assert [v.vouched for v in verify(there).versions] == [True] * 4


def test_a_rollback_is_mirrored_with_the_old_versions_files(
    run: Run, back: Back, copy: Copy, folder: Path, there: Path
) -> None:
    run()
    run(night=1)
    copy()
    with TierTable(there) as table:
        back(night=1)
        done = copy()
        assert (done.version, done.copied, table.refresh()) == (3, 3, True)
    assert (versions(there), runs(there)) == (["2", "3"], ["1", "2"])
    assert current_manifest(there).provenance["rollback_of"] == "2"


def test_a_version_damaged_at_the_source_is_not_copied(run: Run, copy: Copy, folder: Path, there: Path) -> None:
    for night in range(3):
        run(night=night)
    copy()
    run(night=3)
    run(night=4)
    damage(folder, 1)
    (folder / "manifests/2.json").write_bytes(b"{")
    done = copy(all_versions=True)
    assert (done.damaged, versions(there), runs(there)) == ((1, 2), ["3", "4", "5"], ["3", "4", "5"])
    run(night=5)
    path = damage(folder, 6)
    with pytest.raises(PublishError, match=r"customer_tiers\.arrow is not what its manifest says"):
        copy()
    assert current_manifest(there).version == 5
    assert list(there.glob("**/*.tmp")) == []
    path.write_bytes(path.read_bytes()[:-1])
    (folder / "manifests/6.json").write_bytes(b"{")
    with pytest.raises(PublishError, match=r"not mirrored: manifests/6\.json does not have the SHA-256"):
        copy()
    run(night=5)
    assert copy().version == 7
    assert runs(there) == ["3", "4", "5", "7"]  # what was copied of 6 is gone


def test_never_backwards(run: Run, copy: Copy, folder: Path, there: Path, tmp_path: Path) -> None:
    run()
    shutil.copytree(folder, tmp_path / "restored")
    run(night=1)
    copy()
    before = {path: path.read_bytes() for path in there.rglob("*") if path.is_file()}
    with pytest.raises(PublishError, match=r"has version 2, newer than 1 of .*mirror to a new folder"):
        mirror(tmp_path / "restored", there, now=NOW)
    (there / "CURRENT.json").unlink()  # a mirror of version 2 that was killed before its end
    with pytest.raises(PublishError, match="has version 2, newer than 1"):
        mirror(tmp_path / "restored", there, now=NOW)
    assert copy().switched
    assert {path: path.read_bytes() for path in there.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["runs/1-*/customer_tiers.parquet", "manifests/1.json"])
def test_a_file_that_differs_is_never_overwritten(run: Run, copy: Copy, there: Path, name: str) -> None:
    run()
    copy()
    path = next(there.glob(name))
    path.write_bytes(b"another's")
    with pytest.raises(PublishError, match=f"{path.name} is not the file of the source.*remove it there"):
        copy()
    assert path.read_bytes() == b"another's"
    path.unlink()
    assert (copy().version, verify(there).damages) == (1, ())


def test_a_damaged_pointer_is_written_anew(run: Run, copy: Copy, there: Path) -> None:
    run()
    copy()
    (there / "CURRENT.json").write_bytes(b"{")
    assert copy().switched
    assert verify(there).damages == ()


def test_versions_that_the_source_collected_leave_with_age(run: Run, copy: Copy, folder: Path, there: Path) -> None:
    for night in range(4):
        run(night=night, keep_versions=2, min_age=dt.timedelta(0))
        copy(min_age=LONG)
    assert (versions(folder), versions(there)) == (["3", "4"], ["1", "2", "3", "4"])
    # Published on 2, 3, 4 and 5 March at one o'clock; it is the 10th.
    assert copy(min_age=dt.timedelta(days=7)).removed == (1,)
    assert (versions(there), runs(there)) == (["2", "3", "4"], ["2", "3", "4"])
    run(night=4, keep_versions=1, min_age=dt.timedelta(0))
    # 4 was served until now: a reader may hold its paths.
    assert copy(min_age=dt.timedelta(0)).removed == (2, 3)
    assert copy(min_age=dt.timedelta(0)).removed == (4,)
    assert (versions(there), runs(there), verify(there).damages) == (["5"], ["5"], ())


def test_what_is_not_ours_at_the_destination_is_left_alone(run: Run, copy: Copy, there: Path) -> None:
    run()
    copy()
    (there / "runs/lost+found").mkdir()
    (there / "notes.txt").write_text("x")
    run(night=1)
    copy(min_age=dt.timedelta(0))
    assert (there / "runs/lost+found").is_dir() and (there / "notes.txt").is_file()


def test_a_version_collected_while_it_is_copied_gives_way_to_the_newer_one(
    run: Run, copy: Copy, folder: Path, there: Path
) -> None:
    run()
    ahead: list[str] = []

    def publish_and_collect(step: str) -> None:
        if step == "make:run" and not ahead:
            ahead.append(step)
            run(night=9, keep_versions=1, min_age=dt.timedelta(0))

    assert copy(hook=publish_and_collect).version == 2
    assert (versions(there), runs(there), verify(there).damages) == (["2"], ["2"], ())


def test_mirrors_take_turns_and_publishing_does_not_wait(run: Run, copy: Copy, folder: Path) -> None:
    run()
    with publishing_lock(folder, 1, name=".mirror.lock"):
        with pytest.raises(PublishLockError, match=r"\.mirror\.lock is held"):
            copy(lock_wait_seconds=0)
        assert run(night=1).version == 2
    assert copy(lock_wait_seconds=0).version == 2


def test_where_there_is_nothing_to_mirror_or_nowhere_to(run: Run, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="nothing to mirror from"):
        mirror(folder, tmp_path / "there", now=NOW)
    assert not folder.exists() and not (tmp_path / "there").exists()
    run()
    with pytest.raises(PublishError, match="not there: mount it"):
        mirror(folder, tmp_path / "unmounted" / "there", now=NOW)
    with pytest.raises(PublishError, match="lies in the published folder itself"):
        mirror(folder, folder / "runs" / "x", now=NOW)
    assert not (tmp_path / "unmounted").exists()


def test_a_mount_without_fsync_and_modes_is_taken_as_it_is() -> None:
    """/proc answers EINVAL to an fsync of a folder."""
    with pytest.raises(OSError):
        Disk().sync_folder(Path("/proc"), "x")
    Disk(foreign=True).sync_folder(Path("/proc"), "x")
    with pytest.raises(FileNotFoundError):
        Disk(foreign=True).sync_folder(Path("/proc/nowhere"), "x")
