"""The choice of an engine by settings.

Belongs here: what can be told without Spark. Does not: Spark (tests/spark).
"""

from datetime import date
from importlib.util import find_spec
from pathlib import Path

import pytest

from pipelines.engine import OneNode, engine_of
from pipelines.night import Night
from pipelines.runs import run_night
from pipelines.settings import SettingsError


def test_one_node_is_the_default(tmp_path: Path) -> None:
    assert isinstance(engine_of(Night(tmp_path, date(2024, 6, 30))), OneNode)


@pytest.mark.skipif(find_spec("pyspark") is not None, reason="tells of pyspark that is missing")
def test_spark_without_pyspark_is_told_with_its_cure(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"pip install '/path/to/the/clone\[spark\]'"):
        engine_of(Night(tmp_path, date(2024, 6, 30), {"engine": "spark"}))


def test_what_spark_needs_is_asked_for_before_a_night_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "landing").mkdir()
    monkeypatch.setenv("JAVA_HOME", "/nonexistent")
    with pytest.raises(SettingsError, match=r"no pyspark|JAVA_HOME \(/nonexistent\) has no bin/java"):
        run_night(tmp_path, date(2024, 6, 30), {"engine": "spark"})
    assert [path.name for path in tmp_path.iterdir()] == ["landing"]


def test_settings_of_spark_come_from_files_and_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "engine: spark\nspark_conf:\n  spark.executor.memory: 8g\n"
    (tmp_path / "tierline.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("TIERLINE_SPARK_MASTER", "yarn")
    settings = Night(tmp_path, date(2024, 6, 30)).settings
    assert (settings.engine, settings.spark_master) == ("spark", "yarn")
    assert settings.spark_conf == {"spark.executor.memory": "8g"}
