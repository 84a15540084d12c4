"""The committed sample: its size, its regeneration, and every listed fault at its line."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
import yaml

from data_contracts import contract
from sample_data import generate
from sample_data.faults import KEYS, table
from sample_data.small import MARK, README, SMALL, SMALL_ARGUMENTS

LANDING = SMALL / "landing"
FAULTS: list[dict[str, Any]] = yaml.safe_load((SMALL / "faults.yaml").read_text(encoding="utf-8"))["faults"]


def content(path: Path) -> bytes:
    raw = path.read_bytes()
    return gzip.decompress(raw) if path.suffix == ".gz" else raw


def files(folder: Path) -> dict[str, Path]:
    return {str(f.relative_to(folder)): f for f in sorted(folder.rglob("*")) if f.is_file()}


def lines(name: str) -> list[str]:
    return content(LANDING / name).decode().replace("\r\n", "\n").removesuffix("\n").split("\n")


def test_sample_stays_under_three_megabytes() -> None:
    assert sum(f.stat().st_size for f in files(SMALL).values()) < 3_000_000


def test_regeneration_gives_the_committed_files(tmp_path: Path) -> None:
    generate(tmp_path, **SMALL_ARGUMENTS)
    made, committed = files(tmp_path), files(SMALL)
    assert made.keys() == committed.keys()
    # Another zlib may pack the same bytes differently, so gzip files are compared unpacked (and see the next test).
    different = [name for name in made if content(made[name]) != content(committed[name])]
    assert different == []


def test_gzip_members_hold_no_time_and_no_name() -> None:
    for name, path in files(LANDING).items():
        if path.suffix == ".gz":
            head = path.read_bytes()[:10]
            assert head[3] == 0 and head[4:8] == b"\0\0\0\0", name


def test_readme_lists_the_faults_of_the_yaml() -> None:
    shown = README.read_text(encoding="utf-8").split(MARK)[1]
    assert shown.strip() == table((SMALL / "faults.yaml").read_text(encoding="utf-8")).strip()
    assert shown.count("\n| ") == len(FAULTS) + 1


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f['file']}:{f['line']}")
def test_fault_stands_at_its_line(fault: dict[str, Any]) -> None:
    text = lines(fault["file"])
    if fault["line"] == 0:
        return
    line = text[fault["line"] - 1]
    if fault["outcome"] == "blank":
        assert line == ""
        return
    assert fault["key"] in line


def value(fault: dict[str, Any]) -> str:
    text = lines(fault["file"])
    return text[fault["line"] - 1].split(",")[text[0].split(",").index(fault["column"])]


@pytest.mark.parametrize(
    ("reason", "values"),
    [
        ("not_an_integer", {"10.6", "0x10", "1_000", "1984.0"}),
        ("not_a_decimal", {"NaN", "inf", '"12'}),
        ("bad_number_form", {"8.61380E+12", "＋８６１３８００００１２３４", "8613800001234"}),
        ("below_minimum", {"-5", "-20.00", "1980-01-06T00:00:00+08:00"}),
        ("above_maximum", {"9999-12-31T23:59:59+08:00", "101.00"}),
        ("too_many_decimals", {"1.23456", "58.00001"}),
        ("required_missing", {""}),
        ("unknown_code", {"fax", "rebate", "cheque", "company", "closed", "gold"}),
        ("not_a_boolean", {"yes"}),
        ("bad_form", {"2024-13"}),
        ("not_a_date", {"2024-02-30", "30/06/2024"}),
        ("no_zone", {"2024-06-13T10:15:00", "2024-06-13 10:15:00"}),
    ],
)
def test_values_behind_each_reason(reason: str, values: set[str]) -> None:
    assert {value(f) for f in FAULTS if f.get("reason") == reason} == values


def by(**wanted: str) -> list[dict[str, Any]]:
    return [f for f in FAULTS if all(f.get(k) == v for k, v in wanted.items())]


def test_malformed_lines_are_malformed() -> None:
    for fault in by(reason="wrong_field_count"):
        text = lines(fault["file"])
        assert text[fault["line"] - 1].count(",") != text[0].count(",")
    for fault in by(reason="quote_not_closed"):
        assert lines(fault["file"])[fault["line"] - 1].count('"') == 1
    marks = {lines(f["file"])[f["line"] - 1][-1] for f in by(reason="control_character")}
    assert marks == {"\x07", "\x00"}


def test_duplicates_repeat_a_line_and_conflicts_only_its_key() -> None:
    for fault in [*by(outcome="duplicate"), *by(reason="key_conflict")]:
        extract = fault["file"].split("/")[0]
        line = lines(fault["file"])[fault["line"] - 1]
        same_day = [n for n in files(LANDING) if n.startswith(extract) and not n.endswith(".ctl")]
        key = contract(f"staging.{extract}").key
        columns = [lines(fault["file"])[0].split(",").index(c) for c in key]
        earlier = [
            other
            for name in same_day
            if name <= fault["file"]
            for number, other in enumerate(lines(name), start=1)
            if fault["key"] in other
            and (name, number) != (fault["file"], fault["line"])
            # A snapshot's rows are keyed with their delivery.
            and (contract(f"staging.{extract}").delivery == "append" or name == fault["file"])
        ]
        assert (line in earlier) == (fault["outcome"] == "duplicate")
        fields = line.split(",")
        assert any([o.split(",")[c] for c in columns] == [fields[c] for c in columns] for o in earlier)


def test_copy_is_byte_identical_and_crlf_is_crlf() -> None:
    (copy,) = by(outcome="copy_ignored")
    original = copy["file"].replace("_2.csv.gz", ".csv.gz")
    assert (LANDING / copy["file"]).read_bytes() == (LANDING / original).read_bytes()
    (crlf,) = [f for f in FAULTS if "CR LF" in f["what"]]
    assert content(LANDING / crlf["file"]).count(b"\r\n") == len(lines(crlf["file"]))


def test_unattributed_numbers_are_held_by_nobody_then() -> None:
    newest = lines("subscriptions/subscriptions_20240630.csv")
    column = newest[0].split(",").index
    held = [line.split(",") for line in newest[1:]]
    found = by(outcome="unattributed")
    assert len(found) == 2
    for fault in found:
        line = lines(fault["file"])[fault["line"] - 1].split(",")
        number, at = line[1], line[6]
        rows = [r for r in held if r[column("msisdn")] == number]
        assert not any(
            r[column("valid_from")] <= at < (r[column("valid_to")] or "9999") for r in rows if len(r) == len(held[0])
        )
    assert any(number in ",".join(r) for r in held)


def test_other_lines_hold_no_quotes_or_blanks() -> None:
    """Whatever is not listed is plain, so that an independent reader may skip the listed lines and split the rest."""
    listed = {(f["file"], f["line"]) for f in FAULTS}
    for name, path in files(LANDING).items():
        if path.suffix == ".ctl":
            continue
        text = lines(name)
        width = text[0].count(",")
        for number, line in enumerate(text, start=1):
            if (name, number) not in listed:
                assert line.count(",") == width and '"' not in line, (name, number)


def test_keys_of_faults_are_the_contracts_first_key() -> None:
    for extract, column in KEYS.items():
        assert contract(f"staging.{extract}").key[0] == column
