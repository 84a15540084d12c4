"""The Dagster instance of a home folder: made where it is missing, without a service running.

Belongs here: rendering dagster.yaml and opening the instance. Does not: what runs in it.
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
