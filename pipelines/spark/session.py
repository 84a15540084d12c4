"""The Spark session of a run: what must be set so that the SQL means on Spark what it means on DuckDB.

Belongs here: starting and ending it, and what is missing for it. Does not: any table.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.settings import Settings, SettingsError

if TYPE_CHECKING:  # importing it takes a second, and only a run with the engine spark needs it
    from pyspark.sql import SparkSession

# What decides results, so that nobody's cluster defaults do; the setting spark_conf can't change these.
MEANING = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    # A bad cast or an overflow is an error, as in DuckDB, and never a null.
    "spark.sql.ansi.enabled": "true",
    # A product of decimals keeps all of its digits, or fails.
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.caseSensitive": "false",
    "spark.sql.execution.arrow.useLargeVarTypes": "false",
}
_DEFAULTS = {
    "spark.app.name": "tierline",
    "spark.ui.enabled": "false",
    # What fails is told by the run; Spark's own words may hold values of rows.
    "spark.log.level": "OFF",
    "spark.ui.showConsoleProgress": "false",
    "spark.hadoop.fs.permissions.umask-mode": "027",
    # One task is one thread: Polars would start one a core in each of them.
    "spark.executorEnv.POLARS_MAX_THREADS": "1",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "50000",
    "spark.sql.parquet.compression.codec": "zstd",
}


def session(settings: Settings) -> SparkSession:
    """The session of this process, started when first asked for.

    Raises SettingsError where pyspark or Java is missing, where spark_conf would change what results mean, or where
    Spark does not start.
    """
    require_tools(settings.spark_master)
    # The variable is all that PySpark asks for the executors' Python once a driver is at work.
    chosen = settings.spark_conf.get("spark.pyspark.python") or os.environ.get("PYSPARK_PYTHON") or sys.executable
    os.environ["PYSPARK_PYTHON"] = chosen
    from pyspark.sql import SparkSession  # noqa: PLC0415

    running = SparkSession.getActiveSession()
    if running is not None:
        return running
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    builder = SparkSession.builder.master(settings.spark_master)
    for name, value in configuration(settings).items():
        builder = builder.config(name, value)
    try:
        return builder.getOrCreate()
    except Exception as error:
        if "JAVA_GATEWAY_EXITED" in str(error):
            raise SettingsError(
                "setting engine is spark, and Java ended as it was started: is JAVA_HOME "
                f"({os.environ.get('JAVA_HOME', 'not set, so java of the PATH')}) that of Java 17 or newer?"
            ) from error
        raise SettingsError(
            f"Spark did not start on {settings.spark_master} (setting spark_master): {_first_line(error).rstrip('.')}. "
            "Is the master right, is JAVA_HOME that of Java 17 or newer, and do the settings of spark_conf exist?"
        ) from error


def configuration(settings: Settings) -> dict[str, str]:
    """All that is set: what decides results, what spark_conf says, and defaults. Raises SettingsError."""
    given = dict(settings.spark_conf)
    for name, value in given.items():
        if name in MEANING and value != MEANING[name]:
            raise SettingsError(
                f"setting spark_conf: {name} must stay {MEANING[name]}, or the SQL would mean something else on Spark; "
                "leave it out"
            )
    cores = {"spark.sql.shuffle.partitions": str(os.cpu_count() or 1)} if _is_local(settings.spark_master) else {}
    return {**_DEFAULTS, **cores, **given, **MEANING}


def end_session() -> None:
    """Ends the session of this process, if there is one."""
    if "pyspark" in sys.modules:
        from pyspark.sql import SparkSession  # noqa: PLC0415

        running = SparkSession.getActiveSession()
        if running is not None:
            running.stop()


def require_tools(master: str) -> None:
    """Raises SettingsError where pyspark or Java is missing; starts nothing."""
    if find_spec("pyspark") is None:
        raise SettingsError(
            "setting engine is spark, and this environment has no pyspark: "
            "pip install '/path/to/the/clone[spark]' into it, or use the one that `make setup-spark` makes "
            "(.venv-spark/bin/tierline)"
        )
    home = os.environ.get("JAVA_HOME")
    if home is not None and not (Path(home) / "bin" / "java").exists():
        raise SettingsError(
            f"setting engine is spark, and JAVA_HOME ({home}) has no bin/java: set it to a Java 17 or newer"
        )
    if home is None and shutil.which("java") is None:
        raise SettingsError(
            f"setting engine is spark, and the driver of {master} needs Java 17 or newer: there is no JAVA_HOME and no "
            "java on the PATH (Debian: apt-get install openjdk-17-jre-headless)"
        )


def _is_local(master: str) -> bool:
    return master.startswith("local")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
