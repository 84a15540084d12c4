"""Gives thousands of damaged extracts to intake: none may be taken unbalanced, no value may change in silence.

    python -m tests.faults.mutated_extracts --count 10000 --seed 1

Belongs here: the command, its processes and its table. Does not: what is judged (mutation/verdict.py).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tests.faults.mutation.verdict import Result, Tally, corpus, judge_corpus

_SHARE = 250  # files a piece of work: a process takes one after another


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--count", type=int, default=10_000, help="files")
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--start", type=int, default=0, help="number of the first file, to look at a fault again")
    ask.add_argument("--processes", type=int, default=2)
    asked = ask.parse_args()
    result, began, done = Result(), time.monotonic(), 0
    stop = asked.start + asked.count
    with ProcessPoolExecutor(asked.processes) as pool:
        shares = [
            pool.submit(judge_share, asked.seed, at, min(at + _SHARE, stop)) for at in range(asked.start, stop, _SHARE)
        ]
        for share in as_completed(shares):
            merge(result, share.result())
            done = result.total.files
            seconds = time.monotonic() - began
            sys.stderr.write(f"\r{done} of {asked.count} files, {result.total.faults} faults, {seconds:.0f} s")
            sys.stderr.flush()
    sys.stdout.write("\n".join(["", table(result), *sorted(result.said)[:50], ""]))
    is_well = not result.total.faults and not result.harmless_refused and result.total.files == asked.count
    return 0 if is_well else 1


def judge_share(seed: int, start: int, stop: int) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        return judge_corpus(corpus(seed, start, stop), Path(folder))


def merge(result: Result, more: Result) -> None:
    for kind, tally in more.tallies.items():
        result.of(kind).add(tally)
    result.said += more.said


def table(result: Result) -> str:
    """One line a kind of damage, the sum, and by code what was refused, rightly and without need."""
    head = f"{'damage':38} {'files':>6} {'refused':>7} {'taken':>6} {'accepted':>8} {'rejected':>8} {'dupl.':>6} "
    head += f"{'unbalanced':>10} {'changed':>7} {'in spite':>8} {'stopped':>7}"
    total = result.total
    rows = [*sorted(result.tallies.items()), ("all", total)]
    by_code = [
        f"  {code:22} {n:6}  without need {total.refused_without_need[code]}" for code, n in total.refused.most_common()
    ]
    lines = [f"  {reason:22} {n:6}" for reason, n in total.rejected_without_need.most_common()]
    said = [head, *(_row(kind, tally) for kind, tally in rows), "refused by code:", *by_code]
    return "\n".join([*said, "lines rejected without need:", *(lines or ["  none"])])


def _row(kind: str, t: Tally) -> str:
    return (
        f"{kind:38} {t.files:6} {t.refused.total():7} {t.taken:6} {t.accepted:8} {t.rejected:8} {t.duplicate:6} "
        f"{t.unbalanced:10} {t.changed:7} {t.taken_in_spite:8} {t.stopped:7}"
    )


if __name__ == "__main__":
    sys.exit(main())
