"""Cells of baselines: what they are computed from, on how many materials they are scored, and their keys."""

from dataclasses import replace

import numpy as np
import pytest
import tiny_foundation  # noqa: F401 (an encoder that needs no library)
from tiny import CHAINS, TinyPolymers

from gnn_sim2real.baselines import BASELINES
from gnn_sim2real.foundation import make_encoder
from gnn_sim2real.shotgun.library_predictions import Column
from gnn_sim2real.study import baseline_cell
from gnn_sim2real.study.baseline_cell import baseline_key, gather_inputs, run_baseline
from gnn_sim2real.study.grid import GridPoint

WITHOUT_SOURCE = [name for name, baseline in BASELINES.items() if not baseline.needs_source]
SLOW = {name: [pytest.mark.slow] for name in WITHOUT_SOURCE if name.startswith("ensemble")}


class Lengths:
    """A library whose only model predicts the length of a spelling."""

    def predict(self, target):
        return [Column("made up", "length", ("key",))], np.array(
            [[float(len(each))] for each in target.table.materials]
        )


@pytest.fixture(scope="module")
def target():
    return TinyPolymers(test_fraction=0.3, split_version=1)


@pytest.fixture(scope="module")
def source():
    """Simulated values of two in three materials, in another unit."""
    some = [each for index, each in enumerate(CHAINS) if index % 3]
    values = [1000.0 + 10 * len(each) for each in some]
    return TinyPolymers({("density", "kg/m3"): values}, materials=some)


@pytest.mark.parametrize("name", [pytest.param(name, marks=SLOW.get(name, [])) for name in WITHOUT_SOURCE])
def test_a_baseline_is_scored_on_the_materials_that_have_its_inputs(name, source, target):
    foundation = make_encoder({"name": "tiny", "heaviest": 8})
    record, errors, predictions = run_baseline(
        "key", GridPoint(None, 0, "all", 0, 0, name), source, target, None, foundation, Lengths()
    )
    tested = [target.table.identities[row] for row in target.parts.test]
    simulated = [each for each in tested if each in source.table.identities]
    light = [each for each in tested if "S" not in each and "F" not in each]
    assert 0 < len(simulated) < len(tested)
    assert 0 < len(light) < len(tested)
    wanted = tested
    if BASELINES[name].uses_simulated and name != "ensemble_with_simulated_value":  # which answers the others as well
        wanted = simulated
    elif BASELINES[name].uses_foundation:
        wanted = light
        about = record.details["foundation"]
        assert (about["name"], about["layer"], about["heaviest"]) == ("tiny", "last", 8)
        assert "measurements" in about["has_seen"]
        assert about["refused"] == {"a heavy element": sum("S" in each or "F" in each for each in CHAINS)}
    assert record.metrics["num_test"] == len(errors) == len(wanted)
    assert np.isfinite(record.metrics["mae"])
    assert predictions is None  # a table without a license
    assert (record.cell.policy, record.cell.source_size) == (name, 0)


def test_simulated_values_come_in_the_unit_of_the_target(source, target):
    found = gather_inputs(BASELINES["simulated_value"], source, target, None).simulated
    known = ~np.isnan(found)
    assert np.flatnonzero(known).tolist() == [
        row for row, each in enumerate(target.table.identities) if each in source.table.identities
    ]
    assert found[known].min() > 1.0
    assert found[known].max() < 1.5


@pytest.mark.parametrize("name", sorted(BASELINES.keys() - set(WITHOUT_SOURCE)))
def test_without_a_pretrained_model_it_is_refused_by_name(name, source, target):
    with pytest.raises(ValueError, match=name):
        gather_inputs(BASELINES[name], source, target, None)


def test_a_source_of_another_property_is_refused_by_the_name_of_the_baseline(target):
    other = TinyPolymers({("tg", "K"): [300.0] * len(CHAINS)})
    with pytest.raises(ValueError, match=r"'density'.*glass_transition.*`median_trees_delta`"):
        gather_inputs(BASELINES["median_trees_delta"], other, target, None)


def test_without_a_foundation_encoder_it_is_refused_by_name(source, target):
    with pytest.raises(ValueError, match=r"'foundation_gp'.*\bfoundation encoder"):
        gather_inputs(BASELINES["foundation_gp"], source, target, None)


def test_the_foundation_encoder_is_in_the_keys_of_what_it_changes(target):
    def keys(named):
        made = None if named is None else make_encoder(named)
        return {name: baseline_key(name, None, target.key_content(), target, None, made) for name in BASELINES}

    found = [keys(each) for each in (None, "tiny", {"name": "tiny", "layer": "first"}, {"name": "tiny", "heaviest": 8})]
    for name, baseline in BASELINES.items():
        assert len({each[name] for each in found}) == (4 if baseline.uses_foundation else 1)


def test_a_version_changes_the_keys_of_what_it_changes(target, monkeypatch):
    def keys():
        return {name: baseline_key(name, None, target.key_content(), target, None) for name in BASELINES}

    before = keys()
    assert len(set(before.values())) == len(BASELINES)
    newer = {**BASELINES, "median_trees": replace(BASELINES["median_trees"], version=2)}
    monkeypatch.setattr(baseline_cell, "BASELINES", newer)
    assert {name for name, key in keys().items() if key != before[name]} == {"median_trees"}
    monkeypatch.setattr(baseline_cell, "BASELINES", BASELINES)
    monkeypatch.setattr("gnn_sim2real.featurize.physical_descriptors.PHYSICAL_VERSION", 99)
    described = TinyPolymers(test_fraction=0.3, split_version=1)
    after = {name: baseline_key(name, None, target.key_content(), described, None) for name in BASELINES}
    assert {name for name, key in after.items() if key != before[name]} == {
        name for name, baseline in BASELINES.items() if "physical_descriptors" in baseline.needs
    }
