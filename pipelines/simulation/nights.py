"""Which two nights are compared: the published version's day and settings, under the policies that were named.

Belongs here: finding them. Does not: building them (pipelines/scratch.py).
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from pipelines.night import Night
from pipelines.policy_source import named_policy
from pipelines.publishing.history import current_version


def both_nights(
    home: Path, policy: str, against: str, as_of_date: date | None, options: dict[str, Any]
) -> tuple[Night, Night] | None:
    """The night under `against`, and under `policy`; names as of `named_policy`. None without a day: nothing is
    published, and none was given.

    Settings are those that the published version was made with, unless `options` say otherwise. Raises PolicyError,
    SettingsError.
    """
    manifest = current_version(home / "published" / "customer_tiers")
    day = as_of_date or (manifest.as_of_date if manifest is not None else None)
    if day is None:
        return None
    given = (json.loads(manifest.provenance.get("settings", "{}")) if manifest is not None else {}) | options
    setting = Night(home, day, given).settings.policy
    before, after = (
        Night(home, day, given, policy_given=named_policy(name, home, setting, manifest)) for name in (against, policy)
    )
    return before, after
