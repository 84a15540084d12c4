"""A campaign from the list to the uplift: two whole nights, agents' results in between, and every count again in plain
Python.

Belongs here: the command and what nights make of a campaign. Does not: who is chosen (tests/unit/segmentation), single
rules of the counting (tests/sql).
"""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from conftest import TINY_AS_OF, MakeHome
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.runs import run_night
from segmentation.policy import preset

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "intake"))
from workbooks import read_back, sheet

LATER = date(2024, 7, 30)
RESULTS = ["campaign", "customer_id", "contacted_at", "outcome", "offer"]
# Everybody who agreed may be called, so that small numbers have something to show; judged after 25 days.
RETENTION = """
retention:
  stages: [identification, growth, stable, warning]
  size: 40
  control_share: 0.3
  outcome_days: 25
"""


def command(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def members(home: Path, name: str) -> list[dict[str, Any]]:
    return pq.read_table(home / "published" / "campaigns" / name / "worklist.parquet", partitioning=None).to_pylist()


def uplift_rows(home: Path) -> dict[tuple[str, str | None], dict[str, Any]]:
    with duckdb.connect(str(home / "published" / "analytics.duckdb"), read_only=True) as con:
        found = con.execute("select * from campaign_uplift")
        names = [column[0] for column in found.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return {(row["campaign"], row["tier"]): row for row in rows}


def cease(home: Path, customers: set[str]) -> None:
    """A delivery of 15 July in which all lines of those customers have ceased."""
    folder = home / "landing" / "subscriptions"
    with (folder / "subscriptions_20240630.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    for row in lines:
        if row["customer_id"] in customers and row["status"] != "ceased":
            row |= {"status": "ceased", "status_date": "2024-07-10"}
    with (folder / "subscriptions_20240715.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


@pytest.fixture
def home(make_home: MakeHome) -> Path:
    place = make_home("home")
    text = preset("default").decode()
    (place / "ours.yaml").write_text(text[: text.index("# Whom a worklist takes")] + RETENTION, encoding="utf-8")
    (place / "tierline.yaml").write_text("policy: ours.yaml\n", encoding="utf-8")
    result = run_night(place, TINY_AS_OF)
    assert result.succeeded, result.failures
    return place


def test_from_the_list_to_the_uplift(home: Path, tmp_path: Path) -> None:
    code, said = command("worklist", "make", "--campaign", "july", "--dry-run", "--home", home)
    assert code == 0 and "would be made" in said
    assert not (home / "published" / "campaigns").exists()

    agents = tmp_path / "july.csv"
    code, said = command("worklist", "make", "--campaign", "july", "--csv", agents, "--home", home)
    assert code == 0 and "is made" in said, said
    chosen = members(home, "july")
    control = {row["customer_id"] for row in chosen if row["is_control"]}
    listed = {row["customer_id"] for row in chosen} - control
    assert len(chosen) <= 40 and control and listed
    tiers = Counter(row["tier"] for row in chosen)
    assert {row["tier"] for row in chosen if row["is_control"]} == {tier for tier, n in tiers.items() if n > 1}
    assert {row["outcome_date"] for row in chosen} == {date(2024, 7, 25)}
    # Agents get whom to call and nobody else, by a number that the hotline would know.
    handed = list(csv.DictReader(io.StringIO(agents.read_text(encoding="utf-8"))))
    assert {row["customer_id"] for row in handed} == listed
    code, found = command("lookup", handed[0]["service_key"], "--home", home, "--json")
    assert code == 0 and handed[0]["customer_id"] in found
    assert agents.stat().st_mode & 0o777 == 0o640

    # Once more in the same night: the same files, and it says so.
    file = home / "published" / "campaigns" / "july" / "worklist.parquet"
    before, first = file.read_bytes(), agents.read_bytes()
    code, said = command(
        *("worklist", "make", "--campaign", "july", "--csv", agents, "--xlsx", tmp_path / "july.xlsx", "--home", home)
    )
    assert code == 0 and "was made before" in said
    assert (file.read_bytes(), agents.read_bytes()) == (before, first)
    assert len(read_back(tmp_path / "july.xlsx")["july"]) - 1 == len(listed)
    # Who is in a campaign, called or kept out, is in no other one until it is judged.
    code, said = command("worklist", "make", "--campaign", "second", "--home", home)
    assert code == 1 or not {row["customer_id"] for row in members(home, "second")} & (listed | control)

    # Results come back in Excel: some listed are called twice, one of the control group is called against the plan.
    called = sorted(listed)
    rows = [["july", customer, "2024-07-02T10:00:00+08:00", "not_reached", None] for customer in called[:4]]
    rows += [["july", customer, "2024-07-03T10:00:00+08:00", "accepted", "10 GB"] for customer in called[1:3]]
    rows += [["july", min(control), "2024-07-03T11:00:00+08:00", "reached", None]]
    (tmp_path / "campaign_results_20240704.xlsx").write_bytes(sheet(*rows, header=RESULTS))
    code, said = command(
        *("land", tmp_path / "campaign_results_20240704.xlsx", "--source", "campaign_results", "--home", home)
    )
    assert code == 0, said
    left = set(called[-2:]) | {max(control)}
    cease(home, left)
    second = run_night(home, LATER, accept="lines ceased on purpose")
    assert second.succeeded, second.failures
    warned = " ".join(second.warnings)
    assert "campaign_result" in warned or "called against the plan" in warned
    assert "campaign_results" not in warned.replace("campaign_result_of_nobody", "")

    postpaid = {row["customer_id"] for row in chosen if row["payment_type"] == "postpaid"}
    total = uplift_rows(home)["july", None]
    assert (total["listed"], total["control"]) == (len(listed), len(control))
    assert (total["contacted"], total["reached"], total["accepted"]) == (4, 2, 2)
    assert total["control_contacted"] == 1
    # Usage of July was not delivered, so that nothing is known of prepaid customers.
    assert (total["listed_judged"], total["listed_retained"]) == (
        len(listed & postpaid),
        len((listed & postpaid) - left),
    )
    assert (total["control_judged"], total["control_retained"]) == (
        len(control & postpaid),
        len((control & postpaid) - left),
    )
    by_tier = [row for (name, tier), row in uplift_rows(home).items() if name == "july" and tier is not None]
    assert sum(row["listed"] for row in by_tier) == len(listed)
    assert total["lifetime_value_amount"] == sum(
        row["lifetime_value_amount"] for row in chosen if not row["is_control"]
    )

    code, said = command("worklist", "results", "july", "--home", home)
    assert code == 0 and "(" in said
    code, said = command("report", "campaigns", "--out", tmp_path / "campaigns.xlsx", "--home", home)
    assert code == 0, said
    page = read_back(tmp_path / "campaigns.xlsx")["campaigns"]
    header = [cell.value for cell in page[0]]
    told = dict(zip(header, [cell.value for cell in page[1]], strict=True))
    share = total["listed_retained"] / total["listed_judged"] - total["control_retained"] / total["control_judged"]
    assert float(told["uplift"] or 0) == pytest.approx(share)
    assert float(told["uplift_low"] or 0) < share < float(told["uplift_high"] or 0)

    # A name is used once, a list that rots is found, and no night fails because of it.
    code, said = command("worklist", "make", "--campaign", "july", "--home", home)
    assert code == 1 and "A name is used once" in " ".join(said.split())
    file.write_bytes(before[:-20] + bytes(20))
    code, said = command("verify", "--home", home)
    assert code == 1 and "july/worklist.parquet" in said
    code, said = command("worklist", "make", "--campaign", "august", "--home", home)
    assert code == 1 and "Copy it back" in " ".join(said.split())
    again = run_night(home, LATER, accept="lines ceased on purpose")
    assert again.succeeded, again.failures
    assert ("july", None) not in uplift_rows(home)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("make", "--campaign", "../x"), 1, "lower-case letters"),
        (("make", "--campaign", "x", "--csv", "x.txt"), 2, "ends in .csv"),
        (("make", "--campaign", "x", "--xlsx", "nowhere/x.xlsx"), 2, "there is no folder"),
        (("make", "--campaign", "x", "--csv", "x.csv", "--dry-run"), 2, "writes nothing"),
        (("make", "--campaign", "x"), 1, "run a night first"),
        (("results",), 1, "run a night first"),
    ],
)
def test_what_a_list_needs_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    found, said = command("worklist", *arguments, "--home", tmp_path)
    assert found == code
    assert words in " ".join(said.split())
