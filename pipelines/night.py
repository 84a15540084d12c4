"""One night: an as-of date together with everything that the work of that night needs.

Belongs here: putting settings, policy, calendar and places together. Does not: doing any of the work.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipelines import policy_calendar, run_context, tier_history
from pipelines.intake import IntakeSettings, SourceMapping, load_mappings
from pipelines.policy_source import PolicyText, policy_text
from pipelines.settings import Settings, SettingsError, load
from pipelines.tier_history import NightFile
from pipelines.training.registry import Choice, model_for
from pipelines.warehouse import Warehouse
from segmentation.policy import Policy, read_policy
from tierline.manifest import ManifestError
from tierline.verify import current_manifest


@dataclass(frozen=True)
class Night:
    """The as-of date of one run in one home folder. Settings and policy are read once, when first asked for.

    known_at: a day (to its end) or an ISO 8601 time with its zone: the night with what was known by then, published
    into a folder of its own. accept: why gates that are shut may be passed. follows: the digest of the night in the
    tier history that this one goes on from, `first` for none; by default that of the published version. policy_given:
    instead of the settings'. model: the version of the churn model that scores, by default the champion of then.
    """

    home: Path
    as_of_date: date
    options: dict[str, Any] = field(default_factory=dict)
    known_at: str | None = None
    accept: str | None = None
    follows: str | None = None
    policy_given: PolicyText | None = None
    model: str | None = None

    @cached_property
    def settings(self) -> Settings:
        """Settings of the home folder. Raises SettingsError."""
        return load(self.home, self.options)

    @cached_property
    def policy(self) -> Policy:
        """The policy that decides. Raises PolicyError, or SettingsError where its currency is not the settings'."""
        policy = read_policy(*self.policy_text)
        if policy.currency not in (None, self.settings.currency):
            raise SettingsError(
                f"policy {policy.label} has its amounts in {policy.currency}, the setting currency is "
                f"{self.settings.currency}: choose a policy in {self.settings.currency}, or set currency"
            )
        return policy

    @cached_property
    def policy_text(self) -> PolicyText:
        """The policy's text and where it is from. Raises PolicyError."""
        return self.policy_given or policy_text(self.settings.policy, self.home)

    def check(self) -> None:
        """Reads settings, policy, mappings and known_at, so that a fault in them is told before anything runs.

        Raises SettingsError, PolicyError or MappingError.
        """
        _ = self.settings, self.policy, self.mappings, self.known_before
        kept, read = self.settings.keep_usage_days, policy_calendar.usage_days_read(self.policy)
        if kept < read:
            raise SettingsError(
                f"setting keep_usage_days is {kept}, and policy {self.policy.label} looks {read} days back: set it to "
                f"{read} or more, or shorten the policy's churn.history_months or arpu.window_months"
            )

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
        bounds = {
            "max_volume_drop": Decimal(str(self.settings.max_volume_drop)),
            "gate_min_records": self.settings.gate_min_records,
            "drift_limit": self.policy.churn.model.drift_limit.value,
        }
        given = run_context.parameters(
            self.as_of_date,
            self.zone,
            self.settings.service_key_type,
            self.known_before,
            self.settings.gap_blocks_after_hours,
        )
        return given | bounds

    @property
    def known_before(self) -> datetime:
        """The instant (naive UTC) before which a row must have been known. Raises SettingsError."""
        if self.known_at is None:
            return run_context.local_midnight(self.as_of_date + timedelta(days=1), self.zone)
        try:
            if "T" not in self.known_at and " " not in self.known_at:
                return run_context.local_midnight(date.fromisoformat(self.known_at) + timedelta(days=1), self.zone)
            instant = datetime.fromisoformat(self.known_at)
        except ValueError:
            instant = None
        if instant is None or instant.tzinfo is None:
            raise SettingsError(
                f"known-at {self.known_at!r} is neither a day nor a time with its zone: write 2024-06-30 (to its end) "
                "or 2024-06-30T21:00:00+08:00"
            )
        return instant.astimezone(UTC).replace(tzinfo=None)

    @property
    def landing(self) -> Path:
        """Where extracts arrive."""
        return self.home / "landing"

    @property
    def published(self) -> Path:
        """What readers and analysts open; a folder of its own where the night is seen with other knowledge."""
        if self.known_at is not None:
            return self.home / "replays" / f"{self.as_of_date}_known_{self.known_before:%Y%m%dT%H%M%SZ}"
        return self.home / "published"

    @property
    def usage_days(self) -> Path:
        """Daily usage, one immutable file a day and state of knowledge: shared by all nights of the home."""
        return self.home / "published" / "usage_daily"

    @property
    def contact_days(self) -> Path:
        """Who talked with whom, one immutable file a day and state of knowledge: private, so not under published/."""
        return self.home / "contact_days"

    def day_folder(self, table: str) -> Path:
        """The folder of a table that is kept by day. Raises KeyError for another one."""
        return {"features.usage_daily": self.usage_days, "features.contact_days": self.contact_days}[table]

    @property
    def training_features(self) -> Path:
        """What past nights knew of each customer, one immutable file an origin of training: private."""
        return self.home / "training" / "features"

    @property
    def tier_table(self) -> Path:
        """The published tier table."""
        return self.published / "customer_tiers"

    @property
    def tier_history(self) -> Path:
        """What each night changed, one immutable file a night."""
        return self.published / tier_history.FOLDER

    @property
    def tier_memory(self) -> Path:
        """What the tier history comes to by the end of a month: made again where it is missing."""
        return self.home / "tier_memory"

    @cached_property
    def nights_before(self) -> tuple[NightFile, ...]:
        """The nights of the tier history that this one goes on from. Raises TierHistoryError where one is missing."""
        home = self.home / "published"
        head = self.follows
        if head is None:
            head = _head(home / "customer_tiers")
        return tier_history.history_before(home / tier_history.FOLDER, head, self.as_of_date)

    @cached_property
    def churn_model(self) -> Choice:
        """The model that scores the night: the one that was asked for, else the last champion trained on what was known
        by its as-of date.
        """
        return model_for(self.home, self.as_of_date, self.model)

    @cached_property
    def nights_served(self) -> tuple[NightFile, ...]:
        """The nights of the tier history up to the published one, this night included where it is published already.

        Raises TierHistoryError where one is missing.
        """
        home = self.home / "published"
        nights = tier_history.nights_up_to(home / tier_history.FOLDER, _head(home / "customer_tiers"))
        return tuple(night for night in nights if night.as_of_date <= self.as_of_date)

    @property
    def campaigns(self) -> Path:
        """Worklists of retention campaigns, one immutable file each: shared by all nights of the home."""
        return self.home / "published" / "campaigns"

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
            returned_folder=self.home / "returned",
        )


def _head(tier_table: Path) -> str | None:
    """The digest, in the tier history, of the night that is published; None where nothing is, or nothing readable."""
    try:
        return current_manifest(tier_table).provenance.get(tier_history.PROVENANCE)
    except (ManifestError, OSError):
        return None
