"""Folds of cross-validation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_sim2real.splits.folds import random_folds


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.integers(2, 6), st.integers(0, 50))
def test_random_folds_test_every_material_once_and_cut_no_group(groups, num_folds, seed):
    groups = [str(each) for each in groups]
    if len(set(groups)) < 2:
        with pytest.raises(ValueError, match=rf"groups .*\b{len(set(groups))}$"):
            random_folds(groups, num_folds, [seed])
        return
    folds = random_folds(groups, num_folds, [seed])
    assert sorted(np.concatenate([fold.test for fold in folds]).tolist()) == list(range(len(groups)))
    for fold in folds:
        assert not {groups[row] for row in fold.train} & {groups[row] for row in fold.test}
        assert len(fold.train) + len(fold.test) == len(groups)


def test_two_groups_are_enough_and_one_is_not():
    assert [fold.test.tolist() for fold in random_folds(["a", "b", "b"], 5, [0])] in ([[0], [1, 2]], [[1, 2], [0]])
    with pytest.raises(ValueError, match=r"groups .*\b1$"):
        random_folds(["a", "a"], 5, [0])
