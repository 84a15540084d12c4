"""ui: Dagster's web UI on the instance of a home folder.

Belongs here: starting it. Does not: what it shows (pipelines/definitions.py).
"""

from __future__ import annotations

import os
import socket
import sys
from typing import Annotated

import typer

from pipelines.cli import options as opt
from pipelines.cli.console import Exit, fail, out, told_errors


def ui(
    home: opt.HomeOption = opt.DEFAULT,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 3000,
    host: Annotated[
        str, typer.Option(help="Address to listen on; the UI has no login, so keep it local.")
    ] = "127.0.0.1",
) -> None:
    """Open the web UI: runs, lineage, checks, schedule.

    [bold]Examples[/]

        tierline ui --home /srv/tierline --port 3001
    """
    from pipelines.instance import instance_folder
    from pipelines.settings import load

    if not home.is_dir():
        fail(Exit.USAGE, f"no home folder {home}: is --home right?")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            fail(Exit.USAGE, f"can't listen on {host}:{port}: {error.strerror}; choose another with --port")
    with told_errors():
        load(home)
        folder = instance_folder(home)
    environment = {**os.environ, "DAGSTER_HOME": str(folder), "TIERLINE_HOME": str(home.resolve())}
    out.print(f"web UI on http://{host}:{port} for {home}; Ctrl-C ends it", soft_wrap=True)
    command = [
        sys.executable,
        "-m",
        "dagster_webserver",
        "-h",
        host,
        "-p",
        str(port),
        "-m",
        "pipelines.definitions",
        "-a",
        "defs",
    ]
    # Replaces this process, so that signals reach the server and nothing is left behind.
    os.execve(sys.executable, command, environment)  # noqa: S606
