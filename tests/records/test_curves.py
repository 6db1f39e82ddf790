"""Curves, means and gains by hand."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from gnn_sim2real.records.curves import (
    CurveLabel,
    Kind,
    by_number,
    by_repeat,
    curve_name,
    curve_of,
    estimate,
    group_curves,
    level_sizes,
    model_name,
    pair_errors,
    paired_gain,
)
from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.record import Record, RecordKey
from gnn_sim2real.records.results import tabulate_records


def record(size=100, mae=0.1, level=None, split=0, seed=0, target_size=20, policy="full", architecture="GINE"):
    cell = RecordKey(architecture, policy, size, level or str(size), target_size, seed, split)
    return Record(repr(cell), cell, "density", "g/cm3", {"mae": mae, "rmse": 2 * mae, "num_test": 10.0}, {})


def test_from_scratch_is_on_no_curve_and_every_other_record_on_one():
    records = [
        record(size, target_size=target, policy=policy, architecture=architecture)
        for size in (0, 50, 100)
        for target in (10, 20)
        for policy in ("full", "frozen_encoder")
        for architecture in ("GINE", "Other")
    ]
    table = tabulate_records(records)
    curves = group_curves(table)
    assert len(curves) == 8
    assert sorted(curves) == list(curves)
    assert sum(map(len, curves.values())) == 16
    assert all(curve_of(table, key) == label for label, found in curves.items() for key in found["key"])
    assert all(found["source_size"].min() > 0 for found in curves.values())


def test_labels_are_words():
    assert (
        curve_name(CurveLabel(2000, "GINE", "full", "diversity")) == "GINE, fine-tuned, grown by diversity, m = 2,000"
    )
    assert curve_name(CurveLabel(20, "GINE", "full")) == "GINE, fine-tuned, m = 20"
    assert curve_name(CurveLabel(20, "", "extra_trees")) == "extra trees, m = 20"
    # a table without these columns
    assert curve_name(CurveLabel(0, "GINE", "")) == "GINE"
    assert curve_name(CurveLabel(0, "", "")) == ""
    # an order that is not installed here, or has no title
    assert model_name(Kind("GINE", "full", "luck")) == "GINE, fine-tuned, grown luck"


def test_all_is_one_level_although_splits_leave_other_numbers():
    records = [
        record(960, level="all", split=0),
        record(965, level="all", split=1),
        record(100, split=0),
        record(100, split=1),
    ]
    assert level_sizes(tabulate_records(records)) == {"all": 962, "100": 100}


def test_all_is_one_size_in_the_fit():
    records = [
        record(size + (split if level == "all" else 0), 2 * size**-0.5 * (1 + 0.02 * split), level, split)
        for size, level in [(50, "50"), (100, "100"), (200, "200"), (960, "all")]
        for split in range(3)
    ]
    (law,) = Results(tabulate_records(records)).laws.values()
    assert law.num_sizes == 4
    assert law.largest_size == 961
    assert law.num_curves == 3
    assert law.decay_rate == pytest.approx(0.5, abs=0.02)


def test_all_measurements_are_one_target_size():
    records = [
        replace(each, cell=replace(each.cell, target_size=100 + 3 * split, target_level="all"))
        for split in range(3)
        for size in (50, 100, 200, 400)
        for each in [record(size, size**-0.5, split=split)]
    ]
    (label,) = curves = group_curves(tabulate_records(records))
    assert label.target_size == 103
    assert curves[label]["split"].nunique() == 3


def test_three_sizes_make_no_law():
    records = [record(size, 1 / size, seed=seed) for size in (50, 100, 200) for seed in (0, 1)]
    assert Results(tabulate_records(records)).laws == {}
    same_size_twice = [*records, record(200, 0.005, level="all"), record(200, 0.005, level="all", seed=1)]
    assert Results(tabulate_records(same_size_twice)).laws == {}


def test_the_metric_is_chosen():
    records = [record(size, size**-0.5, seed=seed) for size in (50, 100, 200, 400) for seed in (0, 1)]
    (mae,), (rmse,) = (Results(tabulate_records(records), metric).laws.values() for metric in ("mae", "rmse"))
    assert rmse.prefactor == pytest.approx(2 * mae.prefactor, rel=0.01)


def repeats(values):
    """Values by split and seed."""
    return pd.Series([*values.values()], pd.MultiIndex.from_tuples([*values], names=["split", "seed"]), dtype=float)


def test_interval_over_splits_by_hand():
    found = estimate(repeats({(0, 0): 1.0, (0, 1): 3.0, (1, 0): 5.0, (2, 0): 8.0}))
    half = (
        2.9199855803537256 * math.sqrt(9.0) / math.sqrt(3)
    )  # Student's 95 % quantile at 2 degrees; split means 2, 5, 8
    assert found.mean == 4.25
    assert (found.low, found.high) == (pytest.approx(4.25 - half), pytest.approx(4.25 + half))
    assert found.num_repeats == 4


def test_interval_over_seeds_when_there_is_one_split():
    found = estimate(repeats({(7, seed): value for seed, value in enumerate([1.0, 2.0, 3.0])}))
    half = t.ppf(0.95, 2) * 1.0 / math.sqrt(3)
    assert (found.mean, found.high - found.mean) == (2.0, pytest.approx(half))


def test_one_repeat_has_no_interval():
    found = estimate(repeats({(0, 0): 1.5}))
    assert (found.mean, found.num_repeats) == (1.5, 1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


@given(
    st.dictionaries(st.tuples(st.integers(0, 4), st.integers(0, 3)), st.floats(-10, 10), min_size=2), st.floats(-5, 5)
)
def test_an_estimate_moves_with_its_values(values, shift):
    first, second = estimate(repeats(values)), estimate(repeats(values) + shift)
    assert second.mean - first.mean == pytest.approx(shift, abs=1e-6)
    assert first.low <= first.mean + 1e-9
    assert second.high - second.low == pytest.approx(first.high - first.low, abs=1e-6)


def test_a_gain_counts_shared_repeats_only():
    better = tabulate_records([record(mae=0.1, split=0), record(mae=0.2, split=1), record(mae=9.0, split=2)])
    baseline = tabulate_records([record(0, 0.4, split=0), record(0, 0.3, split=1), record(0, 77.0, split=3)])
    gain = paired_gain(pair_errors(better, baseline, "mae"))
    assert gain.num_repeats == 2
    assert gain.mean == pytest.approx(np.mean([0.3, 0.1]))
    assert paired_gain(pair_errors(better, baseline, "rmse")).mean == pytest.approx(2 * gain.mean)
    assert pair_errors(better[:1], baseline[2:], "mae") is None


def test_a_gain_is_tighter_than_the_difference_of_means():
    better = tabulate_records(record(mae=0.1 * split, split=split) for split in range(1, 6))
    baseline = tabulate_records(record(0, 0.1 * split + 0.02, split=split) for split in range(1, 6))
    gain = paired_gain(pair_errors(better, baseline, "mae"))
    assert (gain.low, gain.high) == (pytest.approx(0.02), pytest.approx(0.02))
    spread = estimate(by_repeat(better, "mae"))
    assert spread.high - spread.low > 0.1


def test_names_are_sorted_by_the_numbers_in_them():
    names = [f"GINE(hidden_dim={width}, dropout={rate})" for width in (8, 16, 128) for rate in ("0.05", "0.1")]
    names = ["GATv2", "GINE", *names, "max_steps=50", "max_steps=2e2"]
    assert sorted(sorted(names), key=by_number) == names
