"""A reader that starts while the current version is damaged serves the newest older one that is vouched for."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from publishers import KEYS, publish_stamped, roll_back

import tierline.opened
import tierline.table
from tierline import Hold, Manifest, TierTable
from tierline.opened import OpenedVersion

PUBLISHED = datetime(2026, 3, 2, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Versions 1, 2 and 3, a day apart, each expiring 30 hours after it was published."""
    folder = tmp_path / "customer_tiers"
    for day in range(3):
        at = PUBLISHED + timedelta(days=day)
        publish_stamped(folder, f"r{day + 1}", published_at=at, expires_at=at + timedelta(hours=30), keep_versions=9)
    return folder


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def data(folder: Path, version: int) -> Path:
    return next(folder.glob(f"runs/{version}-*/customer_tiers.arrow"))


def served(folder: Path) -> tuple[int | None, str]:
    with TierTable(folder) as table:
        answer = table.lookup(KEYS[0], ("brand",))
        assert answer.row.get("brand") == (None if answer.version is None else f"r{answer.version}")
        return answer.version, str(table.problem)


def damage_data(folder: Path) -> None:
    flip(data(folder, 3))


def damage_manifest(folder: Path) -> None:
    path = folder / "manifests/3.json"
    path.write_bytes(path.read_bytes().replace(b'"rows"', b'"rowz"'))


def damage_pointer(folder: Path) -> None:
    flip(folder / "CURRENT.json")


def lose_pointer(folder: Path) -> None:
    (folder / "CURRENT.json").unlink()


@pytest.mark.parametrize("damage", [damage_data, damage_manifest, damage_pointer, lose_pointer])
def test_the_one_before_is_served_and_the_problem_says_so(folder: Path, damage: Callable[[Path], None]) -> None:
    damage(folder)
    version, problem = served(folder)
    assert version == 2
    assert problem.endswith("; version 2 is served instead")


def test_two_damaged_ones_are_passed_over(folder: Path) -> None:
    flip(data(folder, 3))
    flip(data(folder, 2))
    assert served(folder)[0] == 1


def test_a_version_that_nothing_vouches_for_is_not_served(folder: Path) -> None:
    flip(data(folder, 3))
    path = folder / "manifests/2.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"run_key": "made up"}))
    # Version 3 names another digest for manifest 2; manifest 2, though not to be trusted, still names that of 1.
    assert served(folder)[0] == 1
    (folder / "manifests/1.json").unlink()
    version, problem = served(folder)
    assert version is None
    assert "served instead" not in problem


def test_without_a_pointer_the_newest_has_no_voucher(folder: Path) -> None:
    (folder / "CURRENT.json").unlink()
    for version in (1, 2):
        (folder / f"manifests/{version}.json").unlink()
    assert served(folder)[0] is None


def test_nothing_past_the_pointer_is_served(folder: Path) -> None:
    """Committed and not yet switched to: a killed publisher's version is not current until it is said to be."""
    older = (folder / "CURRENT.json").read_bytes()
    at = PUBLISHED + timedelta(days=3)
    for name in ("r4", "r5"):
        publish_stamped(folder, name, published_at=at, expires_at=at + timedelta(hours=30), keep_versions=9)
    (folder / "CURRENT.json").write_bytes(older)
    flip(data(folder, 3))
    assert served(folder)[0] == 2


def test_what_a_rollback_left_behind_is_not_gone_back_to(folder: Path) -> None:
    back = roll_back(folder, to_version=1, keep_versions=9)
    assert back.version == 4
    path = folder / "manifests/4.json"
    whole = path.read_bytes()
    assert b"runs/1-" in whole
    publish_stamped(folder, "r5", keep_versions=9)
    flip(data(folder, 5))
    with TierTable(folder) as table:
        assert (table.lookup(KEYS[0]).version, table.lookup(KEYS[0]).row["brand"]) == (4, "r1")
    flip(data(folder, 1))  # the files of version 4, too: 2 and 3 were taken back, so nothing is left
    with TierTable(folder) as table:
        assert table.status == "absent"


def test_freshness_is_that_of_the_version_served(folder: Path) -> None:
    flip(data(folder, 3))
    now = PUBLISHED + timedelta(days=2, hours=7)  # version 2 expired an hour ago, version 3 would not have
    with TierTable(folder, clock=lambda: now) as table:
        assert (table.lookup(KEYS[0]).version, table.status) == (2, "stale")


def test_it_moves_up_and_never_down(folder: Path) -> None:
    pointer = (folder / "CURRENT.json").read_bytes()
    flip(data(folder, 3))
    with TierTable(folder) as table:
        assert table.lookup(KEYS[0]).version == 2
        assert table.refresh() is False  # still damaged: told, not tried to go lower
        assert table.lookup(KEYS[0]).version == 2
        flip(data(folder, 3))
        assert (table.refresh(), table.problem, table.lookup(KEYS[0]).version) == (True, None, 3)
        flip(data(folder, 3))  # overwritten in place: a mapped version is let go, and no older one comes instead
        assert (table.refresh(), table.status) == (False, "absent")
        assert "served instead" not in str(table.problem)
        publish_stamped(folder, "r4", keep_versions=9)
        assert (table.refresh(), table.lookup(KEYS[0]).version) == (True, 4)
        (folder / "CURRENT.json").write_bytes(pointer)
        assert (table.refresh(), table.lookup(KEYS[0]).version) == (False, 4)


def test_a_damaged_version_is_hashed_once_and_again_when_it_changed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a reader would hash a gigabyte at every refresh for as long as the damage lasts."""
    monkeypatch.setattr(tierline.opened, "SETTLED_SECONDS", -60.0)  # these files changed just now
    opened: list[int] = []

    class Counted(OpenedVersion):
        def __init__(self, at: Path, manifest: Manifest, hold: Hold) -> None:
            opened.append(manifest.version)
            super().__init__(at, manifest, hold)

    monkeypatch.setattr(tierline.table, "OpenedVersion", Counted)
    flip(data(folder, 3))
    with TierTable(folder) as table:
        problem = str(table.problem)
        assert (opened, table.refresh(), opened) == ([3, 2], False, [3, 2])
        assert table.problem is not None and problem.startswith(table.problem)
        flip(data(folder, 3))
        os.utime(data(folder, 3), ns=(1, 1))
        assert (table.refresh(), opened) == (True, [3, 2, 3])


def test_a_running_reader_takes_the_newest_good_one_between(folder: Path) -> None:
    with TierTable(folder, hold="memory") as table:
        for name in ("r4", "r5"):
            publish_stamped(folder, name, keep_versions=9)
        flip(data(folder, 5))
        assert table.refresh() is True
        assert table.lookup(KEYS[0]).version == 4
        assert str(table.problem).endswith("; version 4 is served instead")
