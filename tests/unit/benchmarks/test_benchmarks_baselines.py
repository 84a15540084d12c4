"""The baselines do equal work: held to each other and to plain Python over the same file.

Belongs here: what they come to. Does not: how long they take.
"""

import csv
import gzip
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from benchmarks.beside import perform, usage_work
from benchmarks.made_operator import AS_OF, Operator, Size, land, made_operator, unpacked

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Operator:
    return made_operator(tmp_path_factory.mktemp("operator"), Size(customers=60, cdrs=400, days=3, bill_months=3))


def _plain(file: Path) -> dict[str, float]:
    """Some of the sums, record by record."""
    sums, contacts, groups = defaultdict(float), set(), set()
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            day, hour = row["answer_time"][:10], int(row["answer_time"][11:13])  # written in the operator's time
            out, voice = row["direction"] == "outgoing", row["call_type"] == "voice"
            seconds = int(row["call_duration"]) if voice else 0
            other = row["called_number"] if out else row["calling_number"]
            groups.add((row["served_msisdn"], day))
            sums["records"] += 1
            sums["voice_out_seconds"] += seconds * out
            sums["night_seconds"] += seconds * (hour >= 22 or hour < 6)
            sums["roaming_seconds"] += seconds * (row["roaming"] == "true")
            sums["sms_in"] += row["call_type"] == "sms" and not out
            sums["charge_amount"] += float(row["charge"])
            sums["hotline_calls"] += voice and out and other in ("10086", "1860")
            if row["call_type"] != "data" and other and other not in ("10086", "1860"):
                contacts.add((row["served_msisdn"], day, other))
    return {**sums, "distinct_contacts": len(contacts), "rollup_rows": len(groups)}


def test_all_baselines_come_to_the_sums_of_plain_python(operator: Operator, tmp_path: Path) -> None:
    work = usage_work(operator.night("cdr"), operator.night("bills"))
    reports = {name: perform(f"baselines.with_{name}", work, tmp_path)[0] for name in ("duckdb", "polars", "pandas")}
    assert reports["duckdb"]["sums"] == reports["polars"]["sums"] == reports["pandas"]["sums"]
    expected = _plain(operator.night("cdr")[0])
    assert min(expected.values()) > 0, "a sum of nothing shows nothing"
    found = {name: float(reports["duckdb"]["sums"][name]) for name in expected}
    assert found == pytest.approx(expected)
    with gzip.open(operator.night("bills")[0], "rt", encoding="utf-8") as lines:
        due = [float(row["amount_due"]) for row in csv.DictReader(lines)]
    assert float(reports["polars"]["sums"]["amount_due"]) == pytest.approx(sum(due))
    assert reports["pandas"]["sums"]["bills"] == str(len(due))


def test_only_one_day_and_one_bill_run_land_in_the_night(operator: Operator, tmp_path: Path) -> None:
    day = f"{AS_OF:%Y%m%d}"
    assert [f.name for f in operator.night()] == [f"bills_{day}.csv.gz", f"cdr_{day}.csv.gz"]
    history = operator.history()
    assert not set(history) & set(operator.night())
    assert len(history) + 2 == len(operator.files())
    newest = {f.parent.name: f.name for f in history}
    assert newest["subscriptions"] == "subscriptions_20240531.csv", "the CRM's newest is no part of a steady night"
    land(operator.night(), tmp_path / "home")
    assert sorted(f.name for f in (tmp_path / "home" / "landing" / "cdr").iterdir()) == [
        f"cdr_{day}.csv.gz",
        f"cdr_{day}.csv.gz.ctl",
    ]
    plain = unpacked(operator.night("cdr"), tmp_path / "plain")[0]
    with gzip.open(operator.night("cdr")[0]) as packed:
        assert plain.read_bytes() == packed.read()


def test_a_folder_of_another_size_is_refused(operator: Operator) -> None:
    with pytest.raises(SystemExit, match="another size"):
        made_operator(operator.folder, Size(customers=61, cdrs=400, days=3, bill_months=3))


def test_intake_alone_is_compared_from_the_command_line(tmp_path: Path) -> None:
    results = tmp_path / "bills.json"
    command = [sys.executable, "-m", "benchmarks.cdr_intake", "--customers", "40", "--cdrs", "0", "--bills"]
    subprocess.run([*command, "--repeat", "1", "--json", str(results)], check=True, cwd=ROOT, capture_output=True)
    found = json.loads(results.read_text(encoding="utf-8"))
    assert found["benchmark"] == "intake"
    assert found["records"] > 500
    assert found["ratios"]["seconds"] == pytest.approx(found["ours"]["seconds"] / found["floor"]["seconds"], rel=0.02)
