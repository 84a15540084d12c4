"""Every step of every piece of durable work killed many times over: python -m tests.faults.kill_every_step --kills 100

Belongs here: the counting and the table. Does not: what is killed and what must be true then (scenarios.py).
After each kill readers must see a whole version, and the next start must recover and leave nothing lying about.
Leaves with 1 unless every kill was recovered from.
"""

import argparse
import random
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # as pytest does for the test modules beside this one

from all_scenarios import SCENARIOS
from publishers import Publishers
from scenarios import Scenario, folder_in_memory

Row = tuple[str, str, int, int]  # scenario, step, kills, recovered


def kill_steps(name: str, kills: int, seed: int) -> tuple[list[Row], list[str]]:
    """Kill each step of a scenario so often, at a random one of the times that it comes; rows and what went wrong."""
    chance = random.Random(f"{name} {seed}")  # noqa: S311 -- when to kill is no secret
    publishers = Publishers()
    rows, wrong = [], []
    try:
        with folder_in_memory() as root:
            scenario, made = SCENARIOS[name](Path(root) / "0", publishers), 1
            scenario.announced()  # the first go also clears what making the scenario left
            times = Counter(scenario.announced())
            for step in scenario.steps:
                recovered = 0
                for _ in range(kills):
                    occurrence = chance.randint(1, max(1, _sure(scenario, times[step])))
                    try:
                        scenario.kill_at(step, occurrence)
                        recovered += 1
                    except Exception:
                        wrong.append(f"{name}, {step} ({occurrence}):\n{traceback.format_exc()}")
                        scenario, made = SCENARIOS[name](Path(root) / str(made), publishers), made + 1
                rows.append((name, step, kills, recovered))
    finally:
        publishers.close()
    return rows, wrong


def _sure(scenario: Scenario, times: int) -> int:
    # Of the work that is killed twice the counts of one go are not known: its steps are killed the first time.
    return times if scenario.killed_once else 1


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    asked.add_argument("--kills", type=int, default=100, help="kills a step (100)")
    asked.add_argument("--seed", type=int, default=1, help="decides at which of its times a step is killed (1)")
    asked.add_argument("--only", action="append", choices=list(SCENARIOS), help="this work alone; may be repeated")
    asked.add_argument("--jobs", type=int, default=2, help="scenarios at a time (2)")
    given = asked.parse_args()
    started = time.monotonic()
    rows: list[Row] = []
    wrong: list[str] = []
    with ProcessPoolExecutor(given.jobs) as pool:
        tasks = {pool.submit(kill_steps, name, given.kills, given.seed): name for name in given.only or SCENARIOS}
        for task in as_completed(tasks):
            found, faults = task.result()
            rows += found
            wrong += faults
            print(f"{tasks[task]}: {sum(row[3] for row in found):,} of {sum(row[2] for row in found):,} recovered")
    order = list(SCENARIOS)
    print(f"\n{'work':<20}{'step':<32}{'kills':>7}{'recovered':>11}")
    for name, step, kills, recovered in sorted(rows, key=lambda row: order.index(row[0])):
        print(f"{name:<20}{step:<32}{kills:>7,}{recovered:>11,}")
    killed, recovered = sum(row[2] for row in rows), sum(row[3] for row in rows)
    print(f"\n{len(rows)} steps, {killed:,} kills, {recovered:,} recovered, {time.monotonic() - started:,.0f} s")
    for fault in wrong[:5]:
        print(f"\n{fault}", file=sys.stderr)
    sys.exit(recovered != killed)


if __name__ == "__main__":
    main()
