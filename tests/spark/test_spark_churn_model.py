"""Risks of a fitted model, and its drift, on both engines.

Belongs here: that a model travels to executors and counts come back. Does not: models (tests/unit/segmentation/churn).
"""

from datetime import date

import numpy as np
import polars as pl
from conftest import AS_OF, Twins

from pipelines import scoring
from pipelines.engine import Engine, OneNode, engine_of
from pipelines.night import Night
from pipelines.training.registry import Choice, LoadedModel, ModelManifest
from segmentation.churn.drift import Drift
from segmentation.churn.examples import TrainingSet
from segmentation.churn.features import CHURN_INPUTS, churn_features
from segmentation.churn.fit import FitOptions, fit


def fitted_on(rows: pl.DataFrame) -> Choice:
    inputs = churn_features(rows.sort("customer_id").select(*CHURN_INPUTS), AS_OF)
    left = np.random.default_rng(1).random(inputs.height) < 0.4
    model = fit(TrainingSet(inputs, left), FitOptions(min_events=20, folds=2, threads=1)).model
    seen = inputs.with_columns(churn_risk=pl.Series([0.01 * (i % 50) for i in range(inputs.height)]))
    reference = Drift.reference(seen, pl.Series("as_of", [date(2024, 5, 31)] * inputs.height)).content()
    manifest = ModelManifest(
        version="2024-05-31-made",
        as_of_date="2024-05-31",
        key="made",
        sha256="made",
        chosen={},
        examples=inputs.height,
        churned=int(left.sum()),
        figures={},
        champion=True,
        verdict="made",
        accepted_leaks={},
        reference=reference,
    )
    return Choice(LoadedModel(model, manifest))


def test_a_model_gives_the_same_risks_reasons_and_drift_on_both(twins: Twins) -> None:
    with twins.on_duckdb.warehouse.open() as con:
        model = fitted_on(con.sql(scoring.TO_RATE_RISK).pl())

    def risks(night: Night, engine: Engine) -> tuple[int, list[object], list[object]]:
        night.__dict__["churn_model"] = model  # as if it had been the champion
        try:
            with night.warehouse.open() as con:
                rows = engine.write_churn_risk(con)
                found = [
                    con.execute(f"from scores.{name} order by all").fetchall() for name in ("churn_risk", "churn_drift")
                ]
                return rows, *found
        finally:
            del night.__dict__["churn_model"]

    here = risks(twins.on_duckdb, OneNode(twins.on_duckdb))
    there = risks(twins.on_spark, engine_of(twins.on_spark))
    assert there == here
    assert here[0] > 100
    assert len(here[2]) > 20
    assert {row[3] for row in here[1]} == {"2024-05-31-made"}  # type: ignore[index]
