"""Settings: where they come from, which wins, and what a wrong one says.

Belongs here: pipelines/settings.py. Does not: what settings do.
"""

from pathlib import Path

import pytest

from pipelines.settings import Settings, SettingsError, load


def write(home: Path, text: str) -> Path:
    (home / "tierline.yaml").write_text(text, encoding="utf-8")
    return home


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    assert load(tmp_path).currency == "CNY"


def test_file_beats_default_environment_beats_file_option_beats_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "currency: EUR\n")
    assert load(tmp_path).currency == "EUR"
    monkeypatch.setenv("TIERLINE_CURRENCY", "USD")
    assert load(tmp_path).currency == "USD"
    assert load(tmp_path, {"currency": "GBP"}).currency == "GBP"
    assert load(tmp_path, {"currency": None}).currency == "USD"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("curency: EUR\n", "curency"),
        ("currency: euro\n", "currency"),
        ("time_zone: Mars/Base\n", "IANA"),
        ("expires_after_hours: 0\n", "expires_after_hours"),
        ("service_key_type: imsi\n", "service_key_type"),
        ("memory_limit: lots\n", "memory_limit"),
        ("currency: [EUR\n", "tierline.yaml"),
        ("- a\n", "tierline.yaml"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load(write(tmp_path, text))


def test_a_fault_is_of_the_place_where_the_setting_stands(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"setting keep_cdr_days \(from its default\): .* must be 200 or more"):
        load(tmp_path, {"duplicate_window_days": 200})
    write(tmp_path, "keep_cdr_days: 150\n")
    with pytest.raises(SettingsError, match=r"setting keep_cdr_days \(from tierline.yaml\)"):
        load(tmp_path, {"duplicate_window_days": 200})


def test_an_unknown_option_is_told_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"from the command line.*Did you mean time_zone\? Known settings: time_zone"
    ):
        load(tmp_path, {"timezone": "UTC"})


def test_a_wrong_environment_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIERLINE_KEEP_VERSIONS", "1")
    with pytest.raises(SettingsError, match="TIERLINE_KEEP_VERSIONS"):
        load(tmp_path)


@pytest.mark.parametrize("text", ["10086,95598", '["10086", "95598"]', "10086, 95598"])
def test_a_list_may_be_written_with_commas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert load(tmp_path, {"service_numbers": text}).service_numbers == ("10086", "95598")
    monkeypatch.setenv("TIERLINE_SERVICE_NUMBERS", text)
    assert load(tmp_path).service_numbers == ("10086", "95598")
    assert load(write(tmp_path, "service_numbers: 10010\n"), {}).service_numbers == ("10086", "95598")


def test_every_setting_has_a_meaning() -> None:
    assert all(field.description for field in Settings.model_fields.values())
