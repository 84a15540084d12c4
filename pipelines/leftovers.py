"""What a killed run left in a home folder, finished or removed as the next one starts.

Belongs here: leftovers of whole runs. Does not: those of one file (intake/temporary.py), of the warehouse's spilling
(warehouse.py) or of daily usage (day_files.py), which are cleared where they arise.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from pipelines.durable import Disk
from pipelines.publishing import PublishLockError, publishing_lock, recover
from tierline.manifest import MANIFESTS_FOLDER, RUNS_FOLDER

REBUILD_FOLDER = "tmp/rebuild"


def clear_leftovers(home: Path, tier_table: Path, lock_wait_seconds: float) -> None:
    """Finishes a version that was committed and not switched to, and removes the rest. The caller has the home's turn.

    So readers get what a killed run committed even if this run publishes nothing. A folder whose lock is held (a mirror
    or rollback is at work) is left to the publication. Raises OSError.
    """
    shutil.rmtree(home / REBUILD_FOLDER, ignore_errors=True)
    if (tier_table / MANIFESTS_FOLDER).is_dir() and (tier_table / RUNS_FOLDER).is_dir():
        with suppress(PublishLockError), publishing_lock(tier_table, lock_wait_seconds):
            recover(tier_table, Disk())
