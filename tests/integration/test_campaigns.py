"""A campaign from the list to the uplift: two whole nights, agents' results in between, and every count again in plain
Python.

Belongs here: the command and what nights make of a campaign. Does not: who is chosen (tests/unit/segmentation), single
rules of the counting (tests/sql).
"""

from __future__ import annotations

import csv
import io
import shutil
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from conftest import TINY_AS_OF
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


@pytest.fixture(scope="module")
def first_night(tiny_landing: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("campaigns") / "home"
    shutil.copytree(tiny_landing, home / "landing")
    text = preset("default").decode()
    (home / "ours.yaml").write_text(text[: text.index("# Whom a worklist takes")] + RETENTION, encoding="utf-8")
    (home / "tierline.yaml").write_text("policy: ours.yaml\n", encoding="utf-8")
    result = run_night(home, TINY_AS_OF)
    assert result.succeeded, result.failures
    return home


@pytest.fixture
def home(first_night: Path, tmp_path: Path) -> Path:
    """The home folder after the first night, for one test."""
    return Path(shutil.copytree(first_night, tmp_path / "home"))


def groups(home: Path, name: str) -> tuple[set[str], set[str]]:
    """Who is listed, and who is kept out."""
    rows = members(home, name)
    control = {row["customer_id"] for row in rows if row["is_control"]}
    return {row["customer_id"] for row in rows} - control, control


def test_a_list_is_made_once_and_handed_out_without_the_control_group(home: Path, tmp_path: Path) -> None:
    agents = tmp_path / "july.csv"
    make = ("worklist", "make", "--home", home, "--campaign")
    code, said = command(*make, "july", "--dry-run")
    assert code == 0 and "would be made" in said
    assert not (home / "published" / "campaigns").exists()
    code, said = command(*make, "july", "--csv", agents, "--size", 20)
    assert code == 0 and "is made" in said, said

    listed, control = groups(home, "july")
    assert len(listed | control) == 20 and control and listed
    chosen = members(home, "july")
    tiers = Counter(row["tier"] for row in chosen)
    assert {row["tier"] for row in chosen if row["is_control"]} == {tier for tier, n in tiers.items() if n > 1}
    assert {row["outcome_date"] for row in chosen} == {date(2024, 7, 25)}
    # Agents get whom to call and nobody else, by a key that the hotline knows.
    handed = list(csv.DictReader(io.StringIO(agents.read_text(encoding="utf-8"))))
    assert {row["customer_id"] for row in handed} == listed
    code, said = command("lookup", handed[0]["service_key"], "--home", home, "--json")
    assert code == 0 and handed[0]["customer_id"] in said
    assert agents.stat().st_mode & 0o777 == 0o640

    # Once more in the same night: the same files, and it says so.
    file = home / "published" / "campaigns" / "july" / "worklist.parquet"
    before, first = file.read_bytes(), agents.read_bytes()
    code, said = command(*make, "july", "--csv", agents, "--xlsx", tmp_path / "july.xlsx")
    assert code == 0 and "was made before" in said
    assert (file.read_bytes(), agents.read_bytes()) == (before, first)
    assert len(read_back(tmp_path / "july.xlsx")["july"]) - 1 == len(listed)
    # Who is in a campaign, called or kept out, is in no other one until it is judged.
    assert command(*make, "second")[0] == 0
    again, kept_out = groups(home, "second")
    assert again and not (again | kept_out) & (listed | control)

    # A list that rots is found.
    file.write_bytes(before[:-20] + bytes(20))
    code, said = command("verify", "--home", home)
    assert code == 1 and "july/worklist.parquet" in said
    code, said = command(*make, "august")
    assert code == 1 and "Copy it back" in " ".join(said.split())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("update customers set as_of_date = date '2024-06-29'", "is of 2024-06-29, the published table of 2024-06-30"),
        ("alter table customers drop column contact_consent", "another release and lacks contact_consent"),
        ("update customers set contact_consent = null", "nobody is eligible"),
    ],
)
def test_what_the_night_must_be_like_is_said(home: Path, change: str, words: str) -> None:
    with duckdb.connect(str(home / "published" / "analytics.duckdb")) as con:
        con.execute(change)
    code, said = command("worklist", "make", "--campaign", "july", "--home", home)
    assert code == 1 and words in " ".join(said.split())
    assert not list((home / "published" / "campaigns").glob("*"))


def test_contacts_and_drivers_are_taken_from_the_night(home: Path, tmp_path: Path) -> None:
    make = ("worklist", "make", "--home", home, "--campaign")
    with duckdb.connect(str(home / "published" / "analytics.duckdb")) as con:
        columns = {name for name, *_ in con.execute("describe customers").fetchall()}
        if "churn_drivers" not in columns:
            con.execute("alter table customers add column churn_drivers varchar")
        con.execute("update customers set churn_drivers = 'contract_ends;fewer_calls'")
        agreed = con.execute(
            "select customer_id from customers where contact_consent and tier is not null order by all limit 6"
        ).fetchall()
        lately, long_ago = [{name for (name,) in agreed[n : n + 3]} for n in (0, 3)]
        for names, day in ((lately, "2024-06-20"), (long_ago, "2024-05-31")):
            con.execute(
                f"update customers set last_contacted_date = date '{day}' where list_contains($names, customer_id)",
                {"names": sorted(names)},
            )
    command(*make, "july", "--csv", tmp_path / "july.csv")
    handed = list(csv.DictReader(io.StringIO((tmp_path / "july.csv").read_text(encoding="utf-8"))))
    assert {row["churn_drivers"] for row in handed} == {"contract_ends;fewer_calls"}
    chosen = {row["customer_id"] for row in members(home, "july")}
    assert not lately & chosen
    assert long_ago <= chosen


def test_from_agents_results_to_the_uplift(home: Path, tmp_path: Path) -> None:
    make = ("worklist", "make", "--home", home, "--campaign")
    assert command(*make, "july")[0] == 0
    listed, control = groups(home, "july")
    # Some listed are called twice, one of the control group is called against the plan.
    called = sorted(listed)
    rows = [["july", customer, "2024-07-02T10:00:00+08:00", "not_reached", None] for customer in called[:4]]
    rows += [["july", customer, "2024-07-03T10:00:00+08:00", "accepted", "10 GB"] for customer in called[1:3]]
    rows += [["july", min(control), "2024-07-03T11:00:00+08:00", "reached", None]]
    delivery = tmp_path / "campaign_results_20240704.xlsx"
    delivery.write_bytes(sheet(*rows, header=RESULTS))
    assert command("land", delivery, "--source", "campaign_results", "--home", home)[0] == 0
    left = set(called[-2:]) | {max(control)}
    cease(home, left)
    second = run_night(home, LATER, accept="lines ceased on purpose")
    assert second.succeeded, second.failures
    assert "called against the plan" in " ".join(second.warnings)

    chosen = members(home, "july")
    postpaid = {row["customer_id"] for row in chosen if row["payment_type"] == "postpaid"}
    found = {tier: row for (name, tier), row in uplift_rows(home).items() if name == "july"}
    total = found.pop(None)
    assert (total["listed"], total["control"]) == (len(listed), len(control))
    assert (total["contacted"], total["reached"], total["accepted"], total["control_contacted"]) == (4, 2, 2, 1)
    # Usage of July was not delivered, so that nothing is known of prepaid customers.
    for group, judged, stayed in (
        (listed & postpaid, total["listed_judged"], total["listed_retained"]),
        (control & postpaid, total["control_judged"], total["control_retained"]),
    ):
        assert (judged, stayed) == (len(group), len(group - left))
    assert sum(row["listed"] for row in found.values()) == len(listed)
    worth = sum(row["lifetime_value_amount"] for row in chosen if row["customer_id"] in listed)
    assert total["lifetime_value_amount"] == worth

    code, said = command("worklist", "results", "july", "--home", home)
    assert code == 0 and "The interval holds 0" in said
    assert command("worklist", "results", "june", "--home", home)[0] == 5
    assert command("report", "campaigns", "--out", tmp_path / "campaigns.xlsx", "--home", home)[0] == 0
    header, first, *_ = [[cell.value for cell in row] for row in read_back(tmp_path / "campaigns.xlsx")["campaigns"]]
    told = {str(name): float(value or 0) for name, value in zip(header, first, strict=True) if "uplift" in str(name)}
    share = total["listed_retained"] / total["listed_judged"] - total["control_retained"] / total["control_judged"]
    assert told["uplift"] == pytest.approx(share, abs=1e-6)
    assert told["uplift_low"] < share < told["uplift_high"]
    code, said = command(*make, "july")
    assert code == 1 and "A name is used once" in " ".join(said.split())


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
