"""Geometric means, which reports show beside a law of logarithms."""

import math

import numpy as np
import pandas as pd
import pytest
from study_page import record

from gnn_sim2real.law.frame import CONFIDENCE
from gnn_sim2real.law.log_errors import mean_and_half_width, tabulate
from gnn_sim2real.records.geometric import geometric_gain, geometric_mean, with_geometric_means
from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.results import tabulate_records
from gnn_sim2real.records.summary import summarize


def repeats(values):
    index = pd.MultiIndex.from_tuples(list(values), names=["split", "seed"])
    return pd.Series(list(values.values()), index=index)


def test_it_is_the_point_of_the_figure():
    errors = {(split, seed): 0.1 * (split + 1) * (1 + 0.2 * seed) for split in range(3) for seed in range(2)}
    found = geometric_mean(repeats(errors))
    table = tabulate(np.full((1, 6), 50.0), [*errors.values()], [split for split, _ in errors])
    mean, half = mean_and_half_width(table, CONFIDENCE)
    assert found.mean == pytest.approx(math.exp(mean[0]))
    assert (found.low, found.high) == (
        pytest.approx(math.exp(mean[0] - half[0])),
        pytest.approx(math.exp(mean[0] + half[0])),
    )
    assert found.num_repeats == 6


def test_a_gain_is_the_difference_of_the_means_with_the_interval_of_their_ratio():
    hard = {(split, 0): 2.0**split for split in range(4)}
    pairs = pd.DataFrame({"a": repeats(hard) * 0.8, "b": repeats(hard)})
    found = geometric_gain(pairs)
    other = geometric_mean(pairs["b"]).mean
    assert found.mean == pytest.approx(0.2 * other)
    assert (found.low, found.high) == (pytest.approx(found.mean), pytest.approx(found.mean))  # one ratio in all splits


def test_an_error_of_zero_has_no_interval():
    found = geometric_mean(repeats({(0, 0): 0.0, (1, 0): 1.0}))
    assert found.mean == 0
    assert math.isnan(found.low)
    pairs = pd.DataFrame({"a": repeats({(0, 0): 0.0, (1, 0): 1.0}), "b": repeats({(0, 0): 4.0, (1, 0): 1.0})})
    assert geometric_gain(pairs).mean == pytest.approx(2.0)


def test_a_summary_has_both_and_a_report_shows_one():
    found = [record("full", size, 50, split, 0) for size in (0, 50) for split in range(3)]
    summary = summarize(Results(tabulate_records(found)))
    shown = with_geometric_means(summary)
    for before, row in zip(summary["rows"], shown["rows"], strict=True):
        assert row["mae"]["mean"] < before["mae"]["mean"]
        assert row["mae"]["num_repeats"] == before["mae"]["num_repeats"] == 3
    scratch, tuned = (row["mae"]["mean"] for row in shown["rows"])
    (gain,) = shown["gains"]
    assert gain["gain"]["mean"] == pytest.approx(scratch - tuned)
