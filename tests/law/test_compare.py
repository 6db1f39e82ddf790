import json

import numpy as np
import pytest

from gnn_sim2real.law import Models, compare_laws
from gnn_sim2real.law.fit import fit_law
from gnn_sim2real.law.frame import forget_fits

SIZES = np.geomspace(100, 10_000, 7)


def models(prefactor, alpha, gap, labels, noise=0.0, effects=None, seed=0):
    factor = noise * np.random.default_rng(seed).standard_normal((len(labels), 7))
    if effects is not None:
        factor = factor + effects[:, None]
    errors = (prefactor * SIZES**-alpha + gap) * np.exp(factor)
    return Models(np.tile(SIZES, len(labels)), errors.ravel(), np.repeat(labels, 7).tolist())


def test_known_laws_cross_where_they_do():
    found = compare_laws({"fast": models(4, 0.5, 0.0, [0, 1, 2]), "slow": models(1, 0.25, 0.0, [0, 1, 2])})
    (pair,) = found.pairs
    assert pair.crossings == pytest.approx((256.0,), rel=1e-3)  # 4 n^-0.5 = n^-0.25
    assert pair.decay_rate.value == pytest.approx(0.25, rel=1e-5)
    assert pair.chances == (1.0, 1.0, 1.0, 1.0)
    assert pair.next_doubling.value == pytest.approx(found.gains["fast"].value - found.gains["slow"].value, rel=1e-9)


def test_what_shared_seeds_do_to_both_is_no_difference():
    effects = 0.1 * np.random.default_rng(5).standard_normal(6)
    one = models(2, 0.4, 0.05, range(6), 0.01, effects)
    paired = models(2.1, 0.4, 0.05, range(6), 0.01, effects, seed=1)
    unpaired = paired._replace(curves=[f"other {label}" for label in paired.curves])
    widths = {}
    for name, other in {"paired": paired, "unpaired": unpaired}.items():
        (pair,) = compare_laws({"a": one, "b": other}).pairs
        low, high = pair.differences[0].interval
        widths[name] = high - low
        assert pair.num_shared == (6 if name == "paired" else 0)
    assert widths["paired"] < 0.3 * widths["unpaired"]


def test_a_law_is_the_same_alone_beside_others_and_in_any_order():
    made = {"a": models(2, 0.4, 0.05, [0, 1, 2], 0.03), "b": models(2, 0.3, 0.05, [1, 2, 3], 0.03, seed=1)}
    made["lone"] = models(3, 0.5, 0.05, [4], 0.03, seed=2)  # its draws are of its own scatter
    forward = compare_laws({name: made[name] for name in ("a", "b", "lone")})
    forget_fits()  # else the second law is the first one
    backward = compare_laws({name: made[name] for name in ("lone", "b", "a")})
    sizes = [5000.0, 1e5]
    for name, each in made.items():
        alone = fit_law(each)
        assert forward.laws[name].to_dict() == backward.laws[name].to_dict() == alone.to_dict()
        np.testing.assert_array_equal(forward.laws[name].predict_interval(sizes), alone.predict_interval(sizes))
    one, other = forward.pairs[0], backward.pairs[-1]
    assert (one.first, one.second, other.first, other.second) == ("a", "b", "b", "a")
    assert one.decay_rate.interval == pytest.approx([-end for end in other.decay_rate.interval[::-1]], abs=1e-3)
    assert json.loads(json.dumps(forward.to_dict(), allow_nan=False)) == forward.to_dict()


def study(alpha, hard, easier, materials, seed):
    """Three seeds of a law, with the error of each test material: hard for all, and easier or harder for this one."""
    random = np.random.default_rng(seed)
    law = 2 * SIZES**-alpha + 0.05
    each = law[None, :, None] * (hard * easier) * np.exp(0.02 * random.standard_normal((3, 7, len(hard))))
    errors = each.mean(axis=2)
    each = each.reshape(21, -1)
    return Models(np.tile(SIZES, 3), errors.ravel(), np.repeat(range(3), 7).tolist(), None, each, materials)


def differ(one, other):
    (pair,) = compare_laws({"a": one, "b": other}, num_resamples=400).pairs
    low, high = pair.differences[0].interval
    return pair, low, high


def test_test_materials_are_in_the_difference_and_paired_where_both_were_tested_on_them():
    """What makes a material hard for both is no difference; what makes it hard for one of them is."""
    random = np.random.default_rng(0)
    names = [f"polymer {number}" for number in range(40)]
    hard, easier = np.exp(random.standard_normal((2, 40)) * np.array([[1.0], [0.3]]))
    one, other = study(0.4, hard, 1.0, names, 1), study(0.4, hard, easier, names, 2)
    pair, low, high = differ(one, other)
    assert (pair.num_materials, pair.num_shared_materials) == ((40, 40), 40)
    unpaired, far_low, far_high = differ(one, other._replace(materials=[f"other {name}" for name in names]))
    assert unpaired.num_shared_materials == 0
    assert high - low < 0.6 * (far_high - far_low)
    seeds, near_low, near_high = differ(
        one._replace(material_errors=None, materials=None), other._replace(material_errors=None, materials=None)
    )
    assert seeds.num_materials == (0, 0)
    assert near_high - near_low < 0.3 * (high - low)
    # the normal interval of the mean difference over the 40 materials, at the largest size
    at_largest = np.asarray(one.source_sizes) == SIZES[-1]
    gaps = [np.asarray(each.material_errors)[at_largest].mean(axis=0) for each in (one, other)]
    by_hand = 2 * 1.645 * np.std(gaps[0] - gaps[1], ddof=1) / np.sqrt(40)
    assert high - low == pytest.approx(by_hand, rel=0.15)


def test_the_order_of_test_materials_does_not_matter():
    random = np.random.default_rng(0)
    hard = np.exp(random.standard_normal(12))
    one, other = study(0.4, hard, 1.0, list("abcdefghijkl"), 1), study(0.3, hard, 1.0, list("abcdefghijkl"), 2)
    order = random.permutation(12)
    turned = other._replace(
        material_errors=np.asarray(other.material_errors)[:, order], materials=[other.materials[k] for k in order]
    )
    again = other._replace(errors=np.asarray(turned.material_errors).mean(axis=1))
    first, second = differ(one, again)[1:], differ(one, turned)[1:]
    assert first == pytest.approx(second, rel=1e-6)


def test_labels_of_test_materials_are_different_and_one_for_each():
    one = study(0.4, np.ones(4), 1.0, list("abcd"), 1)
    with pytest.raises(ValueError, match=r"\b4 columns .*\b3\b"):
        compare_laws({"a": one, "b": one._replace(materials=list("aabc"))})


def test_curves_of_one_seed_are_not_paired_in_their_scatter():
    """Scatter about the law is drawn for each curve by itself, or two curves alike would differ by nothing for sure."""
    one = models(2, 0.4, 0.05, [0], 0.1)
    alike = one._replace(errors=np.asarray(one.errors) * (1 + 1e-5 * SIZES / SIZES[-1]))
    (pair,) = compare_laws({"a": one, "b": alike}).pairs
    low, high = pair.differences[0].interval
    ends = fit_law(one).predict_interval(SIZES[-1])
    assert high - low > 0.7 * float(ends[1] - ends[0])


def test_a_comparison_needs_two():
    with pytest.raises(ValueError, match=r"\b2 curves.*\b1: a$"):
        compare_laws({"a": models(2, 0.4, 0.05, [0, 1])})
