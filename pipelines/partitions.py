"""The partitions of the nightly assets: one a day of the operator's calendar.

Belongs here: partition definitions. Does not: when they run (schedules.py).
"""

from __future__ import annotations

import dagster as dg

FIRST_DAY = "2000-01-01"


def nightly_partitions(time_zone: str) -> dg.DailyPartitionsDefinition:
    """One partition a day; the current day is included, so that a run can describe the day so far."""
    return dg.DailyPartitionsDefinition(start_date=FIRST_DAY, timezone=time_zone, end_offset=1)
