"""The desk that every test of intake works at.

Belongs here: fixtures. Does not: what the desk can do (intake_desk.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from intake_desk import Desk

from pipelines.intake import IntakeSettings


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    con = duckdb.connect(str(tmp_path / "warehouse.duckdb"))
    con.execute("SET TimeZone = 'UTC'")
    (tmp_path / "landing").mkdir()
    yield Desk(con, tmp_path / "landing", IntakeSettings("Asia/Shanghai", "CNY", tmp_path / "tmp"))
    con.close()
