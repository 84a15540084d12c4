import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.publishing import Disk, Publication, Recovery, recover
from tierline import Manifest, TierTable, current_manifest

Run = Callable[..., Publication]


class Killed(BaseException):
    """Stands for a process that ends at a step: unlike an error, it leaves what it wrote."""


def held(folder: Path) -> tuple[list[int], list[int]]:
    """Versions of the manifests and of the run folders."""
    manifests = sorted(int(path.stem) for path in (folder / "manifests").iterdir())
    return manifests, sorted(int(path.name.split("-")[0]) for path in (folder / "runs").iterdir())


def killed_at(run: Run, step: str, night: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(at: str) -> None:
        if at == step:
            raise Killed

    with monkeypatch.context() as without_cleaning:
        without_cleaning.setattr(Disk, "remove_run", lambda *_: None)
        with pytest.raises(Killed):
            run(night=night, hook=die)


@pytest.mark.parametrize("step", ["sync-folder:manifests", "create:pointer", "sync:pointer", "replace:pointer"])
def test_a_version_committed_and_not_switched_to_is_finished(
    run: Run, folder: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    killed_at(run, step, 1, monkeypatch)
    assert current_manifest(folder).version == 1
    again = run(night=1)
    assert (again.created, again.version, again.recovery.finished) == (False, 2, 2)
    assert "same run key" in str(again.reason)
    assert list(folder.glob(".CURRENT*")) == []


@pytest.mark.parametrize("step", ["create:customer_tiers.arrow", "sync:customer_tiers.keys", "link:manifest"])
def test_what_was_not_committed_is_removed(run: Run, folder: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run()
    killed_at(run, step, 1, monkeypatch)
    assert held(folder) == ([1], [1, 2])
    again = run(night=1)
    assert (again.created, again.version, again.recovery.finished) == (True, 2, None)
    assert [name.split("-")[0] for name in again.recovery.removed] == ["runs/2"]
    assert held(folder) == ([1, 2], [1, 2])


def test_a_committed_version_with_damaged_files_is_not_switched_to(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    killed_at(run, "replace:pointer", 1, monkeypatch)
    path = next(folder.glob("runs/2-*/customer_tiers.parquet"))
    path.write_bytes(path.read_bytes()[:-1])
    assert recover(folder, Disk()).damaged == ("manifests/2.json",)
    assert current_manifest(folder).version == 1
    assert run(night=1).version == 3  # a number is never used twice


@pytest.mark.parametrize("content", [None, b"", b"{"])
def test_a_lost_pointer_is_set_to_the_newest_intact_version(run: Run, folder: Path, content: bytes | None) -> None:
    for night in range(3):
        run(night=night)
    path = next(folder.glob("runs/3-*/customer_tiers.arrow"))
    path.write_bytes(b"rotten")
    if content is None:
        (folder / "CURRENT.json").unlink()
    else:
        (folder / "CURRENT.json").write_bytes(content)
    assert recover(folder, Disk()) == Recovery(finished=2, damaged=("manifests/3.json",))
    assert run(night=2).version == 4


def test_recovery_finds_nothing_on_an_ordinary_night(run: Run) -> None:
    run()
    assert run(night=1).recovery == Recovery()


def test_what_is_not_the_publishers_own_is_left_alone(run: Run, folder: Path) -> None:
    run()
    (folder / "runs" / "lost+found").mkdir()
    (folder / "manifests" / "notes.txt").write_text("x")
    assert run(night=1).recovery == Recovery()
    assert (folder / "runs" / "lost+found").is_dir() and (folder / "manifests" / "notes.txt").is_file()


def test_the_newest_versions_are_kept_and_older_ones_leave_with_their_files(run: Run, folder: Path) -> None:
    for night in range(16):
        run(night=night)
    assert held(folder) == (list(range(3, 17)), list(range(3, 17)))
    assert run(night=16).collected == (3,)


def test_a_version_stays_for_its_minimum_age(run: Run, folder: Path) -> None:
    for night in range(4):
        run(night=night, keep_versions=1, min_age=timedelta(days=2))
    assert held(folder)[0] == [2, 3, 4]  # 1 is 3 days old, 2 exactly 2
    last = run(night=4, keep_versions=1, min_age=timedelta(days=2, seconds=-1))
    assert (last.collected, held(folder)) == ((2, 3), ([4, 5], [4, 5]))


def test_manifests_leave_before_files(run: Run, folder: Path) -> None:
    run()
    steps: list[str] = []
    run(night=2, keep_versions=1, hook=steps.append)
    removal = [step for step in steps if step.startswith("remove:")]
    assert removal == ["remove:manifest", *["remove:run-file"] * 4, "remove:run"]
    assert steps[steps.index("remove:manifest") + 1] == "sync-folder:manifests"


def test_files_that_a_kept_version_lists_are_kept(run: Run, folder: Path) -> None:
    """A rollback is a new version that lists an old version's files."""
    run()
    old = json.loads((folder / "manifests/1.json").read_text())
    run(night=1)
    rollback = json.loads((folder / "manifests/2.json").read_text()) | {"files": old["files"], "tiers": old["tiers"]}
    (folder / "manifests/3.json").write_text(json.dumps(rollback | {"version": 3, "run_key": "back"}))
    assert recover(folder, Disk()).finished == 3
    run(night=9, keep_versions=2)
    assert held(folder) == ([3, 4], [1, 4])
    with TierTable(folder) as table:
        assert table.problem is None


def test_nothing_that_an_unreadable_manifest_may_list_is_removed(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for night in range(3):
        run(night=night)
    (folder / "manifests/1.json").write_bytes(b"{")
    killed_at(run, "link:manifest", 3, monkeypatch)
    last = run(night=9, keep_versions=1)
    assert (last.version, last.collected, last.recovery.damaged) == (4, (2, 3), ("manifests/1.json",))
    assert held(folder) == ([1, 4], [1, 2, 3, 4])
    assert len(last.recovery.removed) == 1  # the killed run's own, newer than any committed version


def test_a_manifest_of_another_major_is_left_as_it_is(run: Run, folder: Path) -> None:
    run()
    later = json.loads((folder / "manifests/1.json").read_text()) | {"format_version": 2}
    (folder / "manifests/1.json").write_text(json.dumps(later))
    assert run(night=1, keep_versions=1, min_age=timedelta(0)).version == 2
    assert held(folder) == ([1, 2], [1, 2])
    assert Manifest.parse((folder / "manifests/2.json").read_bytes(), 2).version == 2
