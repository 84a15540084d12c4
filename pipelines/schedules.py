"""When the nightly job runs by itself.

Belongs here: schedules. Does not: the job (jobs.py).
"""

from datetime import timedelta

import dagster as dg

from pipelines.jobs import NIGHTLY


def nightly_schedule(time_zone: str) -> dg.ScheduleDefinition:
    """At 02:00 of the operator's time, the day that has just ended. Off until somebody turns it on."""

    @dg.schedule(
        name=f"{NIGHTLY}_at_two",
        job_name=NIGHTLY,
        cron_schedule="0 2 * * *",
        execution_timezone=time_zone,
        description="Runs the night of the day that has just ended.",
    )
    def nightly_at_two(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        # The partitions include the running day, so a schedule made from them would take that one.
        ended = (context.scheduled_execution_time - timedelta(days=1)).date().isoformat()
        return dg.RunRequest(run_key=ended, partition_key=ended)

    return nightly_at_two
