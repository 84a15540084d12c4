"""The desk that every test of a SQL file works at.

Belongs here: fixtures. Does not: what the desk can do (sql_desk.py).
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

pytest.register_assert_rewrite("sql_desk")

from sql_desk import SqlDesk  # noqa: E402  (its assertions are rewritten only when it is imported after the line above)


@pytest.fixture
def desk(request: pytest.FixtureRequest) -> Iterator[SqlDesk]:
    with duckdb.connect() as con:
        if request.config.getoption("--engine") == "spark":
            from spark_desk import SparkDesk

            yield SparkDesk(con)
        else:
            yield SqlDesk(con)
