"""Publishers killed with SIGKILL at every durable step, and at random under readers: whole versions only, ever."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from publishers import KEYS, ROWS, Publishers, publish_stamped
from scenarios import SCENARIOS, Scenario, folder_in_memory, whole_version

from pipelines.publishing import verify
from tierline import TierTable, current_manifest, verified_file

RACE_SECONDS = 10


@pytest.fixture(scope="module")
def publishers() -> Iterator[Publishers]:
    started = Publishers()
    yield started
    started.close()


@pytest.fixture(scope="module")
def scenarios(publishers: Publishers) -> Iterator[Callable[[str], Scenario]]:
    """A scenario by name; its folder goes on from test to test."""
    with folder_in_memory() as root:
        yield cache(lambda name: SCENARIOS[name](Path(root) / name, publishers))


@pytest.mark.parametrize(("name", "step"), [(name, step) for name, kind in SCENARIOS.items() for step in kind.steps])
def test_killed_at_a_step(scenarios: Callable[[str], Scenario], name: str, step: str) -> None:
    scenarios(name).kill_at(step)


@pytest.mark.parametrize(
    ("step", "occurrence"),
    [("write:customer_tiers.parquet", 3), ("write:customer_tiers.arrow", 30), ("remove:run-file", 3)],
)
def test_killed_at_a_later_time_that_a_step_comes(
    scenarios: Callable[[str], Scenario], step: str, occurrence: int
) -> None:
    scenarios("publication").kill_at(step, occurrence)


@pytest.mark.parametrize("operation", ["publish", "rollback", "mirror", "usage", "analytics"])
def test_the_steps_killed_at_are_all_the_steps_there_are(scenarios: Callable[[str], Scenario], operation: str) -> None:
    of_operation = {name: kind for name, kind in SCENARIOS.items() if kind.operation == operation}
    announced = {step for name in of_operation for step in scenarios(name).announced()}
    assert announced == {step for kind in of_operation.values() for step in kind.steps}


def test_killed_after_the_switch_and_before_anyone_was_told(tmp_path: Path, publishers: Publishers) -> None:
    folder = tmp_path / "customer_tiers"
    publish_stamped(folder, "r0")
    publishers.kill_one_at(folder, "sync-folder:published", "killed")
    again = publish_stamped(folder, "killed")
    assert (again.created, again.version, current_manifest(folder).run_key) == (False, 2, "killed")


def test_readers_beside_publishers_killed_at_random(tmp_path: Path, publishers: Publishers) -> None:
    folder = tmp_path / "customer_tiers"
    publish_stamped(folder, "r0")
    ending, kills = threading.Event(), []

    def kill_again_and_again() -> None:
        chance = random.Random(20260301)  # noqa: S311 -- when to kill is no secret
        while not ending.is_set():
            publisher = publishers.start(folder)
            time.sleep(chance.uniform(0.02, 0.4))
            os.kill(publisher, signal.SIGKILL)
            kills.append(publishers.ended())

    killer = threading.Thread(target=kill_again_and_again)
    killer.start()
    reads, seen = 0, [1]
    try:
        deadline = time.monotonic() + RACE_SECONDS
        with TierTable(folder) as table:
            while time.monotonic() < deadline:
                table.refresh()
                assert table.problem is None, table.problem
                assert table.manifest is not None
                answers = [table.lookup(key, ("brand",)) for key in KEYS[::37]]
                assert {answer.row.get("brand") for answer in answers} == {table.manifest.run_key}
                rows = pq.read_table(verified_file(folder, "customer_tiers.parquet"))
                assert (rows.num_rows, len(set(rows["brand"].to_pylist()))) == (ROWS, 1)
                assert table.manifest.version >= seen[-1]
                if reads % 10 == 0:
                    assert verify(folder).damages == ()
                if table.manifest.version > seen[-1]:
                    seen.append(table.manifest.version)
                reads += 1
    finally:
        ending.set()
        killer.join()
    publish_stamped(folder, "last")
    assert whole_version(folder) > seen[-1]
    assert set(kills) == {-signal.SIGKILL}
    # Otherwise nothing raced.
    assert reads > 100 and len(kills) >= 3 and len(seen) > 5, (reads, len(kills), len(seen))
