"""A publisher that is stopped (SIGSTOP: a frozen host, a debugger, a suspended container) and goes on later."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from publishers import REFUSED, NotMyTurnError, Publishers, guard, publish_stamped, roll_back

from pipelines.publishing import PublishLockError
from tierline import current_manifest


@pytest.fixture(scope="module")
def publishers() -> Iterator[Publishers]:
    started = Publishers()
    yield started
    started.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    publish_stamped(tmp_path / "customer_tiers", "r0")
    publish_stamped(tmp_path / "customer_tiers", "r1")
    return tmp_path / "customer_tiers"


@pytest.fixture
def turn(tmp_path: Path) -> Path:
    """A file that says whose turn it is; the first run's is 1."""
    (tmp_path / "turn").write_text("1")
    return tmp_path / "turn"


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("operation", ["publish", "rollback"])
def test_stopped_while_it_holds_the_lock_the_next_one_leaves_in_bounded_time(
    folder: Path, publishers: Publishers, operation: str
) -> None:
    stopped = publishers.start_and_stop_at(folder, "link:manifest", "stopped", operation=operation)
    with pytest.raises(PublishLockError, match="one that is stopped holds it too"):
        publish_stamped(folder, "second", lock_wait_seconds=0.2)
    assert current_manifest(folder).version == 2
    os.kill(stopped, signal.SIGCONT)
    assert publishers.ended() == 0
    assert current_manifest(folder).version == 3
    assert publish_stamped(folder, "second").version == 4


@pytest.mark.parametrize("operation", ["publish", "rollback"])
@pytest.mark.parametrize("step", ["open:lock", "link:manifest"])
def test_stopped_while_another_run_took_over_its_guard_refuses(
    folder: Path, turn: Path, publishers: Publishers, operation: str, step: str
) -> None:
    stopped = publishers.start_and_stop_at(folder, step, "stopped", operation=operation, turn=(str(turn), "1"))
    turn.write_text("2")
    if step == "open:lock":
        assert publish_stamped(folder, "second", may_commit=guard((str(turn), "2"))).created
    before = names(folder), current_manifest(folder)
    os.kill(stopped, signal.SIGCONT)
    assert publishers.ended() == REFUSED
    whole = {name for name in before[0] if not name.startswith((".manifest", "runs/3"))}
    assert step == "open:lock" or whole != before[0]  # it had written before it was stopped
    assert (names(folder), current_manifest(folder)) == (before[0] if step == "open:lock" else whole, before[1])
    again = publish_stamped(folder, "third", may_commit=guard((str(turn), "2")))
    assert (again.created, again.recovery.removed) == (True, ())


def test_a_guard_refuses_a_rollback_too(folder: Path, turn: Path) -> None:
    before = names(folder)
    with pytest.raises(NotMyTurnError):
        roll_back(folder, may_commit=guard((str(turn), "2")))
    assert (names(folder), current_manifest(folder).version) == (before, 2)
