"""What holds for all tests.

Belongs here: settings of the test tools. Does not: fixtures, which stand beside the tests that use them.
"""

import os

import pytest
from hypothesis import settings

from pipelines.cli import collect_rarely

# Nights run in this process, as a run of its own would.
collect_rarely()

# Workers of the test run are given a width; the command must find what a pipe gives it: none.
os.environ.pop("COLUMNS", None)

# Machines differ and are shared: no test judges a time, and Hypothesis' deadline is one. How many examples a property
# is tried on is said here alone: few at every run, each a batch where it can be one, and many for an hour of soaking.
settings.register_profile("tierline", deadline=None, max_examples=30)
settings.register_profile("soak", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "tierline"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engine",
        choices=("duckdb", "spark"),
        default="duckdb",
        help="what the cases of tests/sql run on besides DuckDB",
    )
