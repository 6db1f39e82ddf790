"""Formulas, crystals and pairs are learned like polymers, saved, and predicted by the command line."""

import csv

import numpy as np
import pandas as pd
import pytest
from ase.build import bulk
from ase.io import write

from gnn_sim2real import TransferRegressor, nn
from gnn_sim2real.baselines.extra_trees import SETTINGS
from gnn_sim2real.cli.main import main
from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.library import TrainedModel
from gnn_sim2real.nn.model import PropertyModel, PropertySpec

QUICK = {"folds": 3, "epochs": 1, "minutes": None, "foundation": "none", "best": 1}
METALS = {"Cu": 9.0, "Ag": 10.5, "Au": 19.3, "Al": 2.7, "Ni": 8.9, "Pd": 12.0, "Pt": 21.4, "Pb": 11.3}


def predicted(model, tmp_path, file, column):
    output = tmp_path / "predictions.csv"
    folder = str(model.save(tmp_path / "model"))
    assert main(["predict", folder, str(file), "--prediction.output", str(output)]) == 0
    with output.open() as lines:
        return [float(row[column]) for row in csv.DictReader(lines)]


@pytest.mark.slow
def test_formulas_with_the_library(tmp_path, monkeypatch):
    monkeypatch.setitem(SETTINGS, "n_estimators", 10)
    model = TransferRegressor(property="density", unit="g/cm3", **QUICK).fit([*METALS], [*METALS.values()])
    assert model.kind_ == "composition"
    (tmp_path / "new.csv").write_text("formula\nIr\nFe2O3\n")
    found = predicted(model, tmp_path, tmp_path / "new.csv", "density [g/cm3]")
    np.testing.assert_allclose(found, model.predict(["Ir", "Fe2O3"]), rtol=1e-5)


@pytest.mark.slow
def test_crystals_from_a_model_in_memory(tmp_path):
    network = PropertyModel(nn.CGCNN(), [PropertySpec("density", "g/cm3")]).eval()
    source = TrainedModel(network, get_featurizer("crystal"), {})
    model = TransferRegressor(source, property="density", unit="g/cm3", **QUICK)
    model.fit([bulk(each) for each in METALS], [*METALS.values()])
    write(tmp_path / "Ir.cif", bulk("Ir"))
    (found,) = predicted(model, tmp_path, tmp_path / "Ir.cif", "density [g/cm3]")
    assert found == pytest.approx(model.predict([bulk("Ir")])[0], rel=1e-4)


@pytest.mark.slow
def test_pairs_with_and_without_a_temperature(tmp_path):
    units, solvents = ["*CC*", "*CCO*", "*CC(*)C", "*CC(*)c1ccccc1"], ["O", "CCO", "c1ccccc1"]
    pairs = [(unit, solvent) for unit in units for solvent in solvents]
    frame = pd.DataFrame(pairs, columns=["polymer", "solvent"])
    values = np.linspace(0.1, 1.0, len(pairs))
    model = TransferRegressor("starter:mixture/chi", property="chi", **QUICK)
    alone = model.fit(pairs, values).predict(pairs[:2])
    np.testing.assert_allclose(model.fit(frame, values).predict(frame[:2]), alone)
    frame[:2].to_csv(tmp_path / "new.csv", index=False)
    np.testing.assert_allclose(predicted(model, tmp_path, tmp_path / "new.csv", "chi"), alone, rtol=1e-5)
