"""One night: an as-of date together with everything that the work of that night needs.

Belongs here: putting settings, policy, calendar and places together. Does not: doing any of the work.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipelines import run_context
from pipelines.intake import IntakeSettings, SourceMapping, load_mappings
from pipelines.policy_source import load_policy
from pipelines.settings import Settings, SettingsError, load
from pipelines.warehouse import Warehouse
from segmentation.policy import Policy


@dataclass(frozen=True)
class Night:
    """The as-of date of one run in one home folder. Settings and policy are read once, when first asked for."""

    home: Path
    as_of_date: date
    options: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def settings(self) -> Settings:
        """Settings of the home folder. Raises SettingsError."""
        return load(self.home, self.options)

    @cached_property
    def policy(self) -> Policy:
        """The policy that decides. Raises PolicyError, or SettingsError where its currency is not the settings'."""
        policy = load_policy(self.settings.policy, self.home)
        if policy.currency not in (None, self.settings.currency):
            raise SettingsError(
                f"policy {policy.label} has its amounts in {policy.currency}, the setting currency is "
                f"{self.settings.currency}: choose a policy in {self.settings.currency}, or set currency"
            )
        return policy

    def check(self) -> None:
        """Reads settings, policy and mappings, so that a fault in them is told before anything runs.

        Raises SettingsError, PolicyError or MappingError.
        """
        _ = self.settings, self.policy, self.mappings

    @property
    def zone(self) -> ZoneInfo:
        """The operator's time zone."""
        return ZoneInfo(self.settings.time_zone)

    @property
    def warehouse(self) -> Warehouse:
        """The private DuckDB file."""
        return Warehouse.of(self.home, self.settings)

    @property
    def parameters(self) -> dict[str, Any]:
        """Values of the SQL files' parameters."""
        return run_context.parameters(
            self.as_of_date,
            self.zone,
            self.settings.service_key_type,
            gap_blocks_after_hours=self.settings.gap_blocks_after_hours,
        )

    @property
    def landing(self) -> Path:
        """Where extracts arrive."""
        return self.home / "landing"

    @property
    def published(self) -> Path:
        """What readers and analysts open."""
        return self.home / "published"

    @property
    def tier_table(self) -> Path:
        """The published tier table."""
        return self.published / "customer_tiers"

    @property
    def analytics(self) -> Path:
        """The analysts' database."""
        return self.published / "analytics.duckdb"

    @property
    def mappings(self) -> dict[str, SourceMapping]:
        """Source mappings: the shipped ones and those in <home>/sources/. Raises MappingError."""
        with resources.as_file(resources.files("pipelines.intake").joinpath("sources")) as shipped:
            return load_mappings(shipped, self.home / "sources")

    @property
    def intake_settings(self) -> IntakeSettings:
        """What intake needs of the settings."""
        return IntakeSettings(
            time_zone=self.settings.time_zone,
            currency=self.settings.currency,
            temporary_folder=self.home / "tmp" / "intake",
            max_line_bytes=self.settings.max_line_bytes,
            max_expansion=self.settings.max_expansion,
            max_file_bytes=self.settings.max_file_bytes,
            duplicate_window_days=self.settings.duplicate_window_days,
            ledger_copy=self.home / "ledger.jsonl",
        )
