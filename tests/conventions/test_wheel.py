"""What travels in the wheel: text that the code reads at run time must be in it, and nothing else may be.

Belongs here: packaging. Does not: installing.
"""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"tierline", "data_contracts", "segmentation", "pipelines", "sql", "sample_data"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_everything_that_is_read_at_run_time_is_in_it(wheel: zipfile.ZipFile) -> None:
    packed = set(wheel.namelist())
    needed = [
        str(file.relative_to(ROOT))
        for package in PACKAGES
        for pattern in ("*.py", "*.sql", "*.yaml", "*.csv", "*.csv.gz", "*.ctl", "*.j2", "py.typed")
        for file in (ROOT / package).rglob(pattern)
    ]
    assert len(needed) > 200
    assert not [name for name in needed if name not in packed]


def test_nothing_else_is_in_it(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES
    assert not [name for name in wheel.namelist() if "__pycache__" in name or name.endswith((".duckdb", ".parquet"))]


def test_the_base_install_is_the_reader_alone(wheel: zipfile.ZipFile) -> None:
    metadata = next(name for name in wheel.namelist() if name.endswith("METADATA"))
    required = [
        line.removeprefix("Requires-Dist: ").split(">")[0].strip()
        for line in wheel.read(metadata).decode().splitlines()
        if line.startswith("Requires-Dist: ") and "extra ==" not in line
    ]
    assert sorted(required) == ["numpy", "pyarrow"]
