"""What else of a home folder is written durably and killed: a day of usage, the analysts' database, an expiry.

Belongs here: those scenarios, and the warehouse that they need. Does not: the tier table (scenarios.py).
"""

import sys
from datetime import date, timedelta
from pathlib import Path
from shutil import rmtree
from typing import Any

import duckdb
import pyarrow.parquet as pq
from publishers import (
    AS_OF,
    KEEP_CDR_DAYS,
    Publishers,
    let_expire,
    remove_usage,
    replace_analytics,
    write_usage,
)
from scenarios import Hook, Scenario

from data_contracts import contract
from pipelines.day_files import verify_days
from pipelines.digests import LIST_NAME
from pipelines.intake.ledger import lines
from pipelines.intake.ledger_copy import read_ledger_lines
from pipelines.publishing.analytics import MARTS
from pipelines.sql_catalogue import sql_table
from pipelines.table_types import table_types
from pipelines.usage import DAY_TABLES


class UsageDay(Scenario):
    """One more day file."""

    killed_once = False
    operation = "usage"
    steps = (
        "make:usage-day",
        "write:usage-day",
        "open:digests",
        "write:digests",
        "sync:digests",
        "sync-folder:digests",
        "sync:usage-day",
        "replace:usage-day",
        "sync-folder:usage-day",
        "remove:temporary",
    )

    def prepare(self, step: str) -> None:
        if step == "sync-folder:digests":
            rmtree(self.folder, ignore_errors=True)
        if step == "remove:temporary":
            self.publishers.kill_one_at(self.folder, "open:digests", operation="usage", **self.order())

    def order(self) -> dict[str, Any]:
        return {"name": f"usage_date={AS_OF + timedelta(days=self.count)}/{self.count:04x}.parquet"}

    def carry_out(self, hook: Hook) -> None:
        rmtree(self.folder, ignore_errors=True)
        write_usage(self.folder, self.order()["name"], hook)
        self.publishers.kill_one_at(self.folder, "open:digests", operation="usage", name="usage_date=x/1.parquet")
        write_usage(self.folder, "usage_date=x/1.parquet", hook)

    def look(self) -> None:
        for path in self.folder.glob("*/*.parquet"):
            assert pq.read_metadata(path).num_rows == 1000

    def start_again(self) -> None:
        name = self.order()["name"]
        if not (self.folder / name).exists():
            write_usage(self.folder, name)
        compared, unknown, damages = verify_days(self.folder, "roll it up again")
        assert (unknown, damages) == (0, ()) and compared == len(list(self.folder.glob("*/*.parquet")))
        assert (self.folder / name).exists()
        assert list(self.folder.rglob("*.tmp")) == []


class DaysRemoved(Scenario):
    """Day files that nobody reads any more, and the list of digests without them."""

    killed_once = False
    operation = "removal"
    steps = (
        "remove:day",
        "remove:temporary",
        "create:digests",
        "write:digests",
        "sync:digests",
        "replace:digests",
        "sync-folder:digests",
    )
    before = (AS_OF + timedelta(days=3)).isoformat()

    def prepare(self, step: str) -> None:
        rmtree(self.folder, ignore_errors=True)
        for n in range(4):
            write_usage(self.folder, f"usage_date={AS_OF + timedelta(days=n)}/{self.count:04x}.parquet")
        if step == "remove:temporary":
            self.publishers.kill_one_at(self.folder, "replace:digests", operation="removal", before=self.before)

    def order(self) -> dict[str, Any]:
        return {"before": self.before}

    def carry_out(self, hook: Hook) -> None:
        for step in ("remove:day", "remove:temporary"):
            self.prepare(step)
            remove_usage(self.folder, self.before, hook)

    def look(self) -> None:
        _, unknown, damages = verify_days(self.folder, "roll it up again")
        assert (unknown, damages) == (0, ())
        assert list(self.folder.glob(f"usage_date={self.before}/*.parquet"))

    def start_again(self) -> None:
        remove_usage(self.folder, self.before)
        self.look()
        assert {path.name for path in self.folder.glob("usage_date=*")} == {f"usage_date={self.before}"}
        assert len((self.folder / LIST_NAME).read_bytes().splitlines()) == 1
        assert not list(self.folder.glob(".*.tmp"))


class Analytics(Scenario):
    """The analysts' database, made anew beside the old one."""

    killed_once = False
    operation = "analytics"
    steps = (
        "make:published",
        "write:analytics",
        "sync:analytics",
        "replace:analytics",
        "sync-folder:analytics",
        "remove:temporary",
    )

    def __init__(self, root: Path, publishers: Publishers) -> None:
        super().__init__(root, publishers)
        self.folder = root / "home"
        make_warehouse(self.folder)
        replace_analytics(self.folder)

    def prepare(self, step: str) -> None:
        if step == "remove:temporary":
            self.publishers.kill_one_at(self.folder, "sync:analytics", operation="analytics")

    def carry_out(self, hook: Hook) -> None:
        self.prepare("remove:temporary")
        replace_analytics(self.folder, hook)

    def look(self) -> None:
        with duckdb.connect(str(self.folder / "published" / "analytics.duckdb"), read_only=True) as con:
            tables = {name for (name,) in con.execute("select table_name from information_schema.tables").fetchall()}
        assert {*MARTS, "usage_daily"} <= tables

    def start_again(self) -> None:
        replace_analytics(self.folder)
        self.look()
        assert [path.name for path in (self.folder / "published").iterdir()] == ["analytics.duckdb"]


class Expiration(Scenario):
    """One more day of call detail leaves the warehouse, after its two files are there and before older files go."""

    killed_once = False
    operation = "expiry"
    steps = (
        "delete:expiry",
        "note:expiry",
        "commit:expiry",
        "open:ledger-copy",
        "write:ledger-copy",
        "sync:ledger-copy",
    )

    def __init__(self, root: Path, publishers: Publishers) -> None:
        super().__init__(root, publishers)
        self.folder = root / "home"
        (self.folder / "landing" / "cdr").mkdir(parents=True)
        self._deliver(AS_OF, [AS_OF - timedelta(days=n) for n in range(KEEP_CDR_DAYS)])
        with duckdb.connect(str(self.folder / "warehouse.duckdb")) as con:
            con.execute("create schema features")
            con.execute("create schema run")
            read = {name for kept in DAY_TABLES for name in sql_table(kept).upstreams} - {"staging.cdr"}
            for table in sorted(read):
                columns = ", ".join(f'"{name}" {kind}' for name, kind in table_types(table).items())
                con.execute(f"create table {table} ({columns})")
        assert let_expire(self.folder, AS_OF).days == 0

    @property
    def as_of(self) -> date:
        return AS_OF + timedelta(days=self.count)

    def prepare(self, step: str) -> None:
        # A record of the day before comes with each day: of every file but the last, a part expires.
        self._deliver(self.as_of, [self.as_of, self.as_of - timedelta(days=1)])

    def order(self) -> dict[str, Any]:
        return {"as_of": self.as_of.isoformat()}

    def carry_out(self, hook: Hook) -> None:
        assert let_expire(self.folder, self.as_of, hook).days == 1

    def look(self) -> None:
        with duckdb.connect(str(self.folder / "warehouse.duckdb")) as con:
            lost = con.execute(
                """select count(*) from intake.files as f where f.accepted <> (
                       select count(*) from staging.cdr as c where c.file_id = f.file_id
                   ) + (
                       select coalesce(sum(d.records), 0) from intake.file_days as d
                       join intake.expired_days as e on e.usage_date = d.usage_date where d.file_id = f.file_id
                   )"""
            ).fetchall()
            gone = con.execute("select usage_date, usage_daily, contact_days from intake.expired_days").fetchall()
        assert lost == [(0,)]
        for day, usage, contacts in gone:
            for folder, digest in (("published/usage_daily", usage), ("contact_days", contacts)):
                assert (self.folder / folder / f"usage_date={day}" / f"{digest}.parquet").exists()

    def start_again(self) -> None:
        let_expire(self.folder, self.as_of)
        self.look()
        kept_from = self.as_of - timedelta(days=KEEP_CDR_DAYS - 1)
        with duckdb.connect(str(self.folder / "warehouse.duckdb")) as con:
            assert con.execute("select min(usage_date) from staging.cdr").fetchall() == [(kept_from,)]
            assert list(read_ledger_lines(self.folder / "ledger.jsonl")) == lines(con)
        for folder in ("published/usage_daily", "contact_days"):
            _, unknown, damages = verify_days(self.folder / folder, "roll it up again")
            assert (unknown, damages) == (0, ())
            assert not list((self.folder / folder).rglob("*.tmp"))

    def _deliver(self, known: date, days: list[date]) -> None:
        columns = [column.name for column in contract("staging.cdr").columns]
        told = {"served_msisdn": "+8613800000001", "called_number": "+8613800000002", "direction": "outgoing",
                "call_type": "voice", "call_duration": "9", "uplink_bytes": "0", "downlink_bytes": "0",
                "roaming": "false", "long_distance": "false", "charge": "0.1"}  # fmt: skip
        rows = [
            ",".join((told | {"record_id": f"{known}-{day}", "answer_time": f"{day}T12:00:00+08:00"}).get(name, "")
                     for name in columns)
            for day in days
        ]  # fmt: skip
        file = self.folder / "landing" / "cdr" / f"cdr_{known:%Y%m%d}.csv"
        file.write_text("\n".join([",".join(columns), *rows, ""]), encoding="utf-8")


def make_warehouse(home: Path) -> None:
    """A warehouse whose tables are there and empty, and one day file, as the marts and the view need them."""
    sys.path.append(str(Path(__file__).parents[1] / "sql"))  # where tables are made from their SQL files
    from sql_desk import SqlDesk

    (home / "published").mkdir(parents=True)
    day = home / f"usage_date={AS_OF}" / "day.parquet"
    day.parent.mkdir()
    with duckdb.connect(str(home / "warehouse.duckdb")) as con:
        desk = SqlDesk(con)
        desk.at(AS_OF)
        for mart in MARTS:
            desk.run(f"marts.{mart}")
        con.execute("drop schema marts cascade")  # they stand in the analysts' database
        columns = ", ".join(
            f'cast(null as {kind}) as "{name}"' for name, kind in table_types("features.usage_daily").items()
        )
        con.sql(f"select {columns} limit 0").write_parquet(str(day))
        con.execute("create or replace table run.usage_files (usage_date date, path varchar)")
        con.execute("insert into run.usage_files values (?, ?)", [AS_OF, str(day)])
