"""Who may import whom, and where Dagster may be known, held by reading every module's imports.

Belongs here: rules of structure. Does not: behaviour.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("tierline", "data_contracts", "segmentation", "pipelines", "sample_data", "sql")
# package -> which of our packages it may import
ALLOWED = {
    "tierline": {"tierline"},
    "data_contracts": {"data_contracts"},
    "segmentation": {"segmentation", "data_contracts"},
    "sample_data": {"sample_data", "data_contracts"},
    "sql": set(),
    "pipelines": set(OURS),
}
READER_NEEDS = {"numpy", "pyarrow"}
PURE_FORBIDDEN = {"duckdb", "dagster", "great_expectations", "os", "subprocess", "socket", "time"}
DAGSTER_PLACES = (
    "pipelines/assets/",
    "pipelines/charts.py",
    "pipelines/checks.py",
    "pipelines/definitions.py",
    "pipelines/event_log.py",
    "pipelines/instance.py",
    "pipelines/jobs.py",
    "pipelines/partitions.py",
    "pipelines/resources.py",
    "pipelines/runs.py",
    "pipelines/schedules.py",
)


def imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{file}: relative import; write the package out"
            names.add(node.module)
    return names


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def tops(file: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(file)}


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_only_what_it_may(package: str) -> None:
    wrong = {
        str(file.relative_to(ROOT)): sorted((tops(file) & set(OURS)) - ALLOWED[package])
        for file in modules(package)
        if (tops(file) & set(OURS)) - ALLOWED[package]
    }
    assert not wrong


def test_the_reader_needs_only_numpy_and_pyarrow() -> None:
    outside = {name for file in modules("tierline") for name in tops(file)} - set(sys.stdlib_module_names)
    assert outside - {"tierline"} <= READER_NEEDS


def test_segmentation_is_pure() -> None:
    wrong = {str(f.relative_to(ROOT)): sorted(tops(f) & PURE_FORBIDDEN) for f in modules("segmentation")}
    assert not {file: names for file, names in wrong.items() if names}


def test_segmentation_looks_at_no_clock() -> None:
    for file in modules("segmentation"):
        text = file.read_text(encoding="utf-8")
        assert ".now(" not in text, file
        assert ".today(" not in text, file


def test_dagster_is_known_in_few_places() -> None:
    knowing = [
        str(file.relative_to(ROOT))
        for package in OURS
        for file in modules(package)
        if "dagster" in tops(file) and not str(file.relative_to(ROOT)).startswith(DAGSTER_PLACES)
    ]
    assert not knowing


def test_spark_is_known_in_one_room_and_needed_by_nobody_else() -> None:
    places = {str(f.relative_to(ROOT)) for p in OURS for f in modules(p) if tops(f) & {"pyspark", "py4j"}}
    assert places
    assert not [place for place in places if not place.startswith("pipelines/spark/")]
    # What every run imports must not bring it: it is an extra.
    script = "import sys, pipelines.runs, pipelines.cli.app; sys.exit('pyspark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


def test_great_expectations_is_imported_lazily_and_in_one_place() -> None:
    places = {str(f.relative_to(ROOT)) for p in OURS for f in modules(p) if "great_expectations" in tops(f)}
    assert places == {"pipelines/contracts/checks.py"}
    tree = ast.parse((ROOT / "pipelines/contracts/checks.py").read_text(encoding="utf-8"))
    at_top = {a.name for n in tree.body if isinstance(n, ast.Import) for a in n.names}
    assert "great_expectations" not in at_top


def test_nobody_keeps_a_helpers_module() -> None:
    names = {file.name for package in OURS for file in modules(package)}
    assert not names & {"helpers.py", "utils.py", "util.py", "common.py", "misc.py"}


def test_every_module_says_what_belongs_in_it() -> None:
    silent = [
        str(file.relative_to(ROOT))
        for package in OURS
        for file in modules(package)
        if not ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert not silent


def test_sql_holds_no_python() -> None:
    assert [str(f.relative_to(ROOT)) for f in modules("sql")] == ["sql/__init__.py"]
    assert ast.parse((ROOT / "sql/__init__.py").read_text()).body[1:] == []
