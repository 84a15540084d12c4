"""For how long versions are kept and a lock is waited for, where a caller does not say: the settings' own defaults.

Belongs here: these three. Does not: what keeping means (housekeeping.py), or an installation's values (settings.py).
"""

from __future__ import annotations

from datetime import timedelta

from pipelines.settings import Settings

KEEP_VERSIONS: int = Settings.model_fields["keep_versions"].default
MIN_AGE = timedelta(hours=Settings.model_fields["keep_hours"].default)
LOCK_WAIT_SECONDS: float = Settings.model_fields["lock_wait_seconds"].default
