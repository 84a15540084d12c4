"""Publishers killed with SIGKILL at every durable step, and at random under readers: whole versions only, ever."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from all_scenarios import SCENARIOS
from publishers import Publishers, publish_stamped
from scenarios import Scenario, folder_in_memory

from tierline import current_manifest

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


@pytest.mark.parametrize("operation", ["publish", "rollback", "mirror", "usage", "analytics", "expiry", "removal"])
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
