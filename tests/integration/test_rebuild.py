"""The warehouse made anew from the archive and the ledger copy: to the same bytes, or not at all.

Belongs here: `tierline rebuild`. Does not: taking files again (tests/unit/intake).
"""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

from command_line import tierline
from typer.testing import Result

from pipelines.runs import run_night

MakeHome = Callable[[str], Path]


def rebuild(home: Path, *options: str) -> Result:
    return tierline("rebuild", "--home", home, *options)


def test_every_version_comes_out_again_also_one_from_before_a_late_file(make_home: MakeHome, tmp_path: Path) -> None:
    home = make_home("home")
    late = home / "landing" / "cdr" / "cdr_20240627.csv.gz"
    control = late.with_name(late.name + ".ctl")
    for file in (late, control):
        shutil.move(file, tmp_path / file.name)
    # Kept apart from the home's settings: the manifest knows it.
    assert run_night(home, date(2024, 6, 30), {"service_numbers": "10086,777"}).version == 1
    for file in (late, control):
        shutil.move(tmp_path / file.name, file)
    assert run_night(home, date(2024, 6, 30), {"service_numbers": "10086,777"}).version == 2
    damaged = bytearray((home / "warehouse.duckdb").read_bytes())
    for place in range(5000, len(damaged), 50_000):
        damaged[place] ^= 1
    (home / "warehouse.duckdb").write_bytes(damaged)
    # There is no Spark here: whatever the nights are made on, a rebuild is this node's work.
    (home / "tierline.yaml").write_text("engine: spark\n")

    done = rebuild(home, "--every-version")
    assert done.exit_code == 0, done.output
    assert done.output.count("the same bytes") == 2
    assert not list(home.glob("warehouse.before-rebuild*")) and not (home / "tmp" / "rebuild").exists()

    before = (home / "warehouse.duckdb").read_bytes()
    late.write_bytes(late.read_bytes()[:-1])
    (home / "landing" / "customers" / "customers_20240630.csv").unlink()
    refused = rebuild(home)
    assert refused.exit_code == 1
    assert "cdr/cdr_20240627.csv.gz" in refused.output and "other content" in refused.output
    assert "customers/customers_20240630.csv" in refused.output
    assert (home / "warehouse.duckdb").read_bytes() == before


def test_without_a_ledger_copy_there_is_nothing_to_go_by(tmp_path: Path) -> None:
    result = rebuild(tmp_path)
    assert result.exit_code == 1
    assert "ledger.jsonl is not there or empty" in result.output
