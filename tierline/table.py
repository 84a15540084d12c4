"""TierTable: the published tier table as a routing service sees it, one caller's row at a time.

Belongs here: which version is served, how fresh it is, when it changes. Does not: file formats, finding rows.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Literal, Self, get_args

from tierline.held import Hold
from tierline.manifest import Manifest, ManifestError
from tierline.opened import NOT_FOUND, TIER_COLUMN, OpenedVersion, VersionState, settled, version_state
from tierline.verify import use_current, vouched_manifests

Freshness = Literal["fresh", "stale", "absent"]
CLOSE_SECONDS = 10.0
RETIRE_ATTEMPTS, RETIRE_SECONDS = 100, 0.001
ONLY_HERE = 2  # what sys.getrefcount says of an object that one variable refers to
NO_ROW: Mapping[str, object] = MappingProxyType({})


# Not frozen: freezing triples what making one costs, and each lookup makes one of its own.
@dataclass(slots=True)
class Answer:
    """What a lookup says. It never holds the number asked for, and its repr holds no cell: both are safe to log.

    found: False for an unknown caller, and for every caller while no version is served.
    row: field -> value (str, int, Decimal, bool, date or None); empty when not found.
    version, as_of_date: of the version that answered; None while none is served.
    freshness: `fresh`; `stale` past the version's expires_at (the row is still its last known one); `absent`.
    """

    found: bool
    row: Mapping[str, object] = field(repr=False)
    version: int | None
    as_of_date: date | None
    freshness: Freshness

    @property
    def tier(self) -> str | None:
        """The caller's tier; None when the caller is unknown or the lookup's fields leave it out."""
        tier = self.row.get(TIER_COLUMN)
        return tier if isinstance(tier, str) else None


class TierTable:
    """The current version of a published folder, verified before its first row is served.

    When that can't be read, the newest older one that the chain of manifests vouches for. Opening never raises for what
    stands in the folder: a hotline must come up, and `status` is "absent" when nothing could be verified; `problem`
    says why. Lookups take no lock and may run in any number of threads beside refresh() and follow().
    """

    def __init__(self, folder: Path | str, *, hold: Hold = "map", clock: Callable[[], datetime] | None = None) -> None:
        """Open a published folder.

        hold: "map" shares the files' pages with all processes, "memory" takes a private copy, which nothing that
        happens to the files can touch. clock: returns an aware datetime and decides fresh or stale (default: now).
        """
        if hold not in get_args(Hold):
            raise ValueError(f"hold is one of {', '.join(get_args(Hold))}, not {hold!r}")
        self._folder = Path(folder)
        self._hold = hold
        self._now = time.time if clock is None else lambda: clock().timestamp()
        self._opened: OpenedVersion | None = None
        self._refused: dict[int, tuple[tuple[Manifest, VersionState], str]] = {}
        self._least = 1  # no version below is served: what was once served is never gone behind
        self._refreshing = threading.Lock()
        self._switching = threading.Lock()
        self._ending = threading.Event()
        self._follower: threading.Thread | None = None
        self.problem: str | None = None  # why the newest version is not served; None when it is
        self.refresh()

    def lookup(self, key: str, fields: Sequence[str] | None = None) -> Answer:
        """The answer for one service key (for MSISDNs: E.164 with its leading +).

        fields: the columns to read, in order; fewer are faster; None reads all but service_key. A key of another form,
        None among them, is an unknown caller. Raises UnknownFieldError for a field that the table does not have.
        """
        opened = self._opened  # read once: one answer comes from one version
        if opened is None:
            return Answer(False, NO_ROW, None, None, "absent")
        # No call that can be done without from here on: each costs as much as reading a cell.
        try:
            selection = opened.selections[fields]  # type: ignore[index]
        except TypeError:  # a list can't be looked for
            selection = opened.select(fields)
        manifest = opened.manifest
        freshness: Freshness = "stale" if self._now() > opened.expires else "fresh"
        row = opened.find(key)
        if row == NOT_FOUND:
            return Answer(False, NO_ROW, manifest.version, manifest.as_of_date, freshness)
        batch, within = divmod(row, opened.batch_rows)
        cells = {name: cell(within) for name, cell in selection.batches[batch] or selection.open(batch)}
        return Answer(True, cells, manifest.version, manifest.as_of_date, freshness)

    @property
    def status(self) -> Freshness:
        """`fresh`, `stale` (now is past expires_at) or `absent` (no version could be verified, or closed)."""
        opened = self._opened
        if opened is None:
            return "absent"
        return "stale" if self._now() > opened.expires else "fresh"

    @property
    def manifest(self) -> Manifest | None:
        """The manifest of the version that is served."""
        opened = self._opened
        return None if opened is None else opened.manifest

    def refresh(self) -> bool:
        """Look for a newer version, verify it whole, then switch to it; True when it switched.

        Never raises for what stands in the folder and never goes back: a bad or older version is told in `problem`,
        and the one being served stays. Only a mapped version whose files were changed in place is let go: its bytes
        are no longer those that were verified.
        """
        with self._refreshing:
            if self._ending.is_set():
                return False
            damage = self._damage()
            if damage is not None:
                self._serve(None)
            newer, problem = self._newest()
            if self._ending.is_set():
                return False
            self.problem = problem if damage is None or newer is not None else f"{damage}; {problem}"
            if newer is None:
                return False
            self._serve(newer)
            return True

    def follow(self, interval: float) -> Self:
        """Refresh every `interval` seconds in a daemon thread, until close().

        A forking server calls it after the fork: threads do not survive one.
        Raises ValueError for an interval that is not positive, RuntimeError when already followed or closed.
        """
        if not interval > 0:
            raise ValueError(f"follow() needs a positive number of seconds, not {interval}")
        if self._follower is not None or self._ending.is_set():
            raise RuntimeError("this TierTable is already followed or closed; open another one")
        self._follower = threading.Thread(
            target=self._refresh_until_closed, args=(interval,), name="tierline-follow", daemon=True
        )
        self._follower.start()
        return self

    def close(self) -> None:
        """End following and let go of the files; from then on every answer is absent.

        Waits for a refresh that is under way, but not for ever: a disk that hangs must not keep a service from ending.
        """
        self._ending.set()
        if self._follower is not None:
            self._follower.join(CLOSE_SECONDS)
        refreshed = self._refreshing.acquire(timeout=CLOSE_SECONDS)
        self._serve(None)
        self.problem = "closed"
        if refreshed:
            self._refreshing.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _newest(self) -> tuple[OpenedVersion | None, str | None]:
        """The newest version that may be served and is not yet, and why that is not the current one."""
        try:
            return use_current(self._folder, self._open_newer), None
        except Exception as error:
            problem = _told(error)
        with suppress(Exception):  # the folder can't be listed
            for manifest in vouched_manifests(self._folder):
                if manifest.version < self._lowest_welcome():
                    break
                with suppress(Exception):  # damaged as well: the next older one
                    return self._open(manifest), f"{problem}; version {manifest.version} is served instead"
        return None, problem

    def _open(self, manifest: Manifest) -> OpenedVersion:
        """Open a version, ready for what lookups select; a damaged one is not hashed again until its files change."""
        state = (manifest, version_state(self._folder, manifest))
        known, why = self._refused.get(manifest.version, (None, ""))
        if known == state:
            raise ManifestError(why)
        try:
            opened = OpenedVersion(self._folder, manifest, self._hold)
        except ManifestError as error:
            if settled(state[1], time.time()):
                self._refused[manifest.version] = state, str(error)
            raise
        serving = self._opened
        if serving is not None:
            opened.prepare(list(serving.selections))
        self._refused = {version: why for version, why in self._refused.items() if version > manifest.version}
        return opened

    def _damage(self) -> str | None:
        serving = self._opened
        try:
            return None if serving is None else serving.damage()
        except OSError:  # a lost disk says nothing about the pages that are in memory
            return None

    def _lowest_welcome(self) -> int:
        serving = self.manifest
        return self._least if serving is None else serving.version + 1

    def _open_newer(self, manifest: Manifest) -> OpenedVersion | None:
        if manifest.version < self._least:
            raise ManifestError(
                f"CURRENT.json names version {manifest.version}, older than {self._least} which is served and "
                f"stays; publish a newer version, a rollback too"
            )
        if manifest.version < self._lowest_welcome():
            return None
        return self._open(manifest)

    def _serve(self, opened: OpenedVersion | None) -> None:
        with self._switching:
            if self._ending.is_set():
                opened = None
            retired, self._opened = self._opened, opened
            if opened is not None:
                self._least = opened.manifest.version
        if retired is None:
            return
        # To let a version go takes tens of ms. Lookups under way still refer to it; the last reference must be this
        # one, and not that of a serving thread.
        for _ in range(RETIRE_ATTEMPTS):
            if sys.getrefcount(retired) <= ONLY_HERE:
                retired.dismantle()
                break
            time.sleep(RETIRE_SECONDS)

    def _refresh_until_closed(self, interval: float) -> None:
        while not self._ending.wait(interval):
            self.refresh()


def _told(error: Exception) -> str:
    """What may be told of an error: of an unforeseen kind, its text may quote a cell, so only the kind."""
    if isinstance(error, ManifestError | OSError):
        return str(error)
    return f"the newest version could not be opened: {type(error).__name__}"
