"""Fitting: slices that do not see each other's labels, choices that fit the data, refusals, repeatability."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from segmentation.churn.candidates import choose
from segmentation.churn.examples import KIND
from segmentation.churn.fit import TooLittleHistoryError, TrainingSet, fit
from segmentation.churn.slices import date_slices, folds, last_dates


def dated(months: int, each: int = 120, rate: float = 0.4) -> TrainingSet:
    """So many monthly as-of dates of the same customers."""
    origins = np.repeat(np.datetime64("2024-01-31") + 30 * np.arange(months), each)
    churned = np.random.default_rng(3).random(len(origins)) < rate
    return TrainingSet(pl.DataFrame({"x": np.arange(len(origins))}), churned, origins, np.tile(np.arange(each), months))


@pytest.mark.parametrize(("months", "label_days"), [(5, 0), (8, 30), (12, 37), (15, 97), (24, 97)])
def test_no_slice_knows_a_label_of_the_time_after_it(months: int, label_days: int) -> None:
    training = dated(months)
    slices = date_slices(training, label_days)
    assert slices is not None and training.origins is not None
    order = [slices.train, slices.validate, slices.calibrate, slices.held_out]
    for before, after in pairwise(order):
        assert (training.origins[before] + label_days).max() <= training.origins[after].min()
    assert (training.origins[slices.refit] + label_days).max() <= training.origins[slices.calibrate].min()
    assert set(slices.train) | set(slices.validate) <= set(slices.refit)
    assert training.origins[slices.held_out].max() == training.origins.max()


def test_too_few_dates_hold_out_the_last_and_cross_validate_the_rest() -> None:
    training = dated(6)
    assert date_slices(training, 60) is None
    split = last_dates(training, 60)
    assert split is not None and training.origins is not None
    before, held_out = split
    assert (training.origins[before] + 60).max() <= training.origins[held_out].min()
    assert last_dates(dated(2), 60) is None


def test_a_slice_without_churners_is_none() -> None:
    assert date_slices(dated(12, rate=0.02), 37) is None


def test_folds_keep_a_group_together_and_cover_everyone_once() -> None:
    groups = np.random.default_rng(0).integers(0, 100, 400)
    churned = np.random.default_rng(1).random(400) < 0.2
    cut = folds(TrainingSet(pl.DataFrame({"x": groups}), churned, groups=groups), 4, 0)
    assert sorted(np.concatenate([judged for _, judged in cut])) == list(range(400))
    for known, judged in cut:
        assert not set(groups[known]) & set(groups[judged])
        assert set(known) | set(judged) == set(range(400))


def test_nothing_is_fitted_on_the_held_out_rows(customers, quick) -> None:
    frame, churned = customers(700)
    first = fit(TrainingSet(frame, churned), quick)
    held = first.held_out.rows
    assert 0.15 * 700 < len(held) < 0.25 * 700
    # Other features for the held-out customers: the model must not notice.
    other = frame.with_columns(
        tenure_months=pl.when(pl.int_range(pl.len()).is_in(held.tolist())).then(999).otherwise("tenure_months")
    )
    assert fit(TrainingSet(other, churned), quick).model.digest == first.model.digest
    risk = first.model.predict(frame[held])["churn_risk"].cast(pl.Float64).to_numpy()
    np.testing.assert_allclose(first.held_out.risk, risk, atol=5.1e-7)
    np.testing.assert_array_equal(first.held_out.raw_logit, first.model.raw(frame[held]))


def test_late_labels_do_not_reach_the_model(customers, quick) -> None:
    """Labels of the held-out and of the purged months may be anything."""
    frame, churned = customers(1800)
    origins = np.repeat(np.datetime64("2024-01-31") + 30 * np.arange(12), 150)
    options = replace(quick, label_days=37)
    first = fit(TrainingSet(frame, churned, origins), options)
    assert first.divided["all"].startswith("train 2024-01-31 to ")
    slices = date_slices(TrainingSet(frame, churned, origins), 37)
    assert slices is not None
    used = np.concatenate([slices.refit, slices.calibrate])
    unused = np.setdiff1d(np.arange(1800), used)
    assert len(unused) > len(slices.held_out)
    turned = churned.copy()
    turned[unused[::7]] ^= True
    assert fit(TrainingSet(frame, turned, origins), options).model.digest == first.model.digest


def test_what_was_not_loaded_in_the_first_months_can_still_be_fitted(customers, quick) -> None:
    frame, churned = customers(1200)
    origins = np.repeat(np.datetime64("2024-01-31") + 30 * np.arange(12), 100)
    late = np.arange(1200) >= 800
    usage = pl.Series("usage", [v if known else None for v, known in zip(range(1200), late, strict=True)])
    fitted = fit(TrainingSet(frame.with_columns(usage), churned, origins), replace(quick, label_days=37))
    assert len(fitted.held_out.rows) == 200


def test_the_same_examples_give_the_same_model(fitted, trees, customers, quick) -> None:
    frame, churned = customers(900)
    assert fit(TrainingSet(frame, churned), quick).model.digest == fitted.model.digest
    assert trees.digest != fitted.model.digest


def test_the_figures_of_the_candidates_are_there_and_one_is_chosen(fitted) -> None:
    table = fitted.candidates
    assert {"part", "candidate", "chosen", "log_loss", "auc", "brier"} <= set(table.columns)
    assert table["chosen"].sum() == 1
    chosen = table.row(by_predicate=pl.col("chosen"), named=True)
    assert chosen["log_loss"] <= table["log_loss"].min() * 1.001
    assert fitted.chosen["all"].startswith(chosen["candidate"])


@pytest.mark.parametrize(
    ("truth", "suited"),
    [
        (lambda x: x @ [1, -1, 0.5, 0.5], {"lines", "curves"}),
        (lambda x: 3 * np.abs(x[:, 0]) - 2, {"curves"}),
        (lambda x: 4 * np.sign(x[:, 0] * x[:, 1]), {"few", "deep"}),
    ],
    ids=["a sum", "a bend", "a product of signs"],
)
def test_the_choice_fits_the_data(truth, suited, quick) -> None:
    draw = np.random.default_rng(5)
    matrix = draw.normal(size=(1500, 4))
    churned = draw.random(1500) < 1 / (1 + np.exp(-truth(matrix)))
    cut = [(np.arange(1000), np.arange(1000, 1500))]
    with threadpool_limits(1):
        choice = choose(matrix, churned, cut, shapes=quick.shapes, seed=0)
    assert sum(weight for name, weight in choice.weights.items() if name in suited) >= 0.5, choice.name


def test_it_ranks_and_is_calibrated_on_fresh_customers(fitted, customers) -> None:
    frame, churned = customers(4000, seed=9)
    risk = fitted.model.predict(frame)["churn_risk"].cast(pl.Float64).to_numpy()
    assert roc_auc_score(churned, risk) > 0.72
    assert abs(risk.mean() - churned.mean()) < 0.03


def test_payment_types_with_enough_churners_get_a_model_each(customers, quick) -> None:
    frame, churned = customers(1200)
    kinds = ["prepaid" if flag else "postpaid" for flag in frame["prepaid"]]
    apart = fit(TrainingSet(frame, churned, kinds=kinds), quick)
    assert [part.kind for part in apart.model.parts] == ["postpaid", "prepaid"]
    assert set(apart.chosen) == {"postpaid", "prepaid"}
    assert "prepaid: one value only" in apart.ignored
    assert (np.diff(apart.held_out.rows) > 0).all()
    found = apart.model.predict(frame.with_columns(pl.Series(KIND, kinds)))
    np.testing.assert_allclose(
        found["churn_risk"].cast(pl.Float64).to_numpy()[apart.held_out.rows], apart.held_out.risk, atol=5.1e-7
    )
    left = {kind: int(churned[np.array(kinds) == kind].sum()) for kind in ("postpaid", "prepaid")}
    few, many = sorted(left, key=lambda kind: left[kind])
    alone = fit(TrainingSet(frame, churned, kinds=kinds), replace(quick, min_events=left[many]))
    assert [part.kind for part in alone.model.parts] == [many]
    assert f"{few} customers: {left[few]} left, too few for a model; they keep the rate of their band" in alone.ignored
    unknown = alone.model.predict(frame.with_columns(pl.Series(KIND, kinds)))["churn_risk"].is_null().to_numpy()
    assert (unknown == (np.array(kinds) == few)).all()
    together = fit(TrainingSet(frame, churned, kinds=kinds), replace(quick, min_events=left[many] + 1))
    assert [part.kind for part in together.model.parts] == [None]
    assert KIND in together.model.features


def test_too_little_history_says_how_much_there_is_and_is_needed(customers, quick) -> None:
    frame, churned = customers(100)
    with pytest.raises(TooLittleHistoryError, match=rf"{churned.sum()} examples churned .* needs 40 of each"):
        fit(TrainingSet(frame, churned), quick)
    with pytest.raises(TooLittleHistoryError, match="100 examples churned and 0 did not"):
        fit(TrainingSet(frame, np.ones(100, dtype=bool)), quick)


def test_parts_of_unequal_length_are_refused(customers) -> None:
    frame, churned = customers(100)
    with pytest.raises(ValueError, match="100 rows, but churned 99"):
        TrainingSet(frame, churned[:99])
