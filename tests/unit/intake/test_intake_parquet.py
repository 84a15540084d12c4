"""Parquet as columnar systems write it: whole pages or none, and every type read as its plain text.

Belongs here: what only Parquet can do. Does not: rules of values, which are those of any file.
"""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from intake_desk import CDR, Desk


def parquet_of(**columns: Any) -> bytes:
    out = io.BytesIO()
    arrays = [columns.get(name, pa.array([value])) for name, value in CDR.items()]
    pq.write_table(pa.Table.from_arrays(arrays, names=list(CDR)), out, compression="none", write_page_checksum=True)
    return out.getvalue()


@pytest.mark.parametrize(("amount", "digits"), [("0.1500", 4), ("0.0000", 4), ("0.5000", 20)])
def test_a_decimal_without_room_for_a_digit_before_the_point(desk: Desk, amount: str, digits: int) -> None:
    charge = pa.array([Decimal(amount)], pa.decimal128(digits, digits))
    desk.put("cdr/cdr_20240630.parquet", parquet_of(charge=charge))
    desk.run()
    assert desk.reasons() == []
    assert desk.ask("SELECT charge FROM staging.cdr") == [(Decimal(amount),)]


def test_a_flipped_bit_in_a_page_is_found_by_its_checksum(desk: Desk) -> None:
    content = parquet_of()
    at = content.index(b"+8613800000001") + 13
    desk.put("cdr/cdr_20240630.parquet", content[:at] + b"2" + content[at + 1 :])
    assert desk.refusal() == ("parquet_damaged", None)


def test_damage_anywhere_refuses_the_file_alone(desk: Desk) -> None:
    content = parquet_of()
    for number, at in enumerate(range(4, len(content) // 2, 40)):
        desk.put(f"cdr/cdr-{number:03}_20240630.parquet", content[:at] + b"\xff\xff" + content[at + 2 :])
    desk.put("cdr/cdr_20240701.parquet", content)
    report = desk.run()
    # What lies in statistics that nobody reads does no harm; all else is named, and nothing stops intake.
    assert {r.code for r in report.refused} == {"parquet_damaged"}
    assert len(report.refused) > len(report.accepted) + len(report.copies)
    assert "cdr/cdr_20240701.parquet" in [o.file_name for o in report.accepted]
    assert desk.ask("SELECT DISTINCT served_msisdn, charge FROM staging.cdr") == [("+8613800000001", Decimal("0.1500"))]
