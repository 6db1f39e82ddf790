"""`TransferRegressor` behaves like an estimator of scikit-learn, and is the ensemble of shotgun."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from refused import refused
from shotgun_library import SOURCE, add_planted
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator
from tiny import CHAINS, TinyPolymers, density, gine

from gnn_sim2real import TransferRegressor, load_model
from gnn_sim2real.baselines.extra_trees import SETTINGS
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.estimator.materials import read_materials
from gnn_sim2real.estimator.regressor import EXPECTED_FAILED_CHECKS
from gnn_sim2real.library import ModelLibrary

X = CHAINS[:24]
Y = [density(each) for each in X]
ASKED = CHAINS[24:32]
QUICK = {"folds": 3, "epochs": 1, "minutes": None, "property": "density", "unit": "g/cm3"}


@pytest.fixture(scope="module")
def source(made_once):
    """A model of simulated densities, in a library of its own."""
    folder = made_once("planted_model", lambda folder: add_planted(ModelLibrary(folder)))
    return str(next(each for each in folder.iterdir() if (each / "card.json").exists()))


@pytest.fixture(scope="module")
def quick(source):
    return TransferRegressor(source, **QUICK)


@pytest.fixture(scope="module")
def fitted(quick):
    return clone(quick).fit(X, Y)


def test_the_conventions_of_scikit_learn_but_for_checks_on_numbers():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = check_estimator(
            TransferRegressor(), expected_failed_checks=EXPECTED_FAILED_CHECKS, on_fail=None, on_skip=None
        )
    assert not [each["check_name"] for each in found if each["status"] == "failed"]
    # What passes is not listed as what cannot.
    passed = {each["check_name"] for each in found if each["status"] == "passed"}
    assert not passed & EXPECTED_FAILED_CHECKS.keys()
    assert {"check_estimators_unfitted", "check_get_params_invariance", "check_set_params"} <= passed


@pytest.mark.slow
def test_it_says_what_had_no_time(source, caplog):
    late = TransferRegressor(source, **QUICK | {"minutes": 1e-6}).fit(X, Y)
    np.testing.assert_allclose(late.predict(ASKED), np.mean(Y))
    (told,) = [each for each in caplog.records if each.levelname == "WARNING"]
    left_out = {each["name"] for each in late.members_ if each["error"] is None}
    assert len(left_out) == 3
    assert all(name in told.getMessage() for name in left_out)


@pytest.mark.slow
def test_without_a_limit_nothing_is_late(quick, caplog):
    clone(quick).fit(X, Y)
    assert not [each for each in caplog.records if each.levelname == "WARNING"]


def test_it_learns_and_predicts_with_intervals(fitted):
    truth = np.array([density(each) for each in ASKED])
    middle, std = fitted.predict(ASKED, return_std=True)
    assert np.abs(middle - truth).mean() < 0.5 * np.abs(np.mean(Y) - truth).mean()
    np.testing.assert_array_equal(fitted.predict(ASKED), middle)
    narrow, wide = fitted.predict_interval(ASKED, 0.5), fitted.predict_interval(ASKED)
    assert (wide[:, 0] < narrow[:, 0]).all()
    assert (narrow[:, 1] < wide[:, 1]).all()
    assert (narrow[:, 0] < middle).all()
    assert (middle < narrow[:, 1]).all()
    np.testing.assert_allclose(wide.mean(axis=1), middle)
    found = fitted.ensemble_.predict(ASKED)
    np.testing.assert_array_equal(wide, np.column_stack([found.lower, found.upper]))
    low, high = fitted.predict_interval(ASKED, 0.6827).T
    np.testing.assert_allclose(std, (high - low) / 2)
    assert 0.9 < fitted.score(X, Y) <= 1
    assert fitted.error_[0] < 0.1
    assert (fitted.property_, fitted.unit_) == ("density", "g/cm3")


def test_the_coverage_is_a_conformal_quantile_of_the_left_out_errors(fitted):
    ensemble = fitted.ensemble_
    scores = np.sort(np.abs(ensemble.values - ensemble.left_out) / ensemble.left_out_scale)
    assert ensemble.quantile(0.5) == scores[int(np.ceil((len(X) + 1) * 0.5)) - 1]
    assert ensemble.quantile(ensemble.intervals.coverage) == ensemble.intervals.factor
    assert np.isinf(ensemble.quantile(0.999))
    assert np.isinf(fitted.predict_interval(ASKED, 0.999)).all()
    for wrong in (0, 1, 1.5):
        with refused():
            fitted.predict_interval(ASKED, wrong)


def test_the_ensemble_shows_itself(fitted):
    ensemble = fitted.ensemble_
    assert len(repr(ensemble).splitlines()) == 1 + len(ensemble.weights)
    assert ensemble.to_frame()["weight"].sum() == pytest.approx(1)
    assert ensemble.plot(Figure().subplots()).has_data()
    assert not hasattr(fitted, "ranking_")


def test_only_the_model_that_was_chosen_is_transferred(fitted):
    names = {each["name"] for each in fitted.members_}
    assert "mean of the measurements" in names
    assert not any("trees" in each or "process" in each or "scratch" in each for each in names)
    assert sum(each["weight"] for each in fitted.members_) == pytest.approx(1)
    assert fitted.predict_members(ASKED).keys() <= names


@pytest.mark.slow
def test_nothing_of_the_input_is_changed_and_any_container_is_the_same(quick, fitted):
    expected = fitted.predict(ASKED)
    frame = pd.DataFrame({"smiles": ASKED, "remark": "x"})
    before = frame.copy()
    series = frame["smiles"]
    for given in (
        tuple(ASKED),
        np.array(ASKED),
        np.array(ASKED, object)[:, None],
        series,
        frame,
        frame[["remark", "smiles"]],
    ):
        np.testing.assert_array_equal(fitted.predict(given), expected)
    pd.testing.assert_frame_equal(frame, before)
    table = pd.DataFrame({"smiles": X, "remark": "x"}, index=range(100, 100 + len(X)))
    measured = pd.Series(Y, index=table.index, name="density [g/cm3]")
    other = clone(quick).set_params(property=None, unit=None).fit(table[["remark", "smiles"]], measured)
    np.testing.assert_allclose(other.predict(ASKED), expected)
    assert (other.property_, other.unit_) == ("density", "g/cm3")


def again(estimator):
    return pickle.loads(pickle.dumps(estimator))  # noqa: S301 (our own)


def test_save_and_load_and_pickle_give_the_same_numbers(fitted, tmp_path):
    expected = fitted.predict(ASKED, return_std=True)
    loaded = TransferRegressor.load(fitted.save(tmp_path / "model"))
    for other in (loaded, again(fitted), again(loaded)):
        np.testing.assert_array_equal(other.predict(ASKED, return_std=True), expected)
        assert other.error_ == fitted.error_
        assert other.members_ == fitted.members_
    assert loaded.get_params() == fitted.get_params()
    assert loaded.save(tmp_path / "model").exists()  # over itself


def test_a_folder_of_something_else_is_not_replaced_and_a_changed_one_refused(fitted, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with refused():
        fitted.save(tmp_path / "mine")
    assert [each.name for each in (tmp_path / "mine").iterdir()] == ["thesis.tex"]
    with pytest.raises(CheckpointError):
        TransferRegressor.load(tmp_path / "mine")
    folder = fitted.save(tmp_path / "model")
    (folder / "estimator.json").write_text((folder / "estimator.json").read_text().replace("density", "densitx", 1))
    with pytest.raises(CheckpointError):
        TransferRegressor.load(folder)


@pytest.mark.slow
def test_cross_validation_grid_search_and_pipelines(quick):
    few = [each for each in X if len(each) > 4][:18]
    scores = cross_val_score(quick, few, [density(each) for each in few], cv=2, error_score="raise")
    assert np.isfinite(scores).all()
    strip = make_pipeline(FunctionTransformer(lambda X: [each.strip() for each in X]), clone(quick))
    grid = GridSearchCV(strip, {"transferregressor__epochs": [1, 2]}, cv=2, error_score="raise")
    grid.fit([f" {each} " for each in few], [density(each) for each in few])
    assert grid.best_estimator_.predict([f" {ASKED[0]}"]).shape == (1,)


@pytest.mark.slow
def test_weights_are_repetitions_of_measurements_and_zero_is_none(quick):
    without = clone(quick).fit(X[:20], Y[:20])
    same = clone(quick).fit(X, Y, sample_weight=pd.Series([7.0] * 20 + [0.0] * 4))
    np.testing.assert_array_equal(same.predict(ASKED), without.predict(ASKED))
    wrong = [*Y[:20], *(value + 1 for value in Y[20:])]
    trusted = clone(quick).fit(X, wrong, sample_weight=[1.0] * 20 + [0.2] * 4)
    alike = clone(quick).fit(X, wrong)
    truth = np.array([density(each) for each in ASKED])
    assert np.abs(trusted.predict(ASKED) - truth).mean() < np.abs(alike.predict(ASKED) - truth).mean()
    # A repeated material is still one: it neither makes quantiles surer nor itself a neighbor of itself.
    ensemble = trusted.ensemble_
    assert (len(ensemble.values), len(ensemble.first)) == (20 * 5 + 4, 24)
    assert np.isinf(ensemble.quantile(0.99))
    near, far = ensemble.predict([ASKED[0]]).distances, alike.ensemble_.predict([ASKED[0]]).distances
    np.testing.assert_allclose(near, far)


def test_several_rows_of_one_material_become_their_median_in_which_weights_count(quick):
    from gnn_sim2real.estimator.materials import read_materials
    from gnn_sim2real.estimator.measurements import Measurements
    from gnn_sim2real.shotgun.target import repeats_of
    from gnn_sim2real.tables.table import Property

    names, values = ["*CCO*", "*OCC*", "*CC*"], np.array([1.0, 3.0, 5.0])
    data = Measurements(read_materials(names), values, Property("x", ""), repeats_of(np.array([1.0, 3.0, 1.0])))
    assert sorted(data.table.values[:, 0]) == [3.0, 5.0]
    assert sorted(data.weights_of_rows()) == [1, 2]


@pytest.mark.slow
def test_a_simulated_column_takes_part_and_may_have_gaps(quick, monkeypatch):
    monkeypatch.setitem(SETTINGS, "n_estimators", 20)
    frame = pd.DataFrame({"smiles": X, "md": [value - 0.2 for value in Y]})
    frame.loc[3, "md"] = np.nan
    model = TransferRegressor(
        library=quick.source.rpartition("/")[0], simulated_column="md", foundation="none", **QUICK
    )
    model.set_params(best=1).fit(frame, Y)
    ranked = model.ranking_.to_frame()  # the planted model and the starter library
    assert "GINE" in set(ranked["architecture"])
    assert len(ranked) > 1
    asked = pd.DataFrame({"md": [density(each) - 0.2 for each in ASKED], "smiles": ASKED})
    truth = np.array([density(each) for each in ASKED])
    error = np.abs(model.predict(asked) - truth).mean()
    asked.loc[0, "md"] = np.nan
    assert np.isfinite(model.predict(asked)).all()
    assert error < 0.05
    with refused():
        model.predict(asked[["smiles"]])
    with refused():
        model.predict(ASKED)


@pytest.mark.slow
def test_a_simulated_column_takes_part_beside_a_single_source(quick):
    frame = pd.DataFrame({"smiles": X, "md": [value - 0.2 for value in Y]})
    model = clone(quick).set_params(simulated_column="md").fit(frame, Y)
    weights = {each["name"]: each["weight"] for each in model.members_}
    assert weights["line of least absolute error"] + weights["Gaussian process on the difference"] > 0.9
    assert "extra trees" not in weights  # the others know nothing but the source
    asked = pd.DataFrame({"smiles": ASKED, "md": [density(each) - 0.2 for each in ASKED]})
    assert np.abs(model.predict(asked) - [density(each) for each in ASKED]).mean() < 0.05


@pytest.mark.slow
def test_a_data_module_is_pretrained_on_first_without_the_measured_materials():
    values = [density(each) - 0.1 for each in SOURCE]
    data = TinyPolymers({("density", "g/cm3"): values}, materials=SOURCE)
    model = TransferRegressor(data, encoder=gine(hidden_dim=16), source_epochs=20, **QUICK).fit(X, Y)
    assert np.isfinite(model.predict(ASKED)).all()
    assert np.abs(model.predict(ASKED) - [density(each) for each in ASKED]).mean() < np.std(Y)


def test_a_model_in_memory_is_a_source_and_one_of_other_materials_is_refused(quick):
    model = load_model(quick.source)
    assert np.isfinite(TransferRegressor(model, **QUICK).fit(X[:12], Y[:12]).predict(ASKED[:1])).all()
    with refused():
        TransferRegressor(model, **QUICK).fit(["Fe2O3", "NaCl", "MgO", "CaO", "BaO", "SrO"], Y[:6])
    with refused():
        TransferRegressor(12, **QUICK).fit(X, Y)


BROKEN = [*X[:20], "*C1CC*"]


@pytest.mark.slow
def test_one_broken_material_is_named_with_its_reason(quick, fitted, caplog):
    with refused("X[20]", "*C1CC*"):
        clone(quick).fit(BROKEN, [*Y[:20], 1.0])
    with refused("X[1]"):
        fitted.predict([ASKED[0], None])
    lenient = clone(quick).set_params(on_error="nan").fit(BROKEN, [*Y[:20], 1.0])
    assert any("X[20]" in each.getMessage() for each in caplog.records)
    same = clone(quick).fit(X[:20], Y[:20])
    found = lenient.predict([ASKED[0], "nonsense", ASKED[1], float("nan")])
    np.testing.assert_array_equal(found[[0, 2]], same.predict(ASKED[:2]))
    assert np.isnan(found[[1, 3]]).all()
    assert np.isnan(lenient.predict_interval(["nonsense", "*"])).all()
    assert np.isnan(lenient.predict(["nonsense"], return_std=True)).all()
    with refused():
        clone(quick).set_params(on_error="skip").fit(X, Y)


@pytest.mark.parametrize(
    "wrong",
    [
        *["*CC*", b"*CC*", None, [], {}, 3, [1.0, 2.0], np.zeros((4, 3)), [[1.0], [2.0]], [None, None], {"a": 1}],
        *[[b"*CC*"], {"*CC*", "*CO*"}],
    ],
)
def test_what_is_not_a_list_of_materials_gets_a_sentence(fitted, quick, wrong):
    for call in (lambda: fitted.predict(wrong), lambda: clone(quick).fit(wrong, Y)):
        with refused():
            call()


@pytest.mark.parametrize(
    ("values", "weights"),
    [
        (None, None),
        (Y[:5], None),
        ([*Y[:-1], np.nan], None),
        ([*Y[:-1], np.inf], None),
        (["high"] * len(X), None),
        (np.zeros((len(X), 2)), None),
        (Y, [1.0]),
        (Y, [-1.0] * len(X)),
        (Y, [0.0] * len(X)),
        (Y, [np.nan] * len(X)),
        (Y, [None] * len(X)),
        (Y, ["a"] * len(X)),
        (Y, {1.0, 2.0}),
        (set(Y), None),
        (iter(Y), None),
        ([[1.0], [2.0, 3.0]], None),
        (np.array(Y) * 1j, None),
        (pd.Series(pd.date_range("2020", periods=len(X))), None),
        ([*Y[:-1], 1e300], None),
    ],
)
@pytest.mark.filterwarnings("error::numpy.exceptions.ComplexWarning")
def test_values_and_weights_that_cannot_be_used(quick, values, weights):
    with refused():
        clone(quick).fit(X, values, sample_weight=weights)


@pytest.mark.parametrize(
    "wrong",
    [
        *[{"kind": "metal"}, {"kind": None}, {"random_state": -1}, {"random_state": None}, {"random_state": 1.5}],
        *[{"minutes": float("nan")}, {"minutes": -1}, {"folds": 1}],
    ],
    ids=repr,
)
def test_settings_that_cannot_be(quick, wrong):
    with refused():
        clone(quick).set_params(**wrong).fit(X, Y)


def test_a_missing_material_of_pandas_is_missing(quick):
    materials = read_materials(pd.Series([*X[:3], pd.NA], dtype="string"))
    assert materials.reasons == read_materials([*X[:3], None]).reasons
    assert [*materials.reasons] == [3]


def test_before_the_fit_and_with_too_few_measurements(quick, tmp_path):
    with pytest.raises(NotFittedError):
        clone(quick).predict(X)
    with pytest.raises(NotFittedError):
        clone(quick).save(tmp_path)
    with refused():
        clone(quick).fit(X[:3], Y[:3])
    with refused():  # a unit that the property cannot have
        clone(quick).set_params(unit="eV").fit(X, Y)
