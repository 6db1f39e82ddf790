"""One mean a repeat stands for all records of it."""

import numpy as np
import pytest

from gnn_sim2real.law import fit_scaling_law
from gnn_sim2real.records.curves import CONFIDENCE, Results
from gnn_sim2real.records.record import Record, RecordKey
from gnn_sim2real.records.repeat_means import Kind, fit_surfaces, from_scratch, repeat_means
from gnn_sim2real.records.results import tabulate_records

SOURCES, TARGETS = (100, 200, 400, 800, 1600), (20, 50, 150, 400)


def record(size, m, split, seed, error, policy="full"):
    cell = RecordKey("GINE" if policy == "full" else "", policy, size, str(size), m, seed, split)
    return Record(repr(cell), cell, "density", "g/cm3", {"mae": error, "num_test": 30.0}, {})


def study(noise=0.0, splits=(0, 1, 2), seeds=(0, 1)):
    random = np.random.default_rng(1)
    found = []
    for m in TARGETS:
        for split in splits:
            for seed in seeds:
                factor = np.exp(noise * random.standard_normal(len(SOURCES)))
                errors = (2.0 * np.array(SOURCES) ** -0.4 + 0.3) * m**-0.2 * factor
                found += [record(n, m, split, seed, float(each)) for n, each in zip(SOURCES, errors, strict=True)]
                found += [record(0, m, split, seed, m**-0.5), record(0, m, split, seed, 0.2, "extra_trees")]
    return found


@pytest.mark.parametrize("splits", [(0, 1, 2), (0,)])
def test_a_law_of_the_means_is_the_law_of_the_records(splits):
    results = Results(tabulate_records(study(noise=0.05, splits=splits, seeds=(0, 1, 2))))
    models = repeat_means(results)
    assert models.keys() == results.laws.keys()
    for label, each in models.items():
        assert len(each.errors) == len(SOURCES) * 3  # as many repeats as splits, or as seeds of a single split
        law = fit_scaling_law(each.source_sizes, each.errors, curves=each.curves, confidence=CONFIDENCE)
        assert law.decay_rate == pytest.approx(results.laws[label].decay_rate, rel=1e-6)
        assert law.decay_rate_interval == pytest.approx(results.laws[label].decay_rate_interval, rel=1e-4)


def test_a_surface_of_exact_errors_is_found():
    surfaces = fit_surfaces(repeat_means(Results(tabulate_records(study()))))
    assert list(surfaces) == [Kind("GINE", "full", "random")]
    (law,) = surfaces.values()
    assert (law.decay_rate, law.target_rate) == pytest.approx((0.4, 0.2), rel=1e-4)
    assert (law.prefactor, law.transfer_gap) == pytest.approx((2.0, 0.3), rel=1e-3)
    assert law.num_curves == 3


def test_too_few_sizes_make_no_surface():
    records = [each for each in study() if each.cell.target_size in TARGETS[:2]]
    assert fit_surfaces(repeat_means(Results(tabulate_records(records)))) == {}


def test_models_without_a_source():
    results = Results(tabulate_records(study()))
    scratch = from_scratch(results, "GINE")
    assert dict(zip(scratch.target_sizes.tolist(), scratch.errors, strict=True)) == pytest.approx(
        {m: m**-0.5 for m in TARGETS}
    )
    assert set(scratch.curves) == {"split 0", "split 1", "split 2"}
    assert from_scratch(results, "CGCNN") is None
    one = [each for each in study() if each.cell.target_size == TARGETS[0]]
    assert from_scratch(Results(tabulate_records(one)), "GINE") is None
