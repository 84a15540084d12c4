"""What an operator is told who lacks something that Spark needs.

Belongs here: session, settings, the path. Does not: results.
"""

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from conftest import ON_SPARK

from pipelines.settings import Settings, SettingsError
from pipelines.spark.place import Place
from pipelines.spark.session import configuration, session


def test_no_java_is_told_with_its_cure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match=r"Java 17 or newer.*apt-get install openjdk-17"):
        session(Settings(**ON_SPARK))


def test_what_decides_results_can_not_be_set_otherwise() -> None:
    wrong = Settings(**ON_SPARK, spark_conf={"spark.sql.ansi.enabled": "false"})
    with pytest.raises(SettingsError, match=r"spark\.sql\.ansi\.enabled must stay true"):
        configuration(wrong)
    right = Settings(**ON_SPARK, spark_conf={"spark.executor.memory": "8g"})
    assert configuration(right)["spark.executor.memory"] == "8g"


def test_executors_run_the_python_that_spark_conf_names(tmp_path: Path) -> None:
    named, was_there = tmp_path / "python", tmp_path / "was there"
    named.write_text(f'#!/bin/sh\ntouch "{was_there}"\nexec "{sys.executable}" "$@"\n')
    named.chmod(0o755)
    # In a process of its own, as a process has one session.
    script = dedent("""
        import sys
        from pipelines.settings import Settings
        from pipelines.spark.session import end_session, session
        named = {"spark.pyspark.python": sys.argv[1]}
        spark = session(Settings(engine="spark", spark_master="local[1]", spark_conf=named))
        assert spark.range(3).mapInArrow(lambda batches: batches, "id long").count() == 3
        end_session()
    """)
    subprocess.run([sys.executable, "-c", script, str(named)], check=True)
    assert was_there.exists()


@pytest.mark.parametrize("path", ["/proc/nobody/writes/here", "nosuchscheme://host/folder", "folder/a*b"])
def test_a_path_that_spark_does_not_see_is_told(path: str) -> None:
    with pytest.raises(SettingsError, match="setting spark_path"):
        Place(session(Settings(**ON_SPARK)), path).require_seen()


def test_a_path_that_is_seen_is_left_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "with space #1 'quoted' %20"
    folder.mkdir()
    place = Place(session(Settings(**ON_SPARK)), str(folder))
    place.require_seen()
    assert place.names("seen") == set()


def test_files_go_to_any_of_hadoops_file_systems(tmp_path: Path) -> None:
    """The way to HDFS and object stores, tried on the file system that is here."""
    spark = session(Settings(**ON_SPARK))
    place = Place(spark, str(tmp_path / "store"))
    place.folder = None
    place.require_seen()
    local = tmp_path / "rows.parquet"
    local.write_bytes(b"rows")
    place.put(local, "staging/cdr/1.parquet")
    assert place.names("staging/cdr") - {".1.parquet.crc"} == {"1.parquet"}
    assert not local.exists()
    spark.range(3).write.parquet(place.uri("days/new.tmp"))
    place.adopt("days/new.tmp", "days/new")
    assert place.names("days") == {"new"}
    place.fetch("days/new", tmp_path / "here" / "new")
    assert list((tmp_path / "here" / "new").glob("*.parquet"))
    place.remove("days")
    assert place.names("days") == set()
