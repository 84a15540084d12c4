"""Whatever stands in the cells of a workbook: each row is counted once, and what is accepted was written so.

Belongs here: properties over random cells. Does not: particular cases.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intake_desk import Desk
from workbooks import LISTS, NAME, written

from pipelines.intake import IntakeSettings

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\x00"), max_size=6)
CELL = st.one_of(
    st.none(),
    TEXT,
    st.sampled_from(["red", "vip", "2024-01-01", "C1", "C2", '"', ",", "=1+1", "8.6138E+12", "#N/A", "_x0041_"]),
    st.integers(-(10**17), 10**17),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.booleans(),
    st.dates(dt.date(1990, 1, 1), dt.date(2090, 1, 1)),
)
ROW = st.one_of(
    st.lists(CELL, max_size=8),
    st.tuples(TEXT, st.just("red"), st.none(), TEXT, st.just("2024-01-01"), st.none()).map(list),
)


def workbook(rows: list[list[Any]], constant_memory: bool) -> bytes:
    def make(book: Any) -> None:
        page = book.add_worksheet()
        for number, row in enumerate([list(LISTS), *rows]):
            for column, value in enumerate(row):
                if isinstance(value, str):
                    page.write_string(number, column, value)
                elif value is not None:
                    page.write(number, column, value)

    return written(make, default_date_format="yyyy-mm-dd", constant_memory=constant_memory)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(rows=st.lists(ROW, max_size=8), streamed=st.booleans())
def test_every_row_is_counted_once_and_accepted_text_was_written_so(rows: list[list[Any]], streamed: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "landing").mkdir()
        con = duckdb.connect()
        con.execute("SET TimeZone = 'UTC'")
        desk = Desk(con, home / "landing", IntakeSettings("Asia/Shanghai", "CNY", home / "tmp"))
        desk.put(NAME, workbook(rows, streamed))
        (outcome,) = desk.run().accepted
        ((blank,),) = desk.ask("SELECT blank FROM intake.files")
        accepted = desk.ask("SELECT customer_id, reason FROM staging.service_lists")
        con.close()
    filled = [number for number, row in enumerate(rows, start=2) if any(v not in (None, "") for v in row)]
    assert outcome.records == max(filled, default=1)
    assert outcome.records == 1 + blank + outcome.accepted + outcome.rejected + outcome.duplicate
    assert blank == outcome.records - 1 - len(filled)
    written_so = {(shown(row[0]), shown(row[3])) for row in rows if len(row) >= 4}
    for customer, reason in accepted:
        assert (customer, reason or "") in written_so


def shown(value: object) -> str:
    """What a plain cell shows; a number of eleven digits at most and a date are never seen otherwise."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return "" if value is None else str(value)
