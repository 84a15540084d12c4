"""Going back to an older table, and what comes after."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.publishing import Publication, PublishError
from tierline import TierTable, current_manifest

Run = Callable[..., Publication]
Back = Callable[..., Publication]
Records = Callable[[int], list[dict[str, Any]]]


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def damage(folder: Path, version: int) -> None:
    path = next(folder.glob(f"runs/{version}-*/customer_tiers.parquet"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def test_a_rollback_is_a_higher_version_that_lists_the_old_files(
    run: Run, back: Back, folder: Path, records: Records
) -> None:
    old = run(records(7)).manifest
    bad = run(records(9), night=1).manifest
    before = names(folder)
    with TierTable(folder) as table:
        done = back(night=1)
        new = done.manifest
        assert (done.created, done.version, current_manifest(folder)) == (True, 3, new)
        assert names(folder) - before == {"manifests/3.json"}
        assert (new.files, new.rows, new.tiers) == (old.files, old.rows, old.tiers)
        assert (new.as_of_date, new.run_key) == (old.as_of_date, old.run_key)
        assert new.published_at > bad.published_at
        assert new.provenance == {
            "policy": "p1",
            "rollback_of": "2",
            "rollback_to": "1",
            "reason": "tiers of one brand were wrong",
            "rolled_back_run_key": "night 1",
        }
        assert new.previous is not None and new.previous.version == 2
        assert table.lookup("+861300000008").found  # served until told of the new one
        assert table.refresh()
        assert (table.problem, table.lookup("+861300000008").found) == (None, False)
        assert table.lookup("+861300000006").version == 3


def test_the_run_taken_back_stays_away_until_it_is_asked_for(run: Run, back: Back, folder: Path) -> None:
    run()
    run(night=1)
    back(night=1)
    before = names(folder)
    rerun = run(night=1)
    assert (rerun.created, rerun.version) == (False, 3)
    told = "rolled back by version 3 (tiers of one brand were wrong): run with --accept REASON to publish it again"
    assert (rerun.reason, names(folder)) == (told, before)
    assert (run(night=1, again="mended").version, current_manifest(folder).run_key) == (4, "night 1")
    said = {name: text for name, text in current_manifest(folder).provenance.items() if name.startswith("accepted")}
    assert said == {
        "accepted": "mended",
        "accepted_rollback": "rolled back by version 3 (tiers of one brand were wrong)",
    }
    assert "same run key" in str(run(night=1).reason)


def test_other_nights_publish_as_usual_after_a_rollback(run: Run, back: Back) -> None:
    run()
    run(night=1)
    back(night=1)
    assert run(night=1, run_key="night 1, with the brand's file mended").version == 4
    assert run(night=2).version == 5
    assert (run(night=2, run_key="night 1").created, run(night=3).version) == (False, 6)


def test_rolling_back_again_goes_on_to_the_table_before(run: Run, back: Back, records: Records) -> None:
    for night in range(3):
        run(records(5 + night), night=night)
    assert back(night=2).manifest.provenance["rollback_to"] == "2"
    further = back(night=2).manifest
    assert (further.provenance["rollback_of"], further.provenance["rollback_to"]) == ("4", "1")
    assert [run(night=night).created for night in (1, 2)] == [False, False]
    with pytest.raises(PublishError, match="no intact version with another table before 5"):
        back(night=2)


def test_a_rollback_can_be_taken_back(run: Run, back: Back) -> None:
    run()
    run(night=1)
    back(night=1)
    forth = back(2, night=1).manifest
    assert (forth.version, forth.run_key, forth.provenance["rollback_to"]) == (4, "night 1", "2")
    assert "same run key" in str(run(night=1).reason)


def test_without_a_version_named_damaged_ones_are_passed_over(run: Run, back: Back, folder: Path) -> None:
    for night in range(4):
        run(night=night)
    damage(folder, 3)
    (folder / "manifests/2.json").write_bytes(b"{")
    assert back(night=3).manifest.provenance["rollback_to"] == "1"


def test_a_damaged_current_version_is_rolled_back_from(run: Run, back: Back, folder: Path) -> None:
    run()
    run(night=1)
    (folder / "manifests/2.json").write_bytes(b"{")
    manifest = back(night=1).manifest
    assert (manifest.version, manifest.previous) == (3, None)
    assert "rolled_back_run_key" not in manifest.provenance
    assert run(night=1).version == 4  # nobody took that run back: it was damaged
    with TierTable(folder) as table:
        assert table.problem is None


def test_what_can_not_be_gone_back_to_is_refused_and_nothing_changes(run: Run, back: Back, folder: Path) -> None:
    for night in range(5):
        run(night=night, keep_versions=4, min_age=dt.timedelta(0))
    damage(folder, 2)
    (folder / "manifests/3.json").write_bytes(b"{")
    before = names(folder)
    for to, told in (
        (1, r"version 1 is not in .*never published, or collected; kept are: 2, 3, 4"),
        (9, "version 9 is not in"),
        (5, "version 5 is the current one"),
        (2, "files of version 2 are damaged"),
        (3, "the manifest of version 3 is damaged"),
    ):
        with pytest.raises(PublishError, match=told):
            back(to, night=4)
    with pytest.raises(PublishError, match="needs a reason"):
        back(4, night=4, reason=" ")
    with pytest.raises(PublishError, match="expires_at must be after"):
        back(4, night=4, expires_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    assert (names(folder), current_manifest(folder).version) == (before, 5)
    back(4, night=4)
    with pytest.raises(PublishError, match="version 6, the current one, already serves the files of version 4"):
        back(4, night=4)


def test_nothing_published_is_nothing_to_roll_back(back: Back, folder: Path) -> None:
    with pytest.raises(PublishError, match="holds no published version"):
        back()
    assert not folder.exists()


def test_an_error_before_the_commit_leaves_nothing_behind(run: Run, back: Back, folder: Path) -> None:
    run()
    run(night=1)
    before = names(folder)
    for step in ("create:manifest", "sync:manifest", "link:manifest"):

        def full(at: str, step: str = step) -> None:
            if at == step:
                raise OSError(28, "No space left on device")

        with pytest.raises(OSError, match="No space left"):
            back(night=1, hook=full)
        assert (names(folder), current_manifest(folder).version) == (before, 2)


def test_files_listed_by_a_newer_version_are_never_collected(run: Run, back: Back, folder: Path) -> None:
    run()
    run(night=1)
    back(night=1)
    for night in range(2, 5):
        run(night=night, keep_versions=4, min_age=dt.timedelta(0))
    kept = sorted(path.name.split("-")[0] for path in (folder / "runs").iterdir())
    assert (sorted(path.stem for path in (folder / "manifests").iterdir()), kept) == (
        ["3", "4", "5", "6"],
        ["1", "4", "5", "6"],
    )
    run(night=5, keep_versions=2, min_age=dt.timedelta(0))
    assert sorted(path.name.split("-")[0] for path in (folder / "runs").iterdir()) == ["6", "7"]


def test_the_version_to_roll_back_to_is_kept_though_it_is_old(run: Run, back: Back, folder: Path) -> None:
    for night in range(3):
        run(night=night)
    damage(folder, 2)
    damage(folder, 3)
    last = run(night=9, keep_versions=2, min_age=dt.timedelta(0))
    assert last.collected == (2,)
    assert back(night=9).manifest.provenance["rollback_to"] == "1"
    assert run(night=10, keep_versions=2, min_age=dt.timedelta(0)).collected == (1, 3, 4)  # 5 holds 1's files


def test_a_rollback_collects_as_a_publication_does(run: Run, back: Back) -> None:
    for night in range(4):
        run(night=night)
    assert back(night=9, keep_versions=2, min_age=dt.timedelta(days=1)).collected == (1, 3)
    # 5 lists the files of 3, 4 was taken back: 2 is what a further rollback would go to.


def test_a_run_that_was_accepted_after_all_can_be_rolled_back_to(run: Run, back: Back) -> None:
    run()
    run(night=1)
    back(night=1)
    run(night=1, again="mended")
    run(night=2)
    assert back(night=2).manifest.provenance["rollback_to"] == "4"
