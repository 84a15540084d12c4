"""Small operators to run nights on, and one night of them: made once, copied for each test that changes them.

Belongs here: landing folders, a finished night. Does not: expectations.
"""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from pipelines.runs import NightResult, run_night
from sample_data import generate

TINY_AS_OF = date(2024, 6, 30)
MakeHome = Callable[[str], Path]


@pytest.fixture(scope="session")
def tiny_landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Landing folder of 60 customers, four bill months and six days of usage, without faults."""
    folder = tmp_path_factory.mktemp("tiny")
    generate(folder, customers=60, seed=3, as_of=TINY_AS_OF, bill_months=4, cdr_days=6, snapshots=1)
    return folder / "landing"


@pytest.fixture(scope="session")
def tiny_night(tiny_landing: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, NightResult]:
    """A home after its first night under the default settings, and what that night came to. Nothing may change it."""
    home = tmp_path_factory.mktemp("night") / "home"
    shutil.copytree(tiny_landing, home / "landing")
    result = run_night(home, TINY_AS_OF)
    assert result.succeeded, result.failures
    return home, result


@pytest.fixture
def make_finished_home(tiny_night: tuple[Path, NightResult], tmp_path: Path) -> MakeHome:
    """Makes a home folder of that name with that night behind it: most tests begin after a night like any other."""

    def make(name: str) -> Path:
        return Path(shutil.copytree(tiny_night[0], tmp_path / name))

    return make


@pytest.fixture
def make_home(tiny_landing: Path, tmp_path: Path) -> MakeHome:
    """Makes a home folder of that name with the tiny landing folder in it."""

    def make(name: str) -> Path:
        shutil.copytree(tiny_landing, tmp_path / name / "landing")
        return tmp_path / name

    return make
