"""Nights on both engines, made once. Without pyspark (`make setup-spark`) nothing here is collected.

Belongs here: homes and the session. Does not: expectations.
"""

import gzip
import os
import shutil
from collections.abc import Iterator
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from pipelines.night import Night
from pipelines.runs import NightResult, run_night

AS_OF = date(2024, 6, 30)
BEFORE = date(2024, 6, 29)
# Without a cluster (cluster.py) Spark runs within the process of the tests.
ON_SPARK = {"engine": "spark", "spark_master": os.environ.get("SPARK_MASTER", "local[2]")}
LATE = ("cdr_2024062[789]*", "*_20240630*")
LANDING = Path(__file__).parents[2] / "sample_data" / "small" / "landing"

collect_ignore_glob = [] if find_spec("pyspark") else ["test_*.py"]


class Twins(NamedTuple):
    """The same night of the same home, on both engines."""

    duckdb: NightResult
    spark: NightResult
    on_duckdb: Night
    on_spark: Night


@pytest.fixture(scope="session")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Twins:
    """The sample with its faults and its records from 10 June on; the night before was run on DuckDB: a history.

    The records of the last days come late, unpacked; on Spark executors take them, in ranges of a few hundred lines.
    """
    first = tmp_path_factory.mktemp("twins") / "duckdb"
    recent = shutil.ignore_patterns("cdr_20240[345]*", "cdr_2024060*", *LATE)
    shutil.copytree(LANDING, first / "landing", ignore=recent)
    # The monthly snapshots of before, so that customers are known on the 29th.
    before = run_night(first, BEFORE)
    assert before.created, before.failures
    for file in (found for pattern in LATE for found in LANDING.rglob(pattern)):
        target = first / "landing" / file.relative_to(LANDING)
        if file.name.startswith("cdr_") and file.suffix == ".gz":
            target.with_suffix("").write_bytes(gzip.decompress(file.read_bytes()))
        else:
            shutil.copy(file, target.with_name(target.name.replace(".gz.", ".")))
    second = first.with_name("spark")
    shutil.copytree(first, second)
    options = {**ON_SPARK, "spark_path": str(second / "parquet"), "spark_intake_mib": 0.001}
    with pytest.MonkeyPatch.context() as small:
        small.setattr("pipelines.spark.intake.RANGE_BYTES", 32 * 1024)
        on_spark = run_night(second, AS_OF, options)
    return Twins(run_night(first, AS_OF), on_spark, Night(first, AS_OF), Night(second, AS_OF, options))


@pytest.fixture(scope="session", autouse=True)
def session_ended() -> Iterator[None]:
    from pipelines.spark.session import end_session

    yield
    end_session()
