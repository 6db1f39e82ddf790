"""The noise of labels, from the spread of several measurements."""

import numpy as np
import pandas as pd
import pytest

from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.replicates import MIN_REPLICATED, noise_floor
from gnn_sim2real.tables.table import Property, Replicates

GAP = Property("band_gap", "eV", column="gap", replicates=Replicates("low", "high", "number"))


def clean(rows, prop=GAP, columns=("formula", "gap", "low", "high", "number")):
    return clean_table(
        pd.DataFrame(rows, columns=list(columns)),
        material_column="formula",
        properties=[prop],
        identity=str,
        source="gaps.csv",
    )


@pytest.mark.parametrize(("number", "expected"), [(2, 1.128), (3, 1.693), (5, 2.326), (10, 3.078), (25, 3.931)])
def test_a_range_is_divided_by_the_tabulated_constants_of_control_charts(number, expected):
    size = MIN_REPLICATED
    floor = noise_floor(np.ones(size), np.full(size, 0.5), np.full(size, number))
    assert floor.mae == pytest.approx(np.sqrt(2 / np.pi) / expected / np.sqrt(number), rel=5e-4)


def test_floor_is_the_error_of_a_model_that_knows_the_truth():
    rng = np.random.default_rng(0)
    truth, sigma = rng.uniform(1, 5, 4000), rng.uniform(0.02, 0.3, 4000)
    number = rng.choice([1, 2, 3, 6], 4000, p=[0.5, 0.3, 0.1, 0.1])
    measured = [rng.normal(mean, each, count) for mean, each, count in zip(truth, sigma, number, strict=True)]
    labels = np.array([values.mean() for values in measured])
    half_range = np.array([np.ptp(values) / 2 if len(values) > 1 else np.nan for values in measured])
    floor = noise_floor(labels, half_range, number)
    assert floor.mae == pytest.approx(np.abs(labels - truth).mean(), rel=0.04)
    assert floor.mae == floor.mae_without_ties
    assert (floor.num_replicated, floor.num_tied, floor.num_materials) == ((number > 1).sum(), 0, 4000)


def test_metals_measured_once_do_not_get_the_noise_of_gaps():
    gaps, metals = np.full(20, 2.0), np.zeros(80)
    half_range, number = np.r_[np.full(20, 0.1), np.full(80, np.nan)], np.r_[np.full(20, 2), np.ones(80, int)]
    alone = noise_floor(gaps, half_range[:20], number[:20])
    assert noise_floor(np.r_[gaps, metals], half_range, number).mae == pytest.approx(alone.mae / 5)


def test_exact_ties_count_as_agreement_or_as_copies():
    half_range = np.r_[np.full(10, 0.1), np.zeros(10)]
    floor = noise_floor(np.ones(20), half_range, np.full(20, 2))
    differing = noise_floor(np.ones(10), half_range[:10], np.full(10, 2)).mae
    assert floor.num_tied == 10
    assert floor.mae == pytest.approx(differing / 2)
    # Copies of one measurement are as uncertain as that one, not as the mean of two.
    assert floor.mae_without_ties == pytest.approx(differing * (1 + np.sqrt(2)) / 2)


def test_nothing_is_said_of_too_few_replicates():
    number = np.r_[np.full(MIN_REPLICATED - 1, 2), np.ones(50, int)]
    half_range = np.where(number > 1, 0.1, np.nan)
    assert noise_floor(np.ones(len(number)), half_range, number) is None


def test_ranges_of_the_file_and_of_merged_rows_are_joined():
    table = clean(
        [
            ("ZnO", 3.4, 3.2, 3.6, 4),
            ("ZnO", 3.3, 3.1, 3.4, 2),
            ("GaN", 3.5, 3.5, 3.5, 1),
            ("Si", 1.1, None, None, None),  # no range given
            ("Ge", 0.7, 0.8, 0.9, 3),  # a range that does not hold the value
        ]
    )
    by_name = {name: row for row, name in enumerate(table.identities)}
    assert table.spread[by_name["ZnO"], 0] == pytest.approx(0.25)
    assert table.num_values[:, 0].tolist() == [1, 1, 1, 6]  # GaN, Ge, Si, ZnO
    assert table.num_merged.tolist() == [1, 1, 1, 2]
    assert np.isnan(table.spread[[by_name["Si"], by_name["Ge"], by_name["GaN"]], 0]).all()


def test_ranges_have_the_unit_of_the_values():
    prop = Property("band_gap", "eV", "gap", "meV", replicates=GAP.replicates)
    table = clean([("ZnO", 3400.0, 3200.0, 3600.0, 2)], prop)
    assert (table.values[0, 0], table.spread[0, 0]) == (pytest.approx(3.4), pytest.approx(0.2))


def test_missing_column_of_ranges_is_named():
    with pytest.raises(ValueError, match=r'gaps\.csv .*"number"'):
        clean([("ZnO", 3.4, 3.2, 3.6)], columns=("formula", "gap", "low", "high"))


@pytest.mark.realdata
@pytest.mark.release
def test_measured_gaps_and_enthalpies_know_their_noise(real_data):
    from datamodules import MeasuredCrystals

    gaps = MeasuredCrystals("measured_band_gap").card()["noise_floor"]
    assert gaps["num_replicated"] > 300
    assert 0.02 < gaps["mae"] < 0.1
    enthalpies = MeasuredCrystals("measured_formation_enthalpy").card()["noise_floor"]
    assert 0.001 < enthalpies["mae"] < enthalpies["mae_without_ties"] < 0.02
