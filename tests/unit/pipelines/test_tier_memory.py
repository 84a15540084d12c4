"""One file that stands for past months of the tier history: it says the same as all the nights, and nothing is lost."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from random import Random

import duckdb
import pytest

from pipelines.run_context import RUN_COLUMNS
from pipelines.sql_catalogue import sql_table
from pipelines.tier_history import NightFile, TierHistoryError, add_night, show_files, show_history
from pipelines.tier_memory import show_memory, standing_for, sum_up

FIRST_NIGHT = date(2024, 4, 20)
LIMIT = "1GB"


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("create schema scores")
        con.execute("create schema run")
        columns = ", ".join(f"{name} {kind}" for name, kind in RUN_COLUMNS["tier_changes"].items())
        con.execute(f"create table scores.tier_changes ({columns})")
        yield con


def nights_of(con: duckdb.DuckDBPyConnection, folder: Path, nights: int) -> tuple[NightFile, ...]:
    """A history of 20 customers who come, move and leave, the same each time."""
    random, found = Random(7), list[NightFile]()  # noqa: S311 (a fixed history)
    for n in range(nights):
        day = FIRST_NIGHT + timedelta(days=n)
        con.execute("delete from scores.tier_changes")
        for customer in range(20):
            if n == 0 or random.random() < 0.1:
                tier = random.choice(["high", "mid", "ordinary", None])
                con.execute(
                    "insert into scores.tier_changes (customer_id, valid_from, tier, tier_flag, arpu_points) "
                    "values ($c, $d, $t, $f, $f)",
                    {"c": f"C{customer}", "d": day, "t": tier, "f": random.randint(1, 3)},
                )
        key = f"{n:064x}"[::-1]
        found.append(add_night(con, folder, as_of_date=day, run_key=key, followed=tuple(found)))
    return tuple(found)


def state(con: duckdb.DuckDBPyConnection, month_end: date) -> list[tuple[object, ...]]:
    query = f"select * from ({sql_table('features.tier_state').text}) order by customer_id"
    return con.execute(query, {"last_month_end": month_end}).fetchall()


def month_end_before(day: date) -> date:
    return day.replace(day=1) - timedelta(days=1)


def test_a_year_of_nights_remembers_the_same_from_few_files(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    nights = nights_of(con, tmp_path / "history", 140)
    most = 0
    for n in range(1, len(nights) + 1):
        before, month_end = nights[:n], month_end_before(FIRST_NIGHT + timedelta(days=n))
        sum_up(tmp_path / "memory", before, month_end, LIMIT)
        files = show_memory(con, "tier_memory", tmp_path / "memory", before, month_end)
        if n % 7 == 0 or n == len(nights):
            found = state(con, month_end)
            show_files(con, "tier_memory", [night.path for night in before])
            assert found == state(con, month_end), before[-1].as_of_date
        most = max(most, files)
    assert most <= 32
    kept = sorted(file.parent.name for file in (tmp_path / "memory").glob("*/*.parquet"))
    assert kept == ["as_of_date=2024-07-31", "as_of_date=2024-08-31"]


def test_a_damaged_sum_is_made_again_and_a_missing_one_is_not_missed(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    nights, month_end = nights_of(con, tmp_path / "history", 20), date(2024, 4, 30)
    sum_up(tmp_path / "memory", nights, month_end, LIMIT)
    (file,) = (tmp_path / "memory").glob("*/*.parquet")
    whole = file.read_bytes()
    file.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    assert standing_for(tmp_path / "memory", nights, month_end) == [night.path for night in nights]
    sum_up(tmp_path / "memory", nights, month_end, LIMIT)
    assert file.read_bytes() == whole
    assert standing_for(tmp_path / "memory", nights, month_end)[0] == file


def test_a_damaged_night_is_told_before_it_is_summed_up_and_before_it_is_read(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    nights, month_end = nights_of(con, tmp_path / "history", 20), date(2024, 4, 30)
    damage(nights[3].path)
    with pytest.raises(TierHistoryError, match=nights[3].path.name):
        sum_up(tmp_path / "memory", nights, month_end, LIMIT)
    damage(nights[3].path)
    sum_up(tmp_path / "memory", nights, month_end, LIMIT)
    damage(nights[15].path)
    with pytest.raises(TierHistoryError, match=nights[15].path.name):
        show_memory(con, "tier_memory", tmp_path / "memory", nights, month_end)


def test_a_night_long_ago_made_again_leaves_the_newer_sums(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    nights = nights_of(con, tmp_path / "history", 110)
    for month_end in (date(2024, 5, 31), date(2024, 6, 30), date(2024, 7, 31)):
        sum_up(tmp_path / "memory", nights, month_end, LIMIT)
    newest = sorted((tmp_path / "memory").glob("*/*.parquet"))
    sum_up(tmp_path / "memory", nights[:20], date(2024, 4, 30), LIMIT)
    assert sorted((tmp_path / "memory").glob("*/*.parquet")) == newest
    assert show_memory(con, "tier_memory", tmp_path / "memory", nights[:20], date(2024, 4, 30)) == 20
    show_history(con, nights)
    assert con.execute("select count(distinct valid_from) from run.tier_changes").fetchall()[0][0] > 90


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
