"""Small operators to run nights on: made once, copied for each test that changes them.

Belongs here: landing folders. Does not: expectations.
"""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from sample_data import generate

TINY_AS_OF = date(2024, 6, 30)
MakeHome = Callable[[str], Path]


@pytest.fixture(scope="session")
def tiny_landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Landing folder of 60 customers, four bill months and six days of usage, without faults."""
    folder = tmp_path_factory.mktemp("tiny")
    generate(folder, customers=60, seed=3, as_of=TINY_AS_OF, bill_months=4, cdr_days=6, snapshots=1)
    return folder / "landing"


@pytest.fixture
def make_home(tiny_landing: Path, tmp_path: Path) -> MakeHome:
    """Makes a home folder of that name with the tiny landing folder in it."""

    def make(name: str) -> Path:
        shutil.copytree(tiny_landing, tmp_path / name / "landing")
        return tmp_path / name

    return make
