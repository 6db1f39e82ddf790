import numpy as np
import pytest

from gnn_sim2real.law.streams import even_chances, even_normal, moves_by_name, stream


def test_names_decide_and_nothing_else():
    first = stream(0, "curve", "seed 1").standard_normal(4)
    np.testing.assert_array_equal(first, stream(0, "curve", "seed 1").standard_normal(4))
    np.testing.assert_array_equal(first, stream(0, "curve", np.str_("seed 1")).standard_normal(4))
    np.testing.assert_array_equal(stream(0, 7).random(3), stream(0, np.int64(7)).random(3))
    for other in (stream(1, "curve", "seed 1"), stream(0, "curve", "seed 2"), stream(0, "material", "seed 1")):
        assert abs(other.standard_normal(4) - first).min() > 1e-6


def test_the_numbers_are_the_same_in_every_process_and_version():
    """Intervals that were told once come again: a change here changes them all."""
    assert stream(0, "curve", "seed 0").standard_normal() == pytest.approx(-0.7997790864577498, rel=1e-12)


def test_moves_have_the_covariance_of_the_pulls_however_many_labels():
    pulls = np.random.default_rng(0).standard_normal((1200, 3)) / np.sqrt(1200)
    labels = [f"material {number}" for number in range(1200)]
    moves = moves_by_name(pulls, labels, "material", 4000, seed=0)
    np.testing.assert_allclose(np.cov(moves.T), pulls.T @ pulls, atol=0.08)
    order = np.random.default_rng(1).permutation(1200)
    again = moves_by_name(pulls[order], [labels[number] for number in order], "material", 4000, seed=0)
    np.testing.assert_allclose(again, moves, atol=1e-12)


def test_what_two_share_moves_both():
    pulls = np.ones((1, 2))
    one, other, third = (moves_by_name(pulls, [name], "curve", 500, 0)[:, 0] for name in ("a", "a", "b"))
    np.testing.assert_array_equal(one, other)
    assert abs(np.corrcoef(one, third)[0, 1]) < 0.15


def test_even_numbers_fill_each_part_once_in_random_order():
    found = even_chances(np.random.default_rng(0), 500)
    np.testing.assert_array_equal(np.sort((500 * found).astype(int)), np.arange(500))
    assert abs(np.corrcoef(found[1:], found[:-1])[0, 1]) < 0.15
    normal = even_normal(np.random.default_rng(0), 500)
    assert np.quantile(normal, [0.05, 0.5, 0.95]) == pytest.approx([-1.645, 0, 1.645], abs=0.03)
