"""Reading a policy: what it says, what is refused and in which words, what its fingerprint depends on."""

import datetime as dt
from decimal import Decimal

import pytest
from pydantic import ValidationError
from segmentation_rows import DEFAULT, changed_text, policy_with

from segmentation.policy import PRESETS, PolicyError, preset, read_policy


def test_what_the_default_policy_says():
    assert (DEFAULT.name, DEFAULT.version, DEFAULT.label, DEFAULT.currency) == ("default", "1", "default@1", "CNY")
    assert DEFAULT.tier_names == ("high", "mid", "ordinary")
    assert [(step.from_, step.points) for step in DEFAULT.value.arpu.steps] == [
        (30, 20),
        (50, 40),
        (80, 60),
        (120, 80),
        (200, 100),
    ]
    assert DEFAULT.value.arpu.weight.value == Decimal("0.5")
    assert DEFAULT.value.arpu.steps[0].reason == "the usual entry plan"
    assert DEFAULT.value.arpu.steps[0].date == dt.date(2026, 1, 1)
    assert (DEFAULT.arpu.window_months.value, DEFAULT.arpu.closing_day.value) == (3, 5)
    assert DEFAULT.churn.tenure_bands_months == (0, 3, 12, 24, 36)
    assert DEFAULT.lists.service_list_precedence == ("black", "red")


def test_a_policy_without_segments_has_one_that_takes_everybody():
    assert [(s.name, s.brands, s.payment_types, s.policy) for s in DEFAULT.segments] == [("base", (), (), DEFAULT)]


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_policies_of_their_own_name(name):
    assert read_policy(preset(name), name).name == name


def test_an_unknown_preset_names_those_that_exist():
    with pytest.raises(
        PolicyError,
        match="no preset policy is called 'gold'; there are default, quantile, pareto, star, gotone_2025",
    ):
        preset("gold")


def test_a_policy_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        DEFAULT.name = "other"


def test_sections_left_out_have_the_documented_defaults():
    text = preset("default").decode()
    without_arpu = text[: text.index("arpu:\n")] + text[text.index("credit:\n") :]
    arpu = read_policy(without_arpu.encode()).arpu
    assert (arpu.window_months.value, arpu.closing_day.value, arpu.no_history_points.value) == (3, 5, 0)


@pytest.mark.parametrize(
    ("changes", "place", "wording"),
    [
        ([("name: default", "name: default\nvalu: 1")], "(whole policy)", "unknown key 'valu': did you mean 'value'?"),
        ([("closing_day", "closing_days")], "arpu", "unknown key 'closing_days': did you mean 'closing_day'?"),
        ([("from: 30, points", "form: 30, points")], "value.arpu.steps[1]", "unknown key 'form': did you mean 'from'?"),
        ([("min_score: 50", "min_points: 50")], "tiers[2]", "unknown key 'min_points': did you mean 'min_score'?"),
        ([("at_most: ordinary", "zzz: ordinary")], "lists.black", "known here: reason, date, at_least, at_most"),
        (
            [("closing_day: {value: 5,", "closing_day: {valeu: 5,")],
            "arpu.closing_day",
            "unknown key 'valeu': did you mean 'value'?",
        ),
        ([("owner: customer-value@operator.example\n", "")], "owner", "this key is missing; add it"),
        ([('version: "1"', "version: 1")], "version", "expected text; found 1; put it in quotes"),
        ([("on_time: {value: 0.4,", "on_time: {value: 0.3999,")], "credit.weights", "arrears_stops 0.2 = 0.9999"),
        (
            [("on_time: {value: 0.4,", "on_time: {value: 0.5,")],
            "credit.weights",
            "weights must sum to 1 exactly; on_time 0.5 + ",
        ),
        (
            [("weight: {value: 0.5, r", "weight: {value: 0.6, r")],
            "value",
            "arpu.weight 0.6 + tenure.weight 0.3 + credit.weight 0.2 = 1.1",
        ),
        ([("from: 50,", "from: 20,")], "value.arpu", "steps are not ordered: 20 comes after 30; list them ascending"),
        ([("from: 50,", "from: 30,")], "value.arpu", "steps are not ordered: 30 comes after 30"),
        ([("from: 30, points: 20", "from: 30, points: 40")], "value.arpu", "a higher value must give more points"),
        ([("from: 30, points", "quantile: 0.3, points")], "value.arpu", "steps mix `from:` and `quantile:`"),
        ([("from: 30, points", "from: 30, quantile: 0.3, points")], "value.arpu.steps[1]", "give exactly one of them"),
        (
            [("from: 30, points", "from: -1, points")],
            "value.arpu.steps[1].from",
            "greater than or equal to 0; found -1",
        ),
        (
            [("from: 60, points: 100", "from: 60, points: 101")],
            "value.tenure",
            "weighted points go to 100; leave out all",
        ),
        (
            [("min_score: 75", "min_score: 101")],
            "(whole policy)",
            "'high' begins at 101, and weighted scores end at 100",
        ),
        ([("moves:\n", "moves:\n  promoton: at_once\n")], "moves", "unknown key 'promoton': did you mean 'promotion'?"),
        ([("promotion: at_once", "promotion: at_rating")], "moves", "promotion at_rating needs `validity:`"),
        (
            [("moves:\n", "moves:\n  validity: {months: 12, until: '01-31'}\n")],
            "moves.validity",
            "give either `months: 12`",
        ),
        (
            [("moves:\n", "moves:\n  validity: {until: '02-30'}\n")],
            "moves.validity",
            "until 02-30 is no day of every year",
        ),
        (
            [("{tier: high, min_arpu", "{tier: gold, min_arpu")],
            "(whole policy)",
            "provisional.tier: no tier is called 'gold'",
        ),
        (
            [("tiers: [mid], stages: [warning]", "tiers: [middle], stages: [warning]")],
            "(whole policy)",
            "plays[2].tiers: no",
        ),
        (
            [('from: 150, reason: "the spend', 'from: 70, reason: "the spend')],
            "(whole policy)",
            "spend_grade are not ordered",
        ),
        ([("measure: data_bytes", "measure: data")], "hints[3].measure", "found 'data'"),
        ([("reason_codes: ", "reason_code: ")], "lifecycle.warning.complaints", "did you mean 'reason_codes'?"),
        (
            [("min_score: 50", "min_score: 80")],
            "(whole policy)",
            "tiers are not ordered: 'mid' (min_score 80) follows 'high'",
        ),
        ([("min_score: 50", "min_score: 75")], "(whole policy)", "'mid' (min_score 75) follows 'high' (min_score 75)"),
        ([("ordinary, min_score: 0", "ordinary, min_score: 1")], "(whole policy)", "'ordinary', must have min_score 0"),
        ([("name: mid, min_score", "name: high, min_score")], "(whole policy)", "tiers: 'high' is named twice"),
        (
            [("at_least: high", "at_least: gold")],
            "(whole policy)",
            "lists.red.at_least: no tier is called 'gold'; use one of",
        ),
        (
            [("{at_most: ordinary", "{at_least: ordinary, at_most: high")],
            None,
            None,
        ),
        (
            [("{at_least: high", "{at_least: high, at_most: mid")],
            "(whole policy)",
            "lists.red: at least high and at most mid contradict; drop one of them",
        ),
        ([("[black, red, vip]", "[black, red]")], "lists", "must name red, black and vip once each"),
        (
            [("growth:\n    tenure_below_months: 12", "growth:\n    tenure_below_months: 2")],
            "lifecycle",
            "growth ends at month 2, before identification (3)",
        ),
        ([("min_risk: 0.025", "min_risk: 0.06")], "churn", "bands are not ordered: 'elevated'"),
        ([("[0, 3, 12, 24, 36]", "[3, 12]")], "churn", "tenure_bands_months [3, 12] must begin with 0 and ascend"),
        (
            [("prior_exposures: {value: 200", 'prior_exposures: {value: "200"')],
            "churn.prior_exposures.value",
            "expected a plain number such as 30",
        ),
        ([("inactive_days: {value: 30", "inactive_days: {value: 91")], None, "less than or equal to 90; found 91"),
    ],
)
def test_faults_name_the_key_what_is_wrong_and_the_cure(changes, place, wording):
    text = changed_text(*changes)
    if wording is None:  # at least ordinary and at most high is everybody as they are: pointless, and no contradiction
        read_policy(text)
        return
    with pytest.raises(PolicyError) as raised:
        read_policy(text, "mine.yaml")
    message = str(raised.value)
    assert message.startswith("policy mine.yaml cannot be used:\n")
    assert wording in message
    assert place is None or f"\n  {place}: " in message


def test_one_band_with_the_band_rule_on_would_warn_everybody():
    text = preset("default").decode()
    start, end = text.index("    - {name: high, min_risk"), text.index("    - {name: low")
    one_band = text[:start] + text[end:]
    with pytest.raises(PolicyError, match="everybody would be in stage warning; add a band or switch the rule off"):
        read_policy(one_band.encode())
    read_policy(one_band.replace("top_churn_band: true", "top_churn_band: false").encode())


def test_all_faults_are_listed_at_once():
    with pytest.raises(PolicyError) as raised:
        read_policy(
            changed_text(
                ("closing_day", "closing_days"), ("on_time: {value: 0.4,", "on_time: {value: 0.5,"), ("CNY", "yuan")
            )
        )
    assert len(str(raised.value).splitlines()) == 4


@pytest.mark.parametrize(
    ("text", "wording"),
    [
        (b"name: \xff", "not UTF-8 text"),
        (b"- a\n- b", "found no mapping"),
        (b"", "found no mapping"),
        (b"name: [a", "line 1"),
        (b"name: a\nowner: b\nname: c", "line 3: key 'name' is written twice"),
        (b"name: a\nx: .inf", "line 2: '.inf' is not a plain decimal number"),
        (b"x: 2026-02-30", "day is out of range"),
        (b"!!python/object/apply:os.getcwd []", "could not determine a constructor"),
    ],
)
def test_what_is_not_a_policy_text_is_refused(text, wording):
    with pytest.raises(PolicyError, match="policy mine.yaml: .*" + wording.replace(".", r"\.")):
        read_policy(text, "mine.yaml")


def test_a_threshold_may_be_bare_or_carry_its_grounds():
    bare = policy_with(
        (
            'neutral: {value: 60, reason: "no payment history is neither good nor bad: reaches the second '
            'step only", date: 2026-01-01}',
            "neutral: 60",
        )
    )
    assert bare.credit.neutral.value == 60
    assert bare.credit.neutral.reason is None


def test_numbers_are_exact():
    assert policy_with(
        ("spend_ratio: {value: 1.2", "spend_ratio: {value: 1.3")
    ).lifecycle.growth.spend_ratio.value == Decimal("1.3")
    assert isinstance(DEFAULT.value.tenure.steps[0].from_, Decimal)


@pytest.mark.parametrize(
    ("case", "change", "same"),
    [
        ("a comment", ("arpu:\n  window", "# why\narpu:\n  window"), True),
        ("order of keys", ('name: default\nversion: "1"', 'version: "1"\nname: default'), True),
        ("1 and 1.0", ("min_score: 75", "min_score: 75.0"), True),
        ("10 and 1e1 are written alike", ("min_score: 50", "min_score: 50.000"), True),
        ("a default left out", ("  history_months: 12\n", ""), True),
        ("a threshold", ("min_score: 75", "min_score: 76"), False),
        ("a reason", ("half of all points", "half of the points"), False),
        ("the version", ('version: "1"', 'version: "2"'), False),
        ("the order of precedence", ("[black, red, vip]", "[red, black, vip]"), False),
    ],
)
def test_the_fingerprint_is_the_contents(case, change, same):
    assert (policy_with(change).fingerprint == DEFAULT.fingerprint) is same, case
    assert len(DEFAULT.fingerprint) == 64


SEGMENT = """
segments:
  - name: young
    brands: [m-zone]
    payment_types: [prepaid]
    policy:
      arpu: {window_months: 1}
      tiers: [{name: high, min_score: 60}, {name: mid, min_score: 30}, {name: ordinary, min_score: 0}]
"""


def test_a_segment_replaces_whole_sections_and_keeps_the_rest():
    policy = read_policy(preset("default") + SEGMENT.encode())
    young, base = policy.segments
    assert (young.name, young.brands, young.payment_types) == ("young", ("m-zone",), ("prepaid",))
    assert (young.policy.arpu.window_months.value, young.policy.arpu.closing_day.value) == (1, 5)
    assert [tier.min_score for tier in young.policy.tiers] == [60, 30, 0]
    assert young.policy.value == base.policy.value
    assert (base.name, base.brands, base.policy) == ("base", (), policy)
    assert DEFAULT.segments[0].policy is DEFAULT


@pytest.mark.parametrize(
    ("old", "new", "wording"),
    [
        ("name: young", "name: base", "the name base is taken"),
        ("    brands: [m-zone]\n    payment_types: [prepaid]\n", "", "a segment names brands, payment_types or both"),
        ("[prepaid]", "[paid]", "payment type 'paid' is neither postpaid nor prepaid"),
        ("arpu: {window", "churn: {window", "churn can't be a segment's; one policy has one of it"),
        ("window_months: 1", "window_month: 1", "unknown key 'window_month': did you mean 'window_months'?"),
        ("name: mid, min_score: 30", "name: middle, min_score: 30", "no tier is called 'mid'"),
        (
            "{name: high, min_score: 60}",
            "{name: top, min_score: 80}, {name: high, min_score: 60}",
            "use the same names",
        ),
    ],
)
def test_what_a_segment_may_not_be(old, new, wording):
    assert SEGMENT.count(old) == 1
    with pytest.raises(PolicyError) as raised:
        read_policy(preset("default") + SEGMENT.replace(old, new).encode(), "mine.yaml")
    assert wording in str(raised.value)


def test_the_fingerprint_sees_a_segment_and_not_how_it_is_written():
    def fingerprint(text: str) -> str:
        return read_policy(preset("default") + text.encode()).fingerprint

    assert fingerprint(SEGMENT) != DEFAULT.fingerprint
    assert fingerprint(SEGMENT) == fingerprint(SEGMENT.replace("min_score: 60", "min_score: 60.0"))
    assert fingerprint(SEGMENT) != fingerprint(SEGMENT.replace("min_score: 60", "min_score: 61"))
