"""Weights of measured values in the baselines, in `shotgun`, and in what they are made of."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import check_grad

from datamodules import Table
from gnn_sim2real.baselines import BASELINES, Inputs
from gnn_sim2real.baselines.absolute_error_line import median
from gnn_sim2real.baselines.gaussian_process import GAUSSIAN_PROCESS
from gnn_sim2real.baselines.member import Mean
from gnn_sim2real.gaussian_process import GaussianProcess, negative_log_posterior
from gnn_sim2real.linear import fit_calibration, fit_ridge
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.study.baseline_cell import baseline_key, gather_inputs

WEIGHED = [name for name in BASELINES if BASELINES[name].needs_measurements and not name.startswith("ensemble")]


def problem(number=24, seed=0):
    rng = np.random.default_rng(seed)
    columns = rng.standard_normal((number, 4))
    values = columns @ [1.0, -0.5, 0.2, 0.0] + 0.1 * rng.standard_normal(number)
    return columns, values, rng


def inputs_of(columns, weights=None):
    tables = ("descriptors", "physical_descriptors", "library", "encoded", "foundation")
    known = columns[:, 0] + 0.3 * columns[:, 3]
    return Inputs(**dict.fromkeys(tables, columns), simulated=known, source=known, weights=weights)


@pytest.mark.slow
@pytest.mark.parametrize("name", WEIGHED)
def test_a_wrong_value_of_little_weight_does_less_harm(name):
    columns, values, _ = problem()
    values[::4] += 8.0
    light = np.where(np.arange(len(values)) % 4, 1.0, 0.02)
    asked = inputs_of(problem(40, seed=1)[0])
    target = problem(40, seed=1)[1]
    plain, weighed, alike = (
        BASELINES[name].predict(inputs_of(columns, weights), values, asked, seed=0)
        for weights in (None, light / light.mean(), np.ones(len(values)))
    )
    np.testing.assert_allclose(alike, plain, rtol=1e-6, atol=1e-6)
    assert np.abs(weighed - target).mean() < np.abs(plain - target).mean()


def test_whole_weights_are_repetitions():
    columns, values, rng = problem()
    times = rng.integers(1, 4, len(values))
    again = np.repeat(np.arange(len(values)), times)
    for penalty in (0.0, 1.0, 30.0):
        # Weights are taken relative to their mean, so that the penalty of the repeated rows is larger by it.
        weighed = fit_ridge(columns[None], values[None], np.array([penalty]), times[None].astype(float))
        repeated = fit_ridge(columns[again][None], values[again][None], np.array([penalty * times.mean()]))
        for one, other in zip(weighed, repeated, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-8)
    line = fit_calibration(columns[:, 0], values, times.astype(float))
    np.testing.assert_allclose(line, fit_calibration(columns[again, 0], values[again]))
    odd = np.r_[times, 1 + times.sum() % 2]
    assert median(np.r_[values, 9.0], odd) == np.median(np.repeat(np.r_[values, 9.0], odd))
    rows = np.arange(len(values))
    assert Mean(values, weights=times.astype(float)).fit_predict(rows, rows[:1])[0] == pytest.approx(
        values[again].mean()
    )


def test_leave_one_out_errors_of_a_weighed_ridge_choose_its_penalty():
    """In closed form they are those of as many fits without a row."""
    columns, values, rng = problem(12)
    weights, penalties = rng.uniform(0.2, 3, 12), np.logspace(-2, 3, 6)
    share = weights / weights.sum()
    center = share @ columns
    standard = (columns - center) / np.sqrt(share @ np.square(columns - center))

    def left_out(penalty):
        total = 0.0
        for row in range(12):
            some = np.delete(np.arange(12), row)
            scaled = 12 * share[some]
            design = np.column_stack([standard[some], np.ones(11)])
            normal = (design * scaled[:, None]).T @ design + penalty * np.diag([1.0] * 4 + [0.0])
            solved = np.linalg.solve(normal, (design * scaled[:, None]).T @ values[some])
            total += 12 * share[row] * (values[row] - np.r_[standard[row], 1] @ solved) ** 2
        return total

    best = penalties[np.argmin([left_out(each) for each in penalties])]
    chosen = fit_ridge(columns[None], values[None], penalties, weights[None])
    alone = fit_ridge(columns[None], values[None], np.array([best]), weights[None])
    np.testing.assert_allclose(chosen[0], alone[0], rtol=1e-10)


def test_the_noise_of_a_process_is_divided_by_the_weight():
    columns, values, rng = problem()
    plain, alike = (GaussianProcess().fit([columns], values, None, each) for each in (None, np.ones(len(values))))
    np.testing.assert_array_equal(plain.predict([columns]), alike.predict([columns]))
    distance = np.sqrt(np.square(columns[:, None] - columns[None]).sum(axis=2))
    noises = rng.uniform(0.2, 5, len(values))
    standard = (values - values.mean()) / values.std()
    start = np.log([0.7, 2.0, 0.3])
    wrong = check_grad(
        lambda logs: negative_log_posterior(logs, [distance], [], standard, noises)[0],
        lambda logs: negative_log_posterior(logs, [distance], [], standard, noises)[1],
        start,
    )
    assert wrong < 1e-4
    values[3] += 5.0
    light = np.where(np.arange(len(values)) == 3, 1e-4, 1.0)
    off = [
        abs(GAUSSIAN_PROCESS.predict(inputs_of(columns, each), values, inputs_of(columns[3:4]), seed=0)[0] - values[3])
        for each in (None, light)
    ]
    assert off[1] > off[0]
    for wrong_ones in (np.zeros(len(values)), np.ones(3), np.full(len(values), np.nan)):
        with pytest.raises(ValueError, match="weight"):
            GaussianProcess().fit([columns], values, None, wrong_ones)
    with pytest.raises(ValueError, match="above 0"):
        inputs_of(columns, np.zeros(len(values)))


def test_studies_and_shotgun_take_the_uncertainty_of_a_table(tmp_path, monkeypatch):
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    units = [f"*{'C' * length}O*" for length in range(1, 11)]
    frame = pd.DataFrame({"smiles": units, "density": np.linspace(0.9, 1.1, 10), "error": [0.01, 0.1] * 5})
    frame.to_csv("mine.csv", index=False)
    plain, weighed = (
        Table("mine.csv", "density", "g/cm3", uncertainty_column=column, validation_fraction=0)
        for column in (None, "error")
    )
    key, content = (lambda data: baseline_key("extra_trees", None, {"same": 1}, data, None)), {"same": 1}
    assert key(plain) != key(weighed)
    assert baseline_key("simulated_value", None, content, plain, None) == baseline_key(
        "simulated_value", None, content, weighed, None
    )
    assert gather_inputs(BASELINES["extra_trees"], plain, plain, None).weights is None
    weights = gather_inputs(BASELINES["extra_trees"], weighed, weighed, None).weights
    assert weights.mean() == pytest.approx(1)
    precise = np.array([float(each) < 0.05 for each in weighed.table.texts["error"]])
    assert weights[precise].min() > weights[~precise].max()
    target = Target.of_data(plain)
    assert target.weighted() is target
    target = Target.of_data(weighed).weighted()
    counts, precise = np.bincount(target.train), precise[weighed.parts.train]
    assert target.num_measured == 10
    assert set(counts[~precise]) == {1}
    assert counts[precise].min() > 1


@pytest.mark.parametrize("values", [[1.0, 2.0], [3.0, 1.0, 2.0, 8.0], [5.0], [2.0, 2.0, 7.0]])
def test_the_median_of_equal_weights_is_the_median(values):
    assert median(np.array(values), np.ones(len(values))) == np.median(values)
    assert median(np.array(values), np.arange(1.0, 1 + len(values))) == pytest.approx(
        np.median(np.repeat(values, np.arange(1, 1 + len(values))))
    )
