"""Contacts by day: files beside those of usage, for the days that are read, restated by what comes late, and private.

Belongs here: day tables of a whole night. Does not: their rows (tests/sql), their rot (tests/unit/pipelines).
"""

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from pipelines import usage
from pipelines.intake import ingest
from pipelines.night import Night
from pipelines.progress import Silent
from pipelines.scratch import scratch
from sample_data import generate

AS_OF = date(2024, 6, 30)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with 60 days of usage taken, and nothing rolled up."""
    home = tmp_path_factory.mktemp("days") / "home"
    generate(home, customers=40, seed=5, as_of=AS_OF, bill_months=1, cdr_days=60, snapshots=1)
    night = Night(home, AS_OF)
    with night.warehouse.open() as con:
        settings = night.intake_settings
        ingest(con, night.landing, mappings={}, as_of_date=AS_OF, settings=settings, progress=Silent())
    return home


def roll_up(home: Path, kept: usage.DayTable, as_of: date = AS_OF) -> tuple[usage.RollUp, set[tuple[object, ...]]]:
    """Rolls up into the home; what it came to, and the table's rows."""
    night = Night(home, as_of)
    with scratch(night) as place:
        place.build(night, target="features.number_holdings")
        report = usage.roll_up(place.con, kept, night, progress=lambda _done, _total: None)
        return report, set(place.con.execute(f"from {kept.table}").fetchall())


def test_contacts_are_kept_for_the_days_that_are_read_and_apart_from_what_is_published(made: Path) -> None:
    report, rows = roll_up(made, usage.CONTACT_DAYS)
    assert (report.days, report.rolled_up) == (56, 56)
    assert len(rows) > report.days
    days = {path.parent.name for path in (made / "contact_days").glob("*/*.parquet")}
    assert days == {f"usage_date={AS_OF - timedelta(days=n)}" for n in range(56)}
    assert not list((made / "published").rglob("*.parquet"))
    again, same = roll_up(made, usage.CONTACT_DAYS)
    assert (again.rolled_up, same) == (0, rows)
    # A Sunday's night reads eight full weeks, a Friday's the days since too: here all that are loaded by then.
    earlier, _ = roll_up(made, usage.CONTACT_DAYS, AS_OF - timedelta(days=2))
    assert (earlier.files[0].day, earlier.days) == (date(2024, 5, 2), 58)


def test_a_file_that_comes_late_restates_its_day_in_both_tables(made: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(made, home)
    before = {kept.table: roll_up(home, kept)[1] for kept in usage.DAY_TABLES.values()}
    late = home / "landing" / "cdr" / "cdr_20240620_9.csv"
    late.write_text(
        "record_id,served_msisdn,calling_number,called_number,direction,call_type,answer_time,call_duration,"
        "uplink_bytes,downlink_bytes,roaming,long_distance,charge,cause_for_term\n"
        f"L-1,{a_number(home)},,+8613900000001,outgoing,voice,2024-06-10T12:00:00+08:00,60,0,0,false,false,0.1,0\n",
        encoding="utf-8",
    )
    night = Night(home, AS_OF)
    with night.warehouse.open() as con:
        settings = night.intake_settings
        ingest(con, night.landing, mappings={}, as_of_date=AS_OF, settings=settings, progress=Silent())
    for kept in usage.DAY_TABLES.values():
        report, rows = roll_up(home, kept)
        assert report.rolled_up == 1, kept.table
        assert rows != before[kept.table]
    _, contacts = roll_up(home, usage.CONTACT_DAYS)
    (added,) = contacts - before["features.contact_days"]
    assert (added[0], *added[2:]) == (date(2024, 6, 10), None, 8613900000001, 1)


def a_number(home: Path) -> str:
    with scratch(Night(home, AS_OF)) as place:
        night = Night(home, AS_OF)
        place.build(night, target="features.number_holdings")
        query = "select min(msisdn) from features.number_holdings where held_to is null and held_from < '2024-05-01'"
        return str(place.con.execute(query).fetchall()[0][0])
