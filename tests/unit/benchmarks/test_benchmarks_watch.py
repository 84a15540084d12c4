"""A command watched from outside: what it used is what it says it used. No seconds of wall are asserted.

Belongs here: real processes. Does not: stages (test_benchmarks_stages.py).
"""

import sys

import numpy as np
import pytest

from benchmarks.stages import STAGES, by_stage, stage_of
from benchmarks.watch import Figures, Watched, watch

_BUSY = """
import os, subprocess, sys, time
while time.process_time() < {own}: pass
held = bytearray({held}); del held
open(sys.argv[1], "wb").write(bytes({written}))
if {child}: subprocess.run([sys.executable, "-c", "import time\\nwhile time.process_time() < {child}: pass"])
print(time.process_time())
"""


def _busy(path, *, own=0.0, held=0, written=0, child=0.0) -> Watched:
    code = _BUSY.format(own=own, held=held, written=written, child=child)
    return watch([sys.executable, "-c", code, str(path)])


def test_cpu_bytes_and_peak_are_those_of_the_process(tmp_path) -> None:
    watched = _busy(tmp_path / "out", own=0.4, held=90_000_000, written=30_000_000)
    figures = watched.figures()
    assert figures.cpu == pytest.approx(float(watched.output), abs=0.3)
    assert figures.written_mib == pytest.approx(30_000_000 / 1024**2, rel=0.01)
    assert figures.peak_mib > 90_000_000 / 1024**2 + 3, "held for an instant between two samples, and freed again"


def test_children_count_too(tmp_path) -> None:
    watched = _busy(tmp_path / "out", child=0.5)
    assert watched.figures().cpu > float(watched.output) + 0.4


def test_a_command_that_fails_ends_the_benchmark_with_its_words() -> None:
    with pytest.raises(SystemExit, match="no such thing"):
        watch([sys.executable, "-c", "raise SystemExit('no such thing')"])


def _watched() -> Watched:
    """Ten seconds from 100 on; a CPU second a second, MiB of all kinds alike; the peak is 7 MiB in the fifth."""
    mib = 1024**2
    rows = [(100.0 + n, n, n * mib, n * mib, n * mib, n * mib, (7 if n == 5 else 1) * mib) for n in range(11)]
    return Watched("", 100.0, 110.0, np.asarray(rows, dtype=float))


def test_stages_add_up_to_the_whole_and_the_later_of_two_steps_counts() -> None:
    steps = [
        ("intake", 102.0, 105.0),
        ("features__usage_daily", 105.0, 106.0),
        ("features__customer", 106.5, 108.5),
        ("features__customer_customer_unknown", 108.0, 108.5),
    ]
    found = by_stage(_watched(), steps)
    assert {name: (one.wall, one.cpu, one.peak_mib) for name, one in found.items()} == {
        "start": (2.0, 2.0, 1.0),
        "intake": (3.0, 3.0, 7.0),
        "rollups": (1.0, 1.0, 1.0),
        "features": (1.5, 1.5, 1.0),
        "checks": (0.5, 0.5, 1.0),
        "rest": (2.0, 2.0, 1.0),
    }
    assert sum(one.read_mib for one in found.values()) == 10.0


def test_figures_less_others_keep_their_own_peak() -> None:
    less = Figures(9, 8, 700, 6, 5, 4, 3).less(Figures(1, 1, 300, 1, 1, 1, 1))
    assert less == Figures(8, 7, 700, 5, 4, 3, 2)


def test_every_step_of_the_nightly_job_has_its_stage(tmp_path) -> None:
    from pipelines.definitions import build_definitions
    from pipelines.jobs import NIGHTLY
    from pipelines.progress import Silent

    (tmp_path / "landing").mkdir()
    job = build_definitions(tmp_path, {}, Silent()).resolve_job_def(NIGHTLY)
    steps = {node.name for node in job.nodes}
    found = {step: stage_of(step) for step in steps}
    assert set(found.values()) == set(STAGES) - {"start"}
    assert [step for step, stage in found.items() if stage == "rest"] == ["run_calendar"]
    assert {step for step, stage in found.items() if stage == "rollups"} == {
        "features__usage_daily",
        "features__contact_days",
    }
    assert found["staging__checks"] == found["scores__checks"] == found["scores__subscription__checks"] == "checks"
