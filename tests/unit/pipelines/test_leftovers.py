"""What killed runs leave behind is finished or removed as the next one starts.

Belongs here: pipelines/leftovers.py and what the warehouse spilled. Does not: recovery in publication (tests/faults).
"""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.leftovers import clear_leftovers, scratch_folder
from pipelines.publishing import publish, publishing_lock
from pipelines.settings import load
from pipelines.warehouse import Warehouse
from tierline import current_manifest

SPILLING = """
import os, signal, sys
import duckdb
con = duckdb.connect(sys.argv[1], config={"temp_directory": sys.argv[2], "memory_limit": "60MB", "threads": 1})
con.execute("create temp table t as select hash(n) as h, hash(n + 1) as i from range(6000000) as r(n)")
os.kill(os.getpid(), signal.SIGKILL)
"""


def publish_one(folder: Path, run_key: str, killed_at: str | None = None) -> None:
    def die(step: str) -> None:
        if step == killed_at:
            raise KeyboardInterrupt

    rows = pa.table({"service_key": ["+8613800000000"], "subscription_id": ["S1"], "tier": ["high"]})
    publish(
        rows.to_reader(),
        folder=folder,
        as_of_date=date(2024, 6, 30),
        run_key=run_key,
        service_key_type="msisdn",
        tiers=("high",),
        contract_version="1.0.0",
        published_at=datetime.now(UTC),
        expires_at=datetime.now(UTC) + timedelta(hours=1),
        provenance={},
        hook=die,
    )


def test_a_version_that_was_committed_and_not_switched_to_is_finished(tmp_path: Path) -> None:
    folder = tmp_path / "published" / "customer_tiers"
    publish_one(folder, "first")
    try:
        publish_one(folder, "second", killed_at="create:pointer")
    except KeyboardInterrupt:
        assert current_manifest(folder).run_key == "first"
    clear_leftovers(tmp_path, folder, 1)
    assert current_manifest(folder).run_key == "second"


def test_a_folder_whose_lock_is_held_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "published" / "customer_tiers"
    publish_one(folder, "first")
    with publishing_lock(folder, 1):
        clear_leftovers(tmp_path, folder, 0)
    assert current_manifest(folder).run_key == "first"


def test_a_home_without_a_table_and_half_a_rebuild_is_cleared(tmp_path: Path) -> None:
    (tmp_path / "tmp" / "rebuild" / "landing").mkdir(parents=True)
    clear_leftovers(tmp_path, tmp_path / "published" / "customer_tiers", 1)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_what_a_killed_run_spilled_is_removed(tmp_path: Path) -> None:
    store = Warehouse.of(tmp_path, load(tmp_path))
    with store.open():
        pass
    subprocess.run([sys.executable, "-c", SPILLING, str(store.path), str(store.temporary)], check=False)
    assert list(store.temporary.iterdir()), "nothing was spilled"
    with store.open() as con:
        assert con.execute("select 1").fetchall() == [(1,)]
        assert list(store.temporary.iterdir()) == []


WORKING = """
import sys, time
from pathlib import Path
from pipelines.leftovers import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("done")
    print(folder, flush=True)
    sys.stdin.readline()
"""


def begin_a_night(home: Path) -> None:
    clear_leftovers(home, home / "published" / "customer_tiers", 1)


def begin_another(home: Path) -> None:
    with scratch_folder(home):
        pass


@pytest.mark.parametrize("begin", [begin_a_night, begin_another])
def test_a_scratch_folder_lives_as_long_as_its_process(tmp_path: Path, begin: Callable[[Path], None]) -> None:
    """Neither the next one nor a night takes it away; once its process is killed both do."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKING, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        begin(tmp_path)
        assert (left / "half").is_file()
        assert list(left.parent.iterdir()) == [left]
    finally:
        process.kill()
        process.communicate()
    assert left.is_dir(), "nothing was left behind"
    begin(tmp_path)
    assert not left.exists()
