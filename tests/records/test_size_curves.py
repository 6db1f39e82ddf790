"""Errors of a kind of model over both sizes, and its paired gains."""

import math

import numpy as np
import pytest
from study_page import SIZES, TARGETS, record, records

from gnn_sim2real.records.curves import Kind
from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.record import Record, RecordKey
from gnn_sim2real.records.results import tabulate_records
from gnn_sim2real.records.size_curves import FROM_SCRATCH, size_curves
from gnn_sim2real.records.summary import summarize

PARTS = (1.0, 3.0, 0.4, 2.0)  # test parts that are easier or harder for all models


def made(policy, size, error, split, m=50, architecture="GINE", num_test=30.0, **more):
    cell = RecordKey(architecture, policy, size, str(size), m, 0, split, **more)
    return Record(repr(cell), cell, "density", "g/cm3", {"mae": error, "num_test": num_test}, {})


def curves_of(*found):
    (curves,) = size_curves(Results(tabulate_records(found)))
    return curves


def test_a_gain_in_each_test_part_is_shown_although_the_intervals_of_the_errors_overlap():
    tuned = [made("full", 100, 0.09 * part, split) for split, part in enumerate(PARTS)]
    scratch = [made("full", 0, 0.10 * part, split) for split, part in enumerate(PARTS)]
    curves = curves_of(*tuned, *scratch)
    (error,), (without,) = curves.by_target[50], curves.scratch
    assert error.high > without.low
    (gain,) = curves.over_scratch[50]
    middle = 0.1 * math.prod(PARTS) ** 0.25
    assert (gain.value, gain.low, gain.high) == pytest.approx((0.1 * middle / 1.0,) * 3)
    assert (gain.size, gain.over, gain.num_pairs) == (100, FROM_SCRATCH, 4)


@pytest.mark.slow
def test_the_gains_of_the_largest_source_are_those_of_the_summary():
    results = Results(tabulate_records(records()))
    (curves,) = size_curves(results)
    for m in TARGETS:
        for over, policy in ((curves.over_scratch, "full"), (curves.over_simple, "calibrated_source")):
            (wanted,) = [
                each["geometric"]
                for each in summarize(results)["gains"]
                if each["target_size"] == m and each["over"]["policy"] == policy
            ]
            last = over[m][-1]
            assert [each.size for each in over[m]] == [*SIZES]
            assert (last.value, last.low, last.high) == pytest.approx([wanted[end] for end in ("mean", "low", "high")])


def test_both_sizes_hold_the_same_errors():
    (curves,) = size_curves(Results(tabulate_records(records())))
    by_target = {(m, each.size): each[1:] for m, found in curves.by_target.items() for each in found}
    by_source = {(each.size, n): each[1:] for n, found in curves.by_source.items() for each in found}
    assert by_target == by_source
    assert {*by_target} == {(m, n) for m in TARGETS for n in SIZES}
    assert [each.size for each in curves.scratch] == [*TARGETS]
    assert curves.kind == Kind("GINE", "full")
    assert curves.num_splits == 3


def test_the_strongest_simple_method_is_found_at_each_size():
    found = []
    for split, part in enumerate(PARTS):
        found += [made("full", size, 0.1 * part, split) for size in (100, 1000)]
        found += [made("extra_trees", 0, 0.2 * part, split, architecture="")]
        found += [made("calibrated_source", size, error * part, split) for size, error in ((100, 0.4), (1000, 0.15))]
        # these are none: fewer test materials, another order of growth, other measurements, a larger source
        found += [made("simulated_value", 0, 0.01 * part, split, architecture="", num_test=20.0)]
        found += [made("calibrated_source", 100, 0.01 * part, split, growth="diversity")]
        found += [made("extra_trees", 0, 0.01 * part, split, m=300, architecture="")]
        found += [made("extra_trees_with_source", 5000, 0.01 * part, split)]
    at_first, at_last = curves_of(*found).over_simple[50]
    middle = math.prod(PARTS) ** 0.25
    assert (at_first.over, at_last.over) == ("extra trees", "GINE, calibrated source")
    assert (at_first.value, at_last.value) == pytest.approx((0.1 * middle, 0.05 * middle))


def test_a_method_without_measurements_is_a_rival_at_each_target_size():
    found = [record("full", 100, m, split, seed) for split in range(2) for m in (50, 300) for seed in range(3)]
    error = found[0].metrics["mae"]
    found += [made("simulated_value", 0, 2 * error, split, architecture="") for split in range(2)]  # of one seed
    gains = {m: gain for m, (gain,) in curves_of(*found).over_simple.items()}
    assert [each.num_pairs for each in gains.values()] == [6, 6]
    for m, gain in gains.items():
        (tuned,) = curves_of(*found).by_target[m]
        assert gain.value == pytest.approx(2 * error - tuned.value)


def test_one_repeat_has_a_gain_without_an_interval():
    curves = curves_of(made("full", 100, 0.1, 0), made("full", 0, 0.3, 0))
    ((gain,),) = curves.over_scratch.values()
    assert gain.value == pytest.approx(0.2)
    assert np.isnan([gain.low, gain.high]).all()
    assert curves.over_simple == {}


def test_repeats_that_only_one_of_both_has_are_left_out():
    tuned = [record("full", 200, 50, split, 0) for split in range(3)]
    scratch = [record("full", 0, 50, split, 0) for split in (1, 2, 7)]
    ((gain,),) = curves_of(*tuned, *scratch).over_scratch.values()
    assert gain.num_pairs == 2


def test_kinds_can_be_chosen():
    results = Results(tabulate_records([*records(), record("frozen_encoder", 50, 50, 0, 0)]))
    assert [each.kind.policy for each in size_curves(results)] == ["frozen_encoder", "full"]
    assert [each.kind.policy for each in size_curves(results, [Kind("GINE", "full")])] == ["full"]
