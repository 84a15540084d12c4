"""The Dagster instance of a home folder: made where it is missing, without a service running.

Belongs here: rendering dagster.yaml, opening the instance, forgetting old runs. Does not: what runs in it.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import dagster as dg


def instance_folder(home: Path) -> Path:
    """Writes `<home>/dagster/dagster.yaml` from the template; returns its folder, which is DAGSTER_HOME."""
    folder = (home / "dagster").resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    template = resources.files("pipelines").joinpath("dagster.yaml").read_text(encoding="utf-8")
    file = folder / "dagster.yaml"
    content = template.replace("__HOME__", str(folder))
    if not file.exists() or file.read_text(encoding="utf-8") != content:
        file.write_text(content, encoding="utf-8")
    return folder


def open_instance(home: Path) -> dg.DagsterInstance:
    """The instance of a home folder. Use it as a context manager."""
    return dg.DagsterInstance.from_config(str(instance_folder(home)))


def forget_runs(instance: dg.DagsterInstance, keep: int) -> int:
    """Removes what the instance has of runs that have ended, but for the last `keep`; returns how many it removed."""
    ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    old = instance.get_run_ids(filters=dg.RunsFilter(statuses=ended))[keep:]
    for run_id in old:
        instance.delete_run(run_id)
    return len(old)
