"""What the command line tells of nights: what was rejected or refused, what is wrong, and in which order.

Belongs here: `tierline run` and `backfill` as they are read. Does not: other commands (test_cli.py), what a night
computes.
"""

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

from command_line import tierline

from tierline import TierTable

MakeHome = Callable[[str], Path]


def test_backfill_goes_in_order_and_shows_each_night(make_finished_home: MakeHome) -> None:
    home = make_finished_home("backfill")
    result = tierline("backfill", "--from", "2024-06-30", "--to", "2024-07-01", "--home", home)
    assert result.exit_code == 0, result.output
    assert result.output.index("2024-06-30") < result.output.index("2024-07-01")
    manifest = TierTable(home / "published" / "customer_tiers").manifest
    assert manifest is not None
    assert str(manifest.as_of_date) == "2024-07-01"


def test_an_unknown_policy_is_told_before_anything_is_published(make_home: MakeHome) -> None:
    folder = make_home("policy")
    result = tierline("run", "--as-of", "2024-06-30", "--home", folder, "--policy", "defualt")
    assert result.exit_code == 2, result.output
    assert "default, quantile" in result.output
    assert not (folder / "published" / "customer_tiers").exists()


def test_a_refused_extract_leaves_with_3_and_names_the_file(make_home: MakeHome) -> None:
    folder = make_home("refused")
    (folder / "landing" / "customers" / "customers_20240629.csv").write_text("id;name\n1;x\n")
    result = tierline("run", "--as-of", "2024-06-30", "--home", folder)
    assert result.exit_code == 3, result.output
    assert "customers_20240629.csv" in result.output
    others = len([f for f in (folder / "landing").rglob("*.csv*") if f.suffix != ".ctl"]) - 1
    assert f"Other files were taken and stay so: {others}, with" in result.output
    (folder / "landing" / "customers" / "customers_20240629.csv").unlink()
    assert tierline("run", "--as-of", "2024-06-30", "--home", folder).exit_code == 0


def spoil_the_usage(folder: Path, day: str) -> str:
    """Delivers 12 files of usage, each with a record whose charge is too high, the first with two; returns its name."""
    whole = gzip.decompress((folder / "landing" / "cdr" / "cdr_20240629.csv.gz").read_bytes()).decode()
    header, *rows = whole.splitlines()
    charge = header.split(",").index("charge")
    for number in range(12):
        spoilt = [row.split(",") for row in rows[number : number + (2 if number == 0 else 1)]]
        lines = [",".join([f"{day}-{number}-{i}", *row[1:charge], "13800000009", *row[charge + 1 :]])
                 for i, row in enumerate(spoilt)]  # fmt: skip
        (folder / "landing" / "cdr" / f"late{number:02}_{day}.csv").write_text("\n".join([header, *lines]) + "\n")
    return f"cdr/late00_{day}.csv"


def test_a_night_lists_what_it_rejected_itself_by_file(make_home: MakeHome) -> None:
    folder = make_home("rejects")
    name = spoil_the_usage(folder, "20240630")
    first = tierline("run", "--as-of", "2024-06-30", "--home", folder)
    assert first.exit_code == 0, first.output
    assert "Rejected this night: 13 records of 12 files" in first.output
    (row,) = [line.split() for line in first.output.splitlines() if name in line]
    assert row == ["cdr", name, "2", "0", "2", "above_maximum", "in", "charge"]
    assert "And 2 more files. All, by file and reason: tierline reconcile --rejects" in first.output
    assert "13800000009" not in first.output
    # What an earlier night rejected is in the balance, and no news.
    again = tierline("run", "--as-of", "2024-07-01", "--home", folder)
    assert again.exit_code == 0
    assert "Rejected this night" not in again.output and name not in again.output
    listed = tierline("reconcile", "--rejects", "--home", folder)
    assert listed.exit_code == 0
    assert all(f"cdr/late{number:02}_20240630.csv" in listed.output for number in range(12))


def test_a_night_that_failed_lists_what_it_rejected_too(make_home: MakeHome) -> None:
    folder = make_home("failed")
    name = spoil_the_usage(folder, "20240630")
    shutil.rmtree(folder / "landing" / "subscriptions")  # nothing to publish: a check stops the night
    failed = tierline("run", "--as-of", "2024-06-30", "--home", folder)
    assert failed.exit_code == 1, failed.output
    assert name in failed.output and "13 records of 12 files" in failed.output
    spoil_the_usage(folder, "20240701")
    (folder / "landing" / "customers" / "customers_20240701.csv").write_text("id;name\n1;x\n")
    refused = tierline("run", "--as-of", "2024-07-01", "--home", folder)
    assert refused.exit_code == 3
    assert name not in refused.output and "cdr/late00_20240701.csv" in refused.output
    assert tierline("reconcile", "--rejects", "--home", folder).output.count("late00_") == 2


def test_a_quiet_night_says_what_is_wrong_alone_and_whether_that_is_new(make_home: MakeHome) -> None:
    folder = make_home("quiet")
    no_gates = ("--set", "gate_min_records=1000000")  # the delivery of one record is meant

    def quiet(night: str) -> tuple[int, list[str]]:
        result = tierline("run", "--as-of", night, "--home", folder, "--quiet", *no_gates)
        return result.exit_code, result.output.splitlines()

    code, said = quiet("2024-06-30")
    assert code == 0 and said
    assert all(line.startswith("warning: features/") for line in said), "with no night before nothing is new or old"
    usage = gzip.decompress((folder / "landing" / "cdr" / "cdr_20240629.csv.gz").read_bytes()).decode().splitlines()
    record, number = usage[1].split(",")[:2]
    of_nobody = usage[1].replace(number, "+8613000000009").replace(record, "of nobody")
    (folder / "landing" / "cdr" / "late_20240701.csv").write_text(f"{usage[0]}\n{of_nobody}\n")
    code, (first, *others) = quiet("2024-07-01")
    assert code == 0 and first.startswith("warning: new: features/usage_daily: 1 rows: ")
    assert len(others) == len(said) and all(line.startswith("warning: as the night before: ") for line in others)
    (folder / "landing" / "cdr" / "late_20240702.csv").write_text("a,b\n")
    code, said = quiet("2024-07-02")
    assert code == 3 and any(line.startswith("error: Refused") for line in said)
    assert not any(line.endswith(" done") for line in said)
