"""`tierline explain`: every customer's score is added up again from the extract rows and the policy's lines."""

import json
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.explanation.customer import explain_one, prepared
from pipelines.runs import NightResult, run_night
from segmentation.policy import preset

FIRST, LAST = date(2024, 6, 30), date(2024, 7, 1)


@pytest.fixture(scope="module")
def home(tiny_night: tuple[Path, NightResult], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two nights, the second under a stricter policy with a segment; nothing here may change it."""
    folder = Path(shutil.copytree(tiny_night[0], tmp_path_factory.mktemp("explain") / "home"))
    policy = folder / "ours.yaml"
    text = preset("default").decode().replace('version: "1"', 'version: "2"')
    policy.write_text(
        text
        + "segments:\n  - name: prepaid\n    payment_types: [prepaid]\n    policy:\n      arpu: {window_months: 2}\n"
    )
    assert run_night(folder, LAST, {"policy": str(policy)}).succeeded
    return folder


def customers(home: Path, day: date) -> Iterator[tuple[str, bool, bool, str]]:
    with prepared(home, day, {}) as (con, night, manifest):
        found = con.execute("select customer_id from scores.customer order by all").fetchall()
        for (customer,) in found:
            told = explain_one(con, night, manifest, customer)
            yield customer, told.adds_up, told.spend_adds_up, told.row["tier"]


def test_every_customer_adds_up_to_what_was_scored(home: Path) -> None:
    told = list(customers(home, LAST))
    assert len(told) > 40
    assert not [customer for customer, score, spend, _ in told if not (score and spend)]


def test_an_older_night_is_built_again_as_it_was_published(home: Path) -> None:
    with prepared(home, FIRST, {}) as (con, night, manifest):
        assert manifest is not None
        assert (manifest.version, night.policy.label) == (1, "default@1")
        again = dict(con.execute("select tier, count(*) from scores.customer group by tier").fetchall())
        policies = con.execute("select distinct policy_version from scores.customer").fetchall()
        lines = dict(
            con.execute(
                "select s.tier, count(*) from features.subscriptions as l join scores.customer as s "
                "using (customer_id) where l.in_service and l.msisdn is not null group by s.tier"
            ).fetchall()
        )
    assert again
    assert policies == [("default@1",)]
    assert lines == {tier: rows for tier, rows in manifest.tiers.items() if rows}


def test_what_a_person_reads(home: Path) -> None:
    customer = next(customers(home, LAST))[0]
    result = CliRunner().invoke(app, ["explain", customer, "--home", str(home)], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    for words in (f"{customer} is ", "version 2, policy default@2", "adds up", "begins at", "Lines", "History"):
        assert words in result.output, words
    assert "+86" not in result.output


def test_the_policy_lines_named_hold_the_rules(home: Path) -> None:
    customer = next(customers(home, LAST))[0]
    result = CliRunner().invoke(app, ["explain", customer, "--home", str(home), "--json"])
    told = json.loads(result.stdout)
    text = (home / "ours.yaml").read_text().splitlines()
    for part in told["parts"]:
        if part["rule"].startswith("from "):
            assert f"from: {part['rule'].removeprefix('from ')}," in text[part["policy_line"] - 1]
    assert told["adds_up"] is True
    assert all(row["file_name"] for row in told["evidence"]["lines"])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nobody"], 5, "no customer nobody on 2024-07-01"),
        (["nobody", "--as-of", "30.6.2024"], 2, "is not a day"),
    ],
)
def test_wrong_use_is_told_with_its_cure(home: Path, arguments: list[str], code: int, words: str) -> None:
    result = CliRunner().invoke(app, ["explain", *arguments, "--home", str(home)], env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    assert words in result.output


def test_numbers_that_were_tampered_with_are_found(home: Path) -> None:
    from dataclasses import replace
    from decimal import Decimal

    customer = next(customers(home, LAST))[0]
    with prepared(home, LAST, {}) as (con, night, manifest):
        told = explain_one(con, night, manifest, customer)
    assert told.adds_up
    row = {**told.row, "value_score": told.row["value_score"] + Decimal("0.0001")}
    assert not replace(told, row=row).adds_up
    assert not replace(told, features={**told.features, "billed_amount": Decimal(-1)}).spend_adds_up
