import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_sim2real.study.architectures import Architecture
from gnn_sim2real.study.grid import Axes, cell_groups

ALL_POLICIES = [
    "full",
    "frozen_encoder",
    "gradual",
    "calibrated_source",
    "extra_trees_with_source",
    "extra_trees",
    "simulated_value",
    "l2_sp",
    "affine",
    "frozen_ridge",
    "calibrated_simulated_value",
]


def groups(*grids, shared=False):
    encoders = [[Architecture(each["class_path"], each) for each in axes.architecture] for axes in grids]
    return cell_groups(grids, [each or [Architecture("GINE")] for each in encoders], shared)


def points(axes, shared=False):
    return [point for group in groups(axes, shared=shared) for point in group.points]


@given(
    st.lists(st.sampled_from([0, 50, 100, "all"]), min_size=1, unique=True),
    st.lists(st.integers(2, 400), min_size=1, max_size=3, unique=True),
    st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True),
    st.booleans(),
)
def test_no_point_twice_and_the_grouping_changes_none(sizes, targets, seeds, shared):
    axes = Axes(sizes, targets, seeds, [0, 1], ["full", "extra_trees"])
    found = points(axes, shared)
    assert len(found) == len(set(map(repr, found)))
    assert sorted(map(repr, found)) == sorted(map(repr, points(axes, not shared)))


def test_each_policy_stands_where_it_has_a_meaning():
    found = points(Axes([0, 50], [10, 20], [0, 1], [0], ALL_POLICIES))
    count = {policy: sum(point.policy == policy for point in found) for policy in ALL_POLICIES}
    assert count == {
        "full": 8,
        "frozen_encoder": 4,
        "gradual": 4,
        "calibrated_source": 4,
        "extra_trees_with_source": 4,
        "extra_trees": 4,
        "simulated_value": 1,
        "l2_sp": 4,
        "affine": 8,
        "frozen_ridge": 4,
        "calibrated_simulated_value": 4,
    }
    assert all(point.source_size == 0 for point in found if point.policy in ("extra_trees", "simulated_value"))


def test_baselines_without_a_network_are_not_repeated_for_each_architecture():
    architectures = [{"class_path": "a"}, {"class_path": "b"}]
    found = points(Axes([0, 50], [10], [0], [0], ["full", "extra_trees"], architectures))
    assert sum(point.policy == "extra_trees" for point in found) == 1
    assert sum(point.policy == "full" for point in found) == 4


def test_a_group_shares_one_pretrained_model():
    for group in groups(Axes([0, 50, "all"], [10, 20], [0, 1], [0, 1], ["full", "frozen_encoder"])):
        assert len({(point.source_size, point.seed, point.split) for point in group.points}) == 1


@pytest.mark.parametrize(
    ("axes", "values"),
    [
        ({"source_size": [], "target_size": [10]}, "`source_size` .*empty"),
        ({"source_size": [50, 50], "target_size": [10]}, r"`source_size` .*twice: \[50, 50\]"),
        ({"source_size": [-1], "target_size": [10]}, r"`source_size` .* 0\b.* -1$"),
        ({"source_size": [0], "target_size": [1]}, r"`target_size` .* 2\b.* 1$"),
    ],
)
def test_axes_that_make_no_grid_are_refused(axes, values):
    with pytest.raises(ValueError, match=values):
        Axes(**axes)


def test_a_policy_that_needs_a_source_says_so():
    with pytest.raises(ValueError, match=r"'frozen_encoder' .*pretrained"):
        groups(Axes([0], [10], policy=["frozen_encoder"]))


def test_grids_that_share_a_model_use_it_up_together():
    whole = Axes([0, 50, "all"], [10, 20], [0, 1], policy=["full", "frozen_encoder"])
    more = Axes([0, "all"], [10], [0, 1], policy=["affine"])
    other = Axes([50], [10], [0, 1], architecture=[{"class_path": "other"}])
    found = groups(whole, more, other)
    assert len(found) == 2 * 3 + 2
    shared = {(group.points[0].source_size, group.points[0].seed): group for group in found[:6]}
    assert [point.policy for point in shared["all", 1].points] == [
        "full",
        "full",
        "frozen_encoder",
        "frozen_encoder",
        "affine",
    ]
    assert [point.policy for point in shared[50, 1].points] == ["full", "full", "frozen_encoder", "frozen_encoder"]
    assert all(group.points[0].architecture_name == "other" for group in found[6:])


def test_pretrainings_concern_sources_alone():
    short = {"trainer.max_steps": 10}
    found = points(Axes([0, 50], [10], [0], [0], ["full", "extra_trees"], pretraining=[short, {"name": "as it is"}]))
    assert [(point.source_size, point.policy, point.pretraining, point.architecture_name) for point in found] == [
        (0, "full", "", "GINE"),
        (0, "extra_trees", "", ""),
        (50, "full", "max_steps=10", "GINE"),
        (50, "full", "as it is", "GINE"),
    ]


@pytest.mark.parametrize(
    ("pretrainings", "said"),
    [
        ([{}], "`pretraining` .*`name`"),
        ([{"name": " "}], "`pretraining` .*' '"),
        ([{"trainer.max_steps": 10}, {"trainer.max_steps": 10}], "`pretraining` .*'max_steps=10'"),
        ([{"trainer.max_steps": 10}, {"trainer.max_steps": 10, "name": "a"}], "`pretraining` .*'a'"),
        ([{"trainer.max_steps": 10, "name": "a"}, {"name": "a"}], "`pretraining` .*'a'"),
    ],
)
def test_pretrainings_that_cannot_be_told_apart_are_refused(pretrainings, said):
    with pytest.raises(ValueError, match=said):
        Axes([50], [10], pretraining=pretrainings)


def test_growth_concerns_sources_alone():
    found = points(Axes([0, 50], [10], [0], [0], ["full", "extra_trees"], growth=["random", "family", "cheapest"]))
    assert [(point.source_size, point.policy, point.growth) for point in found] == [
        (0, "full", "random"),
        (0, "extra_trees", "random"),
        (50, "full", "random"),
        (50, "full", "family"),
        (50, "full", "cheapest"),
    ]
