"""verify(): each kind of damage is found, named with its cure, and nothing else is called damage."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.publishing import Publication, PublishError, verify

Run = Callable[..., Publication]
Back = Callable[..., Publication]


def flip(path: Path, at: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1 << bit
    path.write_bytes(content)


def run_file(folder: Path, version: int, name: str = "customer_tiers.parquet") -> Path:
    return next(folder.glob(f"runs/{version}-*/{name}"))


def test_a_whole_folder(run: Run, back: Back, folder: Path) -> None:
    for night in range(3):
        run(night=night)
    back(night=2)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    heard: list[tuple[int, int]] = []
    found = verify(folder, lambda done, total: heard.append((done, total)))
    assert (found.damages, found.pointer, found.unlisted) == ((), (), ())
    assert [(v.version, v.is_current, v.vouched) for v in found.versions] == [
        (1, False, True),
        (2, False, True),
        (3, False, True),
        (4, True, True),
    ]
    assert found.versions[3].manifest is not None
    # Versions 2 and 4 share their files, which are read once.
    sizes = [entry.bytes for v in found.versions[:3] if v.manifest for entry in v.manifest.files]
    assert (found.files, found.bytes, heard[-1]) == (9, sum(sizes), (sum(sizes), sum(sizes)))
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize("name", ["customer_tiers.parquet", "customer_tiers.arrow", "customer_tiers.keys"])
def test_one_flipped_bit_of_a_file(run: Run, folder: Path, name: str) -> None:
    run()
    run(night=1)
    for version, cure in ((1, "it leaves when the version is collected"), (2, "run that night again, or roll back")):
        path = run_file(folder, version, name)
        flip(path, path.stat().st_size // 2, bit=6)
        found = verify(folder)
        assert [v.version for v in found.versions if v.damages] == [version]
        (damage,) = found.damages
        assert damage.path == str(path.relative_to(folder))
        assert (damage.what, cure in damage.cure) == ("does not have the SHA-256 of its manifest", True)
        flip(path, path.stat().st_size // 2, bit=6)
    assert verify(folder).damages == ()


def test_a_file_that_was_cut_or_removed(run: Run, folder: Path) -> None:
    run()
    path = run_file(folder, 1)
    os.truncate(path, 10)
    assert "has 10 bytes, its manifest says" in verify(folder).damages[0].what
    path.unlink()
    assert [damage.what for damage in verify(folder).damages] == ["is missing"]


def test_manifests_and_pointer(run: Run, folder: Path) -> None:
    for night in range(3):
        run(night=night)
    old, current, pointer = folder / "manifests/1.json", folder / "manifests/3.json", folder / "CURRENT.json"
    for path, what, cure in (
        (old, "does not have the SHA-256 that manifests/2.json names", "remove it, and what only it listed leaves"),
        (current, "does not have the SHA-256 that CURRENT.json names", "run that night again, or roll back"),
    ):
        at = path.read_bytes().index(b'"2026-') + 3
        flip(path, at, bit=2)
        found = verify(folder)
        assert [(d.path, d.what) for d in found.damages] == [(str(path.relative_to(folder)), what)]
        assert cure in found.damages[0].cure
        flip(path, at, bit=2)
    whole = pointer.read_bytes()
    pointer.write_bytes(b"{")
    assert [(d.path, "not JSON" in d.what) for d in verify(folder).damages] == [("CURRENT.json", True)]
    pointer.unlink()
    assert [(d.path, "is not there" in d.what) for d in verify(folder).damages] == [("CURRENT.json", True)]
    pointer.write_bytes(whole)
    current.unlink()
    assert [(d.path, d.what) for d in verify(folder).damages] == [
        ("CURRENT.json", "names manifests/3.json, which is not there")
    ]


def test_the_cures_cure(run: Run, back: Back, folder: Path) -> None:
    for night in range(3):
        run(night=night)
    flip(run_file(folder, 3), 100)
    run(night=2)
    assert [v.version for v in verify(folder).versions if v.damages] == [3]
    (folder / "CURRENT.json").write_bytes(b"{")
    run(night=2)
    assert verify(folder).pointer == ()
    flip(run_file(folder, 4), 100)
    back(night=2)
    assert [(v.version, v.is_current) for v in verify(folder).versions if not v.damages] == [
        (1, False),
        (2, False),
        (5, True),
    ]
    (folder / "manifests/1.json").write_bytes(b"rotten")
    (folder / "manifests/1.json").unlink()
    run(night=5, keep_versions=2, min_age=timedelta(0))
    assert verify(folder).damages == ()
    assert list(folder.glob("runs/1-*")) == []


def test_what_no_version_lists_is_told_and_is_no_damage(run: Run, folder: Path) -> None:
    run()
    (folder / "runs/2-00ff").mkdir()
    (folder / ".CURRENT-00ff.tmp").write_bytes(b"x")
    found = verify(folder)
    assert (found.unlisted, found.damages) == (("runs/2-00ff", ".CURRENT-00ff.tmp"), ())


def test_a_version_collected_while_it_is_read_is_no_damage(run: Run, folder: Path) -> None:
    run()
    run(night=1)
    ahead: list[int] = []

    def publish_and_collect(done: int, total: int) -> None:
        if not ahead:
            ahead.append(done)
            for night in (8, 9):
                run(night=night, keep_versions=1, min_age=timedelta(0))

    found = verify(folder, publish_and_collect)
    assert ahead and not (folder / "manifests/2.json").exists()
    assert (found.damages, found.versions) == ((), ())


def test_nothing_published_is_said(folder: Path) -> None:
    with pytest.raises(PublishError, match="holds no published version"):
        verify(folder)
