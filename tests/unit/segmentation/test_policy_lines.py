"""Lines of a policy's text: where a rule stands, in a segment or in the policy itself."""

import pytest

from segmentation.policy import preset
from segmentation.policy_lines import policy_line

TEXT = preset("default")
SEGMENTED = TEXT + b"segments:\n  - name: young\n    brands: [m]\n    policy:\n      arpu:\n        window_months: 1\n"
LINES = SEGMENTED.decode().splitlines()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (("tiers", 1), "name: mid, min_score: 50"),
        (("value", "arpu", "steps", 0), "from: 30, points: 20"),
        (("value", "credit", "steps", 3), "from: 90, points: 100"),
        (("moves", "demotion", "margin"), "margin: {value: 10"),
        (("lists", "red"), "red: {at_least: high"),
    ],
)
def test_a_rule_is_found_on_its_line(path, words):
    assert words in LINES[policy_line(SEGMENTED, *path) - 1]


def test_a_segments_own_section_comes_first_and_what_it_lacks_is_the_policys():
    assert "window_months: 1" in LINES[policy_line(SEGMENTED, "arpu", "window_months", segment="young") - 1]
    assert "window_months: {value: 3" in LINES[policy_line(SEGMENTED, "arpu", "window_months", segment="base") - 1]
    assert policy_line(SEGMENTED, "tiers", 1, segment="young") == policy_line(SEGMENTED, "tiers", 1)


def test_a_default_points_at_the_nearest_line_above_it_or_nowhere():
    whole = policy_line(TEXT, "lifecycle", "growth")
    assert policy_line(TEXT, "lifecycle", "growth", "usage_ratio") == whole
    assert policy_line(b"name: a\n", "moves", "demotion") is None
