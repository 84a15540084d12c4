"""Options that several commands share, described once.

Belongs here: option types and their parsing. Does not: settings (pipelines/settings.py).
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from pipelines.cli.console import Exit, fail

HomeOption = Annotated[
    Path,
    typer.Option(
        "--home",
        envvar="TIERLINE_HOME",
        file_okay=False,
        help="Folder of landing/, the warehouse, published/ and the Dagster instance.",
    ),
]
PolicyOption = Annotated[
    str | None,
    typer.Option("--policy", help="Policy of this run: a shipped one by name, or a file. Overrides the setting."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="Override a setting of the home's tierline.yaml, e.g. --set currency=USD."
    ),
]
DEFAULT = Path(".tierline")


def day(value: str, name: str) -> date:
    """A calendar day written as YYYY-MM-DD; leaves with a clear message otherwise."""
    try:
        return datetime.strptime(value, "%Y-%m-%d").date()
    except ValueError:
        fail(Exit.USAGE, f"{name} {value!r} is not a day; write it as 2024-06-30")


def settings_options(policy: str | None, pairs: list[str] | None) -> dict[str, Any]:
    """Settings given on the command line. A policy file is taken from where the command runs."""
    options: dict[str, Any] = {}
    for pair in pairs or []:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            fail(Exit.USAGE, f"--set {pair!r}: write it as NAME=VALUE, e.g. --set currency=USD")
        if not value.strip() and name.strip() != "spark_path":  # the only one that may be empty
            fail(
                Exit.USAGE,
                f"--set {pair!r}: there is no value behind the =; leave it out to take what is set elsewhere",
            )
        options[name.strip()] = yaml.safe_load(value) if value[:1] in "[{" else value
    if policy is not None:
        options["policy"] = str(Path(policy).resolve()) if Path(policy).is_file() else policy
    return options
