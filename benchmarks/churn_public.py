"""The churn model on any public churn file, beside stock models on the same folds.

Belongs here: repeated folds, figures, the table. Does not: reading files (churn_file.py), the model itself.

    python -m benchmarks.churn_public --data Telco-Customer-Churn.csv --label Churn

Every choice is made inside the training part of a fold. The baselines are scikit-learn's LogisticRegression (one-hot,
medians for blanks, standard scale) and HistGradientBoostingClassifier (one-hot, blanks as they are), both with their
defaults.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from scipy.special import expit
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.churn_file import FileError, read_churn_file
from segmentation.churn.fit import FitOptions, TrainingSet, fit
from segmentation.churn.leaks import LeakLimits, feature_leaks, model_leaks
from segmentation.churn.slices import folds

OURS, LOGISTIC, BOOSTING = "tierline", "stock logistic", "stock boosting"
MODELS = (OURS, LOGISTIC, BOOSTING)
FIGURES = ("auc", "pr_auc", "lift", "brier", "ece")
HEADS = {"auc": "AUC", "pr_auc": "PR-AUC", "lift": "lift at 10 %", "brier": "Brier", "ece": "ECE"}
_EXAMPLES = """examples:
  python -m benchmarks.churn_public --data Telco-Customer-Churn.csv --label Churn
  python -m benchmarks.churn_public --data bank.csv --label Exited --id RowNumber --id CustomerId --repeats 2
  python -m benchmarks.churn_public --data customers.csv --label 'Customer Status' --positive Churned --json out.json
"""
_held: dict[str, TrainingSet] = {}


def stock(name: str, features: pl.DataFrame) -> Pipeline:
    """A baseline as its users would set it up."""
    texts = [column for column in features.columns if features[column].dtype == pl.String]
    numbers = [column for column in features.columns if column not in texts]
    hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    if name == LOGISTIC:
        scaled = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
        shaped = ColumnTransformer([("numbers", scaled, numbers), ("texts", hot, texts)])
        return make_pipeline(shaped, LogisticRegression(max_iter=5000))
    shaped = ColumnTransformer([("numbers", "passthrough", numbers), ("texts", hot, texts)])
    return make_pipeline(shaped, HistGradientBoostingClassifier(random_state=0))


def judge_fold(repeat: int, fold: int, number: int) -> dict[str, Any]:
    """Risks of one fold's unseen rows by each model; runs in a process that holds the training set."""
    training = _held["training"]
    known, unseen = folds(training, number, repeat)[fold]
    risks, seconds = {}, {}
    started = time.perf_counter()
    fitted = fit(training.take(known), FitOptions(holdout_share=0, min_events=10, seed=repeat, threads=1))
    risks[OURS] = expit(fitted.model.predict(training.features[unseen], threads=1)["churn_logit"].to_numpy())
    seconds[OURS] = time.perf_counter() - started
    wide = training.features.with_columns(pl.col(pl.String).fill_null("(blank)")).to_pandas()
    for name in (LOGISTIC, BOOSTING):
        started = time.perf_counter()
        model = stock(name, training.features).fit(wide.iloc[known], training.churned[known])
        risks[name] = model.predict_proba(wide.iloc[unseen])[:, 1]
        seconds[name] = time.perf_counter() - started
    return {
        "repeat": repeat,
        "fold": fold,
        "rows": unseen,
        "risks": risks,
        "seconds": seconds,
        "chosen": fitted.chosen["all"],
    }


def figures(risk: np.ndarray, churned: np.ndarray) -> dict[str, float]:
    """AUC, PR-AUC, churners among the riskiest tenth over churners among all, Brier, calibration error in ten bins."""
    order = np.argsort(-risk, kind="stable")
    tenth = churned[order[: max(1, round(len(risk) / 10))]].mean()
    bins = np.array_split(order, 10)
    error = sum(len(rows) * abs(churned[rows].mean() - risk[rows].mean()) for rows in bins) / len(risk)
    return {
        "auc": float(roc_auc_score(churned, risk)),
        "pr_auc": float(average_precision_score(churned, risk)),
        "lift": float(tenth / churned.mean()),
        "brier": float(brier_score_loss(churned, risk)),
        "ece": float(error),
    }


def summary(done: Sequence[dict[str, Any]], churned: np.ndarray, repeats: int) -> dict[str, dict[str, list[float]]]:
    """By model and figure: mean and spread over folds; of the calibration error, over repeats with their folds together
    (a fold alone has too few rows a bin)."""
    table: dict[str, dict[str, list[float]]] = {}
    for model in MODELS:
        each = [figures(one["risks"][model], churned[one["rows"]]) for one in done]
        together = []
        for repeat in range(repeats):
            own = [one for one in done if one["repeat"] == repeat]
            rows = np.concatenate([one["rows"] for one in own])
            together.append(figures(np.concatenate([one["risks"][model] for one in own]), churned[rows])["ece"])
        values = {name: [fold[name] for fold in each] for name in FIGURES if name != "ece"} | {"ece": together}
        table[model] = {name: [float(np.mean(found)), float(np.std(found))] for name, found in values.items()}
        table[model]["ece_by_fold"] = [float(f([fold["ece"] for fold in each])) for f in (np.mean, np.std)]
    return table


def verdict(table: dict[str, dict[str, list[float]]]) -> str:
    """Ours beside the better stock model, in a line."""
    better = max((LOGISTIC, BOOSTING), key=lambda model: table[model]["auc"][0])
    differences = {name: table[OURS][name][0] - table[better][name][0] for name in ("auc", "brier", "ece")}
    told = ", ".join(f"{HEADS[name]} {value:+.4f}" for name, value in differences.items())
    return f"{OURS} beside {better}, the better stock model: {told}"


def _hold(content: bytes, churned: np.ndarray, groups: np.ndarray | None) -> None:
    _held["training"] = TrainingSet(pl.read_ipc(content), churned, groups=groups)


def run(training: TrainingSet, repeats: int, number: int, workers: int) -> list[dict[str, Any]]:
    """All folds, each in one of the processes with one thread; the order is that of repeat and fold."""
    # Read by the libraries when the processes start: as many processes as cores, a thread each.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", POLARS_MAX_THREADS="1")
    content = training.features.write_ipc(None).getvalue()
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(workers, context, _hold, (content, training.churned, training.groups)) as pool,
        Progress(*bar, console=Console(stderr=True)) as progress,
    ):
        shown = progress.add_task("folds", total=repeats * number)
        tasks = [pool.submit(judge_fold, repeat, fold, number) for repeat in range(repeats) for fold in range(number)]
        done = []
        for task in as_completed(tasks):
            done.append(task.result())
            progress.advance(shown)
    return sorted(done, key=lambda one: (one["repeat"], one["fold"]))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.churn_public",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, metavar="FILE", help="a CSV (.gz) or Parquet file")
    parser.add_argument("--label", required=True, metavar="COLUMN", help="the column that tells who churned")
    parser.add_argument("--positive", metavar="VALUE", help="the label's value that means churned, if it isn't plain")
    parser.add_argument("--id", action="append", default=[], metavar="COLUMN", help="a column to leave out; repeatable")
    parser.add_argument("--repeats", type=int, default=10, help="times that all rows are divided anew (10)")
    parser.add_argument("--folds", type=int, default=5, help="parts a time (5)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (one a core)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write all figures")
    given = parser.parse_args(arguments)
    if given.repeats < 1 or given.folds < 2 or given.workers < 1:
        parser.error("give at least one repeat, two folds and one worker")
    started = time.perf_counter()
    try:
        found = read_churn_file(given.data, given.label, given.positive, given.id)
    except FileError as error:
        sys.exit(f"churn_public: {error}")
    training = found.training
    print(f"{given.data.name}: {len(training)} rows, {training.features.width} columns")
    for note in found.notes:
        print(f"  {note}")
    leaks = feature_leaks(training.features, training.churned, LeakLimits())
    done = run(training, given.repeats, given.folds, given.workers)
    table = summary(done, training.churned, given.repeats)
    print(f"\n{given.repeats} x {given.folds} folds, mean ± spread of folds (ECE: of repeats)")
    print(f"{'':<15}" + "".join(f"{HEADS[name]:>17}" for name in FIGURES) + f"{'seconds a fold':>17}")
    for model in MODELS:
        cells = "".join(f"{table[model][name][0]:>9.4f} ±{table[model][name][1]:.4f}" for name in FIGURES)
        print(f"{model:<15}{cells}{np.mean([one['seconds'][model] for one in done]):>17.1f}")
    print(verdict(table))
    leaks += model_leaks(table[OURS]["auc"][0], LeakLimits())
    for leak in leaks:
        print(f"leak alarm: {leak}; a training would stop unless the policy accepts it with a reason")
    if not leaks:
        print("leak alarm: nothing")
    chosen: dict[str, int] = {}
    for one in done:
        name = one["chosen"].partition(" (")[0]
        chosen[name] = chosen.get(name, 0) + 1
    print("chosen: " + ", ".join(f"{name} {n}x" for name, n in sorted(chosen.items(), key=lambda x: -x[1])[:6]))
    seconds = time.perf_counter() - started
    print(f"took {seconds:.0f} s")
    if given.json:
        result = {
            "file": given.data.name,
            "rows": len(training),
            "repeats": given.repeats,
            "folds": given.folds,
            "notes": found.notes,
            "leaks": [str(leak) for leak in leaks],
            "models": table,
            "chosen": chosen,
            "seconds": round(seconds, 1),
        }
        given.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
