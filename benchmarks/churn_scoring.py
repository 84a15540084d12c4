"""Churn risks and reasons of a large base, beside scikit-learn's own prediction of the same model without reasons.

Belongs here: seconds and peak memory of ChurnModel.predict. Does not: fitting (churn_training.py).

    python -m benchmarks.churn_scoring --customers 1000000

The features are made up in production's shape: amounts, counts, flags, days since, categories, nulls. The model is
fitted on 30,000 of the customers; each way of predicting runs in a process of its own on the same frame and file.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from segmentation.churn.encode import Encoding, fit_encoding
from segmentation.churn.fit import TrainingSet
from segmentation.churn.model_file import read_model, write_model

FEATURES = 50
ORIGINS = 12


def made_customers(rows: int, seed: int = 7) -> TrainingSet:
    """Fifty features of so many customer-months over twelve months, and who left: about one in twelve."""
    draw = np.random.default_rng(seed)
    columns: dict[str, pl.Series] = {}
    health = draw.normal(size=rows)  # what no column shows, and several tell of
    for i in range(18):
        amount = np.round(draw.gamma(1.5, 30.0, rows) * np.exp(0.3 * health), 4)
        columns[f"amount_{i}"] = pl.Series(amount).cast(pl.Decimal(18, 4))
    for i in range(14):
        values = draw.poisson(np.exp(1.0 - 0.3 * health + 0.05 * i))
        series = pl.Series(values, dtype=pl.Int32)
        known = pl.Series(draw.random(rows) > (0.15 if i % 3 == 0 else 0))
        columns[f"count_{i}"] = pl.select(pl.when(known).then(series)).to_series()
    for i in range(8):
        columns[f"flag_{i}"] = pl.Series(draw.random(rows) < 0.1 + 0.1 * i)
    for i in range(6):
        columns[f"days_since_{i}"] = pl.Series(draw.integers(0, 400, rows), dtype=pl.Int32)
    for i, levels in enumerate((3, 5, 12, 30)):
        names = pl.Series([f"level {n}" for n in range(levels)])
        columns[f"category_{i}"] = names.gather(draw.integers(0, levels, rows))
    frame = pl.DataFrame([series.alias(name) for name, series in columns.items()])
    assert frame.width == FEATURES
    sums = frame.select(
        late=pl.col("days_since_0") / 200.0 - 1,
        calls=pl.col("count_1") * 0.25,
        small=(pl.col("amount_0").cast(pl.Float64) < 12).cast(pl.Float64) * 1.1,
        both=(pl.col("flag_3") & (pl.col("count_2") > 4)).cast(pl.Float64) * 1.5,
        level=(pl.col("category_1") == "level 2").cast(pl.Float64) * 0.8,
    ).sum_horizontal()
    logit = sums.to_numpy() - 4.0 - 0.6 * health
    churned = draw.random(rows) < 1 / (1 + np.exp(-logit))
    month = draw.integers(0, ORIGINS, rows)
    origins = np.datetime64("2023-07-31") + 30 * month
    return TrainingSet(frame, churned, origins, draw.integers(0, max(1, rows // 6), rows))


def measured(mode: str, folder: Path) -> None:
    """One way of predicting; prints seconds, peak memory in MiB and a mean risk."""
    content = (folder / "model").read_bytes()
    model = read_model(content, hashlib.sha256(content).hexdigest())
    frame = pl.read_ipc(folder / "customers.arrow")
    started = time.perf_counter()
    if mode == "tierline":
        drivers = {name: name.rpartition("_")[0] + str(int(name[-1]) % 4) for name in model.features}
        risk = model.predict(frame, drivers)["churn_risk"].cast(pl.Float64).to_numpy()
    elif mode == "tierline, each feature a reason":
        risk = model.predict(frame)["churn_risk"].cast(pl.Float64).to_numpy()
    else:
        risk = _stock(model.parts[0].encoding, model, frame)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mib": peak, "mean": float(risk.mean())}))


def _stock(encoding: Encoding, model, frame: pl.DataFrame) -> np.ndarray:
    """predict_proba of scikit-learn's objects over the whole matrix at once."""
    from segmentation.churn.curves import Curves, expand

    matrix = encoding.matrix(frame)
    logit = np.zeros(len(matrix))
    for weight, component in model.parts[0].components:
        if isinstance(component, Curves):
            for start in range(0, len(matrix), 100_000):  # the basis of all rows at once is several GiB
                rows = expand(component.basis, matrix[start : start + 100_000])
                logit[start : start + 100_000] += weight * component.estimator.decision_function(rows)
        else:
            logit += weight * component.estimator.decision_function(matrix)
    return model.parts[0].calibration.predict_proba(logit[:, None])[:, 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        measured(given.measure, given.folder)
        return
    from segmentation.churn.calibrate import fit_calibration
    from segmentation.churn.candidates import SHAPES, fit_component
    from segmentation.churn.predict import ChurnModel, Part, average

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = made_customers(given.customers)
        made.features.write_ipc(folder / "customers.arrow")
        some = slice(0, 30_000)
        encoding = fit_encoding(made.features[some])
        matrix, churned = encoding.matrix(made.features[some]), made.churned[some]
        # The dearest average that the candidates allow on this many rows, whatever would have been chosen.
        curves = fit_component("curves", 1.0, matrix, churned, shapes=SHAPES, seed=0)
        shallow = fit_component("shallow", 300, matrix, churned, shapes=SHAPES, seed=0)
        components = ((0.5, curves), (0.5, shallow))
        calibration = fit_calibration(average(components, matrix), churned)
        (folder / "model").write_bytes(write_model(ChurnModel([Part(None, encoding, components, calibration)])))
        del made, matrix
        print(f"{given.customers:,} customers, {FEATURES} features; curves and 300 trees averaged, 2 threads")
        for mode in ("tierline", "tierline, each feature a reason", "scikit-learn without reasons"):
            command = [sys.executable, "-m", "benchmarks.churn_scoring", "--measure", mode, "--folder", name]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{mode} failed with {done.returncode}:\n{done.stderr[-2000:]}")
            found = json.loads(done.stdout)
            print(f"{mode:<34}{found['seconds']:>8.1f} s{found['peak_mib']:>9.0f} MiB   mean {found['mean']:.6f}")


if __name__ == "__main__":
    main()
