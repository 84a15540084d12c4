"""The same work in Polars: lazy scans with types, the streaming engine, Parquet out.

Belongs here: what a competent analyst would write. Does not: tricks that nobody would maintain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.baselines.work import MEASURES, Sums, perform, sums_of

_TYPES = {
    "VARCHAR": pl.String,
    "BIGINT": pl.Int64,
    "BOOLEAN": pl.Boolean,
    "DATE": pl.Date,
    "TIMESTAMP": pl.String,  # parsed below: the reader knows no zones
    "DECIMAL(18,4)": pl.Decimal(18, 4),
}


def scan(work: Mapping[str, Any], table: str) -> pl.LazyFrame:
    """The files of an extract, typed."""
    columns = work["columns"][table]
    rows = pl.scan_csv(work[table], schema={name: _TYPES[kind] for name, kind in columns.items()})
    times = [name for name, kind in columns.items() if kind == "TIMESTAMP"]
    instants = pl.col(times).str.to_datetime("%Y-%m-%dT%H:%M:%S%#z", time_unit="us")
    return rows.with_columns(instants.dt.convert_time_zone(work["time_zone"])) if times else rows


def rollup(cdr: pl.LazyFrame, work: Mapping[str, Any]) -> pl.LazyFrame:
    """One row a served number and local day."""
    out, voice, sms = pl.col("direction") == "outgoing", pl.col("call_type") == "voice", pl.col("call_type") == "sms"
    hour = pl.col("usage_hour")
    other = pl.when(out).then("called_number").otherwise("calling_number")
    made = cdr.with_columns(
        usage_date=pl.col("answer_time").dt.date(), usage_hour=pl.col("answer_time").dt.hour(), other=other
    ).with_columns(hotline=pl.col("other").is_in(work["service_numbers"]).fill_null(value=False))

    def seconds(where: pl.Expr) -> pl.Expr:
        return pl.col("call_duration").filter(voice & where).sum()

    def count(where: pl.Expr) -> pl.Expr:
        return where.sum().cast(pl.Int64)

    return made.group_by("served_msisdn", "usage_date").agg(
        records=pl.len(),
        voice_out_seconds=seconds(out),
        voice_in_seconds=seconds(~out),
        voice_out_calls=count(voice & out),
        voice_in_calls=count(voice & ~out),
        long_distance_seconds=seconds(pl.col("long_distance")),
        roaming_seconds=seconds(pl.col("roaming")),
        night_seconds=seconds((hour >= 22) | (hour < 6)),
        sms_out=count(sms & out),
        sms_in=count(sms & ~out),
        uplink_bytes=pl.col("uplink_bytes").sum(),
        downlink_bytes=pl.col("downlink_bytes").sum(),
        charge_amount=pl.col("charge").sum(),
        distinct_contacts=pl.col("other").filter((voice | sms) & ~pl.col("hotline")).drop_nulls().n_unique(),
        hotline_calls=count(voice & out & pl.col("hotline")),
        hotline_seconds=seconds(out & pl.col("hotline")),
        last_activity_at=pl.col("answer_time").max(),
    )


def analyst(work: Mapping[str, Any], out: Path) -> Callable[[], Sums]:
    """CSV -> typed Parquet, typed Parquet -> rollup."""
    for table in ("cdr", "bills"):
        scan(work, table).sink_parquet(out / f"{table}.parquet")
    rollup(pl.scan_parquet(out / "cdr.parquet"), work).sink_parquet(out / "rollup.parquet")

    def sums() -> Sums:
        made = pl.read_parquet(out / "rollup.parquet", columns=list(MEASURES))
        bills = pl.read_parquet(out / "bills.parquet", columns=["amount_due"])
        row = made.select(MEASURES).sum().row(0)
        return sums_of((*row, made.height, bills.height, bills["amount_due"].sum()))

    return sums


if __name__ == "__main__":
    perform(analyst)
