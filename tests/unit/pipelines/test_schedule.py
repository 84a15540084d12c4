"""The schedule: which day a tick at two in the morning runs.

Belongs here: pipelines/schedules.py, partitions.py. Does not: running anything.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from pipelines.partitions import nightly_partitions
from pipelines.schedules import nightly_schedule


@pytest.mark.parametrize(
    ("tick", "night"),
    [
        (datetime(2024, 7, 1, 2), "2024-06-30"),
        (datetime(2024, 3, 1, 2), "2024-02-29"),
        (datetime(2025, 1, 1, 2), "2024-12-31"),
    ],
)
def test_a_tick_runs_the_day_that_has_ended(tick: datetime, night: str) -> None:
    schedule = nightly_schedule("Asia/Shanghai")
    context = dg.build_schedule_context(scheduled_execution_time=tick.replace(tzinfo=ZoneInfo("Asia/Shanghai")))
    request = schedule(context)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == night
    assert schedule.execution_timezone == "Asia/Shanghai"


def test_every_day_of_the_operators_calendar_is_a_partition() -> None:
    partitions = nightly_partitions("Asia/Shanghai")
    assert partitions.has_partition_key("2024-02-29")
    assert not partitions.has_partition_key("2023-02-29")
