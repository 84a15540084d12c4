"""Dagster's event log in SQLite, with the connection to a run's file kept open from one event to the next.

Belongs here: how the log is opened. Does not: what is logged.

Dagster opens and closes the file for each of the thousand events of a night, and the last to close a file in WAL mode
copies the log into it: that was over a third of what a small night took. Named in dagster.yaml, so that the web UI and
the daemon use it too. It overrides a method that has no public name: look at it when Dagster's version moves.

A commit does not wait for the disk (`synchronous = NORMAL`): in WAL mode the file stays whole whatever happens, and all
that a power loss can take is the last events of the run that it ended. The waits took a fifth of a small night.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.event import listen
from sqlalchemy.pool import StaticPool

# The index and the run that is at work; the web UI looks at some runs more.
_KEPT = 8


class KeptOpenEventLog(SqliteEventLogStorage):
    """SqliteEventLogStorage that keeps the last few files open, one connection each, used by one thread at a time."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._open: OrderedDict[str, Engine] = OrderedDict()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(  # type: ignore[override]
        cls, inst_data: ConfigurableClassData | None, config_value: dict[str, Any]
    ) -> KeptOpenEventLog:
        """As of ConfigurableClass."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Engine:
        engine = self._open.pop(shard, None)
        if engine is None:
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=StaticPool,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
            listen(engine, "connect", _need_not_wait)
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        self._open[shard] = engine
        while len(self._open) > _KEPT:
            self._open.popitem(last=False)[1].dispose()
        return engine

    def delete_events(self, run_id: str) -> None:
        """As of EventLogStorage; and what the base leaves behind: verdicts of checks, and the run's file, which goes
        as a whole (the base deletes its thousand rows).
        """
        with self.index_connection() as connection:
            self.delete_events_for_run(connection, run_id)
            verdicts = AssetCheckExecutionsTable
            connection.execute(verdicts.delete().where(verdicts.c.run_id == run_id))
        if self.supports_global_concurrency_limits:
            self.free_concurrency_slots_for_run(run_id)
        with self._db_lock:
            if engine := self._open.pop(run_id, None):
                engine.dispose()
            self._initialized_dbs.discard(run_id)
            for suffix in ("", "-wal", "-shm"):
                Path(self.path_for_shard(run_id) + suffix).unlink(missing_ok=True)

    def wipe(self) -> None:
        """As of EventLogStorage."""
        self._close()
        super().wipe()

    def dispose(self) -> None:
        """As of EventLogStorage: closes all files."""
        self._close()
        super().dispose()

    def _close(self) -> None:
        with self._db_lock:
            while self._open:
                self._open.popitem()[1].dispose()


def _need_not_wait(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")
