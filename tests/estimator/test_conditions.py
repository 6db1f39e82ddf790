"""Pure materials at several temperatures as X."""

import numpy as np
import pandas as pd
import pytest

from gnn_sim2real.estimator.materials import read_materials
from gnn_sim2real.estimator.measurements import Measurements
from gnn_sim2real.featurize.conditions import AtConditions, ConditionTable
from gnn_sim2real.shotgun.answer import find_distances
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.tables.table import Property

SMILES = ["CCO", "CCCO", "CCCCO", "CO"]


def frame(*celsius):
    rows = [(each, t) for each in SMILES for t in celsius]
    return pd.DataFrame(rows, columns=["smiles", "T [degC]"])


def test_a_temperature_that_varies_is_a_condition():
    found = read_materials(frame(25.0, 75.0))
    assert (found.kind.name, found.kind.conditions) == ("molecule", {"temperature": "K"})
    assert found.contents[1] == AtConditions("CCO", {"temperature": 348.15})
    assert found.identities[1] == "CCO @ temperature 348.15"
    assert read_materials(frame(25.0)).kind.conditions == {}
    again = read_materials(frame(50.0), found.kind)
    assert again.contents[0].conditions == {"temperature": 323.15}
    with pytest.raises(ValueError, match="temperature"):
        read_materials(SMILES, found.kind)
    cold = read_materials(frame(-300.0, 20.0))
    assert sorted(cold.reasons) == [0, 2, 4, 6]


def test_materials_that_say_their_conditions():
    given = [AtConditions("CCO", {"temperature": 300, "pressure": p}) for p in (1, 2)]
    found = read_materials(given)
    assert found.kind.conditions == {"pressure": "", "temperature": "K"}
    assert found.identities == ["CCO @ pressure 1 @ temperature 300", "CCO @ pressure 2 @ temperature 300"]


def test_measurements_at_several_temperatures_are_a_target():
    materials = read_materials(frame(25.0, 50.0, 75.0))
    number = len(materials)
    values = 10.0 ** np.arange(number)
    data = Measurements(materials, values, Property("rate", "1/s", transform="log10"), np.ones(number, np.int64))
    assert isinstance(data.table.materials, ConditionTable)
    assert sorted(set(data.table.groups)) == ["CCCCO", "CCCO", "CCO", "CO"]
    target = Target.of_data(data)
    assert target.log
    assert target.unit == "decades"
    assert sorted(target.values.tolist()) == list(range(number))
    assert [each.name for each in target.conditions] == ["temperature"]
    assert target.num_own_conditions == 1
    assert target.descriptors[:, -1].tolist() == [each.conditions["temperature"] for each in target.table.materials]
    batch = target.view(target.own).batches[0]
    assert batch.conditions[:, 0].tolist() == pytest.approx(target.descriptors[:, -1].tolist())


def test_a_condition_beyond_the_measured_ones_is_outside():
    rng = np.random.default_rng(0)
    materials = np.repeat(rng.standard_normal((12, 5)), 3, axis=0)
    table = np.column_stack([materials, np.tile([300.0, 330.0, 360.0], 12)])
    asked = table[[0, 0, 0, 0]].copy()
    asked[:, -1] = (345.0, 420.0, 1e9, 270.0)
    whole, train = np.concatenate([table, asked]), np.arange(36)
    found = find_distances(whole, train, np.arange(36, 40), num_conditions=1)
    assert found[0] <= 1
    assert found[1] == pytest.approx(2.0)  # a whole width of the range above it
    assert found[2] > 1e6
    assert found[3] == pytest.approx(1.5)
