"""What an operator sets for an installation: defaults < file < environment < command-line options.

Belongs here: names, meanings and bounds of settings. Does not: what a customer is worth (the policy decides that).
"""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)
from pydantic_settings import SettingsError as SettingsErrorFromSource
from yaml import YAMLError

SETTINGS_FILE = "tierline.yaml"


class SettingsError(ValueError):
    """A setting that can't be used; the message names the setting, where it came from and the cure."""


class Settings(BaseSettings):
    """Settings of one home folder: in `<home>/tierline.yaml`, or as TIERLINE_<NAME> in the environment."""

    model_config = SettingsConfigDict(env_prefix="TIERLINE_", extra="forbid", frozen=True)

    time_zone: str = Field(
        "Asia/Shanghai", description="The operator's time zone, an IANA name. It decides what a day is."
    )
    currency: str = Field(
        "CNY", pattern="^[A-Z]{3}$", description="ISO 4217 code of every amount; other currencies are refused."
    )
    policy: str = Field("default", description="Name of a shipped policy, or the path of a policy file.")
    service_numbers: Annotated[tuple[str, ...], NoDecode] = Field(
        ("10086", "1860"), description="The operator's own hotline numbers; calls to them are hotline calls."
    )
    service_key_type: Literal["msisdn", "account", "subscription"] = Field(
        "msisdn",
        description="What callers are looked up by: msisdn, account (one line in service each) or subscription.",
    )
    expires_after_hours: int = Field(
        36, ge=1, le=24 * 366, description="Hours after publication from which readers call a table stale."
    )
    keep_versions: int = Field(
        14, ge=2, le=1000, description="Published versions kept, besides any younger than keep_hours."
    )
    keep_hours: float = Field(
        24.0,
        ge=0,
        le=24 * 366,
        description="Hours for which every published version is kept; longer than any query holds its files.",
    )
    keep_runs: int = Field(
        100, ge=1, le=100_000, description="Ended runs of which the web UI keeps steps, checks and figures."
    )
    lock_wait_seconds: float = Field(
        10.0,
        ge=0,
        le=3600,
        description="How long to wait for another run that holds the warehouse or the published folder.",
    )
    takeover_seconds: float = Field(
        300.0,
        ge=5,
        le=24 * 3600,
        description="A run that has shown no sign of life for so long (stopped, hung) loses its turn to the next one.",
    )
    duplicate_window_days: int = Field(
        7, ge=0, le=366, description="Days before and after a call detail record in which its key must not come again."
    )
    keep_cdr_days: int = Field(
        100,
        ge=57,
        le=36_600,
        description="Days of call detail kept in the warehouse, back from the last loaded one; older days stay rolled "
        "up, and records that come for them are rejected. Never fewer than 57, the two windows of a night, nor "
        "than duplicate_window_days. 100 are the 62 days that the call graph may look back, the 7 of the churn gap and "
        "the 30 of its label, so that a training a month finds detail for each date that it looks at for the first "
        "time.",
    )
    keep_usage_days: int = Field(
        800,
        ge=1,
        le=36_600,
        description="Days kept rolled up, as daily usage and contacts, back from the last loaded one: whole days older "
        "than that are removed. Never fewer than the policy's history and windows look back.",
    )
    gap_blocks_after_hours: float = Field(
        48.0,
        ge=0,
        le=24 * 366,
        description="Hours after which a missing file sequence number no longer warns but blocks publication.",
    )
    max_volume_drop: float = Field(
        0.6,
        gt=0,
        le=1,
        description="A delivery, or the published table, that falls by this share or more blocks publication.",
    )
    gate_min_records: int = Field(
        100, ge=1, description="Deliveries and tables that had fewer records are judged only when they come empty."
    )
    memory_limit: str = Field(
        "3GB",
        pattern=r"^\d+(\.\d+)?\s?(MB|GB|MiB|GiB)$",
        description="Memory that DuckDB may use before it spills to disk.",
    )
    threads: int = Field(0, ge=0, le=1024, description="Threads that DuckDB may use; 0 is one a core.")
    engine: Literal["duckdb", "spark"] = Field(
        "duckdb",
        description="What runs the nightly SQL and scoring: duckdb on this node, or spark (docs/spark.md).",
    )
    spark_master: str = Field(
        "local[*]", min_length=1, description="Spark's master: local[*], yarn, k8s://…, spark://…."
    )
    spark_path: str = Field(
        "",
        description="Folder or URI (file, hdfs, s3a…) for staging and results of the engine spark; this node and all "
        "executors must see it. Empty: spark/ in the home folder.",
    )
    spark_conf: dict[str, str] = Field(
        default_factory=dict, description="Spark's own settings by name; those that decide results can't be changed."
    )
    spark_intake_mib: float = Field(
        1024.0,
        ge=0,
        description="With the engine spark: plain-text CDR files of so many MiB or more are taken by executors, which "
        "must see landing/; 0: none. Where spark_path is HDFS or an object store, none are.",
    )
    max_line_bytes: int = Field(
        1_048_576, ge=1024, description="Longest line of an extract; a file with a longer one is refused."
    )
    max_expansion: int = Field(
        200, ge=2, description="Most that a compressed extract may grow by when unpacked, as a factor."
    )
    max_file_bytes: int = Field(
        64 * 1024**3, ge=1024, description="Largest extract, unpacked; a larger one is refused: split it."
    )

    @field_validator("keep_cdr_days")
    @classmethod
    def _keeps_the_window(cls, value: int, info: ValidationInfo) -> int:
        window = info.data.get("duplicate_window_days", 0)
        if value < window:
            raise ValueError(f"must be {window} or more: duplicate_window_days looks so many days back for a key")
        return value

    @field_validator("service_numbers", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        """Numbers as a list, or as text with commas (`10086,1860`), as the environment and the command line give it."""
        if isinstance(value, int):
            value = str(value)
        if isinstance(value, str):
            return tuple(part.strip(" \"'") for part in value.strip("[] ").split(",") if part.strip())
        return tuple(map(str, value)) if isinstance(value, list | tuple) else value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{value!r} is not an IANA time zone such as Asia/Shanghai or Europe/London") from None
        return value


def load(home: Path, options: dict[str, Any] | None = None) -> Settings:
    """Settings of `home`: defaults < `<home>/tierline.yaml` < TIERLINE_* < `options` (None values are not given).

    Raises SettingsError naming the setting, where it stands and what is wrong with it.
    """
    file = home / SETTINGS_FILE
    given = {name: value for name, value in (options or {}).items() if value is not None}

    class Located(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (the base class's signature)
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, YamlConfigSettingsSource(settings_cls, yaml_file=file)

    try:
        return Located(**given)
    except ValidationError as error:
        faults = "; ".join(_fault(file, e["loc"], e["type"], e["msg"], given) for e in error.errors())
        raise SettingsError(faults) from None
    except (YAMLError, UnicodeDecodeError, SettingsErrorFromSource, ValueError) as error:
        raise SettingsError(f"{file} or the environment: not readable as `name: value` lines: {error}") from None


def _names(file: Path, name: str) -> bool:
    return file.is_file() and name in (yaml.safe_load(file.read_text(encoding="utf-8")) or {})


def _fault(file: Path, place: tuple[int | str, ...], kind: str, message: str, given: dict[str, Any]) -> str:
    name = str(place[0]) if place else "settings"
    in_environment = f"TIERLINE_{name.upper()}" in os.environ
    by_default = not in_environment and name in Settings.model_fields and not _names(file, name)
    elsewhere = f"TIERLINE_{name.upper()}" if in_environment else "its default" if by_default else SETTINGS_FILE
    origin = "the command line" if name in given else elsewhere
    if kind == "extra_forbidden":
        near = get_close_matches(name, Settings.model_fields, n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        message = f"there is no such setting.{meant} Known settings: {', '.join(Settings.model_fields)}"
    return f"setting {name} (from {origin}): {message}"
