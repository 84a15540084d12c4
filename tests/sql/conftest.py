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
def desk() -> Iterator[SqlDesk]:
    with duckdb.connect() as con:
        yield SqlDesk(con)
