"""The same work in pandas: the pyarrow reader and Arrow types, one groupby over prepared columns, Parquet out.

Belongs here: what a competent analyst would write. Does not: Polars or DuckDB under another name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from benchmarks.baselines.work import MEASURES, Sums, perform, sums_of

_TYPES = {
    "VARCHAR": "string[pyarrow]",
    "BIGINT": "int64",
    "BOOLEAN": "bool",
    "DATE": pd.ArrowDtype(pa.date32()),
    "TIMESTAMP": "string[pyarrow]",  # parsed below
    "DECIMAL(18,4)": "float64",
}


def read(work: Mapping[str, Any], table: str) -> pd.DataFrame:
    """The files of an extract, typed; amounts as floats, as pandas has it."""
    columns = work["columns"][table]
    types = {name: _TYPES[kind] for name, kind in columns.items()}
    rows = pd.concat([pd.read_csv(file, engine="pyarrow", dtype=types) for file in work[table]], ignore_index=True)
    for name in (name for name, kind in columns.items() if kind == "TIMESTAMP"):
        rows[name] = pd.to_datetime(rows[name], utc=True, format="ISO8601").dt.tz_convert(work["time_zone"])
    return rows


def rollup(cdr: pd.DataFrame, work: Mapping[str, Any]) -> pd.DataFrame:
    """One row a served number and local day."""
    out, voice, sms = cdr["direction"] == "outgoing", cdr["call_type"] == "voice", cdr["call_type"] == "sms"
    other = cdr["called_number"].where(out, cdr["calling_number"])
    hotline = other.isin(work["service_numbers"])
    hour = cdr["answer_time"].dt.hour
    seconds = cdr["call_duration"].where(voice, 0)
    keys = {"served_msisdn": cdr["served_msisdn"], "usage_date": cdr["answer_time"].dt.normalize()}
    parts = pd.DataFrame(
        {
            **keys,
            "records": 1,
            "voice_out_seconds": seconds.where(out, 0),
            "voice_in_seconds": seconds.where(~out, 0),
            "voice_out_calls": (voice & out).astype("int64"),
            "voice_in_calls": (voice & ~out).astype("int64"),
            "long_distance_seconds": seconds.where(cdr["long_distance"], 0),
            "roaming_seconds": seconds.where(cdr["roaming"], 0),
            "night_seconds": seconds.where((hour >= 22) | (hour < 6), 0),
            "sms_out": (sms & out).astype("int64"),
            "sms_in": (sms & ~out).astype("int64"),
            "uplink_bytes": cdr["uplink_bytes"],
            "downlink_bytes": cdr["downlink_bytes"],
            "charge_amount": cdr["charge"],
            "hotline_calls": (voice & out & hotline).astype("int64"),
            "hotline_seconds": seconds.where(out & hotline, 0),
        }
    )
    groups = list(keys)
    made = parts.groupby(groups, sort=False).sum()
    made["last_activity_at"] = cdr["answer_time"].groupby([parts[name] for name in groups], sort=False).max()
    known = pd.DataFrame({**keys, "other": other})[(voice | sms) & ~hotline & other.notna()]
    made["distinct_contacts"] = known.drop_duplicates().groupby(groups, sort=False).size()
    return made.fillna({"distinct_contacts": 0}).reset_index()


def analyst(work: Mapping[str, Any], out: Path) -> Callable[[], Sums]:
    """CSV -> typed Parquet and rollup."""
    cdr = read(work, "cdr")
    cdr.to_parquet(out / "cdr.parquet", index=False)
    bills = read(work, "bills")
    bills.to_parquet(out / "bills.parquet", index=False)
    made = rollup(cdr, work)
    made.to_parquet(out / "rollup.parquet", index=False)
    return lambda: sums_of((*(made[name].sum() for name in MEASURES), len(made), len(bills), bills["amount_due"].sum()))


if __name__ == "__main__":
    perform(analyst)
