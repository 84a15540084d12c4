"""What intake would say of a file, and whether what it took is still all there: the commands on real homes.

Belongs here: rehearsal and recount, by their commands. Does not: the rules of intake.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from intake_desk import Desk, cdr_file, cdr_row, extract_file
from typer.testing import CliRunner

from pipelines.cli.app import app

DAY = "cdr/cdr_20240629.csv"
MAPPING = """
source: people
version: 1.0.0
header: [id, months]
known_at: as_of
extracts:
  subscriptions:
    columns:
      subscription_id: {from: id, prefix: s}
      customer_id: {from: id}
      account_id: {from: id}
      payment_type: {constant: postpaid}
      activation_date: {months_before_as_of: months}
      valid_from: {months_before_as_of: months}
      status: {constant: active}
"""


class Home:
    """A home folder whose extracts were taken, and the commands on it."""

    def __init__(self, desk: Desk, path: Path) -> None:
        self.desk, self.path = desk, path

    def call(self, *arguments: str) -> tuple[int, str]:
        self.desk.con.close()
        # Wide enough that no line breaks; the commands open the warehouse by themselves.
        result = CliRunner().invoke(app, [*arguments, "--home", str(self.path)], env={"COLUMNS": "250"})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        self.desk.con = duckdb.connect(str(self.path / "warehouse.duckdb"))
        return result.exit_code, result.output

    def json(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        code, said = self.call(*arguments, "--json")
        document: dict[str, Any] = json.loads(said)
        return code, document

    def state(self) -> list[object]:
        tables = self.desk.ask("SELECT schema_name || '.' || table_name FROM duckdb_tables() ORDER BY 1")
        rows = [self.desk.ask(f"SELECT * FROM {table} ORDER BY ALL") for (table,) in tables]
        files = sorted(
            (str(f.relative_to(self.path)), f.read_bytes())
            for f in self.path.rglob("*")
            if f.is_file() and not f.name.startswith("warehouse")
        )
        return [tables, rows, files]


@pytest.fixture
def home(desk: Desk, tmp_path: Path) -> Home:
    desk.settings = replace(
        desk.settings, ledger_copy=tmp_path / "ledger.jsonl", temporary_folder=tmp_path / "tmp" / "intake"
    )
    desk.put(DAY, cdr_file(cdr_row(), cdr_row(record_id="r2"), cdr_row(record_id="bad", charge="x"), cdr_row()))
    desk.put("cdr/cdr_20240630.csv.gz", cdr_file(cdr_row(record_id="r3")))
    desk.put("payments/undated.csv", payments("2024-06-01", "2024-06-15"))
    assert not desk.run().refused
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "people.yaml").write_text(MAPPING)
    return Home(desk, tmp_path)


def payments(*days: str) -> bytes:
    rows = [
        {"payment_id": d, "account_id": "a", "kind": "recharge", "amount": "1", "paid_at": f"{d}T04:00:00Z"}
        for d in days
    ]
    return extract_file("payments", *rows)


def file(home: Home, name: str, content: bytes) -> str:
    path = home.path / "elsewhere" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return str(path)


class TestValidate:
    def test_it_tells_what_intake_then_says_and_keeps_nothing(self, home: Home) -> None:
        content = cdr_file(
            cdr_row(),  # a duplicate of what was taken
            cdr_row(record_id="r2", charge="7"),  # a conflict with it
            cdr_row(record_id="new", called_number="1E9"),
            cdr_row(record_id="bad", charge="x"),
            cdr_row(record_id="worse", charge="y"),
        )
        path = file(home, "cdr_20240701.csv", content)
        Path(path + ".ctl").write_text("sequence: 7\nstream: MSC1")
        before = home.state()
        code, told = home.json("validate", path, "--source", "cdr")
        assert code == 0 and home.state() == before
        home.desk.put("cdr/cdr_20240701.csv", content)
        home.desk.put("cdr/cdr_20240701.csv.ctl", b"sequence: 7\nstream: MSC1")
        outcome = next(o for o in home.desk.run().accepted if o.file_name == "cdr/cdr_20240701.csv")
        (extract,) = told["extracts"]
        for name in ("records", "accepted", "rejected", "duplicate", "nulled"):
            assert extract[name] == getattr(outcome, name), name
        assert (extract["accepted"], extract["rejected"], extract["duplicate"], extract["nulled"]) == (1, 3, 1, 1)
        assert (told["outcome"], told["sequence"], told["stream"]) == ("accepted", 7, "MSC1")
        reasons = [(r["reason"], r["column"], r["records"], r["first_lines"]) for r in told["rejected"]]
        assert reasons == [("not_a_decimal", "charge", 2, [5, 6]), ("key_conflict", "record_id", 1, [3])]
        assert home.desk.reasons() == [
            (3, "record_id", "key_conflict"), (4, "charge", "not_a_decimal"),
            (5, "charge", "not_a_decimal"), (6, "charge", "not_a_decimal"),
        ]  # fmt: skip

    def test_people_read_a_table_without_personal_values(self, home: Home) -> None:
        path = file(home, "cdr_20240701.csv", cdr_file(cdr_row(served_msisdn="13800000009", record_id="z")))
        code, said = home.call("validate", path, "--source", "cdr")
        assert code == 0
        assert "would be taken, with rejects" in said and "known at: 2024-06-30 16:00:00 UTC" in said
        assert "bad_number_form in served_msisdn, line 2:" in said and "13800000009" not in said

    @pytest.mark.parametrize(
        ("name", "content", "code"),
        [
            ("cdr_20240701.csv", b"a,b\n1,2\n", "header_differs"),
            ("cdr_20240701.csv.gz", b"no gzip", "gzip_damaged"),
            ("cdr_20240701.csv", cdr_file(cdr_row())[:-3] + b"\xff\n", "not_in_encoding"),
            ("cdr_20240629.csv", cdr_file(cdr_row(record_id="other")), "name_taken"),
            ("cdr_20240701.xls", b"", "unknown_file_type"),
            ("cdr_20240701.csv.part", b"", "unknown_file_type"),
        ],
    )
    def test_a_refusal_is_told_with_its_cure(self, home: Home, name: str, content: bytes, code: str) -> None:
        path = file(home, name, content)
        before = home.state()
        exit_code, told = home.json("validate", path, "--source", "cdr")
        assert (exit_code, told["outcome"], told["code"]) == (3, "refused", code)
        assert told["reason"] and told["cure"]
        assert home.state() == before
        exit_code, said = home.call("validate", path, "--source", "cdr")
        assert exit_code == 3 and code in said

    def test_a_copy_is_told(self, home: Home) -> None:
        path = file(home, "again_20240701.csv", (home.desk.landing / DAY).read_bytes())
        code, told = home.json("validate", path, "--source", "cdr")
        assert (code, told["outcome"], told["same_as"]) == (0, "copy", DAY)

    def test_without_a_home_the_file_alone_is_judged_and_no_home_is_made(self, home: Home) -> None:
        path = file(home, "cdr_20240701.csv", cdr_file(cdr_row()))
        result = CliRunner().invoke(app, ["validate", path, "--source", "cdr", "--home", str(home.path / "none")])
        assert result.exit_code == 0 and "would be taken whole" in result.output
        assert not (home.path / "none").exists()

    def test_a_mapping_relative_to_the_night_needs_one(self, home: Home) -> None:
        path = file(home, "a.csv", b"id,months\n1,2\n")
        code, said = home.call("validate", path, "--source", "people")
        assert code == 2 and "--as-of" in said
        code, told = home.json("validate", path, "--source", "people", "--as-of", "2024-06-30")
        assert (code, told["as_of_date"], told["extracts"][0]["accepted"]) == (0, "2024-06-30", 1)

    def test_an_unknown_source_is_wrong_use(self, home: Home) -> None:
        code, said = home.call("validate", file(home, "a.csv", b""), "--source", "cdrs")
        assert code == 2 and "nodobo_calls" in said

    def test_a_busy_warehouse_is_told_by_its_code(self, home: Home) -> None:
        path = file(home, "cdr_20240701.csv", cdr_file(cdr_row()))
        home.desk.con.close()
        holder = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
        warehouse = str(home.path / "warehouse.duckdb")
        with subprocess.Popen(
            [sys.executable, "-c", holder, warehouse], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None and process.stdout.readline() == "held\n"
            code, _ = called(
                "validate", path, "--source", "cdr", "--home", str(home.path), "--set", "lock_wait_seconds=0"
            )
            process.communicate("")
        assert code == 4


def called(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def damaged(home: Home, statement: str) -> list[tuple[str, str]]:
    home.desk.ask(statement)
    code, told = home.json("reconcile")
    assert code == (1 if told["mismatches"] else 0)
    assert told["holds"] is (not told["mismatches"])
    return [(m["file_name"], m["what"]) for m in told["mismatches"]]


class TestReconcile:
    def test_everything_holds_by_extract_and_day(self, home: Home) -> None:
        code, told = home.json("reconcile", "--archive")
        assert (code, told["files"], told["mismatches"]) == (0, 3, [])
        rows = [tuple(t[n] for n in ("extract", "day", "files", "received", "accepted", "rejected", "duplicate"))
                for t in told["totals"]]  # fmt: skip
        assert rows == [
            ("cdr", "2024-06-29", 1, 4, 2, 1, 1),
            ("cdr", "2024-06-30", 1, 1, 1, 0, 0),
            ("payments", "2024-06-15", 1, 2, 2, 0, 0),  # the day of its latest row
        ]
        code, said = home.call("reconcile")
        assert code == 0 and "3 files: everything holds" in said

    def test_rows_that_were_changed_since_break_their_contract(self, home: Home) -> None:
        code, told = home.json("reconcile", "--contracts")
        assert (code, told["mismatches"]) == (0, [])
        home.desk.ask("UPDATE staging.payments SET amount = 1000000000000 WHERE amount = (SELECT max(amount) FROM "
                      "staging.payments)")  # fmt: skip
        assert home.json("reconcile")[0] == 0
        code, told = home.json("reconcile", "--contracts")
        (mismatch,) = told["mismatches"]
        assert (code, mismatch["file_name"]) == (1, "staging.payments") and "amount is at most" in mismatch["what"]

    def test_days_choose_the_files(self, home: Home) -> None:
        _, told = home.json("reconcile", "--from", "2024-06-15", "--to", "2024-06-29")
        assert [(t["extract"], t["day"]) for t in told["totals"]] == [("cdr", "2024-06-29"), ("payments", "2024-06-15")]
        code, _ = home.call("reconcile", "--from", "2024-06-30", "--to", "2024-06-01")
        assert code == 2

    @pytest.mark.parametrize(
        ("statement", "file_name", "said"),
        [
            ("DELETE FROM staging.cdr WHERE record_id = 'r2'", DAY, "2 accepted, staging.cdr has 1"),
            ("DELETE FROM intake.rejects", DAY, "1 rejected, intake.rejects has 0"),
            ("INSERT INTO intake.duplicates FROM intake.duplicates", DAY, "1 duplicate, intake.duplicates has 2"),
            ("UPDATE intake.files SET blank = 1 WHERE known_at < '2024-06-29'", DAY, "5 records, and 6 are accounted"),
            ("UPDATE staging.cdr SET file_id = 99 WHERE record_id = 'r3'", "file_id 99", "the ledger has no such file"),
        ],
    )
    def test_what_does_not_hold_is_named_by_file(self, home: Home, statement: str, file_name: str, said: str) -> None:
        found = damaged(home, statement)
        assert any(name == file_name and said in what for name, what in found), found

    def test_a_block_that_rotted_is_found_though_no_count_changed(self, home: Home) -> None:
        home.desk.ask("INSERT INTO staging.cdr SELECT c.* FROM staging.cdr AS c, range(100000)")
        home.desk.ask("UPDATE staging.cdr SET record_id = hash(rowid)")
        home.desk.ask("CHECKPOINT")
        home.desk.con.close()
        warehouse = home.path / "warehouse.duckdb"
        content = bytearray(warehouse.read_bytes())
        content[len(content) // 2] ^= 1
        warehouse.write_bytes(content)
        result = CliRunner().invoke(app, ["reconcile", "--home", str(home.path)], env={"COLUMNS": "250"})
        assert result.exit_code == 1
        assert "is damaged" in result.output and "tierline rebuild" in result.output

    def test_a_file_that_the_database_lost_is_named_from_the_copy(self, home: Home) -> None:
        for table in ("staging.cdr", "intake.rejects", "intake.duplicates", "intake.files"):
            home.desk.ask(f"DELETE FROM {table} WHERE file_id = 2")
        assert damaged(home, "SELECT 1") == [(DAY, "it is in the ledger copy, and the warehouse has lost it")]

    @pytest.mark.parametrize(
        ("change", "archive", "said"),
        [
            (lambda path: path.unlink(), False, "landing/ has it no more"),
            (lambda path: path.write_bytes(path.read_bytes() + b"\n"), False, "has other content"),
            (lambda path: path.write_bytes(path.read_bytes().replace(b"0.15", b"0.16")), True, "has other content"),
            (lambda path: path.write_bytes(path.read_bytes().replace(b"0.15", b"0.16")), False, None),
        ],
        ids=["gone", "longer", "same size", "same size unread"],
    )
    def test_the_archive_is_held_against_it(
        self, home: Home, change: Callable[[Path], object], archive: bool, said: str | None
    ) -> None:
        change(home.desk.landing / DAY)
        code, told = home.json("reconcile", *(["--archive"] if archive else []))
        assert code == (0 if said is None else 1)
        assert [(m["file_name"], said in m["what"]) for m in told["mismatches"]] == ([(DAY, True)] if said else [])

    def test_a_copy_that_is_gone_or_lacks_a_line_is_named(self, home: Home) -> None:
        copy = home.path / "ledger.jsonl"
        lines = copy.read_bytes().splitlines(keepends=True)
        copy.write_bytes(b"".join(lines[:-1]))
        assert ["lacks it" in what for _, what in damaged(home, "SELECT 1")] == [True]
        copy.write_bytes(lines[0].replace(b'"accepted":', b'"accepted": '))
        code, said = home.call("reconcile")
        assert code == 1 and "ledger.jsonl, line 1" in said
        copy.unlink()
        assert [name for name, _ in damaged(home, "SELECT 1")] == ["ledger.jsonl"]

    def test_without_a_warehouse_nothing_is_proven(self, home: Home) -> None:
        code, said = called("reconcile", "--home", str(home.path / "none"))
        assert code == 1 and "is not there" in said and not (home.path / "none").exists()

    def test_refused_files_are_listed_with_their_cure_until_they_are_mended(self, home: Home) -> None:
        assert home.json("reconcile")[1]["refused"] == []
        short, late = "cdr/cdr_20240701.csv", "cdr/cdr_20240702.csv"
        home.desk.put(short, cdr_file(cdr_row(record_id="r4")))
        home.desk.put(f"{short}.ctl", b"records: 2")
        home.desk.put(late, b"a,b\n1,2\n")
        home.desk.put("stray.csv", b"")
        accepted = (home.desk.landing / DAY).read_bytes()
        home.desk.put(DAY, cdr_file(cdr_row(record_id="other")))
        assert len(home.desk.run().refused) == 4
        code, told = home.json("reconcile", "--from", "2024-06-30")
        assert (code, told["holds"]) == (0, True)
        found = {(file["file_name"], file["code"], *file["extracts"]) for file in told["refused"]}
        assert found == {
            (short, "control_mismatch", "cdr"), (late, "header_differs", "cdr"), (DAY, "name_taken", "cdr"),
            ("stray.csv", "file_without_folder"),
        }  # fmt: skip
        code, said = home.call("reconcile", "--from", "2024-06-30")
        assert code == 0 and "everything holds; 4 files refused" in said
        for file in told["refused"]:
            assert f"refused: {file['file_name']}" in said and f"cure: {file['cure']}" in said

        home.desk.put(f"{short}.ctl", b"records: 1")
        home.desk.put(DAY, accepted)
        (home.desk.landing / late).unlink()
        (home.desk.landing / "stray.csv").unlink()
        assert not home.desk.run().refused
        _, told = home.json("reconcile")
        assert (told["refused"], told["refused_before"]) == ([], 1)
        assert "1 file refused earlier, and gone from landing/ since" in home.call("reconcile")[1]

    def test_rejected_records_are_listed_on_request(self, home: Home) -> None:
        _, told = home.json("reconcile")
        assert told["rejected"] == []
        _, told = home.json("reconcile", "--rejects", "--to", "2024-06-29")
        assert [
            (r["file_name"], r["reason"], r["column"], r["records"], r["first_lines"]) for r in told["rejected"]
        ] == [(DAY, "not_a_decimal", "charge", 1, [4])]
        _, told = home.json("reconcile", "--rejects", "--from", "2024-06-30")
        assert told["rejected"] == []
        _, said = home.call("reconcile", "--rejects")
        assert "not_a_decimal in charge" in said
