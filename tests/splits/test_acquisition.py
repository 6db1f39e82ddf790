import re
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from studies import CHAINS
from tiny import TinyPolymers

from datamodules import DemoSimulatedCrystals
from gnn_sim2real.featurize.families import INTERMETALLICS, anion_class, polymer_class
from gnn_sim2real.splits.acquisition.cheapest import grow_from_cheapest
from gnn_sim2real.splits.acquisition.diversity import Diversity, grow_by_diversity
from gnn_sim2real.splits.acquisition.family import grow_by_family
from gnn_sim2real.splits.acquisition.formula import evaluate, names_in

SEEDS = st.integers(0, 5)


@settings(max_examples=30)
@given(seed=SEEDS, num=st.integers(2, 30), data=st.data())
def test_diversity_is_nested_and_takes_the_farthest(seed, num, data):
    features = np.random.default_rng(seed).normal(size=(num, 3))
    size = data.draw(st.integers(2, num))
    order = grow_by_diversity(features, size, seed)
    assert len(set(order.tolist())) == size
    np.testing.assert_array_equal(grow_by_diversity(features, num, seed)[:size], order)
    points = (features - features.mean(axis=0)) / features.std(axis=0)
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    for place in range(1, size):
        to_database = distance[:, order[:place]].min(axis=1)
        assert to_database[order[place]] == pytest.approx(to_database.max(), rel=1e-3)


def test_diversity_reaches_every_cluster_before_it_returns_to_one():
    centers = 100 * np.eye(4)
    features = np.repeat(centers, 25, axis=0) + np.random.default_rng(0).normal(size=(100, 4))
    for seed in range(5):
        assert len(set(grow_by_diversity(features, 4, seed) // 25)) == 4


def test_diversity_of_equal_materials_goes_by_chance():
    order = grow_by_diversity(np.ones((6, 2)), 6, 0)
    assert sorted(order.tolist()) == list(range(6))
    assert order.tolist() != grow_by_diversity(np.ones((6, 2)), 6, 1).tolist()


@given(families=st.lists(st.sampled_from("abc"), min_size=1, max_size=20), seed=SEEDS)
def test_a_family_is_complete_before_the_next_begins(families, seed):
    order = grow_by_family(families, seed)
    assert sorted(order.tolist()) == list(range(len(families)))
    met = [families[row] for row in order]
    assert sum(one != other for one, other in pairwise(met)) == len(set(families)) - 1


@given(cost=st.lists(st.integers(0, 3), min_size=1, max_size=20), seed=SEEDS)
def test_cheapest_first_and_equals_by_chance(cost, seed):
    order = grow_from_cheapest(np.array(cost, float), seed)
    assert sorted(order.tolist()) == list(range(len(cost)))
    assert (np.diff(np.array(cost)[order]) >= 0).all()


def test_equally_cheap_ones_depend_on_the_seed():
    assert len({tuple(grow_from_cheapest(np.ones(8), seed)) for seed in range(5)}) == 5


def test_a_missing_cost_is_refused():
    with pytest.raises(ValueError, match=r"\b1\b.*\b2\b.*cost"):
        grow_from_cheapest(np.array([1.0, np.nan]), 0)


def test_formulas():
    columns = {"num_atoms": np.array([1.0, 2.0, 3.0]), "hours": np.array([5.0, 0.0, 1.0])}
    np.testing.assert_allclose(evaluate("num_atoms^3 + 2 * hours", columns), [11, 8, 29])
    np.testing.assert_allclose(evaluate("1", columns), 1)
    assert set(names_in("num_atoms^3 + 2 * hours")) == {"num_atoms", "hours"}


@pytest.mark.parametrize("text", ["__import__('os')", "num_atoms.real", "a[0]", "num_atoms^", "", "a; b"])
def test_only_arithmetic_is_a_formula(text):
    with pytest.raises(ValueError, match=rf"`cost`.*{re.escape(repr(text))}$"):
        names_in(text)


@pytest.mark.parametrize(
    ("formula", "wanted"),
    [
        ("Al2O3", "oxides"),
        ("LaOF", "halides"),
        ("NaCl", "halides"),
        ("ZnS", "chalcogenides"),
        ("GaN", "pnictides"),
        ("SiC", "tetrelides and borides"),
        ("MgB2", "tetrelides and borides"),
        ("CaH2", "hydrides"),
        ("Ni3Al", INTERMETALLICS),
        ("Fe", INTERMETALLICS),
    ],
)
def test_classes_of_crystals(formula, wanted):
    assert anion_class(formula) == wanted


@pytest.fixture(scope="module")
def polymers():
    """84 polymers of several classes."""
    return TinyPolymers({("density", "g/cm3"): [float(len(each)) for each in CHAINS]}, materials=CHAINS)


class TestDataModules:
    def rows(self, data, **settings):
        return data.variant(**settings).parts.train

    @pytest.mark.parametrize("grow_by", ["diversity", "family"])
    def test_sizes_are_nested_and_seeds_differ(self, polymers, grow_by):
        base = polymers.variant(grow_by=grow_by, validation_fraction=0)
        small, large = self.rows(base, size=20), self.rows(base, size=60)
        np.testing.assert_array_equal(large[:20], small)
        assert set(self.rows(base, size=20, seed=1)) != set(small)

    def test_families_of_polymers(self, polymers):
        base = polymers.variant(grow_by="family", validation_fraction=0)
        first = [polymer_class(base.table.materials[row]) for row in self.rows(base, size=10)]
        assert len(set(first)) == 1

    @pytest.mark.slow
    def test_small_cells_first(self):
        crystals = DemoSimulatedCrystals(grow_by="cheapest", cost="num_atoms^3", validation_fraction=0)
        sizes = crystals.data_set.num_atoms[self.rows(crystals, size=200)]
        assert (np.diff(sizes) >= 0).all()
        assert sizes.max() < crystals.data_set.num_atoms.max()

    def test_all_of_them_are_the_same_materials_in_another_order(self, polymers):
        at_random = polymers.variant(validation_fraction=0)
        assert set(self.rows(at_random.variant(grow_by="family"))) == set(self.rows(at_random))

    def test_keys_tell_orders_apart_and_leave_the_random_one_alone(self, polymers):
        at_random, grown = polymers.variant(size=50), polymers.variant(size=50, grow_by="family")
        assert "growth" not in at_random.key_content()
        assert grown.key_content()["growth"]["by"] == "family"

    def test_keys_tell_costs_apart(self):
        keys = [
            TinyPolymers(size=10, grow_by="cheapest", cost=cost).key_content() for cost in ("num_atoms", "num_atoms^2")
        ]
        assert keys[0] != keys[1]
        assert keys[0] == TinyPolymers(size=10, grow_by="cheapest", cost="num_atoms").key_content()

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"grow_by": "cheapest"}, "`grow_by: cheapest`.*`cost`"),
            ({"grow_by": "cheapest", "cost": "a b"}, "`cost`.*'a b'"),
        ],
    )
    def test_settings_that_do_not_fit(self, settings, message):
        with pytest.raises(ValueError, match=message):
            TinyPolymers(**settings)

    def test_a_cost_column_that_is_not_there(self):
        with pytest.raises(ValueError, match=r"TinyPolymers.*'hours'"):
            _ = TinyPolymers(grow_by="cheapest", cost="hours").parts


def test_the_model_that_makes_the_features_is_in_the_key():
    contents = [
        Diversity().content(SimpleNamespace(model_fingerprint=fingerprint)) for fingerprint in (None, "abc", "abd")
    ]
    assert contents == [{}, {"model": "abc"}, {"model": "abd"}]
