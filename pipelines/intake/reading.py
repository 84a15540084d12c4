"""The reading of a delivered file: when, into which folder, and what the file looked like then.

Belongs here: reading the next file while the one before it is typed and kept. Does not: how one is read (opened.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType

from pipelines.intake.discover import Delivery, is_workbook
from pipelines.intake.file_engine import FileEngine, OneNode
from pipelines.intake.mapping import SourceMapping
from pipelines.intake.opened import Opened, state_of
from pipelines.intake.seen import Look, look_of
from pipelines.intake.settings import IntakeSettings
from pipelines.intake.temporary import working_folder


@dataclass(frozen=True)
class Read:
    """A file that was read, what state it was in before (see state_of), and its look (see seen.py)."""

    opened: Opened
    before: tuple[int, int, int]
    look: Look


Reader = Callable[[FileEngine, Delivery, SourceMapping, IntakeSettings], AbstractContextManager[Read]]


@contextmanager
def read_now(
    engine: FileEngine, delivery: Delivery, mapping: SourceMapping, settings: IntakeSettings
) -> Iterator[Read]:
    """The file, read by the engine; its temporary copies live as long as the context. Raises as open_file."""
    with working_folder(settings.temporary_folder) as folder:
        before, look = state_of(delivery.path), look_of(delivery.path)
        yield Read(engine.open(delivery, mapping, settings, folder), before, look)


@dataclass(frozen=True)
class _Begun:
    delivery: Delivery
    reading: AbstractContextManager[Read]
    result: Future[Read]


class ReadAhead:
    """A context whose `read` is a Reader for `deliveries` in their order: each is read in a thread beside once the one
    before it has been read. Unpacking and looking through a text needs one core, which typing and keeping leave free
    for much of their time. At most one file is ahead. What is raised in reading it is raised when it is asked for.

    Texts of this node only: others are read when they are asked for.
    """

    def __init__(
        self, deliveries: Sequence[Delivery], sources: Mapping[str, SourceMapping], engine: FileEngine | None
    ) -> None:
        self._next = dict(pairwise(deliveries))
        self._sources = sources
        self._engine = engine
        self._pool = ThreadPoolExecutor(1, "intake-next")
        self._begun: _Begun | None = None

    def __enter__(self) -> ReadAhead:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._forget()
        self._pool.shutdown()

    @contextmanager
    def read(
        self, engine: FileEngine, delivery: Delivery, mapping: SourceMapping, settings: IntakeSettings
    ) -> Iterator[Read]:
        """As read_now."""
        with ExitStack() as stack:
            begun = self._begun
            if begun is not None and begun.delivery == delivery:
                self._begun = None
                read = begun.result.result()
                stack.push(begun.reading)
            else:
                self._forget()
                read = stack.enter_context(read_now(engine, delivery, mapping, settings))
            self._begin(self._next.get(delivery), settings)
            yield read

    def _begin(self, delivery: Delivery | None, settings: IntakeSettings) -> None:
        if delivery is None or not self._is_text(delivery):
            return
        reading = read_now(OneNode(), delivery, self._sources[delivery.source], settings)
        self._begun = _Begun(delivery, reading, self._pool.submit(reading.__enter__))

    def _is_text(self, delivery: Delivery) -> bool:
        mapping = self._sources[delivery.source]
        is_elsewhere = self._engine is not None and self._engine.takes(delivery, mapping)
        is_parquet = mapping.format.parquet or delivery.name.lower().endswith(".parquet")
        return not (is_elsewhere or is_parquet or is_workbook(delivery.name))

    def _forget(self) -> None:
        """What was begun and not asked for: its file was refused or known before it came to reading."""
        begun, self._begun = self._begun, None
        if begun is None:
            return
        with suppress(Exception):  # nobody asked for this file, so nobody is told what is wrong with it
            begun.result.result()
            begun.reading.__exit__(None, None, None)
