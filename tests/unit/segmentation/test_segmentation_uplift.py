"""The interval of an uplift against the worked examples of Newcombe (1998), method 10."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmentation.uplift import uplift


@pytest.mark.parametrize(
    ("counts", "difference", "low", "high"),
    [
        # Statistics in Medicine 17, 873-890, table II: contrasts (a) to (h).
        ((56, 70, 48, 80), 0.2000, 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.6000, 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.5714, 0.0582, 0.8062),
        ((5, 56, 0, 29), 0.0893, -0.0381, 0.1926),
        ((0, 10, 0, 20), 0.0000, -0.1611, 0.2775),
        ((0, 10, 0, 10), 0.0000, -0.2775, 0.2775),
        ((10, 10, 0, 20), 1.0000, 0.6791, 1.0000),
        ((10, 10, 0, 10), 1.0000, 0.6075, 1.0000),
    ],
)
def test_newcombes_examples(counts, difference, low, high):
    found = uplift(*counts)
    assert found is not None
    assert (round(found.difference, 4), round(found.low, 4), round(found.high, 4)) == (difference, low, high)


def test_clear_is_what_leaves_out_nothing():
    assert uplift(56, 70, 48, 80).is_clear
    assert uplift(48, 80, 56, 70).is_clear
    assert not uplift(5, 56, 0, 29).is_clear


@pytest.mark.parametrize("counts", [(0, 0, 3, 5), (3, 5, 0, 0)])
def test_an_empty_group_has_no_uplift(counts):
    assert uplift(*counts) is None


@pytest.mark.parametrize("counts", [(6, 5, 0, 1), (-1, 5, 0, 1), (0, 1, 2, 1)])
def test_counts_that_cannot_be_are_refused(counts):
    with pytest.raises(ValueError, match="retained of"):
        uplift(*counts)


shares = st.integers(1, 500).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole)))


@given(shares, shares)
def test_it_holds_the_difference_stays_within_bounds_and_turns_round(one, other):
    found, turned = uplift(*one, *other), uplift(*other, *one)
    assert -1 <= found.low <= found.difference <= found.high <= 1
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))
