"""When the jobs run by themselves.

Belongs here: schedules. Does not: the job (jobs.py).
"""

from datetime import timedelta

import dagster as dg

from pipelines.jobs import NIGHTLY, TRAINING


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
        return _day_before(context)

    return nightly_at_two


def training_schedule(time_zone: str) -> dg.ScheduleDefinition:
    """At noon of every Sunday, hours after the night and before the next. Off until somebody turns it on."""

    @dg.schedule(
        name=f"{TRAINING}_on_sundays",
        job_name=TRAINING,
        cron_schedule="0 12 * * 0",
        execution_timezone=time_zone,
        description="Trains a churn model on what was known at the end of Saturday.",
    )
    def training_on_sundays(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return _day_before(context)

    return training_on_sundays


def _day_before(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    # The partitions include the running day, so a schedule made from them would take that one.
    ended = (context.scheduled_execution_time - timedelta(days=1)).date().isoformat()
    return dg.RunRequest(run_key=ended, partition_key=ended)
