"""A night whose operator works in Excel: lists and overrides in as .xlsx, marked rows back, reports out.

Belongs here: the way from a workbook to a workbook through the commands. Does not: cells (unit/intake, unit/pipelines).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb
import pytest
from conftest import TINY_AS_OF, MakeHome
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.runs import NightResult, run_night

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "intake"))
from workbooks import read_back, sheet

OVERRIDES = ("customer_id", "tier", "reason", "approved_by", "valid_from", "valid_to")


def command(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(map(str, arguments)))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


@pytest.fixture
def home(make_home: MakeHome, tmp_path: Path) -> Path:
    """The tiny operator, whose overrides come as a workbook with two faulty rows."""
    home = make_home("excel")
    for file in (home / "landing" / "tier_overrides").iterdir():
        file.unlink()
    rows = (
        ["C10000001", "high", "complaint", "head", "2024-06-01", None],
        ["C10000002", "high", None, "head", "2024-06-01", None],
        [8613800000001, "mid", "+86 138 0000 0001", "head", "2024-06-01", None],
        ["C10000003", "diamond", "promised", "shop", "2024-06-01", "2024-12-31"],
    )
    sent = tmp_path / "tier_overrides_20240630.xlsx"
    sent.write_bytes(sheet(*rows, header=OVERRIDES))
    return home


def test_a_workbook_goes_through_a_night(home: Path, tmp_path: Path) -> None:
    sent = tmp_path / "tier_overrides_20240630.xlsx"
    marked = home / "returned" / "tier_overrides" / "tier_overrides_20240630_refused.xlsx"
    code, said = command("validate", sent, "--source", "tier_overrides", "--home", home, "--json")
    document = json.loads(said)
    assert (code, document["outcome"], document["returned"]) == (0, "accepted", str(marked))
    told = read_back(marked)["refused rows"]
    assert [[cell.value for cell in row[:3]] for row in told[1:]] == [
        ["3", "C3", "required_missing"],
        ["4", "A4", "cell_exponent"],
    ]
    marked.unlink()
    code, said = command("validate", sent, "--source", "tier_overrides", "--home", home)
    assert code == 0 and str(marked) in said
    marked.unlink()

    assert command("land", sent, "--source", "tier_overrides", "--home", home)[0] == 0
    result: NightResult = run_night(home, TINY_AS_OF)
    assert result.succeeded, result.failures
    assert marked.exists()
    warned = "\n".join(result.warnings)
    assert str(marked) in warned
    assert "tier that the policy" in warned or "override_tier" in warned
    with duckdb.connect(str(home / "published" / "analytics.duckdb"), read_only=True) as con:
        found = con.execute(
            "select customer_id, override_tier from customers where override_tier is not null"
        ).fetchall()
        scored = dict(
            con.execute("select tier, count(*) from customers where tier is not null group by tier").fetchall()
        )
        vips = con.execute("select count(*) from customers where is_vip").fetchall()[0][0]
    assert set(found) <= {("C10000001", "high"), ("C10000003", "diamond")}
    # A number of a person is in the workbook that goes back, and nowhere else that people read.
    for file in (home / "dagster").rglob("*"):
        assert not file.is_file() or b"8613800000001" not in file.read_bytes(), file

    code, said = command("report", "tiers", "--out", tmp_path / "tiers.xlsx", "--home", home)
    assert code == 0 and "tiers.xlsx" in said
    pages = read_back(tmp_path / "tiers.xlsx")
    assert {row[0].value: int(row[1].value or 0) for row in pages["tiers"][1:]} == scored
    assert len(pages["customers"]) - 1 == sum(scored.values())
    command("report", "tiers", "--out", tmp_path / "again.xlsx", "--home", home)
    assert (tmp_path / "again.xlsx").read_bytes() == (tmp_path / "tiers.xlsx").read_bytes()
    assert command("report", "lists", "--out", tmp_path / "lists.xlsx", "--home", home)[0] == 0
    pages = read_back(tmp_path / "lists.xlsx")
    assert len(pages["VIP"]) - 1 == vips
    assert len(pages["overrides"]) - 1 == len(found)
    assert (tmp_path / "lists.xlsx").stat().st_mode & 0o777 == 0o640


def test_a_refused_workbook_stops_the_night_and_says_where_it_is_marked(home: Path) -> None:
    file = home / "landing" / "tier_overrides" / "tier_overrides_20240630.xlsx"
    file.write_bytes(sheet(["C1"], header=["customer"]))
    result = run_night(home, TINY_AS_OF)
    (failure,) = result.failures
    assert failure.kind == "refused"
    assert str(home / "returned" / "tier_overrides" / "tier_overrides_20240630_refused.xlsx") in failure.message


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("tires", "--out", "x.xlsx"), 2, "there are: tiers, lists"),
        (("tiers", "--out", "x.csv"), 2, "ends in .xlsx"),
        (("tiers", "--out", "nowhere/x.xlsx"), 2, "no folder"),
        (("tiers", "--out", "x.xlsx"), 1, "run a night first"),
    ],
)
def test_what_a_report_needs_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    found, said = command("report", *arguments, "--home", tmp_path)
    assert found == code
    assert words in " ".join(said.split())
