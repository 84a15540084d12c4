"""Where a policy comes from: presets by name, files by path.

Belongs here: pipelines/policy_source.py, and the currency rule of a night. Does not: what policies say.
"""

from datetime import date
from pathlib import Path

import pytest

from pipelines.night import Night
from pipelines.policy_source import keep_policy, kept_policy, named_policy, policy_text
from pipelines.settings import SettingsError
from segmentation.policy import preset, read_policy
from segmentation.policy_text import PolicyError


def test_a_preset_is_found_by_name(tmp_path: Path) -> None:
    assert read_policy(*policy_text("quantile", tmp_path)).name == "quantile"


def test_a_file_in_the_home_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_bytes(preset("default").replace(b"name: default", b"name: ours"))
    assert read_policy(*policy_text("ours.yaml", tmp_path)).name == "ours"


def test_an_unknown_policy_is_told_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"neither a preset \(default, .*, power_utility\) nor a file"):
        policy_text("gold", tmp_path)


def test_a_policy_with_amounts_needs_the_currency_of_the_settings(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"CNY.*USD"):
        _ = Night(tmp_path, date(2024, 6, 30), {"currency": "USD"}).policy
    assert Night(tmp_path, date(2024, 6, 30), {"currency": "USD", "policy": "quantile"}).policy.currency is None


def test_a_policy_is_kept_once_under_its_fingerprint(tmp_path: Path) -> None:
    text = policy_text("default", tmp_path)
    policy = read_policy(*text)
    keep_policy(tmp_path, policy, text)
    keep_policy(tmp_path, policy, text._replace(content=b"other words, same meaning"))
    kept = kept_policy(tmp_path, policy.fingerprint)
    assert kept.read_bytes() == preset("default")
    assert [path.name for path in kept.parent.iterdir()] == [f"{policy.fingerprint}.yaml"]


def test_a_policy_is_named_from_where_the_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "mine.yaml").write_bytes(preset("quantile"))
    monkeypatch.chdir(tmp_path)
    assert named_policy("mine.yaml", tmp_path / "home", "default", None) == (preset("quantile"), "mine.yaml")
    assert named_policy("default", tmp_path / "home", "mine.yaml", None) == (preset("default"), "preset default")
    # Nothing is published yet: the current policy is the one of the settings.
    current = named_policy("current", tmp_path / "home", "quantile", None)
    assert current == (preset("quantile"), "preset quantile, of the settings")
    with pytest.raises(PolicyError, match="neither a preset"):
        named_policy("gold", tmp_path / "home", "default", None)
