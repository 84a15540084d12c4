"""The same work in PySpark local[2], by the same SQL as the floor's, Parquet out.

Belongs here: Spark as one machine runs it. Does not: anything of ours but work.py, because Spark has an interpreter of
its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.baselines.work import Sums, perform, rollup_sql, sums_of, sums_sql


def session(work: Mapping[str, Any], out: Path) -> Any:
    """A session with two threads, the operator's time zone and as many partitions as two cores need."""
    from pyspark.sql import SparkSession

    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.sql.session.timeZone", work["time_zone"])
        .config("spark.sql.shuffle.partitions", "8")
        .config("spark.driver.memory", "6g")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.warehouse.dir", str(out / "warehouse"))
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def analyst(work: Mapping[str, Any], out: Path) -> Callable[[], Sums]:
    """CSV -> typed Parquet, typed Parquet -> rollup."""
    spark = session(work, out)
    for table in ("cdr", "bills"):
        columns = ", ".join(f"`{name}` {_type(kind)}" for name, kind in work["columns"][table].items())
        rows = spark.read.csv(work[table], schema=columns, header=True)
        rows.write.parquet(str(out / table))
        spark.read.parquet(str(out / table)).createOrReplaceTempView(table)
    rollup = rollup_sql(work, local_date="cast(answer_time as date)", local_hour="hour(answer_time)")
    spark.sql(rollup).write.parquet(str(out / "rollup"))

    def sums() -> Sums:
        spark.read.parquet(str(out / "rollup")).createOrReplaceTempView("rollup")
        found = sums_of(tuple(spark.sql(sums_sql("rollup", "bills")).collect()[0]))
        spark.stop()
        return found

    return sums


def _type(kind: str) -> str:
    return {"VARCHAR": "STRING"}.get(kind, kind)


if __name__ == "__main__":
    perform(analyst)
