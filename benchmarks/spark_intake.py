"""One day of CDRs as one plain file, taken by this node and by executors in turn: wall and CPU of both in the same run.

In the environment of `make setup-spark`: `python -m benchmarks.spark_intake --cdrs 3000000`. Both homes are empty
before, the Spark session is started before the clock, and the ledgers must agree. CPU counts Java and its Python
workers too; on a busy machine it says more than the wall.

Belongs here: both ways of intake on one file. Does not: intake beside bare DuckDB (cdr_intake.py), a night on Spark
(spark_night.py).
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

from benchmarks.made_operator import AS_OF, Size, land, made_operator, unpacked
from benchmarks.spark_night import cpu
from pipelines.engine import end_engines, file_engine_of
from pipelines.intake import ingest
from pipelines.night import Night
from pipelines.progress import Silent


def taken(night: Night) -> tuple[float, float, float, list[tuple[object, ...]]]:
    """Seconds, CPU here, CPU of Spark, and the counts of the ledger."""
    shutil.rmtree(night.home / "spark", ignore_errors=True)
    for kept in (night.warehouse.path, night.home / "ledger.jsonl"):
        kept.unlink(missing_ok=True)
    begun = (time.monotonic(), *cpu())
    with night.warehouse.open() as con:
        ingest(
            con,
            night.landing,
            mappings=night.mappings,
            as_of_date=night.as_of_date,
            settings=night.intake_settings,
            progress=Silent(),
            engine=file_engine_of(night),
        )
        counts = con.execute("select records, accepted, rejected, duplicate, nulled from intake.files").fetchall()
    wall, here, spark = (after - before for before, after in zip(begun, (time.monotonic(), *cpu()), strict=True))
    return wall, here, spark, counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cdrs", type=int, default=3_000_000)
    parser.add_argument("--customers", type=int, default=60_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--master", default="local[2]")
    parser.add_argument("--keep", type=Path, help="folder of the generated operator, made where it is missing")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tierline-") as name:
        folder = Path(name)
        operator = made_operator(
            given.keep or folder / "made", Size(given.customers, given.cdrs, days=1, bill_months=1)
        )
        files = unpacked(operator.night("cdr"), folder / "plain")
        homes = [folder / "one_node", folder / "executors"]
        for home in homes:
            land(files, home)
        print(f"{sum(file.stat().st_size for file in files) / 1e6:.0f} MB in {len(files)} file(s)")
        options = {"engine": "spark", "spark_master": given.master, "spark_intake_mib": 1}
        one, many = Night(homes[0], AS_OF), Night(homes[1], AS_OF, options)
        taken(many)  # the session starts, and Python workers import what they need
        for _ in range(given.repeat):
            here, there = taken(one), taken(many)
            if here[3] != there[3]:
                raise SystemExit(f"unequal work: {here[3]} beside {there[3]}")
            for label, (wall, own, spark, counts) in (("one node", here), ("executors", there)):
                print(
                    f"{label:10} wall {wall:6.1f} s   CPU here {own:6.1f} s   CPU of Spark {spark:6.1f} s   "
                    f"{(own + spark) / counts[0][0] * 1e6:5.2f} µs a record, here {own / counts[0][0] * 1e6:5.2f}",
                    flush=True,
                )
        parquet = sum(file.stat().st_size for file in (homes[1] / "spark" / "taken").rglob("*.parquet"))
        print(f"accepted rows {parquet / 1e6:.0f} MB of Parquet, {parquet / there[3][0][1]:.1f} bytes a record")
        end_engines()


if __name__ == "__main__":
    main()
