"""Day files of usage: their digests are remembered, their rot is found."""

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from pipelines.day_files import remove_days, remove_leftovers, verify_days, write_day
from pipelines.durable import Disk

CURE = "roll it up again"
NAME = "usage_date=2024-06-30/{}.parquet"
Write = Callable[..., None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "published" / "usage_daily"


@pytest.fixture
def write(folder: Path) -> Iterator[Write]:
    """write(digest): a day file of that name with a few rows."""
    with duckdb.connect() as con:
        yield lambda digest="aa", **hook: write_day(
            con.sql("select range as subscription_id from range(1000)"),
            folder,
            NAME.format(digest),
            Disk(**hook),
            label="usage-day",
        )


def test_a_day_file_is_whole_and_its_digest_remembered(write: Write, folder: Path) -> None:
    write("aa")
    write("bb")
    assert verify_days(folder, CURE) == (2, 0, ())
    assert [json.loads(line)["path"] for line in (folder / "SHA256SUMS.jsonl").read_text().splitlines()] == [
        NAME.format("aa"),
        NAME.format("bb"),
    ]
    for path in folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o750 if path.is_dir() else 0o640)


def test_a_flipped_bit_is_found_and_deleting_the_file_cures_it(write: Write, folder: Path) -> None:
    write("aa")
    write("bb")
    path = folder / NAME.format("aa")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    compared, unknown, (damage,) = verify_days(folder, CURE)
    assert (compared, unknown, damage.path, damage.cure == CURE) == (2, 0, NAME.format("aa"), True)
    path.unlink()
    assert verify_days(folder, CURE) == (1, 0, ())
    write("aa")
    assert verify_days(folder, CURE) == (2, 0, ())


@pytest.mark.parametrize("torn", [b'{"path": "usage_date=2024', b"\xff\n", b'{"path": 3}\n', b"[]\n"])
def test_a_line_that_was_cut_off_costs_nothing_but_itself(write: Write, folder: Path, torn: bytes) -> None:
    write("aa")
    with (folder / "SHA256SUMS.jsonl").open("ab") as file:
        file.write(torn)
    write("bb")
    assert verify_days(folder, CURE) == (2, 0, ())


def test_a_file_of_before_there_was_a_list_is_counted_as_unknown(write: Write, folder: Path) -> None:
    write("aa")
    (folder / "SHA256SUMS.jsonl").unlink()
    heard: list[tuple[int, int]] = []
    assert verify_days(folder, CURE, lambda done, total: heard.append((done, total))) == (0, 1, ())
    assert heard == [(1, 1)]
    assert verify_days(folder.with_name("nowhere"), CURE) == (0, 0, ())


def test_leftovers_of_a_killed_run_are_removed(write: Write, folder: Path) -> None:
    write("aa")

    def killed(step: str) -> None:
        if step == "sync:usage-day":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write("bb", hook=killed)
    assert len(list(folder.rglob("*.tmp"))) == 1
    remove_leftovers(folder, Disk())
    assert not list(folder.rglob("*.tmp"))
    assert [path.name for path in (folder / "usage_date=2024-06-30").iterdir()] == ["aa.parquet"]


def test_a_file_among_the_days_is_left_alone(write: Write, folder: Path) -> None:
    write("aa")
    (folder / "usage_date=notes").write_text("not a day")
    remove_leftovers(folder, Disk())
    assert remove_days(folder, lambda _day, _digest: False, Disk()) == 1
    assert [path.name for path in folder.iterdir() if "=" in path.name] == ["usage_date=notes"]


def test_a_full_disk_leaves_no_day_file(write: Write, folder: Path) -> None:
    def full(step: str) -> None:
        if step == "write:digests":
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write("aa", hook=full)
    assert list(folder.rglob("*.parquet")) == []
    write("aa")
    assert verify_days(folder, CURE) == (1, 0, ())
