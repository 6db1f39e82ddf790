import json

import numpy as np
import pytest

from gnn_sim2real.scaling import Models, compare_laws

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


def test_the_names_of_the_seeds_do_not_matter():
    one, other = models(2, 0.4, 0.05, [0, 1, 2], 0.03), models(2, 0.3, 0.05, [0, 1, 2], 0.03, seed=1)
    plain = compare_laws({"a": one, "b": other})
    again = compare_laws({"a": one, "b": other})
    assert plain.to_dict() == again.to_dict()
    assert json.loads(json.dumps(plain.to_dict(), allow_nan=False)) == plain.to_dict()


def test_a_comparison_needs_two():
    with pytest.raises(ValueError, match="at least two curves, found 1: a"):
        compare_laws({"a": models(2, 0.4, 0.05, [0, 1])})
