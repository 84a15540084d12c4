"""Worklists as files: whole or not at all, one name once, rot found, and what of them a night sees."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipelines.day_files import verify_days
from pipelines.retention.campaigns import (
    MEMBERS,
    CampaignError,
    add_campaign,
    adding,
    campaign_of,
    campaigns,
    checked_name,
    show_members,
)

MEMBER = {
    "customer_id": "C1",
    "is_control": False,
    "position": 1,
    "outcome_date": date(2024, 8, 1),
    "outcome_at": datetime(2024, 8, 1, 16),
    "tier_flag": 1,
    "churn_risk": Decimal("0.100000"),
    "run_key": "key",
}


def members(name: str, made: date = date(2024, 6, 30)) -> pl.DataFrame:
    row = dict.fromkeys(MEMBERS) | MEMBER | {"campaign": name, "list_date": made}
    return pl.DataFrame([row, row | {"customer_id": "C2", "position": 2, "is_control": True}])


def shown(folder: Path, as_of: date) -> tuple[list[tuple[str, str]], tuple[int, tuple[str, ...]]]:
    with duckdb.connect() as con:
        con.execute("create schema run")
        told = show_members(con, folder, as_of)
        described = {name: kind for name, kind, *_ in con.execute("describe run.campaign_members").fetchall()}
        assert described == MEMBERS
        rows = con.execute("select campaign, customer_id from run.campaign_members order by all").fetchall()
    return rows, told


def test_a_night_sees_the_lists_made_until_then(tmp_path: Path) -> None:
    assert shown(tmp_path / "none yet", date(2024, 6, 30)) == ([], (0, ()))
    folder = tmp_path / "camp[a]igns"
    add_campaign(members("june"), folder, "june")
    add_campaign(members("july", date(2024, 7, 31)), folder, "july")
    assert shown(folder, date(2024, 7, 30)) == ([("june", "C1"), ("june", "C2")], (1, ()))
    assert shown(folder, date(2024, 7, 31))[1] == (2, ())
    assert [(c.name, c.list_date, c.run_key) for c in campaigns(folder)] == [
        ("july", date(2024, 7, 31), "key"),
        ("june", date(2024, 6, 30), "key"),
    ]
    assert (folder / "june" / "worklist.parquet").stat().st_mode & 0o777 == 0o640


def test_a_damaged_list_is_left_out_of_the_night_and_named_elsewhere(tmp_path: Path) -> None:
    for name in ("june", "july"):
        add_campaign(members(name), tmp_path, name)
    path = tmp_path / "june" / "worklist.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert shown(tmp_path, date(2024, 6, 30)) == ([("july", "C1"), ("july", "C2")], (1, ("june",)))
    with pytest.raises(CampaignError, match=r"june/worklist\.parquet does not have the SHA-256.*Copy it back"):
        campaigns(tmp_path)
    with pytest.raises(CampaignError, match="Copy it back"):
        campaign_of(tmp_path, "june")
    compared, unknown, (damage,) = verify_days(tmp_path, "copy it back")
    assert (compared, unknown, damage.path) == (2, 0, "june/worklist.parquet")


@pytest.mark.parametrize("name", ["", "June", "a/b", "..", ".hidden", "x" * 41, "a b", "élan"])
def test_a_name_is_a_plain_word(name: str) -> None:
    with pytest.raises(CampaignError, match="lower-case letters"):
        checked_name(name)
    assert checked_name("2024-07-contracts") == "2024-07-contracts"


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = {path!r}
from test_campaign_files import members
from pipelines.retention.campaigns import add_campaign, adding

def hook(step):
    if step == {step!r}:
        os.kill(os.getpid(), signal.SIGKILL)

with adding(Path({folder!r})):
    add_campaign(members("june"), Path({folder!r}), "june", hook)
"""


@pytest.mark.parametrize(
    ("step", "there"),
    [("write:worklist", False), ("sync:digests", False), ("replace:worklist", False), ("sync-folder:worklist", None)],
)
def test_killed_at_any_step_it_is_there_whole_or_not_at_all(tmp_path: Path, step: str, there: bool | None) -> None:
    script = KILLED.format(path=[str(Path(__file__).parent), str(Path.cwd())], step=step, folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    found = campaign_of(tmp_path, "june")
    if there is not None:
        assert (found is not None) == there
    with adding(tmp_path):  # the lock ended with the process
        if found is None:
            add_campaign(members("june"), tmp_path, "june")
    assert shown(tmp_path, date(2024, 6, 30)) == ([("june", "C1"), ("june", "C2")], (1, ()))
