"""A logit turned into a risk that means what it says: a sigmoid whose slope and offset are fitted on unseen examples.
Does not belong here: which examples these are (fit.py)."""

# Why a sigmoid on the logit: it keeps the ranking and keeps the logit a sum, so that reasons stay additive. Isotonic
# regression makes ties of different customers, and CalibratedClassifierCV(FrozenEstimator(m)) wants one estimator
# where an average of logits has none; this is what it would fit with method="sigmoid" and weak regularisation.

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from segmentation.churn.examples import Flags, Floats

# Weak enough to move no fit of some hundred examples, enough to keep one finite that separates perfectly.
_C = 100.0


def fit_calibration(logits: Floats, churned: Flags) -> LogisticRegression:
    """The fitted sigmoid: risk = expit(slope × logit + offset), slope ≥ 0.

    Logits that rank the wrong way round know nothing: the slope is 0 then, and everybody's risk the observed rate.
    """
    sigmoid = LogisticRegression(C=_C).fit(logits[:, None], churned)
    if sigmoid.coef_[0, 0] < 0:
        sigmoid.coef_ = np.zeros((1, 1))
        sigmoid.intercept_ = np.array([logit((churned.sum() + 0.5) / (len(churned) + 1))])
    return sigmoid


def calibrated(sigmoid: LogisticRegression, logits: Floats) -> Floats:
    """Slope × logit + offset, element by element."""
    found: Floats = logits * float(sigmoid.coef_[0, 0]) + float(sigmoid.intercept_[0])
    return found


def judge(logits: Floats, churned: Flags) -> dict[str, float]:
    """log_loss, auc and brier of logits after a sigmoid of their own: how good a candidate is once it is calibrated."""
    risk = expit(calibrated(fit_calibration(logits, churned), logits))
    return {
        "log_loss": float(log_loss(churned, risk)),
        "auc": float(roc_auc_score(churned, logits)),
        "brier": float(brier_score_loss(churned, risk)),
    }
