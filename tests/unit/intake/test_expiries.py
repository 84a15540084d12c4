"""Call detail that expired: what comes late for it is rejected, and a replay ends where the first account ended.

Belongs here: the ledger, its copy and staging. Does not: which days go (tests/integration/test_expiry.py), kills.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from intake_desk import Desk, Silent, cdr_file, cdr_row

from data_contracts import contract
from pipelines.contracts.judged import judge_new
from pipelines.intake import IntakeSettings, LedgerCopyError, read_ledger_copy, replay
from pipelines.intake.expiries import ExpiredDay, Expiry, detail_from, expire
from pipelines.intake.ledger_copy import LedgerCopy, read_ledger_lines
from pipelines.intake.replay import settle
from pipelines.warehouse import transaction

TABLES = ("staging.cdr", "intake.files", "intake.rejects", "intake.duplicates", "intake.file_days")


def row(record_id: str, day: int, hour: str = "12:00:00", **other: str) -> str:
    return cdr_row(record_id=record_id, answer_time=f"2024-06-{day:02}T{hour}+08:00", **other)


def desk_in(folder: Path, con: duckdb.DuckDBPyConnection) -> Desk:
    con.execute("SET TimeZone = 'UTC'")
    settings = IntakeSettings("Asia/Shanghai", "CNY", folder / "tmp", ledger_copy=folder / "ledger.jsonl")
    return Desk(con, folder / "landing", settings)


@pytest.fixture(scope="module")
def ten_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which ten days of usage are taken, a file a day, each with a record of the day before."""
    folder = tmp_path_factory.mktemp("ten_days") / "desk"
    (folder / "landing").mkdir(parents=True)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as con:
        desk = desk_in(folder, con)
        for day in range(2, 12):
            content = cdr_file(row(f"a{day}", day), row(f"b{day}", day - 1), row(f"c{day}", day, charge="x"))
            desk.put(f"cdr/cdr_202406{day:02}.csv", content)
        assert not desk.run().refused
    return folder


@pytest.fixture
def kept(ten_days: Path, tmp_path: Path) -> Iterator[Desk]:
    """A desk with a ledger copy and those ten days, for one test."""
    folder = Path(shutil.copytree(ten_days, tmp_path / "desk"))
    with duckdb.connect(str(folder / "warehouse.duckdb")) as con:
        yield desk_in(folder, con)


def copy_of(desk: Desk) -> Path:
    assert desk.settings.ledger_copy is not None
    return desk.settings.ledger_copy


def let_expire(desk: Desk, first_kept: int, *, told: bool = True) -> Expiry:
    """What a night does: the days before the one of June leave, then the copy is told."""
    days = desk.ask("SELECT DISTINCT usage_date FROM staging.cdr WHERE usage_date < ? ORDER BY 1",
                    date(2024, 6, first_kept))  # fmt: skip
    expiry = Expiry(
        date(2024, 6, first_kept),
        datetime(2024, 6, 30, 16) + timedelta(days=first_kept),
        date(2024, 6, 2),
        tuple(ExpiredDay(day, f"u{day:%d}", f"c{day:%d}") for (day,) in days),
    )
    with transaction(desk.con):
        expire(desk.con, expiry)
    if told:
        settle(desk.con, LedgerCopy(copy_of(desk)))
    return expiry


def account(con: duckdb.DuckDBPyConnection) -> list[list[tuple[Any, ...]]]:
    """All that the ledger and staging say, but for the numbers of files."""
    said = [con.execute(f"SELECT * EXCLUDE (file_id) FROM {table} ORDER BY ALL").fetchall() for table in TABLES]
    return [*said, con.execute("SELECT * EXCLUDE (after_file_id) FROM intake.expired_days ORDER BY ALL").fetchall()]


def test_days_leave_staging_and_the_account_still_balances(kept: Desk) -> None:
    before = kept.ask("SELECT * FROM staging.cdr WHERE usage_date >= '2024-06-05' ORDER BY ALL")
    files = kept.ask("SELECT * FROM intake.files ORDER BY ALL")
    let_expire(kept, 5)
    assert kept.ask("SELECT * FROM staging.cdr ORDER BY ALL") == before
    assert kept.ask("SELECT * FROM intake.files ORDER BY ALL") == files
    assert detail_from(kept.con) == date(2024, 6, 5)
    kept.require_balance()


def test_what_was_judged_of_a_file_stays_judged_of_what_remains(kept: Desk) -> None:
    promised = contract("staging.cdr")
    assert judge_new(kept.con, promised, "cdr", window=7).rows == 20
    let_expire(kept, 5)
    assert judge_new(kept.con, promised, "cdr", window=7).rows == 0
    # The file of the 5th has its record of the 5th alone; those before it have none.
    assert kept.ask("SELECT records FROM intake.judged ORDER BY file_id") == [(1,)] + [(2,)] * 6


def test_late_records_of_an_expired_day_are_rejected_line_by_line(kept: Desk) -> None:
    let_expire(kept, 5)
    kept.put("cdr/cdr_20240612.csv",
             cdr_file(row("n1", 12), row("n2", 4, "23:59:59"), row("n3", 5, "00:00:00"), row("n4", 1)))  # fmt: skip
    report = kept.run()
    assert [(o.accepted, o.rejected, o.duplicate) for o in report.accepted] == [(2, 2, 0)]
    rejects = kept.ask(
        "SELECT line_number, column_name, reason, detail FROM intake.rejects "
        "WHERE file_name = 'cdr/cdr_20240612.csv' ORDER BY 1"
    )
    assert [r[:3] for r in rejects] == [(3, "answer_time", "detail_expired"), (5, "answer_time", "detail_expired")]
    assert "before 2024-06-05" in rejects[0][3] and "keep_cdr_days" in rejects[0][3]
    assert kept.ask("SELECT record_id FROM staging.cdr WHERE record_id LIKE 'n%' ORDER BY 1") == [("n1",), ("n3",)]


def test_a_line_with_another_fault_keeps_that_reason_and_other_extracts_know_no_expiry(kept: Desk) -> None:
    let_expire(kept, 5)
    kept.put("cdr/cdr_20240612.csv", cdr_file(row("n1", 3, charge="x")))
    kept.run()
    reasons = kept.ask("SELECT reason FROM intake.rejects WHERE file_name = 'cdr/cdr_20240612.csv'")
    assert reasons == [("not_a_decimal",)]


def test_the_copy_tells_expiries_among_the_files_and_chains_them(kept: Desk) -> None:
    expiry = let_expire(kept, 5)
    kept.put("cdr/cdr_20240612.csv", cdr_file(row("n1", 12)))
    kept.run()
    lines = read_ledger_lines(copy_of(kept))
    assert lines[10] == expiry and len(lines) == 12
    assert [entry.file_name for entry in read_ledger_copy(copy_of(kept))] == [
        f"cdr/cdr_202406{day:02}.csv" for day in range(2, 13)
    ]
    raw = copy_of(kept).read_bytes().splitlines(keepends=True)
    assert json.loads(raw[10])["position"] == 11
    copy_of(kept).write_bytes(b"".join([*raw[:10], raw[10].replace(b"u03", b"u04"), raw[11]]))
    with pytest.raises(LedgerCopyError, match="line 11"):
        read_ledger_lines(copy_of(kept))
    copy_of(kept).write_bytes(b"".join([*raw[:10], raw[11]]))
    with pytest.raises(LedgerCopyError, match="line 11"):
        read_ledger_lines(copy_of(kept))


def test_an_expiry_that_the_copy_lacks_is_appended_in_its_place(kept: Desk) -> None:
    let_expire(kept, 5)
    kept.put("cdr/cdr_20240612.csv", cdr_file(row("n1", 12)))
    kept.run()
    let_expire(kept, 6, told=False)
    whole = read_ledger_lines(copy_of(kept))
    kept.run()
    lines = read_ledger_lines(copy_of(kept))
    assert lines[:-1] == whole and isinstance(lines[-1], Expiry)
    copy_of(kept).unlink()
    kept.run()
    assert read_ledger_lines(copy_of(kept)) == lines


@pytest.mark.parametrize("first_kept", [5, 7])
def test_an_empty_database_ends_where_the_first_one_ended(kept: Desk, first_kept: int) -> None:
    let_expire(kept, 4)
    # Of the 4th again, and of the 3rd, which nobody remembers: a duplicate and a reject.
    kept.put("cdr/cdr_20240612.csv", cdr_file(row("a4", 4), row("a3", 3), row("n", 4, "13:00:00")))
    kept.run()
    let_expire(kept, first_kept)
    # A key of the 3rd, four days later: with the detail of the 3rd it would be a conflict.
    kept.put("cdr/cdr_20240613.csv", cdr_file(row("a3", 7), row("a4", 4), row("b8", 7)))
    assert [(o.accepted, o.rejected, o.duplicate) for o in kept.run().accepted] == [(1, 1, 1)]
    expected, lines = account(kept.con), read_ledger_lines(copy_of(kept))
    for pieces in ([lines], [lines[:11], lines[11:12], lines[12:]]):
        with duckdb.connect() as con:
            for piece in pieces:
                report = replay(con, kept.landing, piece, mappings={}, settings=kept.settings, progress=Silent())
                assert not report.refused
            assert account(con) == expected
            assert settle(con, LedgerCopy(copy_of(kept))) == ([], [])
    assert read_ledger_lines(copy_of(kept)) == lines


def test_a_night_after_the_warehouse_is_gone_lets_the_same_days_expire(kept: Desk) -> None:
    let_expire(kept, 5)
    kept.put("cdr/cdr_20240612.csv", cdr_file(row("n", 4), row("n2", 12)))
    kept.run()
    let_expire(kept, 6)
    expected, told = account(kept.con), copy_of(kept).read_bytes()
    with duckdb.connect() as con:
        kept.con, first = con, kept.con
        report = kept.run()
        kept.con = first
        assert len(report.recovered) == 11 and not report.refused
        assert account(con) == expected
    assert copy_of(kept).read_bytes() == told


def test_a_lost_file_from_before_an_expiry_is_taken_again_by_what_held_then(kept: Desk) -> None:
    let_expire(kept, 5)
    expected = account(kept.con)
    for name in ("cdr/cdr_20240604.csv", "cdr/cdr_20240605.csv"):
        ids = [i for (i,) in kept.ask("SELECT file_id FROM intake.files WHERE file_name = ?", name)]
        for table in TABLES:
            kept.ask(f"DELETE FROM {table} WHERE file_id IN (SELECT unnest(?))", ids)
    report = kept.run()
    assert len(report.recovered) == 2 and not report.refused
    assert account(kept.con) == expected


def test_an_expiry_that_both_tell_differently_stops_the_run(kept: Desk) -> None:
    let_expire(kept, 5)
    kept.ask("UPDATE intake.expired_days SET usage_daily = 'other' WHERE usage_date = '2024-06-02'")
    kept.put("cdr/cdr_20240612.csv", cdr_file(row("n", 12)))
    (refused,) = kept.run().refused
    assert (refused.file, refused.code) == ("ledger.jsonl", "ledger_differs")
    assert kept.ask("SELECT count(*) FROM staging.cdr WHERE record_id = 'n'") == [(0,)]


def test_the_rehearsal_of_a_late_file_tells_the_same(kept: Desk, tmp_path: Path) -> None:
    from pipelines.intake.rehearse import rehearse

    let_expire(kept, 5)
    late = tmp_path / "cdr_20240612.csv"
    late.write_bytes(cdr_file(row("n", 4), row("m", 12)))
    told = rehearse(kept.con, late, "cdr", mappings={}, as_of_date=kept.as_of, settings=kept.settings)
    assert [(r.reason, r.first_lines) for r in told.rejected] == [("detail_expired", (2,))]
