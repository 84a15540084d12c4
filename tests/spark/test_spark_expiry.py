"""Call detail that expires on a home whose engine is Spark: the same days stay on both, and the place is cleared.

Belongs here: what the place keeps. Does not: the account of an expiry (tests/unit/intake), nights after it on one node.
"""

import shutil
from datetime import timedelta
from pathlib import Path

import duckdb
from conftest import AS_OF, ON_SPARK, Twins

from pipelines import usage
from pipelines.engine import engine_of
from pipelines.expiry import expire_detail
from pipelines.made_of import order
from pipelines.night import Night
from pipelines.sql_catalogue import sql_table

KEPT = 5


def keeping_little(home: Path, options: dict[str, str]) -> Night:
    """A night that keeps less detail than the setting lets anybody: the sample has three weeks."""
    night = Night(home, AS_OF, options)
    night.__dict__["settings"] = night.settings.model_copy(update={"keep_cdr_days": KEPT})
    return night


def test_both_engines_go_on_with_the_same_days(twins: Twins, tmp_path: Path) -> None:
    homes = [Path(shutil.copytree(t.home, tmp_path / t.home.name)) for t in (twins.on_duckdb, twins.on_spark)]
    place = homes[1] / "parquet"
    nights = [
        keeping_little(homes[0], {}),
        keeping_little(homes[1], {**ON_SPARK, "spark_path": str(place)}),
    ]
    sent = {path.name for path in (place / "staging" / "cdr").iterdir()}
    before, after = [], []
    for night in nights:
        with night.warehouse.open() as con:
            for kept in usage.DAY_TABLES.values():
                before.append(_rolled_up(night, con, kept))
            gone = expire_detail(con, night)
            assert gone.days > 10 and gone.records > 1000
            # Both folders of this node have each day, whatever the engine.
            for folder in (night.usage_days, night.contact_days):
                days = {path.parent.name for path in folder.glob("*/*.parquet")}
                assert {f"usage_date={AS_OF - timedelta(days=n)}" for n in range(KEPT, 12)} <= days
            for kept in usage.DAY_TABLES.values():
                after.append(_rolled_up(night, con, kept))
            audit = sql_table("audits.ledger_does_not_balance")
            assert engine_of(night).bad_rows(con, audit, 5).rows == 0
            last = con.execute("select max(detail_from) from intake.expired_days").fetchall()
    assert before[:2] == before[2:] == after[:2] == after[2:]
    assert last == [(AS_OF - timedelta(days=KEPT - 1),)]
    left = {path.name for path in (place / "staging" / "cdr").iterdir()}
    assert left < sent and len(left) < len(sent) / 2


def test_days_that_expired_on_one_node_are_taken_to_the_place(twins: Twins, tmp_path: Path) -> None:
    home = Path(shutil.copytree(twins.on_duckdb.home, tmp_path / "home"))
    night = keeping_little(home, {})
    with night.warehouse.open() as con:
        assert expire_detail(con, night).days > 10
        expected = _rolled_up(night, con, usage.DAILY_USAGE)
        moved = Night(home, AS_OF, {**ON_SPARK, "spark_path": str(tmp_path / "place")})
        for table in order("features.number_holdings"):
            engine_of(moved).build(con, sql_table(table))
        assert _rolled_up(moved, con, usage.DAILY_USAGE) == expected


def _rolled_up(night: Night, con: duckdb.DuckDBPyConnection, kept: usage.DayTable) -> list[tuple[object, ...]]:
    engine_of(night).roll_up(con, kept, lambda _done, _total: None)
    return con.execute(f"select * from {kept.table} order by all").fetchall()
