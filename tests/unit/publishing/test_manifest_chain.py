"""Each manifest vouches for the one before, the pointer for the newest."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from pipelines.publishing import Disk, Publication, recover
from pipelines.publishing.history import committed
from tierline import Manifest
from tierline.manifest import PreviousManifest

Run = Callable[..., Publication]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_manifest_names_the_one_before_with_its_digest(run: Run, folder: Path) -> None:
    assert run().manifest.previous is None
    second = run(night=1).manifest
    assert second.previous == PreviousManifest(1, digest(folder / "manifests/1.json"))
    assert Manifest.parse((folder / "manifests/2.json").read_bytes(), 2).previous == second.previous


def test_a_damaged_current_version_is_not_vouched_for(run: Run, folder: Path) -> None:
    run()
    run(night=1)
    (folder / "manifests/2.json").write_bytes(b"{}")
    assert run(night=2).manifest.previous is None
    assert list(committed(folder).values())[1] is None


def test_rot_that_still_reads_as_a_manifest_is_found_in_any_of_them(run: Run, folder: Path) -> None:
    for night in range(4):
        run(night=night)
    for version in (1, 2, 3, 4):
        path = folder / f"manifests/{version}.json"
        whole = path.read_bytes()
        path.write_bytes(whole.replace(b'"as_of_date": "2026-', b'"as_of_date": "2066-'))
        assert Manifest.parse(path.read_bytes(), version).as_of_date.year == 2066
        assert [v for v, manifest in committed(folder).items() if manifest is None] == [version]
        assert recover(folder, Disk()).damaged == (f"manifests/{version}.json",)
        path.write_bytes(whole)
    assert None not in committed(folder).values()


def test_manifests_written_before_there_was_a_chain_are_kept(run: Run, folder: Path) -> None:
    run()
    first = folder / "manifests/1.json"
    first.write_bytes(first.read_bytes().replace(b',\n  "previous": null', b""))
    (folder / "CURRENT.json").unlink()
    assert run(night=1).recovery.finished == 1
    assert (committed(folder)[1] is None, committed(folder)[2] is None) == (False, False)


def test_the_chain_goes_on_where_versions_were_collected(run: Run, folder: Path) -> None:
    for night in range(4):
        run(night=night, keep_versions=2, min_age=timedelta(0))
    assert list(committed(folder)) == [3, 4]
    assert committed(folder)[3] is not None
