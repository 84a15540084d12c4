"""The history of tiers on the disk: what a night goes on from, what it adds, what is missing."""

import hashlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest

from pipelines.day_files import verify_days
from pipelines.run_context import RUN_COLUMNS
from pipelines.tier_history import (
    FIRST,
    NightFile,
    TierHistoryError,
    add_night,
    changes_by_night,
    digest_of_run,
    export_history,
    history_before,
    nights_up_to,
    show_history,
)

DAYS = [date(2024, 6, day) for day in (1, 2, 3, 4)]


def key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("create schema run")
        con.execute("create schema scores")
        columns = ", ".join(f'"{name}" {kind}' for name, kind in RUN_COLUMNS["tier_changes"].items())
        con.execute(f"create table scores.tier_changes ({columns})")
        yield con


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "published" / "tier_history"


def add(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    day: date,
    run: str,
    followed: tuple[NightFile, ...],
    **tiers: str | None,
) -> NightFile:
    con.execute("delete from scores.tier_changes")
    for customer, tier in tiers.items():
        con.execute(
            "insert into scores.tier_changes (customer_id, valid_from, tier, tier_since, tier_cause) "
            "values ($customer, $day, $tier, $day, 'promoted')",
            {"customer": customer, "day": day, "tier": tier},
        )
    return add_night(con, folder, as_of_date=day, run_key=key(run), followed=followed)


def three_nights(con: duckdb.DuckDBPyConnection, folder: Path) -> tuple[NightFile, ...]:
    nights: tuple[NightFile, ...] = ()
    for day, tier in zip(DAYS, ("mid", "high", "mid"), strict=False):
        nights = (*nights, add(con, folder, day, str(day), nights, C2=tier, C1=tier))
    return nights


def test_a_night_goes_on_from_the_nights_before_it(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    nights = three_nights(con, folder)
    head = nights[-1].digest
    assert nights_up_to(folder, head) == nights
    assert history_before(folder, head, DAYS[3]) == nights
    assert history_before(folder, head, DAYS[2]) == nights[:2]  # the same night again follows what it followed
    assert history_before(folder, head, DAYS[0]) == ()
    assert history_before(folder, None, DAYS[3]) == history_before(folder, FIRST, DAYS[3]) == ()


def test_a_night_that_nobody_names_is_no_part_of_the_history(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    nights = three_nights(con, folder)
    add(con, folder, DAYS[2], "the same day, stopped by a gate", nights[:2], C1="ordinary")
    other = add(con, folder, DAYS[3], "the day after a rollback to the second night", nights[:2], C1="ordinary")
    assert nights_up_to(folder, other.digest) == (*nights[:2], other)
    assert nights_up_to(folder, nights[2].digest) == nights


def test_the_view_has_the_rows_of_all_nights_and_the_columns_of_none(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    show_history(con, ())
    assert con.sql("from run.tier_changes").columns == list(RUN_COLUMNS["tier_changes"])
    assert con.execute("select count(*) from run.tier_changes").fetchall() == [(0,)]
    show_history(con, three_nights(con, folder))
    found = con.execute("select valid_from, tier from run.tier_changes where customer_id = 'C1' order by 1").fetchall()
    assert found == list(zip(DAYS, ("mid", "high", "mid"), strict=False))
    view = con.sql("from run.tier_changes")
    kinds = {name: str(kind) for name, kind in zip(view.columns, view.types, strict=True)}
    assert kinds == RUN_COLUMNS["tier_changes"]


def test_a_file_has_its_night_and_digests_in_its_name_and_is_written_once(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    first, second, _ = three_nights(con, folder)
    assert (
        first.path.relative_to(folder).as_posix()
        == f"as_of_date=2024-06-01/{digest_of_run(key('2024-06-01'))}-first.parquet"
    )
    assert second.path.name == f"{second.digest}-{first.digest}.parquet"
    written = second.path.stat().st_mtime_ns
    add(con, folder, DAYS[1], str(DAYS[1]), (first,), C1="high", C2="high")
    assert second.path.stat().st_mtime_ns == written
    assert verify_days(folder, "copy it back") == (3, 0, ())


def test_a_missing_night_is_named_with_its_cure(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    nights = three_nights(con, folder)
    nights[1].path.unlink()
    with pytest.raises(TierHistoryError, match=rf"the night {nights[1].digest} before 2024-06-03 is missing.*backup"):
        nights_up_to(folder, nights[-1].digest)


def test_the_export_is_ordered_and_the_same_bytes_whatever_the_order_of_rows(
    con: duckdb.DuckDBPyConnection, folder: Path, tmp_path: Path
) -> None:
    nights = three_nights(con, folder)
    rows, sha256 = export_history(nights, tmp_path / "one.parquet")
    assert (rows, sha256) == export_history(nights[::-1], tmp_path / "two.parquet")
    assert rows == 6
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    ordered = con.sql(f"select customer_id, valid_from from read_parquet('{tmp_path}/one.parquet')").fetchall()
    assert ordered == sorted(ordered)


def test_what_each_night_changed_is_counted_by_cause(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    nights = three_nights(con, folder)
    gone = add(con, folder, DAYS[3], "4", nights, C1=None)
    assert changes_by_night((nights[0], gone)) == [(DAYS[0], {"promoted": 2}), (DAYS[3], {"promoted": 1})]


def test_a_night_killed_while_it_wrote_leaves_nothing_that_the_next_one_sees(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    def killed(step: str) -> None:
        if step == "sync:tier-history":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add_night(con, folder, as_of_date=DAYS[0], run_key=key("1"), followed=(), hook=killed)
    assert list(folder.rglob("*.tmp"))
    night = add(con, folder, DAYS[0], "1", (), C1="mid")
    assert nights_up_to(folder, night.digest) == (night,)
    assert not list(folder.rglob("*.tmp"))
