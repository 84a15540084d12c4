"""The warehouse: opened for a piece of work, bounded in its waiting, clear about what failed.

Belongs here: pipelines/warehouse.py on real DuckDB files. Does not: the shipped SQL.
"""

import gc
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from pipelines import warehouse
from pipelines.run_context import RunTable
from pipelines.settings import load
from pipelines.sql_catalogue import parse_sql
from pipelines.warehouse import Warehouse, WarehouseBusyError, WarehouseError

HEADER = "-- grain: one row\n-- owner: me\n-- Means little.\n"


@pytest.fixture
def store(tmp_path: Path) -> Warehouse:
    return Warehouse.of(tmp_path, load(tmp_path, {"lock_wait_seconds": 0.3, "threads": 1}))


def test_it_is_closed_after_use_and_private(store: Warehouse) -> None:
    with store.open() as con:
        con.execute("create table features.x as select 1 as n")
    assert store.path.stat().st_mode & 0o777 == 0o640
    with store.open() as again:
        assert warehouse.count(again, "features.x") == 1


def test_it_is_closed_after_an_error(store: Warehouse) -> None:
    with pytest.raises(ZeroDivisionError), store.open():
        _ = 1 / 0
    with store.open() as con:
        assert con.execute("select 1").fetchall() == [(1,)]


def test_one_duckdb_opens_the_file_again_and_again_and_leaves_it_to_others_meanwhile(store: Warehouse) -> None:
    count = f"import duckdb; print(duckdb.connect({str(store.path)!r}).execute('from features.x').fetchall())"
    with store.start() as started:
        with store.open(started) as con:
            con.execute("create table features.x as select 1 as n")
            con.execute("create temp table mine as select 2 as n")
        between = subprocess.run([sys.executable, "-c", count], capture_output=True, text=True, check=False)
        assert (between.stdout, between.stderr) == ("[(1,)]\n", "")
        assert not store.path.with_name("warehouse.duckdb.wal").exists()
        with store.open(started) as con:
            assert con.execute("select current_database(), n from features.x").fetchall() == [("warehouse", 1)]
            with pytest.raises(duckdb.CatalogException, match="mine"):
                con.execute("from mine")


def test_what_a_piece_of_work_left_open_is_undone(store: Warehouse) -> None:
    with store.start() as started:
        with store.open(started) as con:
            con.begin()
            con.execute("create table features.half_done as select 1 as n")
        with store.open(started) as con, pytest.raises(duckdb.CatalogException, match="half_done"):
            con.execute("from features.half_done")


def test_what_failed_work_left_half_read_keeps_nobody_out(store: Warehouse) -> None:
    """A cycle, as a traceback makes them, holds a result that was not read to its end."""

    class Held:
        def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
            self.me = self
            self.reader = con.sql("select * from range(10000000)").to_arrow_reader(1000)

    gc.disable()
    try:
        with store.open() as con:
            Held(con)
        with store.open() as con:
            assert con.execute("select 1").fetchall() == [(1,)]
    finally:
        gc.enable()


def test_a_second_connection_works_in_the_same_file(store: Warehouse) -> None:
    with store.open() as con:
        con.execute("create table features.x as select 1 as n")
        with warehouse.another(con) as reader:
            assert reader.execute("select n from features.x").fetchall() == [(1,)]


def test_waiting_for_another_process_is_bounded_and_names_it(store: Warehouse) -> None:
    with store.open():
        pass
    script = f"import duckdb; con = duckdb.connect({str(store.path)!r}); print('held', flush=True); input()"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            with pytest.raises(WarehouseBusyError, match=rf"PID {holder.pid}.*lock_wait_seconds"), store.open():
                pass
        finally:
            holder.kill()
    with store.open() as con:
        assert con.execute("select 1").fetchall() == [(1,)]


def test_a_file_that_is_no_database_is_named_with_the_cure(store: Warehouse) -> None:
    store.path.write_bytes(b"not a database" * 1000)
    with pytest.raises(WarehouseError, match=r"warehouse\.duckdb is damaged.*tierline rebuild"), store.open():
        pass


def test_a_sql_file_becomes_the_table_of_its_name(store: Warehouse) -> None:
    table = parse_sql(HEADER + "select $as_of_date as day -- day\n", "features", "today")
    with store.open() as con:
        assert warehouse.build(con, table, {"as_of_date": "2024-06-30", "unused": 1}) == 1
        assert con.execute("select day from features.today").fetchall() == [("2024-06-30",)]


def test_what_names_one_thing_is_stored_without_looking_for_repetitions(store: Warehouse) -> None:
    text = "select 'C' || range as customer_id, 'C' || range as other_customer_id, 'gold' as tier from range(9000)\n"
    table = parse_sql(HEADER + text, "features", "stored")
    with store.open() as con:
        warehouse.build(con, table, {})
        con.execute("checkpoint")
        how = "select distinct column_name, compression from pragma_storage_info('features.stored') "
        how += "where segment_type = 'VARCHAR'"
        found = dict(con.execute(how).fetchall())
    assert found.pop("customer_id") == found.pop("other_customer_id") == "ZSTD"
    assert found.keys() == {"tier"} and "ZSTD" not in found.values()


def test_a_missing_parameter_and_a_failing_query_name_the_file(store: Warehouse) -> None:
    lacking = parse_sql(HEADER + "select $as_of_date as day -- day\n", "features", "today")
    failing = parse_sql(HEADER + "select n as n from features.nowhere -- n\n", "features", "broken")
    with store.open() as con:
        with pytest.raises(WarehouseError, match=r"sql/features/today\.sql needs the parameters as_of_date"):
            warehouse.build(con, lacking, {})
        with pytest.raises(WarehouseError, match=r"sql/features/broken\.sql failed.*nowhere"):
            warehouse.build(con, failing, {})


def test_a_failed_build_leaves_the_old_table(store: Warehouse) -> None:
    good = parse_sql(HEADER + "select 1 as n -- n\n", "features", "x")
    bad = parse_sql(HEADER + "select error('no') as n -- n\n", "features", "x")
    with store.open() as con:
        warehouse.build(con, good, {})
        with pytest.raises(WarehouseError):
            warehouse.build(con, bad, {})
        assert con.execute("select n from features.x").fetchall() == [(1,)]


def test_run_tables_are_made_anew(store: Warehouse) -> None:
    with store.open() as con:
        for numbers in (("10086", "1860"), ("95598",)):
            warehouse.write_run_tables(con, (RunTable("service_numbers", tuple((n,) for n in numbers)),))
        assert con.execute("from run.service_numbers").fetchall() == [("95598",)]


def test_nothing_is_downloaded(store: Warehouse) -> None:
    with store.open() as con, pytest.raises(duckdb.Error):
        con.execute("select * from read_xlsx('x.xlsx')").fetchall()


@pytest.mark.parametrize("place", [pytest.param(100, id="header"), pytest.param(-200_000, id="data")])
def test_a_damaged_file_is_named_with_the_cure(store: Warehouse, place: int) -> None:
    with store.open() as con:
        con.execute("create table features.x as select hash(n) as h from range(300000) as r(n)")
    content = bytearray(store.path.read_bytes())
    content[place] ^= 1
    store.path.write_bytes(content)
    with pytest.raises(WarehouseError, match=r"warehouse.duckdb is damaged: .*`tierline rebuild`"), store.open() as con:
        con.execute("select sum(h) from features.x").fetchall()


def test_a_log_that_was_cut_off_is_never_half_replayed(store: Warehouse) -> None:
    """The last transactions may be gone (the ledger copy finds that); a part of one is never there."""
    script = (
        "import duckdb, os, signal, sys\n"
        f"con = duckdb.connect({str(store.path)!r}, config={{'checkpoint_threshold': '1GB'}})\n"
        "con.execute('create table x (n integer)')\n"
        "for start in range(0, 5000, 1000):\n"
        "    con.execute('insert into x select range from range(?, ?)', [start, start + 1000])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with store.open():
        pass
    subprocess.run([sys.executable, "-c", script], check=False)
    log = store.path.with_name(store.path.name + ".wal")
    whole = log.read_bytes()
    assert len(whole) > 5000
    found = set()
    for cut in range(0, len(whole), len(whole) // 12):
        copy = store.path.parent / f"cut-{cut}"
        copy.mkdir()
        there = Warehouse.of(copy, load(copy))
        there.path.write_bytes(store.path.read_bytes())
        there.path.with_name(there.path.name + ".wal").write_bytes(whole[:cut])
        try:
            with there.open() as con:
                rows = con.execute("from duckdb_tables() select count(*) where table_name = 'x'").fetchall()
                found.add(con.execute("select count(*) from x").fetchall()[0][0] if rows[0][0] else 0)
        except WarehouseError as error:
            assert "tierline rebuild" in str(error)
    assert found <= {0, 1000, 2000, 3000, 4000, 5000} and len(found) > 2
