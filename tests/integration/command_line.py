"""The command line, called within the test.

Belongs here: the call. Does not: expectations.
"""

from typer.testing import CliRunner, Result

from pipelines.cli.app import app


def tierline(*args: object) -> Result:
    """What `tierline` with these arguments comes to, on a wide screen."""
    return CliRunner().invoke(app, [str(a) for a in args], env={"COLUMNS": "200"})
