"""What holds for all tests.

Belongs here: settings of the test tools. Does not: fixtures, which stand beside the tests that use them.
"""

import pytest
from hypothesis import settings

# Machines differ and are shared: no test judges a time, and Hypothesis' deadline is one.
settings.register_profile("tierline", deadline=None)
settings.load_profile("tierline")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engine",
        choices=("duckdb", "spark"),
        default="duckdb",
        help="what the cases of tests/sql run on besides DuckDB",
    )
