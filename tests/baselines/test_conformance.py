"""What every baseline promises, its own file and that of the documentation alike."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fences import read_fences

from gnn_sim2real.baselines import BASELINES, Baseline, Inputs, extra_trees, predict_test
from gnn_sim2real.baselines.ensemble import Ensemble
from gnn_sim2real.plugins import import_files
from gnn_sim2real.tasks.policies import find_policies

PAGE = Path(__file__).parents[2] / "docs/contributing/baseline.md"
(_EXAMPLE,) = [each.text for each in read_fences(PAGE.read_text()) if each.marks.get("title") == "nearest.py"]
NUM_TRAIN, NUM_TEST = 40, 12
TRAIN, TEST = np.arange(NUM_TRAIN), NUM_TRAIN + np.arange(NUM_TEST)


def baseline_of_the_page():
    """What the documentation shows has to be one as well."""
    names = {"__name__": "nearest"}
    exec(compile(_EXAMPLE, "nearest.py", "exec"), names)  # noqa: S102 (our own page)
    return names["NEAREST"]


ALL = [*BASELINES.values(), baseline_of_the_page()]


def made_up(seed=0):
    """Inputs and values of materials: the simulated value and the source know most of the measured value."""
    random = np.random.default_rng(seed)
    latent = random.normal(size=(NUM_TRAIN + NUM_TEST, 3))
    values = np.maximum(latent[:, 0] + 0.3 * latent[:, 1], 0.0)  # a third of them is zero
    values[0] = 0.0
    inputs = Inputs(
        descriptors=np.column_stack([latent, random.normal(size=latent.shape)]),
        physical_descriptors=np.column_stack([latent, np.ones(len(latent))]),
        simulated=1.1 * values + 0.1 * random.normal(size=len(values)),
        source=0.9 * values + 0.1 * random.normal(size=len(values)),
        library=np.column_stack([np.exp(-values), latent[:, 2]]),
        encoded=latent @ random.normal(size=(3, 5)),
        foundation=np.column_stack([latent, np.zeros(len(latent))]),
    )
    return inputs, values


def changed(inputs, **changes):
    return replace(inputs, **changes)


@pytest.mark.parametrize(
    "baseline",
    [
        pytest.param(each, id=each.name, marks=[pytest.mark.slow] if each.name.startswith("ensemble_") else [])
        for each in ALL  # an ensemble fits each of its members five times; `ensemble` stands for the three
    ],
)
class TestBaseline:
    @pytest.fixture
    def baseline(self, request) -> Baseline:
        return request.param

    @pytest.fixture(autouse=True)
    def few_trees(self, monkeypatch):
        """What is promised holds for any number of trees, and an ensemble fits hundreds of forests."""
        monkeypatch.setitem(extra_trees.SETTINGS, "n_estimators", 25)

    def test_it_knows_more_than_the_mean(self, baseline):
        inputs, values = made_up()
        found = predict_test(baseline, inputs, values, TRAIN, TEST, seed=1)
        assert found.shape == (NUM_TEST,)
        assert found.dtype == np.float64
        mean = values[TRAIN].mean()
        assert np.abs(found - values[TEST]).mean() < 0.7 * np.abs(mean - values[TEST]).mean()

    def test_the_seed_decides(self, baseline):
        inputs, values = made_up()
        first, again = (predict_test(baseline, inputs, values, TRAIN, TEST, seed=3) for _ in range(2))
        np.testing.assert_array_equal(first, again)

    def test_it_does_not_see_the_values_of_the_test_materials(self, baseline):
        inputs, values = made_up()
        other = values.copy()
        other[TEST] = np.nan
        first, second = (predict_test(baseline, inputs, each, TRAIN, TEST) for each in (values, other))
        np.testing.assert_array_equal(first, second)

    def test_the_answer_for_a_material_does_not_depend_on_the_others(self, baseline):
        inputs, values = made_up()
        together = predict_test(baseline, inputs, values, TRAIN, TEST)
        alone = [predict_test(baseline, inputs, values, TRAIN, TEST[[place]])[0] for place in range(3)]
        np.testing.assert_allclose(alone, together[:3], rtol=1e-6)

    def test_the_answer_follows_the_unit(self, baseline):
        inputs, values = made_up()
        scaled = changed(inputs, simulated=8 * inputs.simulated, source=8 * inputs.source)
        first = predict_test(baseline, inputs, values, TRAIN, TEST)
        # The weights of an ensemble are those of a linear program, whose tolerance has no unit.
        near = 8 * values.std() * (5e-3 if isinstance(baseline, Ensemble) else 0.0)
        second = predict_test(baseline, scaled, 8 * values, TRAIN, TEST)
        np.testing.assert_allclose(second, 8 * first, rtol=1e-4, atol=near)

    def test_a_material_without_an_input_teaches_nothing_and_has_no_answer_or_that_of_the_fallback(self, baseline):
        inputs, values = made_up()
        simulated, foundation = inputs.simulated.copy(), inputs.foundation.copy()
        simulated[[2, 5, TEST[1]]] = np.nan
        foundation[[2, 5, TEST[1]]] = np.nan
        lacking = changed(inputs, simulated=simulated, foundation=foundation)
        found = predict_test(baseline, lacking, values, TRAIN, TEST)
        if not (baseline.uses_simulated or baseline.uses_foundation):
            np.testing.assert_array_equal(found, predict_test(baseline, inputs, values, TRAIN, TEST))
            return
        if baseline.fallback is None:
            assert np.flatnonzero(np.isnan(found)).tolist() == [1]
        else:
            assert not np.isnan(found).any()
            assert found[1] == predict_test(baseline.fallback, lacking, values, TRAIN, TEST[[1]])[0]
        others, rest = np.delete(TRAIN, [2, 5]), np.delete(TEST, 1)
        np.testing.assert_array_equal(np.delete(found, 1), predict_test(baseline, inputs, values, others, rest))

    @pytest.mark.parametrize("count", [1, 2, 3])
    def test_few_measurements_are_enough(self, baseline, count):
        inputs, values = made_up()
        found = predict_test(baseline, inputs, values, TRAIN[:count], TEST)
        assert np.isfinite(found).all()

    @pytest.mark.parametrize("value", [0.0, 300.0])
    def test_equal_values_have_an_answer(self, baseline, value):
        inputs, values = made_up()
        found = predict_test(baseline, inputs, np.full_like(values, value), TRAIN, TEST)
        assert np.isfinite(found).all()
        if baseline.needs_measurements and not baseline.uses_simulated:
            np.testing.assert_allclose(found, value, atol=1e-3)

    def test_without_test_materials_there_is_no_answer(self, baseline):
        inputs, values = made_up()
        assert predict_test(baseline, inputs, values, TRAIN, TEST[:0]).shape == (0,)

    def test_without_measurements_it_refuses(self, baseline):
        inputs, values = made_up()
        if not baseline.needs_measurements:
            assert np.isfinite(predict_test(baseline, inputs, values, TRAIN[:0], TEST)).all()
            return
        with pytest.raises(ValueError, match=baseline.name):
            predict_test(baseline, inputs, values, TRAIN[:0], TEST)

    def test_a_measured_value_that_is_missing_is_refused(self, baseline):
        inputs, values = made_up()
        values[1] = np.nan
        with pytest.raises(ValueError, match="row 1 "):
            predict_test(baseline, inputs, values, TRAIN, TEST)

    def test_its_texts(self, baseline):
        assert baseline.name not in find_policies()
        assert baseline.title
        assert baseline.needs
        assert not (baseline.needs_source and baseline.rival)


def test_every_file_has_a_baseline():
    from gnn_sim2real import baselines

    helpers = {"baseline", "inputs", "member"}
    files = set(import_files("gnn_sim2real.baselines"))
    with_one = {module for module in files if any(isinstance(each, Baseline) for each in vars(module).values())}
    assert {each.__name__.rpartition(".")[2] for each in files - with_one} == helpers
    assert {each.name for module in with_one for each in vars(module).values() if isinstance(each, Baseline)} == set(
        baselines.BASELINES
    )
