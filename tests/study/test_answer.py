"""The answer of a study in three sentences."""

import pytest

from gnn_sim2real.law.inversion import Quantity
from gnn_sim2real.law.numbers import format_with_ends
from gnn_sim2real.study.page.answer import answer, curve_of

NETWORK = {"architecture": "GINE", "policy": "full", "growth": "random", "pretraining": "", "target_size": 50}


def row(policy, level, mean, architecture="GINE", size=50, num_test=30.0):
    return {
        **NETWORK,
        "architecture": architecture,
        "policy": policy,
        "source_level": level,
        "source_size": {"0": 0, "100": 100}.get(level, 900),
        "target_size": size,
        "num_test": num_test,
        "mae": {"mean": mean, "low": mean - 0.01, "high": mean + 0.01},
    }


def gain(over, low, high, level="0", architecture="GINE"):
    other = {**NETWORK, "architecture": architecture, "policy": over, "source_level": level}
    return {
        **NETWORK,
        "source_level": "all",
        "over": other,
        "gain": {"mean": (low + high) / 2, "low": low, "high": high},
    }


def summary(*, scratch=(0.01, 0.03), trees=(0.02, 0.04), trees_error=0.08):
    return {
        "metric": "mae",
        "unit": "g/cm3",
        "rows": [
            row("full", "all", 0.05),
            row("full", "100", 0.04),  # less by chance, with a smaller source
            row("full", "0", 0.07),
            row("extra_trees", "0", trees_error, architecture=""),
            row("simulated_value", "0", 0.01, architecture="", num_test=12.0),
            row("full", "all", 0.09, size=20),
        ],
        "gains": [gain("full", *scratch), gain("extra_trees", *trees, architecture="")],
        "next": [{**NETWORK, "text": "one more seed"}],
    }


CURVE = curve_of(NETWORK)
FALLS, FLAT = Quantity(0.004, (0.002, 0.006)), Quantity(0.004, (0.0, 0.006))


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [((0.01, 0.03), "The source helps"), ((-0.01, 0.03), "is not shown to help"), ((-0.03, -0.01), "does harm")],
)
def test_the_first_sentence_goes_by_the_interval_against_the_same_network_from_scratch(interval, verdict):
    first, *_ = answer(summary(scratch=interval), {CURVE: FALLS}, {})
    assert verdict in first
    sign = 1 if sum(interval) > 0 else -1
    low, high = sorted(sign * end for end in interval)
    assert format_with_ends(abs(sum(interval)) / 2, low, high) in first
    assert ("not shown to differ" in first) == (interval[0] < 0 < interval[1])


def test_the_strongest_simple_method_answers_for_all_test_materials():
    first, *_ = answer(summary(), {CURVE: FALLS}, {})
    assert "extra trees" in first
    assert "simulated value" not in first
    assert format_with_ends(0.03, 0.02, 0.04) in first


def test_the_answer_is_on_the_most_measurements_and_the_least_error():
    first, *_ = answer(summary(), {CURVE: FALLS}, {})
    assert "50 measured" in first
    assert "900 simulated" in first


def test_what_doubling_buys_is_shown_only_where_its_interval_leaves_out_zero():
    shown, flat, without = (answer(summary(), found, {})[1] for found in ({CURVE: FALLS}, {CURVE: FLAT}, {}))
    assert "1,800" in shown
    assert "not shown" not in shown
    assert "not shown" in flat
    assert "cannot be told" in without


@pytest.mark.parametrize(
    ("doubling", "worth", "trees", "word"),
    [
        ({CURVE: FALLS}, {}, (-0.04, -0.02), "another model"),
        ({CURVE: FALLS}, {CURVE: Quantity(24.0, (15.0, 76.0))}, (0.02, 0.04), "24 [15, 76] calculations"),
        ({CURVE: FALLS}, {}, (0.02, 0.04), "Next, calculations"),
        ({CURVE: FLAT}, {}, (0.02, 0.04), "one more seed"),
    ],
)
def test_what_comes_next_is_a_model_a_measurement_calculations_or_certainty(doubling, worth, trees, word):
    assert word in answer(summary(trees=trees), doubling, worth)[2]


def test_without_a_tested_model_with_a_source_there_is_no_answer():
    assert answer({**summary(), "rows": [row("extra_trees", "0", 0.08, architecture="")]}, {}, {}) == []


def test_where_the_source_is_not_shown_to_help_no_calculations_are_advised():
    worth = {CURVE: Quantity(24.0, (15.0, 76.0))}
    assert "one more seed" in answer(summary(scratch=(-0.01, 0.03)), {CURVE: FALLS}, worth)[2]
