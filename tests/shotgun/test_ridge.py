"""Ridge regression in closed form against scikit-learn, and folds that leave out what they should."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.preprocessing import StandardScaler

from gnn_sim2real.shotgun.folds import repeated_folds, tail_folds
from gnn_sim2real.shotgun.ridge import (
    PENALTIES,
    fit_ridge,
    forest_out_of_fold,
    line_out_of_fold,
    ridge_out_of_fold,
)
from gnn_sim2real.splits.folds import Fold, random_folds


def made(num_materials, num_features, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(num_materials, num_features)) * rng.uniform(0.1, 10, num_features) + 5
    return features, features[:, 0] + rng.normal(size=num_materials)


def names(count):
    return [f"m{number}" for number in range(count)]


@settings(max_examples=15)
@given(st.integers(12, 50), st.integers(1, 60), st.integers(0, 100))
def test_the_same_as_scikit_learn(num_materials, num_features, seed):
    features, values = made(num_materials, num_features, seed)
    folds = random_folds(names(num_materials), 5, [seed])
    for fold, found in zip(folds, ridge_out_of_fold(features, values, folds), strict=True):
        scaler = StandardScaler().fit(features[fold.train])
        model = RidgeCV(alphas=PENALTIES * num_features)
        model.fit(scaler.transform(features[fold.train]), values[fold.train])
        np.testing.assert_allclose(found, model.predict(scaler.transform(features[fold.test])), atol=1e-7)


def test_what_is_left_out_has_no_say():
    features, values = made(30, 8)
    (fold, *_) = folds = random_folds(names(30), 5, [0])
    before = ridge_out_of_fold(features, values, folds)[0]
    values[fold.test] += 1e6
    np.testing.assert_array_equal(ridge_out_of_fold(features, values, [fold])[0], before)


def test_a_constant_feature_says_nothing():
    features, values = made(20, 3)
    constant = np.column_stack([features, np.full(20, 7.0)])
    weights, offset = fit_ridge(constant[None], values[None])
    assert weights[0, 3] == 0
    assert np.isfinite(weights).all()
    assert np.isfinite(offset).all()


def test_lines_are_fitted_to_the_training_part():
    source, values = np.array([1.0, 2.0, 3.0, 5.0]), np.array([3.0, 5.0, 7.0, 11.0])
    fold = Fold(np.array([0, 1, 2]), np.array([3]))
    np.testing.assert_allclose(line_out_of_fold(source, values, [fold])[0], [11.0])
    model = LinearRegression().fit(source[:3, None], values[:3])
    np.testing.assert_allclose(line_out_of_fold(source, values, [fold])[0], model.predict([[5.0]]))


def test_forests_see_what_is_no_line():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(80, 2))
    values = np.abs(features[:, 0])
    folds = random_folds(names(80), 5, [0])

    def error(predictions):
        return np.mean([np.abs(p - values[f.test]).mean() for f, p in zip(folds, predictions, strict=True)])

    assert error(forest_out_of_fold(features, values, folds, 0)) < 0.5 * error(
        ridge_out_of_fold(features, values, folds)
    )


def test_tails_lie_beyond_what_trains():
    values = np.random.default_rng(0).permutation(50).astype(float)
    above, below = tail_folds(names(50), values, "both", 0)
    assert values[above.test].min() > values[above.train].max()
    assert values[below.test].max() < values[below.train].min()
    other, _ = tail_folds(names(50), values, "both", 1)
    assert not np.array_equal(other.train, above.train)
    assert np.array_equal(other.test, above.test)
    (only,) = tail_folds(names(50), values, "below", 0)
    assert np.array_equal(only.test, below.test)


@pytest.mark.parametrize("purpose", ["interpolation", "extrapolation"])
def test_few_repeats_are_the_first_of_many(purpose):
    values = np.arange(30.0)
    few, many = (
        repeated_folds(names(30), values, purpose=purpose, num_folds=5, repeats=count, seed=3) for count in (2, 4)
    )
    for ours, theirs in zip(few, many, strict=False):
        for here, there in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(here.train, there.train)
            np.testing.assert_array_equal(here.test, there.test)
    assert not all(np.array_equal(a.train, b.train) for a, b in zip(many[0], many[1], strict=True))
