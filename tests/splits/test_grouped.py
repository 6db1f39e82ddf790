"""Splits by family and by value: nothing leaks, whatever the families, groups and values are."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gnn_sim2real.splits import grouped
from gnn_sim2real.splits.by_group import take_groups
from gnn_sim2real.splits.grouped import join_families
from gnn_sim2real.splits.parts import Parts
from gnn_sim2real.splits.split import Drawing
from gnn_sim2real.splits.tails import split_tail

# Large families often leave a part empty, which is refused: those tables are of no use here.
few = settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much])
seeds = st.integers(0, 20)
fractions = st.sampled_from([0.1, 0.2, 1 / 3])
tables = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 15)), min_size=30, max_size=70)
"""Group and family of each row."""
CLASSES = [f"class {number % 12:02}" for number in range(120)]


def split_families(families, **settings):
    return grouped.split_families(families, Drawing(**settings))


def sides(parts):
    return [parts.train, parts.validation, parts.test]


def attempt(make, *arguments, **settings):
    """Parts, or a failed assumption where these families cannot be split so."""
    try:
        return make(*arguments, **settings)
    except ValueError:
        assume(False)


@few
@given(table=tables)
def test_joined_families_are_cut_by_no_group_and_no_finer_than_asked(table):
    groups, families = ([f"{each}" for each in column] for column in zip(*table, strict=True))
    joined = join_families(groups, families)
    for names in (groups, families):
        assert all(len({joined[row] for row, name in enumerate(names) if name == own}) == 1 for own in set(names))
    named = {name: set(name.split(" + ")) for name in joined}
    assert all(family in named[name] for family, name in zip(families, joined, strict=True))


def test_families_without_a_common_group_stay_apart():
    assert join_families(["a", "b", "c", "c"], ["x", "y", "z", "y"]) == ["x", "y + z", "y + z", "y + z"]
    assert join_families([], []) == []


@pytest.mark.slow
@few
@given(table=tables, seed=seeds, split=seeds, test=fractions, validation=st.just(0.0) | fractions, data=st.data())
def test_no_family_and_no_group_stands_on_two_sides(table, seed, split, test, validation, data):
    groups, families = (np.array([f"{each}" for each in column]) for column in zip(*table, strict=True))
    joined = join_families(groups.tolist(), families.tolist())
    options = {"seed": seed, "split": split, "test_fraction": test, "validation_fraction": validation}
    whole = attempt(split_families, joined, size=None, **options)
    size = data.draw(st.integers(2, whole.size))
    small = attempt(split_families, joined, size=size, **options)
    for names in (groups, families):
        for parts in (whole, small):
            members = [set(names[rows]) for rows in sides(parts)]
            assert not members[0] & members[1]
            assert not (members[0] | members[1]) & members[2]
    assert sorted(np.concatenate(sides(whole)).tolist()) == list(range(len(table)))
    assert small.test.tolist() == whole.test.tolist()
    assert small.size == size
    assert set(small.train) <= set(whole.train)
    assert set(small.validation) <= set(whole.validation)
    assert len(whole.validation) > 0 or validation == 0


@given(test=fractions, repetition=st.integers(0, 1))
def test_the_folds_cover_every_family_once_and_are_about_equal(test, repetition):
    families = [f"family {number % 40}" for number in range(120)]
    num_folds = round(1 / test)
    numbers = range(repetition * num_folds, (repetition + 1) * num_folds)
    folds = [split_families(families, size=None, seed=0, split=number, test_fraction=test).test for number in numbers]
    assert sorted(np.concatenate(folds).tolist()) == list(range(120))
    assert max(map(len, folds)) - min(map(len, folds)) <= 3  # one family


@pytest.mark.parametrize(("test", "wanted", "before"), [(0.4, 48, 60), (0.6, 72, 120), (0.15, 18, 20), (0.7, 84, 120)])
def test_the_test_part_has_its_share(test, wanted, before):
    families = [f"family {number % 40}" for number in range(120)]
    folds = [split_families(families, size=None, seed=0, split=each, test_fraction=test).test for each in range(5)]
    assert [len(fold) for fold in folds] == pytest.approx([wanted] * 5, abs=3)  # one family
    num_folds = int(1 / test)
    assert len(set(np.concatenate(folds[:num_folds]).tolist())) == sum(map(len, folds[:num_folds]))
    settings = {"size": None, "seed": 0, "test_fraction": test, "available": np.arange(120), "version": 1}
    if before < 120:
        assert len(split_families(families, **settings).test) == pytest.approx(before, abs=3)


def test_a_large_class_makes_a_fold_of_its_own():
    families = ["large"] * 30 + [f"small {number % 20}" for number in range(70)]
    folds = [split_families(families, size=None, seed=0, split=each, test_fraction=0.2).test for each in range(5)]
    (large,) = [fold for fold in folds if 0 in fold]
    assert large.tolist() == list(range(30))
    assert sorted(len(fold) for fold in folds) == pytest.approx([17, 17, 18, 18, 30], abs=1)


def test_development_families_are_never_tested():
    tested = Counter()
    for split in range(4):
        parts = split_families(CLASSES, size=None, seed=0, split=split, test_fraction=0.1, development_fraction=0.4)
        tested.update(CLASSES[row] for row in parts.test)
    assert 0 < len(tested) < 12
    assert max(tested.values()) == 10


def test_a_known_split():
    """If this fails, the same seed gives another split: raise `SplitSettings.split_version`, then add the new ones."""
    families = [*"aaabbbccddefgh"]
    parts = split_families(families, size=8, seed=1, split=2, test_fraction=0.25, validation_fraction=0.2)
    assert [part.tolist() for part in sides(parts)] == [[0, 2, 3, 8, 4, 1], [11, 13], [6, 7, 10]]


@pytest.mark.parametrize(
    ("families", "changes", "values"),
    [
        (["one"] * 30, {}, r"20 %.*\b1\b.*\b1\b.*\b30\b.*\b30\b"),
        (["one"] * 20 + ["two"] * 10, {"test_fraction": 0.99, "development_fraction": 0.7}, r"99 %.*`test_fraction`"),
        (["one"] * 20 + ["two"] * 10, {"split": 2}, r"split 2 .*split 0.*\b2 families"),
        (["one"] * 28 + ["two"], {"split": 0}, r"\b29 materials 1 .*`test_fraction`"),
        (["one"] * 20 + ["two"] * 10, {"validation_fraction": 0.1}, r"\b1 families .*\b0\.1\b.*\btraining\b"),
        (CLASSES, {"size": 2, "validation_fraction": 0.1}, r"\b2 materials.*\b0\.1\b.*\bvalidation\b"),
        (CLASSES, {"test_fraction": 1.0}, r"`test_fraction`.* 1\b.* 1\.0$"),
        (CLASSES, {"split": -1}, "`split`.* 0 .*-1$"),
        (CLASSES, {"validation_fraction": 0.9}, r"`validation_fraction`.* 0\.5\b.* 0\.9$"),
    ],
)
def test_what_cannot_be_split(families, changes, values):
    with pytest.raises(ValueError, match=values):
        split_families(families, **{"size": None, "seed": 0, "test_fraction": 0.2} | changes)


values = st.lists(
    st.tuples(st.integers(0, 40), st.floats(-5, 5) | st.integers(0, 3).map(float) | st.just(float("nan"))),
    min_size=20,
    max_size=50,
)
"""Group and value of each row, with ties and missing values."""


@few
@given(rows=values, tail=st.sampled_from(["above", "below", "both"]), test=fractions, seed=seeds, data=st.data())
def test_tested_values_lie_beyond_those_of_training(rows, tail, test, seed, data):
    groups, numbers = [f"{group}" for group, _ in rows], np.array([value for _, value in rows])
    options = {"tail": tail, "test_fraction": test, "seed": seed, "validation_fraction": 0.5}
    whole = attempt(split_tail, groups, numbers, size=None, **options)
    small = attempt(split_tail, groups, numbers, size=data.draw(st.integers(2, whole.size)), **options)
    assert 0 < len(whole.test) <= test * np.isfinite(numbers).sum()
    for parts in (whole, small):
        used = numbers[np.concatenate([parts.train, parts.validation])]
        tested, used = numbers[parts.test], used[np.isfinite(used)]
        if len(used):
            above, below = tested > used.max(), tested < used.min()
            assert {"above": above, "below": below, "both": above | below}[tail].all()
        members = [{groups[row] for row in part} for part in sides(parts)]
        assert not members[0] & members[1]
        assert not (members[0] | members[1]) & members[2]
    assert small.test.tolist() == whole.test.tolist()
    assert set(small.train) <= set(whole.train)
    assert set(small.validation) <= set(whole.validation)


def test_the_tails_of_a_line():
    names, line = [f"{number:03}" for number in range(100)], np.arange(100.0)
    tested = {
        tail: split_tail(names, line, tail=tail, size=None, seed=0, test_fraction=0.2).test.tolist()
        for tail in ("above", "below", "both")
    }
    assert tested["above"] == list(range(80, 100))
    assert tested["below"] == list(range(20))
    assert tested["both"] == [*range(10), *range(90, 100)]


def test_tails_that_cannot_be():
    names = [f"{number}" for number in range(10)]
    with pytest.raises(ValueError, match=r"\b5 %.*\b10 values"):
        split_tail(names, np.arange(10.0), tail="above", size=None, seed=0, test_fraction=0.05)
    with pytest.raises(ValueError, match=r"\b40 %.* 1; .*`test_fraction`"):
        split_tail(names, np.ones(10), tail="both", size=None, seed=0, test_fraction=0.4)
    assert not len(split_tail(names, np.ones(10), tail="both", size=None, seed=0).test)


def test_the_size_may_be_counted_in_groups_of_rows():
    whole, groups = Parts(np.array([5, 0, 1, 4, 3]), np.empty(0, np.int64), np.array([2])), [*"abcbda"]
    parts = take_groups(whole, groups, 3, 1 / 3)
    assert [part.tolist() for part in sides(parts)] == [[5, 0, 1, 3], [4], [2]]
    assert parts.size == 3
    with pytest.raises(ValueError, match=r"\b2 groups .*`validation_fraction` 0\.3 .*\b3 groups"):
        take_groups(whole, groups, 2, 0.3)
