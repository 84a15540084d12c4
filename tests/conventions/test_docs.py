"""Documentation that can go stale, held to what it describes.

Belongs here: generated pages, links, options and settings named in docs. Does not: prose.
"""

import re
from pathlib import Path

import pytest
import typer

from pipelines.cli.app import app
from pipelines.reference import commands, pages
from pipelines.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "sample_data").glob("*.md")])


@pytest.mark.parametrize("name", pages())
def test_a_reference_page_is_current(name: str) -> None:
    written = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
    assert written == pages()[name], "run: python -m pipelines.reference docs/reference"


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    assert not [name for name in Settings.model_fields if f"`{name}`" not in page]


def test_every_command_and_option_says_what_it_is_for() -> None:
    every = dict(commands(typer.main.get_command(app)))
    assert "policy diff" in every
    silent = [
        f"{name} {parameter.name}"
        for name, command in every.items()
        for parameter in command.params
        if parameter.name != "help" and not getattr(parameter, "help", None)
    ]
    assert not silent
    without_example = [name for name, command in every.items() if f"tierline {name}" not in (command.help or "")]
    assert not without_example


@pytest.mark.parametrize("page", DOCS, ids=[str(p.relative_to(ROOT)) for p in DOCS])
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    broken = [t for t in targets if "://" not in t and not t.startswith("data:") and not (page.parent / t).exists()]
    assert not broken


@pytest.mark.parametrize("page", DOCS, ids=[str(p.relative_to(ROOT)) for p in DOCS])
def test_commands_in_docs_exist(page: Path) -> None:
    known = set(typer.main.get_command(app).commands)
    used = set(re.findall(r"(?:^|`|\$ )tierline ([a-z]+)", page.read_text(encoding="utf-8"), flags=re.M))
    assert used <= known | {"command"}


def test_adrs_are_numbered_without_gaps() -> None:
    numbers = sorted(int(p.name[:4]) for p in (ROOT / "docs" / "adr").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))
