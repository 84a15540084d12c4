"""The command line as a person and as a script use it: output, messages, exit codes.

Belongs here: pipelines/cli. Does not: what is told of nights (test_cli_nights.py), what a night computes.
"""

import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import tierline

from pipelines.cli.app import app
from tierline import TierTable

MakeHome = Callable[[str], Path]
COMMANDS = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
COMMANDS += [
    f"{group.name} {command.callback.__name__}"
    for group in app.registered_groups
    for command in group.typer_instance.registered_commands
]


@pytest.fixture(scope="module")
def home(tiny_landing: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one published night."""
    folder = tmp_path_factory.mktemp("cli") / "home"
    shutil.copytree(tiny_landing, folder / "landing")
    result = tierline("run", "--as-of", "2024-06-30", "--home", folder)
    assert result.exit_code == 0, result.output
    assert "published" in result.output
    assert "ordinary" in result.output
    return folder


def a_key(home: Path) -> str:
    manifest = TierTable(home / "published" / "customer_tiers").manifest
    assert manifest is not None
    import pyarrow.parquet as pq

    table = pq.read_table(home / "published" / "customer_tiers" / manifest.files[0].path, columns=["service_key"])
    return str(table.column(0)[0])


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str) -> None:
    result = tierline(*command.split(), "--help")
    assert result.exit_code == 0
    assert f"tierline {command}" in result.output


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    result = tierline("--version")
    assert (result.exit_code, result.output) == (0, f"tierline {project['version']}\n")


def test_the_command_lets_the_collector_of_cycles_run_seldom() -> None:
    script = (
        "import atexit, gc, sys; atexit.register(lambda: print(gc.isenabled(), gc.get_threshold())); "
        "from pipelines.cli import main; sys.argv = ['tierline', '--version']; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "True (100000, 50, 1000)"


def test_help_lists_the_exit_codes() -> None:
    assert "5 unknown caller" in " ".join(tierline("--help").output.split())


def test_lookup_answers_a_known_caller(home: Path) -> None:
    key = a_key(home)
    shown = tierline("lookup", key, "--home", home)
    assert shown.exit_code == 0
    assert "tier" in shown.output
    answer = json.loads(tierline("lookup", key, "--home", home, "--json").output)
    assert answer["found"] is True
    assert answer["tier"] in {"high", "mid", "ordinary"}
    assert answer["freshness"] == "fresh"


def test_lookup_of_an_unknown_caller_leaves_with_5(home: Path) -> None:
    result = tierline("lookup", "+861", "--home", home, "--json")
    assert result.exit_code == 5
    assert json.loads(result.output)["found"] is False


def test_lookup_without_a_table_leaves_with_5_and_says_so(tmp_path: Path) -> None:
    result = tierline("lookup", "+8613800000000", "--home", tmp_path)
    assert result.exit_code == 5
    assert "no tier table" in result.output


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("run", "--as-of", "30.6.2024"), "write it as 2024-06-30"),
        (("run", "--as-of", "2024-06-30", "--set", "currency"), "NAME=VALUE"),
        (("run", "--as-of", "2024-06-30", "--set", "curency=USD"), "Did you mean currency"),
        (("run", "--as-of", "2999-01-01"), "to the operator's today"),
        (("run", "--as-of", "1999-12-31"), "nights go from 2000-01-01"),
        (("run", "--as-of", "2024-06-30"), "no landing/"),
        (("run", "--as-of", "2024-06-30", "--set", "keep_cdr_days="), "there is no value behind the ="),
        (("run", "--as-of", "2024-06-30", "--set", "time_zone=Nowhere"), "IANA"),
        (("backfill", "--from", "2024-07-01", "--to", "2024-06-30"), "is after"),
    ],
)
def test_wrong_use_leaves_with_2_and_the_cure(tmp_path: Path, args: tuple[str, ...], said: str) -> None:
    result = tierline(*args, "--home", tmp_path)
    assert result.exit_code == 2, result.output
    assert said in result.output
    assert not list(tmp_path.iterdir()), "wrong use made something"


def test_landing_copies_whole_and_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    file = tmp_path / "cdr_20240701.csv"
    file.write_text("a,b\n")
    folder = tmp_path / "home"
    assert tierline("land", file, "--source", "cdr", "--home", folder).exit_code == 0
    assert (folder / "landing" / "cdr" / file.name).read_text() == "a,b\n"
    again = tierline("land", file, "--source", "cdr", "--home", folder)
    assert again.exit_code == 2
    assert "new name" in again.output
    file.write_text("mended\n")
    assert tierline("land", file, "--source", "cdr", "--home", folder, "--replace").exit_code == 0
    assert (folder / "landing" / "cdr" / file.name).read_text() == "mended\n"
    other_kind = file.with_suffix(".dat")
    other_kind.write_text("a,b\n")
    refused = tierline("land", other_kind, "--source", "cdr", "--home", folder)
    assert refused.exit_code == 2
    assert "unknown_kind" in refused.output or other_kind.name in refused.output
    assert not (folder / "landing" / "cdr" / other_kind.name).exists()
    unknown = tierline("land", file, "--source", "cdrs", "--home", folder)
    assert unknown.exit_code == 2
    assert "nodobo_calls" in unknown.output


def test_a_control_file_is_landed_with_its_file_or_before_it(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "cdr_20240701.csv"
    file.write_text("a,b\n")
    control = file.with_name(f"{file.name}.ctl")
    control.write_text("records: 1\n")
    landed = tierline("land", file, "--source", "cdr", "--home", tmp_path / "home")
    assert landed.exit_code == 0 and control.name in landed.output
    assert (tmp_path / "home" / "landing" / "cdr" / control.name).read_text() == "records: 1\n"
    late = tmp_path / "cdr_20240630.csv.gz.ctl"
    late.write_text("records: 1\n")
    before = (home / "landing" / "cdr" / late.name).read_bytes()
    refused = tierline("land", late, "--source", "cdr", "--home", home, "--replace")
    assert refused.exit_code == 2
    assert "was accepted already" in refused.output
    assert (home / "landing" / "cdr" / late.name).read_bytes() == before


def test_an_accepted_file_is_never_landed_over(home: Path, tmp_path: Path) -> None:
    archived = home / "landing" / "cdr" / "cdr_20240630.csv.gz"
    before = archived.read_bytes()
    other = tmp_path / archived.name
    other.write_bytes(b"other content")
    over = tierline("land", other, "--source", "cdr", "--home", home, "--replace")
    assert over.exit_code == 2
    assert "was accepted" in over.output and "new name" in over.output
    assert archived.read_bytes() == before


def test_a_sample_of_any_size_is_made_and_not_made_over(tmp_path: Path) -> None:
    made = tierline("sample", tmp_path / "s", "--customers", 40, "--cdr-days", 2, "--bill-months", 2)
    assert made.exit_code == 0, made.output
    assert "subscriptions" in made.output
    again = tierline("sample", tmp_path / "s", "--customers", 40, "--cdr-days", 2, "--bill-months", 2)
    assert again.exit_code == 2


def test_the_base_install_says_what_is_missing(tmp_path: Path) -> None:
    """The console script without the pipeline's packages: one line with the cure, no traceback."""
    script = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'typer':\n"
        "            raise ModuleNotFoundError(\"No module named 'typer'\", name='typer')\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from pipelines.cli import main\nmain()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install '/path/to/the/clone[pipeline]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_analysts_questions_can_be_asked(home: Path) -> None:
    import re

    import duckdb

    page = (Path(__file__).parents[2] / "docs" / "analysts.md").read_text(encoding="utf-8")
    queries = [q for block in re.findall(r"```sql\n(.*?)```", page, flags=re.S) for q in block.split(";") if q.strip()]
    assert len(queries) >= 6
    with duckdb.connect(str(home / "published" / "analytics.duckdb"), read_only=True) as con:
        for query in queries:
            con.execute(query).fetchall()


def test_the_ui_says_when_it_cannot_start(home: Path, tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = tierline("ui", "--home", home, "--port", taken.getsockname()[1])
    assert result.exit_code == 2
    assert "--port" in result.output
    nowhere = tierline("ui", "--home", tmp_path / "nowhere")
    assert nowhere.exit_code == 2
    assert not (tmp_path / "nowhere").exists()


def test_the_ui_serves_this_home(home: Path) -> None:
    import os
    import signal
    import time
    import urllib.error
    import urllib.request

    port = 3997
    command = [
        sys.executable,
        "-c",
        "from pipelines.cli import main; main()",
        "ui",
        "--home",
        str(home),
        "--port",
        str(port),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as server:
        try:
            for _ in range(120):
                try:
                    query = json.dumps({"query": "{runsOrError{...on Runs{results{status}}}}"}).encode()
                    request = urllib.request.Request(
                        f"http://127.0.0.1:{port}/graphql", query, {"Content-Type": "application/json"}
                    )
                    with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310
                        answer = json.load(response)
                    break
                except (urllib.error.URLError, ConnectionError):
                    time.sleep(0.5)
            else:
                raise AssertionError("the web UI did not come up in a minute")
        finally:
            os.killpg(server.pid, signal.SIGTERM)
    assert {"status": "SUCCESS"} in answer["data"]["runsOrError"]["results"]
