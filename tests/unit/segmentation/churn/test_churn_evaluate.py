"""The figures of a model card against scikit-learn's, against sums by hand, and against plain integration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from segmentation.churn.evaluate import (
    Costs,
    evaluate,
    expected_calibration_error,
    expected_profit,
    relative_gain,
    reliability_bins,
)


def _examples(count: int = 2000, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logit = rng.normal(-2, 1.2, count)
    true = 1 / (1 + np.exp(-logit))
    return np.round(true, 3), rng.random(count) < true


def test_figures_agree_with_scikit_learn() -> None:
    risk, churned = _examples()
    found = evaluate(risk, churned, Costs(), resamples=50)
    assert found is not None
    assert found.auc.value == pytest.approx(metrics.roc_auc_score(churned, risk))
    assert found.pr_auc.value == pytest.approx(metrics.average_precision_score(churned, risk))
    assert found.brier.value == pytest.approx(metrics.brier_score_loss(churned, risk))
    assert found.log_loss.value == pytest.approx(metrics.log_loss(churned, np.clip(risk, 1e-6, 1 - 1e-6)))
    for figure in (found.auc, found.pr_auc, found.brier, found.top_decile_lift, found.empc):
        assert figure.low < figure.value < figure.high


def test_lift_of_the_top_tenth_by_hand() -> None:
    # 100 examples, 20 churners; of the ten with the highest risk eight churned: 0.8 / 0.2 = 4.
    risk = np.linspace(1, 0, 100)
    churned = np.zeros(100, dtype=bool)
    churned[[*range(8), *range(50, 62)]] = True
    found = evaluate(risk, churned, Costs(), resamples=0)
    assert found is not None
    assert found.top_decile_lift.value == pytest.approx(4.0)
    assert found.gains[2] == pytest.approx((0.1, 0.4))


def test_one_risk_for_all_says_nothing() -> None:
    churned = np.arange(200) % 4 == 0
    found = evaluate(np.full(200, 0.25), churned, Costs(), resamples=0)
    assert found is not None
    assert (found.auc.value, found.top_decile_lift.value) == (pytest.approx(0.5), pytest.approx(1.0))
    assert found.pr_auc.value == pytest.approx(0.25)


def test_the_interval_is_as_wide_as_repeated_samples_are() -> None:
    aucs = [metrics.roc_auc_score(c, r) for r, c in (_examples(800, seed) for seed in range(200))]
    found = evaluate(*_examples(800, 1)[0:2], Costs())
    assert found is not None
    assert found.auc.high - found.auc.low == pytest.approx(4 * np.std(aucs), rel=0.35)


def test_customers_seen_on_several_dates_widen_the_interval() -> None:
    risk, churned = _examples(800, 1)
    once = evaluate(risk, churned, Costs())
    four = np.tile(np.arange(800), 4)
    repeated = evaluate(np.tile(risk, 4), np.tile(churned, 4), Costs(), groups=four)
    assert once is not None
    assert repeated is not None
    assert repeated.auc.value == pytest.approx(once.auc.value)
    assert repeated.auc.high - repeated.auc.low == pytest.approx(once.auc.high - once.auc.low, rel=0.2)


def test_too_few_of_either_outcome_give_no_figures() -> None:
    churned = np.zeros(500, dtype=bool)
    churned[:9] = True
    assert evaluate(np.linspace(0, 1, 500), churned, Costs()) is None
    assert evaluate(np.linspace(0, 1, 500), ~churned, Costs()) is None


def test_calibration_error_by_hand() -> None:
    risk = np.array([0.1] * 10 + [0.5] * 10)
    churned = np.array([True] * 2 + [False] * 8 + [True] * 4 + [False] * 6)
    bins = reliability_bins(risk, churned, 2)
    assert [(b.examples, b.mean_risk, b.churned_share) for b in bins] == [
        (10, pytest.approx(0.1), 0.2),
        (10, pytest.approx(0.5), 0.4),
    ]
    assert expected_calibration_error(bins) == pytest.approx(0.1)


def test_expected_profit_agrees_with_integration_over_every_threshold() -> None:
    risk, churned = _examples(400, 5)
    costs = Costs()
    order = np.argsort(-risk, kind="stable")
    values, starts = np.unique(-risk[order], return_index=True)
    pos = np.add.reduceat(churned[order].astype(float), starts)
    neg = np.add.reduceat((~churned[order]).astype(float), starts)
    assert len(values) == len(pos)
    left = np.concatenate([[0], np.cumsum(pos)]) / len(risk)
    stayed = np.concatenate([[0], np.cumsum(neg)]) / len(risk)
    rates = np.linspace(0, 1, 20001)[:-1] + 0.5 / 20000
    # Profit a customer at each acceptance rate, for the best of all thresholds.
    each = (
        np.outer(rates, (costs.customer_value - costs.offer) * left)
        - costs.contact * left
        - (costs.offer + costs.contact) * stayed
    )
    best = each.argmax(axis=1)
    weight = stats.beta.pdf(rates, costs.accept_alpha, costs.accept_beta) / 20000
    profit, share = expected_profit(pos, neg, costs)
    assert profit == pytest.approx(float((each.max(axis=1) * weight).sum()), rel=1e-4)
    assert share == pytest.approx(float(((left + stayed)[best] * weight).sum()), abs=2e-3)


def test_a_model_that_ranks_the_same_and_lies_about_the_level_does_not_gain() -> None:
    risk, churned = _examples()
    assert relative_gain(np.clip(risk * 3, 0, 1), risk, churned) < 0
    assert relative_gain(risk, np.full(len(risk), churned.mean()), churned) > 0.05
    assert relative_gain(risk, risk, churned) == 0
