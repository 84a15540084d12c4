"""How wide the command's tables are: whole where nothing bounds them, folded on a narrow terminal."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections import Counter

import pytest

from pipelines.cli import console

COLUMNS = ("extract", "file", "rejected", "reason")
ROW = (
    "payments",
    "payments/bank_of_a_very_long_name_of_the_north_and_of_the_south_20240630_000001.csv.gz",
    "12,345",
    "required_missing in subscription_id_of_the_payer",
)
PRINT = f"""
from pipelines.cli.console import out, plain_table
table = plain_table(*{COLUMNS}, right=["rejected"])
table.add_row(*{ROW})
out.print(table)
"""


COMMAND = [sys.executable, "-c", PRINT]


def environment(**changed: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "COLUMNS"} | changed


def piped(**changed: str) -> str:
    return subprocess.run(COMMAND, env=environment(**changed), capture_output=True, text=True, check=True).stdout


def on_terminal(columns: int) -> str:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
    with os.fdopen(ours, "rb", buffering=0) as page:
        subprocess.run(COMMAND, env=environment(TERM="xterm"), stdin=theirs, stdout=theirs, check=True)
        os.close(theirs)
        return re.sub(r"\x1b\[[0-9;]*m", "", page.read(100_000).decode())


def letters(text: str) -> Counter[str]:
    return Counter("".join(text.split()))


def test_nothing_is_cut_or_broken_where_output_is_no_terminal() -> None:
    _, row = piped().splitlines()
    assert re.split(" {2,}", row.strip()) == list(ROW)


def test_columns_that_were_asked_for_are_kept_to_without_a_terminal() -> None:
    assert max(map(len, piped(COLUMNS="60").splitlines())) <= 60


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_a_narrow_terminal_folds_and_loses_nothing(columns: int) -> None:
    said = on_terminal(columns)
    assert max(map(len, said.splitlines())) <= columns
    assert letters(said) == letters("".join((*COLUMNS, *ROW)))


def test_a_log_hears_how_far_a_long_step_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(console, "monotonic", lambda: now[0])
    with console.StepBar("night") as bar:
        for done in range(6):
            bar.step("days", done, 5)
            now[0] += 15
        bar.step("short", 0, 1)
        bar.step("short", 1, 1)
    assert capsys.readouterr().err.splitlines() == [
        "night: days 2/5",
        "night: days 4/5",
        "night: days done",
        "night: short done",
    ]
