"""Nothing changes a published folder but a step that was announced: only then is killing at every step killing
everywhere. Python reports each of its own calls that change files to audit hooks.

What DuckDB and pyarrow do in C++ is not seen: pyarrow writes through our files, DuckDB under a temporary name (step
write:…).
"""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from home_scenarios import make_warehouse
from publishers import Publishers, copy_to, publish_stamped, remove_usage, replace_analytics, roll_back, write_usage

CHANGES = {"os.mkdir", "os.rmdir", "os.remove", "os.rename", "os.link", "os.symlink", "os.truncate", "os.chmod"}
# What a step of that kind does; to set the mode of what was just made or opened belongs to its step.
OF_STEP = {
    "make": {"os.mkdir"},
    "create": {"open"},
    "open": {"open"},
    "replace": {"os.rename"},
    "rename": {"os.rename"},
    "link": {"os.link"},
    "remove": {"os.remove", "os.rmdir"},
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def test_every_change_is_announced(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, __file__, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    events: list[list[str]] = json.loads(done.stdout)
    kinds = {kind for kind, _ in events}
    assert kinds == {"step", "open", "os.mkdir", "os.rmdir", "os.remove", "os.rename", "os.link", "os.chmod"}
    assert unannounced(events) == []
    # The test would be blind if a step could stand for any change, or if it saw only some.
    without = [event for event in events if event[1] != "replace:pointer"]
    assert {kind for kind, _ in unannounced(without)} == {"os.rename"}
    assert sum(kind != "step" for kind, _ in events) > 150


def unannounced(events: list[list[str]]) -> list[list[str]]:
    """Changes that no step of their kind stands right before; an opened file is reported twice, by its class and by
    the call.
    """
    found = []
    for (before, at), (kind, path) in pairwise(events):
        announced = before == "step" and kind in OF_STEP.get(at.partition(":")[0], set())
        if kind not in ("step", "os.chmod") and not announced and not (kind == "open" == before and path == at):
            found.append([kind, path])
    return found


def record(root: Path) -> list[list[str]]:
    """All steps and changes of each kind of work below `root`, in their order."""
    events: list[list[str]] = []
    recording = [False]

    def hear(name: str, arguments: tuple[object, ...]) -> None:
        if not recording[0] or (name not in CHANGES and name != "open"):
            return
        if name == "open" and not (isinstance(arguments[2], int) and arguments[2] & WRITING):
            return
        path = str(arguments[0])
        # An open file has no path here, only its number, and only its mode is changed that way.
        if path.isdigit() or path.startswith(published):
            events.append([name, path])

    def announce(step: str) -> None:
        events.append(["step", step])

    tiers, there, usage, home = root / "customer_tiers", root / "there", root / "usage_daily", root / "home"
    published = tuple(str(folder) for folder in (tiers, there, usage, home / "published"))
    make_warehouse(home)
    publishers = Publishers()
    sys.addaudithook(hear)
    recording[0] = True
    for number in range(4):
        publish_stamped(tiers, f"r{number}", hook=announce, keep_versions=3)
        copy_to(tiers, there, hook=announce)
    roll_back(tiers, hook=announce, keep_versions=3)
    copy_to(tiers, there, hook=announce, all_versions=True)
    for folder, order in (
        (tiers, {"step": "create:pointer"}),
        (tiers, {"step": "sync:pointer", "operation": "rollback"}),
        (tiers, {"step": "link:manifest", "operation": "rollback"}),
        (tiers, {"step": "link:manifest"}),
        (tiers, {"step": "rename:copy", "operation": "mirror", "destination": str(there)}),
        (usage, {"step": "sync:usage-day", "operation": "usage", "name": "usage_date=2026-03-01/aa.parquet"}),
        (home, {"step": "sync:analytics", "operation": "analytics"}),
    ):
        publish_stamped(tiers, f"before {order['step']}", hook=announce)
        recording[0] = False
        publishers.kill_one_at(folder, **{"run_key": "killed"} | order)
        recording[0] = True
        publish_stamped(tiers, f"after {order['step']}", hook=announce)
        copy_to(tiers, there, hook=announce)
    for number in range(2):
        write_usage(usage, f"usage_date=2026-03-01/{number}.parquet", announce)
        replace_analytics(home, announce)
    remove_usage(usage, "2026-03-02", announce)
    recording[0] = False
    publishers.close()
    return events


if __name__ == "__main__":
    sys.stdout.write(json.dumps(record(Path(sys.argv[1]))))
