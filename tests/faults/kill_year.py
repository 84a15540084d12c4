"""A year of nights in order, and the same year killed again and again and resumed: one history of tiers, byte by byte.

Belongs here: many nights that go on from each other. Does not: kills inside a single night (kill_runs.py).

    python tests/faults/kill_year.py --every 7 --kills 12
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console

from pipelines.runs import run_night
from pipelines.tier_history import FOLDER, PROVENANCE, export_history, nights_up_to
from sample_data import generate
from tierline import ManifestError, current_manifest

LAST = date(2024, 6, 30)


def make_home(folder: Path, customers: int = 120, months: int = 16) -> Path:
    """A home whose landing folder has bills, payments, usage and weekly snapshots of more than a year, all at once."""
    days = months * 31
    generate(folder, customers=customers, seed=5, as_of=LAST, bill_months=months, cdr_days=days, snapshots=days // 28)
    return folder


def nights(first: date, every: int) -> list[date]:
    """From `first` to the last day, every so many days, that one included."""
    return [*(first + timedelta(n) for n in range(0, (LAST - first).days, every)), LAST]


def run_on(home: Path, days: list[date]) -> None:
    """Runs the nights after the published one, in order. Raises AssertionError where one fails."""
    try:
        done = current_manifest(home / "published" / "customer_tiers").as_of_date
    except (ManifestError, OSError):
        done = date.min
    for day in days:
        if day > done:
            result = run_night(home, day)
            assert result.succeeded, f"{day}: {result.failures}"


def history(home: Path, file: Path) -> tuple[int, str]:
    """Rows and SHA-256 of the whole history as one ordered file."""
    head = current_manifest(home / "published" / "customer_tiers").provenance[PROVENANCE]
    return export_history(nights_up_to(home / "published" / FOLDER, head), file)


def killed_and_resumed(home: Path, days: list[date], kills: int, chance: random.Random, seconds: float) -> int:
    """Runs the nights in processes of their own, each killed after a random while, and then to the end; the kills."""
    done = 0
    command = [sys.executable, __file__, "--worker", str(home), "--days", json.dumps([str(day) for day in days])]
    while True:
        run = subprocess.Popen(command)
        if done < kills:
            time.sleep(chance.uniform(0.2, 1) * seconds)
            run.send_signal(signal.SIGKILL)
        run.wait()
        if run.returncode == 0:
            return done
        assert run.returncode == -signal.SIGKILL, f"a night failed in {home}"
        done += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=date.fromisoformat, default=date(2023, 7, 5))
    parser.add_argument("--every", type=int, default=7)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--customers", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--days", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker is not None:
        run_on(given.worker, [date.fromisoformat(day) for day in json.loads(given.days)])
        return
    console, days = Console(), nights(given.first, given.every)
    with tempfile.TemporaryDirectory(prefix="tierline-year-") as name:
        place = Path(name)
        straight, killed = (make_home(place / home, given.customers) for home in ("straight", "killed"))
        started = time.monotonic()
        run_on(straight, days)
        seconds = time.monotonic() - started
        console.print(f"{len(days)} nights in order: {seconds:.0f} s")
        each = 2 * seconds / max(given.kills, 1)
        kills = killed_and_resumed(killed, days, given.kills, random.Random(given.seed), each)  # noqa: S311
        found = {home.name: history(home, place / f"{home.name}.parquet") for home in (straight, killed)}
    for home, (rows, sha256) in found.items():
        console.print(f"{home}: {rows:,} rows, SHA-256 {sha256}")
    same = found["straight"] == found["killed"]
    console.print(f"{kills} kills: {'the same history' if same else 'OTHER HISTORIES'}")
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
