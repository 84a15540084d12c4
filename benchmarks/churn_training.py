"""Fitting the churn model on a large history, beside a stock boosting on the same matrix.

Belongs here: seconds and peak memory of fit(). Does not: predicting (churn_scoring.py), quality (churn_public.py).

    python -m benchmarks.churn_training --rows 1000000

Customer-months over twelve as-of dates, fifty made-up features. Ours chooses among all candidates by date, calibrates
and holds out; it chooses on a sample (FitOptions.choice_rows, curve_rows) and fits the chosen trees on all rows. The
baseline is one HistGradientBoostingClassifier with its defaults, encoded beforehand.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import brier_score_loss, roc_auc_score

from benchmarks.churn_scoring import made_customers
from segmentation.churn.encode import fit_encoding
from segmentation.churn.fit import FitOptions, fit

LABEL_DAYS = 37


def measured(mode: str, rows: int) -> None:
    """One way of fitting; prints seconds, peak memory in MiB and figures on the last as-of dates."""
    training = made_customers(rows)
    assert training.origins is not None
    last = training.origins >= np.unique(training.origins)[-2]
    known = np.flatnonzero(training.origins + LABEL_DAYS <= training.origins[last].min())
    if mode == "tierline":
        started, worked = time.perf_counter(), time.process_time()
        fitted = fit(training, FitOptions(label_days=LABEL_DAYS))
        seconds, work = time.perf_counter() - started, time.process_time() - worked
        held, risk = fitted.held_out.rows, fitted.held_out.risk
        about = f"{fitted.chosen['all']}; {fitted.divided['all']}"
    else:
        matrix = fit_encoding(training.features).matrix(training.features)
        started, worked = time.perf_counter(), time.process_time()
        stock = HistGradientBoostingClassifier(random_state=0).fit(matrix[known], training.churned[known])
        seconds, work = time.perf_counter() - started, time.process_time() - worked
        held = np.flatnonzero(last)
        risk, about = stock.predict_proba(matrix[held])[:, 1], f"{len(known)} rows"
    found = {
        "seconds": seconds,
        "cpu_seconds": work,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "auc": float(roc_auc_score(training.churned[held], risk)),
        "brier": float(brier_score_loss(training.churned[held], risk)),
        "about": about,
    }
    print(json.dumps(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        measured(given.measure, given.rows)
        return
    print(f"{given.rows:,} customer-months over 12 as-of dates, labels known after {LABEL_DAYS} days")
    for mode in ("tierline", "stock boosting"):
        command = [sys.executable, "-m", "benchmarks.churn_training", "--measure", mode, "--rows", str(given.rows)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{mode} failed with {done.returncode}:\n{done.stderr[-2000:]}")
        found = json.loads(done.stdout)
        took = f"{found['seconds']:.1f} s ({found['cpu_seconds']:.0f} s of work)"
        figures = f"AUC {found['auc']:.4f}  Brier {found['brier']:.5f}"
        print(f"{mode:<15} {took:<30}{found['peak_mib']:>6.0f} MiB   last dates: {figures}\n    {found['about']}")


if __name__ == "__main__":
    main()
