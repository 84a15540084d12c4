"""versions, rollback, verify and mirror as a person and as a script use them."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from typer.testing import CliRunner, Result

from pipelines.cli.app import app
from pipelines.day_files import write_day
from pipelines.durable import Disk
from pipelines.publishing import Publication, publish, publishing_lock
from tierline import TierTable

Night = Callable[..., Publication]


def tierline(*args: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in args], env={"COLUMNS": "200"})


def said(result: Result) -> str:
    return " ".join(result.output.split())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def folder(home: Path) -> Path:
    return home / "published" / "customer_tiers"


@pytest.fixture
def night(folder: Path) -> Night:
    """night(day): publishes the two lines of a day in June 2024, one tier the more the later."""

    def run(day: int, **changed: object) -> Publication:
        rows = pa.table(
            {
                "service_key": [f"+861380000000{n}" for n in range(4)],
                "subscription_id": [f"S{n}" for n in range(4)],
                "tier": ["high"] * (day % 4) + ["mid"] * (4 - day % 4),
            }
        )
        now = datetime.now(UTC)
        arguments: dict[str, object] = {
            "folder": folder,
            "as_of_date": date(2024, 6, day),
            "run_key": f"run of {day}",
            "service_key_type": "msisdn",
            "tiers": ("high", "mid"),
            "contract_version": "1.0.0",
            "published_at": now,
            "expires_at": now + timedelta(hours=36),
            "provenance": {"policy": "p"},
        }
        return publish(rows.to_reader(), **(arguments | changed))  # type: ignore[arg-type]

    return run


def damage(folder: Path, version: int) -> Path:
    path = next(folder.glob(f"runs/{version}-*/customer_tiers.arrow"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    return path


@pytest.mark.parametrize("command", ["versions", "rollback", "verify", "mirror"])
def test_help_has_an_example(command: str) -> None:
    result = tierline(command, "--help")
    assert (result.exit_code, f"tierline {command}" in result.output) == (0, True)


@pytest.mark.parametrize("command", [("versions",), ("versions", "--json"), ("verify",)])
def test_nothing_published_leaves_with_5(home: Path, command: tuple[str, ...]) -> None:
    result = tierline(*command, "--home", home)
    assert (result.exit_code, "nothing" in said(result)) == (5, True)
    assert not home.exists()


def test_nothing_to_roll_back_or_mirror_fails_with_the_reason(home: Path, tmp_path: Path) -> None:
    back = tierline("rollback", "--reason", "x", "--home", home)
    assert (back.exit_code, "nothing to roll back" in said(back)) == (1, True)
    copied = tierline("mirror", tmp_path / "there", "--home", home)
    assert (copied.exit_code, "nothing to mirror from" in said(copied)) == (1, True)
    assert not home.exists()


def test_versions_are_listed_with_their_story(night: Night, home: Path, folder: Path) -> None:
    long_ago = datetime(2024, 6, 2, tzinfo=UTC)
    night(
        1,
        published_at=long_ago,
        expires_at=long_ago + timedelta(hours=36),
        provenance={"accepted": "volume fell: strike"},
    )
    night(2)
    assert tierline("rollback", "--reason", "brand missing", "--home", home).exit_code == 0
    damage(folder, 2)
    (folder / "manifests/2.json").write_bytes(b"{")
    night(5)
    shown = tierline("versions", "--home", home)
    assert shown.exit_code == 0
    lines = [line.split() for line in shown.output.splitlines()]
    assert lines[0] == ["version", "as", "of", "published", "UTC", "lines", "high", "mid", "state"]
    assert [line[0] for line in lines[1:5]] == ["1", "2", "3", "4"]
    assert (lines[1][1], lines[1][-1]) == ("2024-06-01", "stale")
    assert lines[2] == ["2", "damaged"]
    assert (lines[4][-5:]) == ["4", "25.0%", "75.0%", "fresh,", "current"]
    assert "Readers call version 4 stale after " in shown.output
    assert "1: accepted: volume fell: strike" in shown.output
    assert "3: rollback of 2 to 1: brand missing" in shown.output
    listed = json.loads(tierline("versions", "--home", home, "--json").output)
    assert [(v["version"], v["current"], v["state"]) for v in listed] == [
        (1, False, "stale"),
        (2, False, "damaged"),
        (3, False, "fresh"),
        (4, True, "fresh"),
    ]
    assert (listed[3]["tiers"], listed[3]["rows"], listed[3]["as_of_date"]) == ({"high": 1, "mid": 3}, 4, "2024-06-05")


def test_a_rollback_serves_the_old_table(night: Night, home: Path, folder: Path) -> None:
    night(1)
    night(2)
    done = tierline("rollback", "--reason", "brand missing", "--home", home)
    assert (done.exit_code, "Version 3 is current: the table of version 1, 4 lines as of 2024-06-01" in said(done)) == (
        0,
        True,
    )
    table = TierTable(folder)
    assert table.manifest is not None
    assert (table.status, table.manifest.version, table.manifest.tiers["high"]) == ("fresh", 3, 1)
    assert "2: taken back by 3" in tierline("versions", "--home", home).output
    wrong = tierline("rollback", "--to", 9, "--reason", "x", "--home", home)
    assert (wrong.exit_code, "version 9 is not in" in said(wrong)) == (1, True)
    assert tierline("rollback", "--home", home).exit_code == 2  # a reason is needed


def test_a_rollback_beside_a_publisher_leaves_with_4(night: Night, home: Path, folder: Path) -> None:
    night(1)
    night(2)
    (home / "tierline.yaml").write_text("lock_wait_seconds: 0\n")
    with publishing_lock(folder, 1):
        assert tierline("rollback", "--reason", "x", "--home", home).exit_code == 4


def test_verify_says_what_is_damaged_and_its_cure(night: Night, home: Path, folder: Path) -> None:
    night(1)
    night(2)
    usage = home / "published" / "usage_daily"
    with duckdb.connect() as con:
        write_day(con.sql("select 1 as a"), usage, "usage_date=2024-06-01/aa.parquet", Disk(), label="usage-day")
    (folder / "runs/9-00").mkdir()
    whole = tierline("verify", "--home", home)
    assert whole.exit_code == 0, whole.output
    assert "6 files of versions read" in said(whole)
    assert "1 file of usage_daily compared" in said(whole)
    assert "1 leftover that no version lists" in said(whole)
    path = damage(folder, 2)
    (usage / "usage_date=2024-06-01/aa.parquet").write_bytes(b"rotten")
    found = tierline("verify", "--home", home)
    assert found.exit_code == 1
    assert f"damaged: {path}: does not have the SHA-256 of its manifest cure: run that night again" in said(found)
    assert (
        "cure: copy it back from a backup; where the day's call detail is still kept (keep_cdr_days), delete it"
        in said(found)
    )
    assert tierline("verify", folder, "--home", home).output.count("cure:") == 1
    assert tierline("verify", home / "nowhere", "--home", home).exit_code == 2


def test_a_mirror_is_made_verified_and_said(night: Night, home: Path, tmp_path: Path) -> None:
    night(1)
    night(2)
    there = tmp_path / "routing"
    done = tierline("mirror", there, "--home", home)
    assert (done.exit_code, "Version 2 is now current" in said(done), "3 files copied" in said(done)) == (0, True, True)
    again = tierline("mirror", there, "--all", "--home", home)
    assert (again.exit_code, "was current already" in said(again), "3 already there" in said(again)) == (0, True, True)
    assert tierline("verify", there).exit_code == 0
    damage(there, 2)
    assert tierline("verify", there).exit_code == 1
    refused = tierline("mirror", there, "--home", home)
    assert (refused.exit_code, "remove it there and mirror again" in said(refused)) == (1, True)
