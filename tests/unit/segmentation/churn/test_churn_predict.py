"""Risks and reasons: equal to scikit-learn's own, sums of their parts, and each row's by itself."""

from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.preprocessing import SplineTransformer

from segmentation.churn.boosting import Boosting
from segmentation.churn.calibrate import calibrated, fit_calibration
from segmentation.churn.curves import Curves, basis_of, expand
from segmentation.churn.encode import fit_encoding
from segmentation.churn.examples import KIND
from segmentation.churn.predict import ChurnModel, Part
from segmentation.columns import ColumnsError


@pytest.fixture(scope="module")
def part(trees) -> Part:
    return trees.parts[0]


@pytest.fixture(scope="module")
def asked(customers) -> pl.DataFrame:
    return customers(700, seed=2)[0]


def test_the_risk_is_scikit_learns_own_rounded_half_up_once(part, asked) -> None:
    matrix = part.encoding.matrix(asked)
    (share, curves), (rest, trees) = part.components
    logit = share * curves.estimator.decision_function(expand(curves.basis, matrix))
    logit = logit + rest * trees.estimator.decision_function(matrix)
    risk = part.calibration.predict_proba(logit[:, None])[:, 1]
    expected = [Decimal(repr(float(p))).quantize(Decimal("0.000001"), ROUND_HALF_UP) for p in risk]
    assert ChurnModel([part]).predict(asked)["churn_risk"].to_list() == expected
    assert ChurnModel([part]).predict(asked).schema["churn_risk"] == pl.Decimal(7, 6)


def test_trees_add_up_as_scikit_learn_adds_them(part, asked) -> None:
    matrix = part.encoding.matrix(asked)
    trees = part.components[1][1]
    assert isinstance(trees, Boosting)
    np.testing.assert_array_equal(trees.logits(matrix), trees.estimator.decision_function(matrix))


def test_hats_are_scikit_learns_splines_of_first_degree() -> None:
    values = np.random.default_rng(0).gamma(2.0, 3.0, (500, 1))
    column = basis_of(values)[0]
    knots = np.array(column.knots)[:, None]
    splines = SplineTransformer(knots=knots, degree=1, extrapolation="constant").fit_transform(values)
    np.testing.assert_allclose(expand([column], values)[:, 1:], splines, atol=1e-12)


def test_reasons_add_up_to_the_logit(part, asked) -> None:
    matrix = np.ascontiguousarray(part.encoding.matrix(asked))
    names = [feature.name for feature in part.encoding.features]
    groups = np.array([names.index(name) for name in part.encoding.feature_of_column()])
    logits, parts = part.explained(matrix, groups, len(names))
    np.testing.assert_allclose(part.base() + parts.sum(axis=0), logits, atol=1e-9)


def test_reasons_are_distances_from_the_mean_customer(part, customers) -> None:
    matrix = np.ascontiguousarray(part.encoding.matrix(customers(900)[0]))
    groups = np.arange(part.encoding.width)
    _, parts = part.explained(matrix, groups, part.encoding.width)
    np.testing.assert_allclose(parts.sum(axis=0).mean(), 0, atol=1e-9)


def test_what_a_feature_adds_is_found_where_it_was_put(part) -> None:
    """Complaints, a young tenure and a high bill raise the risk of made customers; a long tenure alone does not."""
    mild = {"bill": Decimal(60), "plan": "basic", "prepaid": False, "region": "north"}
    rows = [
        {**mild, "tenure_months": 1, "complaints": 3},
        {**mild, "tenure_months": 58, "complaints": 0},
        {**mild, "tenure_months": 30, "complaints": 0, "bill": Decimal(200)},
    ]
    found = ChurnModel([part]).predict(pl.DataFrame(rows).cast({"bill": pl.Decimal(18, 4)}))
    shown = [text.split(";") for text in found["churn_drivers"].to_list()]
    assert set(shown[0][:2]) == {"complaints", "tenure_months"}
    assert "tenure_months" not in shown[1]
    assert shown[2][0] == "bill"
    assert all(len(one) <= 3 for one in shown)


def test_features_of_one_driver_are_told_as_one(part, asked) -> None:
    drivers = dict.fromkeys(["tenure_months", "bill", "complaints", "plan"], "all_that_counts")
    model = ChurnModel([part])
    found = model.predict(asked, drivers)
    told = {code for text in found["churn_drivers"] for code in text.split(";") if code}
    assert told == {"all_that_counts", "prepaid", "region"}
    np.testing.assert_array_equal(found["churn_logit"], model.predict(asked)["churn_logit"])


@given(data=st.data())
def test_a_row_is_the_same_alone_shuffled_and_split(part, asked, data) -> None:
    model = ChurnModel([part])
    whole = model.predict(asked)
    rows = data.draw(st.lists(st.integers(0, asked.height - 1), min_size=1, max_size=40))
    found = model.predict(asked[rows], threads=data.draw(st.integers(1, 3)))
    assert found["churn_logit"].to_numpy().tobytes() == whole["churn_logit"].to_numpy()[rows].tobytes()
    assert found.equals(whole[rows])


def test_chunks_in_threads_give_the_same_bits(part, asked) -> None:
    model, many = ChurnModel([part]), pl.concat([asked] * 60)
    found = model.predict(many, threads=2)
    assert found.equals(pl.concat([model.predict(asked)] * 60))


def test_extremes_and_unknowns_have_a_risk(part) -> None:
    rows = pl.DataFrame(
        {
            "tenure_months": [None, 2**31 - 1, -(2**31)],
            "bill": [None, 1e300, float("-inf")],
            "complaints": [None, 10**9, -1],
            "plan": [None, "never seen", ""],
            "prepaid": [None, True, False],
            "region": [None, "never seen", "north"],
        }
    )
    found = ChurnModel([part]).predict(rows)
    assert found["churn_risk"].null_count() == 0
    assert all(0 <= risk <= 1 for risk in found["churn_risk"])


def test_an_empty_frame_gives_an_empty_answer(part, asked) -> None:
    found = ChurnModel([part]).predict(asked.head(0))
    assert found.shape == (0, 3)
    assert found.schema == ChurnModel([part]).predict(asked.head(1)).schema


def test_each_payment_type_has_its_own_part_and_others_have_none(part, asked) -> None:
    upside = Part(
        "prepaid", part.encoding, part.components, fit_calibration(np.array([0.0, 1.0]), np.array([True, False]))
    )
    postpaid = Part("postpaid", part.encoding, part.components, part.calibration)
    model = ChurnModel([postpaid, upside])
    assert KIND in model.features
    kinds = pl.Series(KIND, ["postpaid", "prepaid", "none", None], dtype=pl.String)
    found = model.predict(asked.head(4).with_columns(kinds))
    assert found.head(1).equals(ChurnModel([part]).predict(asked.head(1)))
    assert found["churn_risk"].to_list()[1] == Decimal("0.500000")
    assert found.tail(2).null_count().row(0) == (2, 2, 2)
    with pytest.raises(ColumnsError, match=KIND):
        model.predict(asked)


def test_a_null_that_training_never_saw_moves_nothing(customers) -> None:
    frame, churned = customers(400)
    encoding = fit_encoding(frame.select("tenure_months"))
    matrix = encoding.matrix(frame)
    curves = Curves.fit(matrix, churned, 1.0)
    assert curves.logits(np.array([[np.nan]])) == pytest.approx(curves.base())


def test_logits_that_rank_the_wrong_way_round_give_everybody_the_rate() -> None:
    churned = np.array([True] * 20 + [False] * 60)
    logits = np.concatenate([np.full(20, -1.0), np.full(60, 1.0)])
    risk = expit(calibrated(fit_calibration(logits, churned), logits))
    assert risk == pytest.approx(np.full(80, 20.5 / 81))
