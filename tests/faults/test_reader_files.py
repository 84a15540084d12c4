"""What may happen on the disk below a running reader, with real files: right rows or none, never wrong ones."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from publishers import KEYS, publish_stamped

from tierline import Hold, ManifestError, TierTable, current_manifest, verified_file

HOLDS: list[Hold] = ["map", "memory"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "customer_tiers"
    publish_stamped(folder, "r1")
    for path in run_files(folder):
        os.utime(path, ns=(1, 1))  # some file systems' clocks would not tell a change so soon after
    return folder


def run_files(folder: Path) -> list[Path]:
    return [path for path in next(folder.glob("runs/1-*")).iterdir() if path.suffix != ".json"]


def all_right(table: TierTable, run_key: str = "r1") -> bool:
    return {table.lookup(key, ("brand",)).row.get("brand") for key in KEYS} == {run_key}


def delete(folder: Path) -> None:
    for path in run_files(folder):
        path.unlink()


def lose_run(folder: Path) -> None:
    shutil.rmtree(next(folder.glob("runs/1-*")))


def lose_folder(folder: Path) -> None:
    shutil.rmtree(folder)


def replace_files(folder: Path) -> None:
    for path in run_files(folder):
        other = path.with_name("other")
        other.write_bytes(b"another file under the same name")
        other.replace(path)


def lock_out(folder: Path) -> None:
    for path in [*run_files(folder), folder / "CURRENT.json"]:
        path.chmod(0)


@pytest.mark.parametrize("hold", HOLDS)
@pytest.mark.parametrize("fault", [delete, lose_run, lose_folder, replace_files, lock_out])
def test_files_gone_or_replaced_leave_the_served_version_whole(
    folder: Path, hold: Hold, fault: Callable[[Path], None]
) -> None:
    with TierTable(folder, hold=hold) as table:
        fault(folder)
        table.refresh()
        assert all_right(table) and table.status == "fresh"


def overwrite(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.write(os.urandom(size))


def extend(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def truncate(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize("damage", [overwrite, truncate, extend])
def test_a_copy_in_memory_outlives_what_happens_to_its_files(folder: Path, damage: Callable[[Path], None]) -> None:
    with TierTable(folder, hold="memory") as table:
        for path in run_files(folder):
            damage(path)
        assert all_right(table)
        table.refresh()
        assert all_right(table)
        publish_stamped(folder, "r2")
        assert table.refresh() and all_right(table, "r2")


@pytest.mark.parametrize("name", ["customer_tiers.arrow", "customer_tiers.keys"])
@pytest.mark.parametrize("damage", [overwrite, truncate])
def test_a_mapped_version_changed_in_place_is_let_go_at_the_next_refresh(
    folder: Path, name: str, damage: Callable[[Path], None]
) -> None:
    with TierTable(folder) as table:
        path = next(folder.glob(f"runs/1-*/{name}"))
        whole = path.read_bytes()
        damage(path)
        assert table.refresh() is False
        assert (table.status, table.lookup(KEYS[0]).found) == ("absent", False)
        assert f"{name} was" in str(table.problem) and "while it was served" in str(table.problem)
        path.write_bytes(whole)  # mended: the same version may come back
        assert table.refresh() and table.problem is None and all_right(table)


def touch(path: Path) -> None:
    path.touch()


@pytest.mark.parametrize("change", [touch, extend])
def test_a_mapped_file_whose_bytes_are_still_those_verified_stays_served(
    folder: Path, change: Callable[[Path], None]
) -> None:
    with TierTable(folder) as table:
        for path in run_files(folder):
            change(path)
        assert table.refresh() is False
        assert table.problem is None and all_right(table)


CUT_UNDER_A_READER = """
import os, sys
from pathlib import Path
from tierline import TierTable
table = TierTable(sys.argv[1], hold=sys.argv[2])
for path in Path(sys.argv[1]).glob("runs/1-*/customer_tiers.*"):
    os.truncate(path, 0)
if sys.argv[3] == "refreshed":
    table.refresh()
print(table.lookup(sys.argv[4]).version)
"""


@pytest.mark.parametrize(
    ("hold", "when", "ended", "told"),
    [
        ("map", "at once", -signal.SIGBUS, ""),
        ("map", "refreshed", 0, "None"),
        ("memory", "at once", 0, "1"),
        ("memory", "refreshed", 0, "1"),
    ],
)
def test_a_cut_file_ends_a_process_only_when_mapped_and_not_yet_noticed(
    folder: Path, hold: str, when: str, ended: int, told: str
) -> None:
    command = [sys.executable, "-c", CUT_UNDER_A_READER, str(folder), hold, when, KEYS[0]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (ended, told), done.stderr


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(500))


def huge(path: Path) -> None:
    os.truncate(path, 1 << 40)  # a terabyte, without a block of it


def empty(path: Path) -> None:
    path.write_bytes(b"")


def gone(path: Path) -> None:
    path.unlink()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def a_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize("name", ["CURRENT.json", "manifests/2.json", "arrow", "keys"])
@pytest.mark.parametrize("fault", [garbage, huge, empty, gone, a_folder, a_fifo, a_device, a_loop])
def test_whatever_stands_in_a_files_place_the_refresh_returns_and_the_last_good_version_stays(
    folder: Path, name: str, fault: Callable[[Path], None]
) -> None:
    with TierTable(folder) as table:
        publish_stamped(folder, "r2", keep_versions=3)
        path = folder / name if name.endswith(".json") else next(folder.glob(f"runs/2-*/customer_tiers.{name}"))
        fault(path)
        returned: list[bool] = []
        refresh = threading.Thread(target=lambda: returned.append(table.refresh()), daemon=True)
        refresh.start()
        refresh.join(30)
        assert returned == [False], "refresh() blocks or raises"
        assert table.problem is not None and all_right(table)
        with pytest.raises((ManifestError, OSError)):
            verified_file(folder, f"customer_tiers.{name}" if "." not in name else "customer_tiers.arrow")


def test_opening_a_fifo_as_a_published_folder_or_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "fifo")
    assert stat.S_ISFIFO((tmp_path / "fifo").stat().st_mode)
    for place in ("file", "fifo", "nothing"):
        with TierTable(tmp_path / place) as table:
            assert (table.status, table.problem is not None) == ("absent", True)
    with pytest.raises((ManifestError, OSError)):
        current_manifest(tmp_path / "fifo")


def test_how_files_are_held_is_one_of_two(folder: Path) -> None:
    with pytest.raises(ValueError, match="map, memory"):
        TierTable(folder, hold="mmap")  # type: ignore[arg-type]
