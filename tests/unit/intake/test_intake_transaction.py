"""The transaction of a file: all or nothing, and the error that ended it is the one that is told.

Belongs here: transaction(). Does not: what is done inside.
"""

from __future__ import annotations

import duckdb
import pytest

from pipelines.warehouse import transaction


def test_a_transaction_that_ended_itself_tells_its_own_error() -> None:
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t (x INTEGER)")
        with pytest.raises(RuntimeError, match="disk"), transaction(con):
            con.execute("INSERT INTO t VALUES (1)")
            con.execute("ROLLBACK")  # as a commit that fails does
            raise RuntimeError("disk")
        assert con.execute("SELECT count(*) FROM t").fetchall() == [(0,)]
