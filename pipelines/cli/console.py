"""How the command speaks: progress while it works, tables, errors in colour, exit codes.

Belongs here: the look of output. Does not: what is said (the commands).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from enum import IntEnum
from time import monotonic
from types import TracebackType
from typing import NoReturn, Self

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

_ENDLESS = 100_000
# A log hears of a long step at least so often.
_QUIET_SECONDS = 20


def _console(*, stderr: bool) -> Console:
    """As wide as its terminal, or as COLUMNS says; elsewhere (a pipe, a mail of cron) as wide as what is printed."""
    bounded = (sys.stderr if stderr else sys.stdout).isatty() or "COLUMNS" in os.environ
    return Console(stderr=stderr, highlight=False, width=None if bounded else _ENDLESS)


out = _console(stderr=False)
err = _console(stderr=True)


class Exit(IntEnum):
    """Exit codes, for scripts; `tierline --help` lists them."""

    OK = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    BUSY = 4
    NOT_FOUND = 5


def fail(code: Exit, message: str) -> NoReturn:
    """Prints an error in red on stderr and leaves with the code."""
    err.print(f"[bold red]error:[/] {escape(message)}", soft_wrap=True)
    raise typer.Exit(int(code))


def plain_table(*columns: str, right: Collection[str] = (), gap: int = 2) -> Table:
    """A table without lines, `gap` spaces between columns, those named `right` (numbers) set to the right.

    Where it is wider than the terminal its cells go on in further lines, the widest column first: nothing is cut.
    """
    table = Table(box=None, padding=(0, gap, 0, 0))
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return table


@contextmanager
def told_errors() -> Iterator[None]:
    """Turns the house's own errors into one line and an exit code; anything else is a bug and keeps its traceback."""
    try:
        yield
    except Exception as error:
        code = _code_of(error)
        words = _words_of_full_disk(error) if code is None else None
        if words is not None:
            fail(
                Exit.FAILED,
                f"the disk is full, or it fails ({words}). The published table stays whole. Make room where the home "
                "folder is and run again: the run goes on from what was committed",
            )
        if code is None:
            raise
        fail(code, str(error))


# SQLite, in which Dagster keeps its events, can't tell a full disk from a broken one where it maps its index.
_FULL_DISK = ("No space left on device", "Disk quota exceeded", "database or disk is full", "disk I/O error")


def _words_of_full_disk(error: BaseException) -> str | None:
    """How a full disk was told in the error or what is behind it; None where it was something else."""
    cause: BaseException | None = error
    while cause is not None:
        for words in _FULL_DISK:
            if words in str(cause):
                return words
        cause = cause.__cause__ or cause.__context__
    return None


def _code_of(error: Exception) -> Exit | None:
    # Imported only once something has failed: they bring in DuckDB and Polars, which `lookup` and `--help` do without.
    from data_contracts import ContractError
    from pipelines.intake import IntakeRefusal, LedgerCopyError, MappingError
    from pipelines.publishing.errors import PublishError, PublishLockError
    from pipelines.retention import CampaignError
    from pipelines.settings import SettingsError
    from pipelines.tier_history import TierHistoryError
    from pipelines.turns import TurnBusyError
    from pipelines.warehouse import WarehouseBusyError, WarehouseError
    from segmentation.columns import ColumnsError
    from segmentation.policy_text import PolicyError

    codes: list[tuple[type[Exception], Exit]] = [
        (PublishLockError, Exit.BUSY),
        (WarehouseBusyError, Exit.BUSY),
        (TurnBusyError, Exit.BUSY),
        (SettingsError, Exit.USAGE),
        (PolicyError, Exit.USAGE),
        (ContractError, Exit.USAGE),
        (MappingError, Exit.USAGE),
        (IntakeRefusal, Exit.REFUSED),
        (LedgerCopyError, Exit.FAILED),
        (WarehouseError, Exit.FAILED),
        (TierHistoryError, Exit.FAILED),
        (ColumnsError, Exit.FAILED),
        (PublishError, Exit.FAILED),
        (CampaignError, Exit.FAILED),
    ]
    return next((code for kind, code in codes if isinstance(error, kind)), None)


class StepBar:
    """Shows the steps of a run: a bar on a terminal; elsewhere a line a finished step, and how far a long one is.
    Implements `progress.Progress`.
    """

    def __init__(self, title: str, steps: int | None = None) -> None:
        self._title = title
        self._live = err.is_terminal
        self._seen: set[str] = set()
        self._told_at = monotonic()
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=err,
            transient=True,
            disable=not self._live,
        )
        self._task = self._bar.add_task(title, total=steps)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def step(self, name: str, done: int, total: int) -> None:
        """`done` of `total` pieces of the step `name` are behind us."""
        detail = f" {done:,}/{total:,}" if total > 1 else ""
        self._bar.update(self._task, description=f"{self._title}: {name}{detail}")
        if done >= total and name not in self._seen:
            self._seen.add(name)
            self._bar.advance(self._task)
            self._log(f"{name} done")
        elif 0 < done < total and monotonic() - self._told_at >= _QUIET_SECONDS:
            self._log(f"{name}{detail}")

    def _log(self, words: str) -> None:
        self._told_at = monotonic()
        if not self._live:
            err.print(f"{self._title}: {escape(words)}", soft_wrap=True)
