"""Contributions add up, and are those that the axioms of Shapley's value demand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_sim2real.explain.shapley import EXACT, find_contributions


def game(weights, pairs):
    """A value that is a sum over parts and over pairs of parts that are both there."""

    def value_of(subsets):
        return np.stack([subsets @ weights + np.einsum("si,ij,sj->s", subsets, pairs, subsets) / 2])

    return value_of


@given(st.integers(1, EXACT + 6), st.integers(0, 5))
def test_parts_add_up_and_pairs_are_shared_in_halves(num_parts, seed):
    rng = np.random.default_rng(seed)
    weights, pairs = rng.normal(size=num_parts), rng.normal(size=(num_parts, num_parts))
    pairs = pairs + pairs.T
    np.fill_diagonal(pairs, 0)
    nothing = np.array([rng.normal()])
    value_of = game(weights, pairs)
    found = find_contributions(lambda subsets: value_of(subsets) + nothing, nothing, num_parts, 400, seed)
    whole = value_of(np.ones((1, num_parts), bool))[0, 0]
    assert found.values.sum() == pytest.approx(whole, abs=1e-9)
    # An order and its reverse give half of each pair exactly: no scatter is left.
    np.testing.assert_allclose(found.values[0], weights + pairs.sum(axis=1) / 2, atol=1e-9)
    np.testing.assert_allclose(found.scatter, 0, atol=1e-9)


def test_a_part_that_does_nothing_contributes_nothing_and_like_parts_the_same():
    def value_of(subsets):
        count = subsets[:, 1:].sum(axis=1).astype(float)
        return np.stack([count**2, -(count**3)])

    exact = find_contributions(value_of, np.zeros(2), 6, 100)
    assert exact.values[:, 0].tolist() == [0, 0]
    np.testing.assert_allclose(exact.values[0, 1:], 5)
    drawn = find_contributions(value_of, np.zeros(2), 12, 4000)
    assert drawn.values[:, 0].tolist() == [0, 0]
    np.testing.assert_allclose(drawn.values.sum(axis=1), [11**2, -(11**3)])
    assert np.abs(drawn.values[1, 1:] + 11**2).max() < 5 * drawn.scatter[1].max()
