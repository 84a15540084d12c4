"""What assets get from outside: the home folder, and someone to tell of progress.

Belongs here: Dagster resources. Does not: what they are made of (night.py, warehouse.py, progress.py know no Dagster).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from pydantic import Field, PrivateAttr

from pipelines.engine import end_engines
from pipelines.instance import forget_runs
from pipelines.leftovers import clear_leftovers
from pipelines.made_of import made_of, unless_made
from pipelines.night import Night
from pipelines.publishing.errors import PublishLockError
from pipelines.run_calendar import calendar
from pipelines.settings import load
from pipelines.turns import Turn, take_turn
from pipelines.warehouse import WarehouseBusyError

_RETRIES = 2


class Home(dg.ConfigurableResource[Any]):
    """The home folder of an installation and the options of this run, which has the folder's turn while it lasts,
    unless it only reads beside the nights.
    """

    path: str
    options: dict[str, Any] = Field(default_factory=dict)
    known_at: str | None = None
    accept: str | None = None
    follows: str | None = None
    model: str | None = None
    only_reads: bool = False
    _turn: Turn | None = PrivateAttr(default=None)
    _nights: dict[date, Night] = PrivateAttr(default_factory=dict)
    _made_of: dict[date, dict[str, str]] = PrivateAttr(default_factory=dict)
    _duck: duckdb.DuckDBPyConnection | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> "Iterator[Home]":
        """Takes the home folder's turn for the whole run. Raises TurnBusyError while another run is at work."""
        if self.only_reads:
            yield self
            return
        home = Path(self.path)
        settings = load(home, dict(self.options))
        with take_turn(
            home,
            context.run.run_id[:8] if context.run is not None else "without a number",
            wait_seconds=settings.lock_wait_seconds,
            takeover_seconds=settings.takeover_seconds,
        ) as turn:
            self._turn = turn
            clear_leftovers(home, home / "published" / "customer_tiers", settings.lock_wait_seconds)
            if context.instance is not None:
                forget_runs(context.instance, settings.keep_runs)
            try:
                yield self
            finally:
                end_engines()
                self._end_duck()

    def _end_duck(self) -> None:
        if self._duck is not None:
            self._duck.close()
            self._duck = None

    def night(self, partition_key: str) -> Night:
        """The night of a daily partition, one for all steps of a run: its settings and policy are read once."""
        day = date.fromisoformat(partition_key)
        if day not in self._nights:
            self._nights[day] = Night(
                Path(self.path),
                day,
                dict(self.options),
                self.known_at,
                self.accept,
                self.follows,
                model=self.model,
            )
        return self._nights[day]

    def require_turn(self) -> None:
        """Raises TurnLostError when another run took over while this one stood still."""
        if self._turn is not None:
            self._turn.require()

    @contextmanager
    def open(self, night: Night) -> Iterator[duckdb.DuckDBPyConnection]:
        """The night's warehouse. When another run holds it, or the published folder, the step is tried again twice:
        the one fault that goes away by itself.
        """
        self._duck = self._duck or night.warehouse.start()
        try:
            with night.warehouse.open(self._duck) as con:
                self.require_turn()  # asked while nobody else can write to the warehouse
                yield con
        except BaseException as error:
            self._end_duck()
            if isinstance(error, (WarehouseBusyError, PublishLockError)):
                raise dg.RetryRequested(_RETRIES, seconds_to_wait=night.settings.lock_wait_seconds) from error
            raise

    def unless_made(self, con: duckdb.DuckDBPyConnection, night: Night, table: str, make: Callable[[], object]) -> bool:
        """Makes a table of features or scores, unless it is there as it would come out; returns whether it was there.

        What the night's tables are made of is looked up once a run: nothing that decides it changes after intake. What
        Spark makes lies outside the warehouse, and is made each night.
        """
        if night.settings.engine == "spark":
            make()
            return False
        if night.as_of_date not in self._made_of:
            self._made_of[night.as_of_date] = made_of(con, night, calendar(con, night))
        return unless_made(con, table, self._made_of[night.as_of_date][table], make)

    def now(self) -> datetime:
        """The time of day, for published_at: the one place where a run looks at the clock."""
        return datetime.now(UTC)
