"""Sentences that say whether a source helps."""

import re

import pytest

from gnn_sim2real.study.text import format_transfer


def gain(low, mean, high, policy="full", architecture="GINE", level="0", of="full", m=50):
    over = {"policy": policy, "architecture": architecture, "source_level": level, "target_size": m}
    return {
        "policy": of,
        "architecture": "GINE",
        "growth": "random",
        "pretraining": "",
        "target_size": m,
        "source_level": "all",
        "over": over,
        "gain": {"low": low, "mean": mean, "high": high, "num_repeats": 15},
    }


def say(*gains):
    return format_transfer({"metric": "mae", "unit": "K", "gains": list(gains)})


@pytest.mark.parametrize(
    ("scratch", "trees", "verdict"),
    [
        ((8, 12, 16), (1, 2, 3), "transfer helps"),
        ((8, 12, 16), (-1, 2, 5), "transfer is not shown to help"),
        ((-3, 1, 5), (1, 2, 3), "transfer is not shown to help"),
        ((8, 12, 16), (-6, -4, -2), "transfer does not help"),
    ],
)
def test_a_source_helps_if_it_beats_all_that_needs_none(scratch, trees, verdict):
    (sentence,) = say(gain(*scratch), gain(*trees, "extra_trees", ""))
    assert sentence.startswith(f"GINE, fine-tuned, m = 50: {verdict}. ")


def test_both_comparisons_stand_in_the_sentence():
    (sentence,) = say(gain(8, 12, 16), gain(-6, -4, -2, "extra_trees", ""))
    better, worse = r"lowers the MAE by 12 K \[8, 16\] .*from scratch", r"raises the MAE by 4 K \[2, 6\] .*extra trees"
    assert re.search(f"{better}.*{worse}", sentence)
    (unsure,) = say(gain(-3, 1, 5))
    assert re.search(r"changes the MAE by -1 K \[-5, 3\] .*from scratch", unsure)


def test_what_has_a_source_or_another_network_does_not_count():
    others = [
        gain(1, 2, 3, "calibrated_source", level="all"),
        gain(1, 2, 3, "extra_trees_with_source", "", level="all"),
        gain(1, 2, 3, architecture="SchNet"),
        gain(1, 2, 3, "affine"),
    ]
    assert say(*others) == []


def test_a_correction_has_the_same_correction_and_the_corrected_value_as_rivals():
    gains = [
        gain(8, 9, 10, of="affine"),
        gain(1, 2, 3, "affine", of="affine"),
        gain(-1, 1, 3, "calibrated_simulated_value", "", of="affine"),
    ]
    for order in (gains, gains[::-1]):
        (sentence,) = say(*order)
        verdict = "^GINE, affine, m = 50: transfer is not shown to help"
        network, line = (
            r"lowers the MAE by 2 K \[1, 3\] .*scratch",
            r"changes the MAE by -1 K \[-3, 1\] .*straight line",
        )
        assert re.search(f"{verdict}.*{network}.*{line}", sentence)
    assert say(gain(-1, 1, 3, "calibrated_simulated_value", "")) == []


def test_a_single_run_makes_no_verdict():
    assert say(gain(None, 2, None)) == []


def test_one_sentence_per_curve():
    sentences = say(gain(1, 2, 3), gain(1, 2, 3, m=100), gain(1, 2, 3, of="l2_sp"))
    assert [each.split(":")[0] for each in sentences] == [
        "GINE, fine-tuned, m = 50",
        "GINE, fine-tuned, m = 100",
        "GINE, fine-tuned, L2-SP, m = 50",
    ]
