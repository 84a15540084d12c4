"""Whole nights killed again and again at any moment: the run that comes through publishes what an undisturbed one does.

Belongs here: killing a night at a step, and comparing what was published. Does not: single steps of publication.

    python tests/faults/kill_runs.py --kills 60
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sample_data import generate
from tierline import TierTable, current_manifest

AS_OF = date(2024, 6, 30)


def make_home(folder: Path) -> Path:
    """A home of 60 customers, four bill months and six days of usage."""
    generate(folder, customers=60, seed=3, as_of=AS_OF, bill_months=4, cdr_days=6, snapshots=1)
    return folder


def night(home: Path) -> "subprocess.Popen[str]":
    """The nightly command, as a scheduler would start it."""
    command = [sys.executable, "-c", "from pipelines.cli import main; main()", "run", "--as-of", str(AS_OF)]
    return subprocess.Popen(
        [*command, "--home", str(home)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )


def kill_after(home: Path, step: str, seconds: float = 0.0) -> None:
    """Starts a night and kills it `seconds` after it told that a step is done; fails if it never got there."""
    run = night(home)
    assert run.stderr is not None
    said = []
    for line in run.stderr:
        said.append(line)
        if f": {step} done" in line:
            break
    else:
        raise AssertionError(f"the night never came to {step}:\n{''.join(said)}")
    time.sleep(seconds)
    run.send_signal(signal.SIGKILL)
    run.communicate()


def complete(home: Path) -> dict[str, str]:
    """Runs the night to its end; the digests of what it published, by file name."""
    run = night(home)
    out, err = run.communicate()
    assert run.returncode == 0, f"{out}\n{err}"
    return {entry.name: entry.sha256 for entry in current_manifest(home / "published" / "customer_tiers").files}


def kill_at_any_moment(home: Path, chance: random.Random) -> str:
    """Starts a night and kills it after a random while; says after which step it was."""
    run = night(home)
    timer = threading.Timer(chance.uniform(0.5, 14), run.kill)
    timer.start()
    _, err = run.communicate()
    timer.cancel()
    steps = [line for line in err.splitlines() if line.endswith(" done")]
    return "ran through" if run.returncode == 0 else (steps[-1].partition(": ")[2] if steps else "before any step")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    console, chance = Console(), random.Random(given.seed)  # noqa: S311 -- when to kill is no secret
    table = Table("home", "killed after", "afterwards")
    sound, kills = True, 0
    with tempfile.TemporaryDirectory(prefix="tierline-kills-") as name:
        expected = complete(make_home(Path(name) / "undisturbed"))
        number = 0
        while kills < given.kills:
            number += 1
            home = make_home(Path(name) / f"home-{number}")
            # Some homes are killed once, some many times in a row, each time on what the last one left.
            killed = [kill_at_any_moment(home, chance) for _ in range(chance.choice((1, 2, 4, 8)))]
            kills += sum(at != "ran through" for at in killed)
            same = complete(home) == expected and TierTable(home / "published" / "customer_tiers").problem is None
            sound &= same
            table.add_row(str(number), ", ".join(killed), "[green]same bytes[/]" if same else "[red]differs[/]")
            console.print(f"{kills} kills, home {number}: {'same bytes' if same else 'DIFFERS'}")
    console.print(table, f"{kills} kills of whole nights, {number} homes")
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()
