"""Nights and publications on a small disk that is full at one stage after another.

    python -m tests.faults.disk_full               # a night at each of many levels of free space: minutes
    python -m tests.faults.disk_full --publications

The disk is a tmpfs in a mount namespace of this process's own, which ends with it.

Belongs here: the disk, the operator on it, what was seen at each level. Does not: judging it (test_disk_full.py).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

FIRST, SECOND = date(2024, 6, 30), date(2024, 7, 1)
KB, MB = 1024, 1024 * 1024
DISK = 48 * MB
LEVELS = (
    *(0, 8 * KB, 50 * KB, 100 * KB, 200 * KB, 350 * KB, 500 * KB, 700 * KB, MB, 1300 * KB, 1600 * KB, 2 * MB),
    *(2500 * KB, 3 * MB, 3500 * KB, 4 * MB, 4500 * KB, 5 * MB, 6 * MB, 8 * MB, 12 * MB),
)
_NAMESPACE = "TIERLINE_TEST_MOUNTS"


@dataclass(frozen=True)
class Seen:
    """One night with `free` bytes left, and what came after. `same` compares with a home that never had the fault."""

    free: int
    code: int
    said: str
    version: int | None
    freshness: str
    analytics_opens: bool
    next_code: int
    next_said: str
    same: bool
    leftovers: tuple[str, ...]


def can_mount() -> bool:
    """Whether this user may mount a tmpfs in a namespace of their own."""
    try:
        probe = ["unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/mnt"]
        return subprocess.run(probe, capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def seen_inside(*arguments: str) -> list[dict[str, Any]]:
    """Runs this module in a mount namespace; one dictionary a level. Raises CalledProcessError."""
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        ["unshare", "-rm", sys.executable, "-m", "tests.faults.disk_full", "--json", *arguments],
        cwd=root,
        env=os.environ | {_NAMESPACE: "own", "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@contextmanager
def disk(folder: Path, size: int) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def leave_free(folder: Path, free: int) -> Path:
    """Fills the disk of `folder` but for `free` bytes; returns the ballast, to be removed."""
    ballast = folder / ".ballast"
    state = os.statvfs(folder)
    with ballast.open("wb") as file:
        if (size := state.f_bavail * state.f_bsize - free) > 0:
            os.posix_fallocate(file.fileno(), 0, size)
    return ballast


def nights(levels: tuple[int, ...]) -> Iterator[Seen]:
    """The second night of a small operator at each level of free space, the first one having been published."""
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        home, first = base / "home", base / "first"
        with disk(home, DISK):
            _landing(home, base)
            _night_with_room(home, FIRST)
            shutil.copytree(home, first)
            _deliver(home)
            _night_with_room(home, SECOND)
            unharmed = _content(home)
        for free in levels:
            with disk(home, DISK):
                shutil.copytree(first, home, dirs_exist_ok=True)
                _deliver(home)
                yield _full(home, free, unharmed)


def _full(home: Path, free: int, unharmed: list[str]) -> Seen:
    from tierline import TierTable

    ballast = leave_free(home, free)
    code, said = _night(home, SECOND)
    table = TierTable(home / "published" / "customer_tiers")
    version = table.manifest.version if table.manifest is not None else None
    freshness = table.lookup("+0").freshness
    opens = _analytics_opens(home)
    ballast.unlink()
    next_code, next_said = _night(home, SECOND)
    return Seen(
        *(free, code, said, version, freshness, opens, next_code, next_said),
        same=_content(home) == unharmed,
        leftovers=tuple(sorted(str(p.relative_to(home)) for p in home.rglob("*") if _is_leftover(p))),
    )


def _night_with_room(home: Path, day: date) -> None:
    """A night that nothing happens to, in this process: only what meets a fault needs one of its own."""
    from pipelines.runs import run_night

    result = run_night(home, day)
    assert result.succeeded, result.failures


def _night(home: Path, day: date) -> tuple[int, str]:
    """`tierline run` in a process of its own: exit code and what it said of errors, with any traceback."""
    command = ["-c", "from pipelines.cli import main; main()", "run", "--as-of", day.isoformat(), "--home", str(home)]
    done = subprocess.run(
        [sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
    )
    return done.returncode, done.stderr


def _landing(home: Path, base: Path) -> None:
    """Sixty customers until the first night, and beside the home what arrives for the second: a day of 6,000 CDRs."""
    from sample_data import generate

    generate(base / "made", customers=60, seed=3, as_of=FIRST, bill_months=2, cdr_days=2, snapshots=1)
    shutil.copytree(base / "made" / "landing", home / "landing")
    last = base / "made" / "landing" / "cdr" / f"cdr_{FIRST:%Y%m%d}.csv.gz"
    header, *rows = gzip.decompress(last.read_bytes()).decode().replace(str(FIRST), str(SECOND)).splitlines()
    new = [f"n{n}-{row}" for n in range(6_000 // len(rows)) for row in rows]
    packed = gzip.compress("\n".join([header, *new, ""]).encode(), mtime=0)
    (base / f"cdr_{SECOND:%Y%m%d}.csv.gz").write_bytes(packed)


def _deliver(home: Path) -> None:
    name = f"cdr_{SECOND:%Y%m%d}.csv.gz"
    shutil.copyfile(home.parent / name, home / "landing" / "cdr" / name)


def _content(home: Path) -> list[str]:
    """Digests of the current version's files and of the day files, and the rows of the analysts' database."""
    import duckdb

    from tierline import TierTable

    manifest = TierTable(home / "published" / "customer_tiers").manifest
    assert manifest is not None
    found = [f"{manifest.as_of_date} {Path(f.path).name} {f.sha256}" for f in manifest.files]
    for folder in (home / "published" / "usage_daily", home / "contact_days"):
        for day in sorted(folder.rglob("*.parquet")):
            found.append(f"{folder.name} {day.name} {hashlib.sha256(day.read_bytes()).hexdigest()}")
    with duckdb.connect(str(home / "published" / "analytics.duckdb"), read_only=True) as con:
        for table in ("customers", "subscriptions", "usage_daily"):
            rows = con.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall()
            found.append(f"{table} {hashlib.sha256(repr(rows).encode()).hexdigest()}")
    return found


def _analytics_opens(home: Path) -> bool:
    import duckdb

    try:
        with duckdb.connect(str(home / "published" / "analytics.duckdb"), read_only=True) as con:
            return bool(con.execute("SELECT count(*) > 0 FROM customers").fetchall()[0][0])
    except duckdb.Error:
        return False


def _is_leftover(path: Path) -> bool:
    return path.name.startswith((".analytics", ".CURRENT", ".manifest", "intake-", ".ballast")) or path.suffix == ".tmp"


def publications(step: int, most: int) -> Iterator[dict[str, Any]]:
    """publish() alone with every multiple of `step` bytes free, until it succeeds `most` bytes on."""
    from tests.faults.publishers import publish_stamped

    publish_rows = {"keep_versions": 3, "min_age": timedelta(0)}
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "home"
        for free in range(0, most, step):
            with disk(home, 4 * MB):
                folder = home / "published"
                publish_stamped(folder, "first", **publish_rows)
                before = _names(folder)
                ballast = leave_free(home, free)
                said = ""
                try:
                    publish_stamped(folder, "second", **publish_rows)
                except OSError as error:
                    said = str(error)
                except Exception as error:
                    said = f"{type(error).__name__}: {error}"
                kept = _names(folder) == before
                served = _served(folder)
                ballast.unlink()
                publish_stamped(folder, "second", published_at=datetime.now(UTC), **publish_rows)
                left = [name for name in _names(folder) if name.endswith(".tmp")]
                runs = len(list((folder / "runs").iterdir()))
                manifests = len(list((folder / "manifests").iterdir()))
                yield {
                    "free": free,
                    "said": said,
                    "as_before": kept,
                    "served": served,
                    "then": _served(folder),
                    "left": left,
                    "runs": runs,
                    "manifests": manifests,
                }


def expiries() -> Iterator[dict[str, Any]]:
    """A disk that is nearly full from the start, or full from each step of an expiry on; then the next start with room.
    What must be true of both is asserted by the scenario.
    """
    sys.path.insert(0, str(Path(__file__).parent))  # as pytest does for the test modules beside this one
    from home_scenarios import Expiration
    from publishers import Publishers

    with tempfile.TemporaryDirectory() as name, disk(Path(name) / "home", DISK):
        scenario = Expiration(Path(name) / "home", Publishers())
        for full_at in ("", *Expiration.steps):
            scenario.count += 1
            scenario.prepare(full_at)
            # Room for the day's delivery, and none for its day files.
            ballast, said = leave_free(scenario.folder, DISK if full_at else 4 * KB), ""

            def fill(step: str, full_at: str = full_at) -> None:
                if step == full_at:
                    leave_free(scenario.folder, 0)

            try:
                scenario.carry_out(fill)
            except Exception as error:
                said = f"{type(error).__name__}: {error}"
            ballast.unlink()
            scenario.look()
            scenario.start_again()
            yield {"step": full_at, "said": said}
        scenario.publishers.close()


def _served(folder: Path) -> list[str]:
    """The run keys that a reader finds in the rows: one, and the manifest's."""
    from tests.faults.publishers import KEYS
    from tierline import TierTable

    table = TierTable(folder)
    assert table.manifest is not None
    return sorted({table.lookup(key, fields=("brand",)).row["brand"] for key in KEYS} | {table.manifest.run_key})


def _names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--publications", action="store_true")
    ask.add_argument("--expiries", action="store_true")
    ask.add_argument("--free", type=int, nargs="*", help="levels in bytes")
    ask.add_argument("--step", type=int, default=4 * KB)
    ask.add_argument("--most", type=int, default=200 * KB)
    ask.add_argument("--json", action="store_true")
    asked = ask.parse_args()
    if os.environ.get(_NAMESPACE) != "own":
        again = ["unshare", "-rm", sys.executable, "-m", "tests.faults.disk_full", *sys.argv[1:]]
        return subprocess.run(again, env=os.environ | {_NAMESPACE: "own"}, check=False).returncode
    well = True
    if asked.publications:
        for found in publications(asked.step, asked.most):
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()
        return 0
    if asked.expiries:
        for found in expiries():
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()
        return 0
    for seen in nights(tuple(asked.free or LEVELS)):
        well = well and is_well(asdict(seen))
        sys.stdout.write((json.dumps(asdict(seen)) if asked.json else told(seen)) + "\n")
        sys.stdout.flush()
    return 0 if well or asked.json else 1


def is_well(seen: dict[str, Any]) -> bool:
    """A full disk is named, the table stays or is whole, and the next night makes what it would have made."""
    named = any(word in seen["said"].lower() for word in ("no space left", "disk is full", "disk full"))
    return (
        (seen["code"] == 0 or (named and "Traceback" not in seen["said"] and seen["code"] == 1))
        and seen["version"] in (1, 2)
        and seen["freshness"] == "fresh"
        and seen["analytics_opens"]
        and seen["next_code"] == 0
        and seen["same"]
        and not seen["leftovers"]
    )


def told(seen: Seen) -> str:
    """One line of the table: level, where it failed, the table, the next run."""
    errors = [line for line in seen.said.splitlines() if line.startswith("error:") or "Error" in line]
    where = "succeeded" if seen.code == 0 else (errors or ["no message"])[0][:110]
    after = "same" if seen.next_code == 0 and seen.same else f"{seen.next_code}: {seen.next_said[-200:]!r}"
    verdict = "well" if is_well(asdict(seen)) else "BAD"
    return (
        f"{seen.free // KB:6} kB  {verdict:4} exit {seen.code}  version {seen.version} {seen.freshness}, analytics "
        f"{'open' if seen.analytics_opens else 'BROKEN'}, next {after}, left {list(seen.leftovers)}  {where}"
    )


if __name__ == "__main__":
    sys.exit(main())
