"""Errors as a person at the command line sees them.

Belongs here: told_errors. Does not: what raises them.
"""

import sqlite3

import pytest
import typer

from pipelines.cli.console import told_errors


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        sqlite3.OperationalError("database or disk is full"),
        sqlite3.OperationalError("disk I/O error"),
    ],
)
def test_a_full_disk_is_told_in_a_line_however_deep_it_is(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as leaving, told_errors():
        try:
            raise error
        except Exception as cause:
            raise RuntimeError("an event could not be written") from cause
    assert leaving.value.exit_code == 1
    said = capsys.readouterr().err
    assert "the disk is full" in said
    assert "Make room" in said


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError), told_errors():
        raise ZeroDivisionError
