"""What else of a home folder is written durably and killed: a day of usage, the analysts' database.

Belongs here: those scenarios, and the warehouse that they need. Does not: the tier table (scenarios.py).
"""

import sys
from datetime import timedelta
from pathlib import Path
from shutil import rmtree
from typing import Any

import duckdb
import pyarrow.parquet as pq
from publishers import (
    AS_OF,
    Publishers,
    replace_analytics,
    write_usage,
)
from scenarios import Hook, Scenario

from pipelines.day_files import verify_days
from pipelines.publishing.analytics import MARTS


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
        assert list(self.folder.glob("*/*.tmp")) == []


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


def make_warehouse(home: Path) -> None:
    """A warehouse whose tables are there and empty, and one day file, as the marts and the view need them."""
    sys.path.append(str(Path(__file__).parents[1] / "sql"))  # where tables are made from their SQL files
    from sql_desk import SqlDesk

    from pipelines.table_types import table_types

    (home / "published").mkdir(parents=True)
    day = home / "day.parquet"
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
