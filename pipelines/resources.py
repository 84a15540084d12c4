"""What assets get from outside: the home folder, and someone to tell of progress.

Belongs here: Dagster resources. Does not: what they are made of (night.py, warehouse.py, progress.py know no Dagster).
"""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from pipelines.night import Night


class Home(dg.ConfigurableResource[Any]):
    """The home folder of an installation and the options of this run."""

    path: str
    options: dict[str, Any] = Field(default_factory=dict)

    def night(self, partition_key: str) -> Night:
        """The night of a daily partition."""
        return Night(Path(self.path), date.fromisoformat(partition_key), dict(self.options))

    def now(self) -> datetime:
        """The time of day, for published_at: the one place where a run looks at the clock."""
        return datetime.now(UTC)
