"""Formulas, crystals and pairs are learned like polymers, saved, and predicted by the command line."""

import csv

import numpy as np
import pandas as pd
import pytest
import torch
from ase.build import bulk
from ase.io import write
from pymatgen.core import Lattice, Structure

from gnn_sim2real import TransferRegressor, load_model, nn
from gnn_sim2real.baselines.extra_trees import SETTINGS
from gnn_sim2real.cli.main import main
from gnn_sim2real.estimator.features import embed
from gnn_sim2real.explain import explain
from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.library import TrainedModel, save_model
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


def disordered_salts(number=10):
    """Rock salts whose cation site is shared by two elements, in changing parts."""
    cations, anions = ["Na", "K", "Rb", "Li", "Ag"], ["Cl", "Br"]
    lattice = Lattice.cubic(5.6)
    salts = []
    for row in range(number):
        shared = {cations[row % 5]: 0.25 + 0.05 * (row // 5), cations[(row + 1) % 5]: 0.5}
        salts.append(Structure.from_spacegroup("Fm-3m", lattice, [shared, anions[row % 2]], [[0] * 3, [0.5] * 3]))
    return salts


def tiny_crystal_model():
    torch.manual_seed(0)
    network = PropertyModel(nn.CGCNN(hidden_dim=8, num_layers=1), [PropertySpec("density", "g/cm3")]).eval()
    return TrainedModel(network, get_featurizer("crystal"), {})


def test_disordered_crystals_are_refused_unless_asked_for():
    model, salts = tiny_crystal_model(), disordered_salts(3)
    for ask in (model.predict, lambda some: embed(some, model), lambda some: explain(some, model)):
        with pytest.raises(ValueError, match="disorder: average"):
            ask(salts)
    with pytest.raises(ValueError, match="`disorder`"):
        TransferRegressor(model, disorder="mean").fit(salts, [1.0, 2.0, 3.0])


def test_features_predictions_and_explanations_of_disordered_crystals():
    model, salts = tiny_crystal_model(), disordered_salts(3)
    average = model.with_disorder("average")
    alone = embed(salts, model, disorder="average")
    np.testing.assert_array_equal(embed(salts, average), alone)  # a model that was trained so reads so
    assert alone.std(axis=0).max() > 0
    values = average.predict(salts).values[:, 0]
    found = explain(salts, model, disorder="average")
    np.testing.assert_allclose([each.prediction for each in found], values, rtol=1e-5)
    assert len(found[0].contributions) == 8
    ordered = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.6), ["Na", "Cl"], [[0] * 3, [0.5] * 3])
    np.testing.assert_array_equal(average.predict([ordered]).values, model.predict([ordered]).values)


def test_a_table_of_features_of_disordered_crystals(tmp_path, capsys):
    save_model(tiny_crystal_model(), tmp_path / "model")
    disordered_salts(1)[0].to(str(tmp_path / "salt.cif"), fmt="cif")
    asked = ["embed", str(tmp_path / "model"), str(tmp_path / "salt.cif"), "--output", str(tmp_path / "out.csv")]
    assert main(asked) == 2
    assert "--disorder average" in capsys.readouterr().err
    assert main([*asked, "--disorder", "average"]) == 0
    assert np.isfinite(pd.read_csv(tmp_path / "out.csv")["feature_0"]).all()


@pytest.mark.parametrize("command", ["embed", "explain"])
def test_a_file_of_which_nothing_can_be_read_names_the_site(tmp_path, capsys, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    save_model(tiny_crystal_model(), tmp_path / "model")
    disordered_salts(1)[0].to(str(tmp_path / "salt.cif"), fmt="cif")
    text = (tmp_path / "salt.cif").read_text()
    label = next(line.split()[1] for line in text.splitlines() if line.split()[:1] == ["Na"])
    (tmp_path / "salt.cif").write_text("\n".join(_with_occupancy(line, "1.2") for line in text.splitlines()))
    assert main([command, "model", "salt.cif", "--disorder", "average"]) == 2
    told = capsys.readouterr().err
    assert f"site {label} " in told
    assert "1.2" in told


def _with_occupancy(line, share):
    words = line.split()
    return " ".join([*words[:-1], share]) if words[:1] == ["Na"] and len(words) > 5 else line


def test_a_crystal_without_a_graph_has_a_reason_and_the_others_are_answered(tmp_path, capsys):
    """A cell far too large is found only as its neighbors are searched."""
    save_model(tiny_crystal_model(), tmp_path / "model")
    folder = tmp_path / "crystals"
    folder.mkdir()
    salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.6), ["Na", "Cl"], [[0] * 3, [0.5] * 3])
    huge = Structure(Lattice.orthorhombic(1e9, 5, 5), ["Na", "Cl"], [[0] * 3, [0.5] * 3])
    salt.to(str(folder / "NaCl.cif"), fmt="cif")
    huge.to(str(folder / "huge.cif"), fmt="cif")
    asked = ["embed", str(tmp_path / "model"), str(folder), "--output", str(tmp_path / "out.csv")]
    assert main([*asked, "--on-error", "raise"]) == 2
    assert "huge.cif" in capsys.readouterr().err
    assert main(asked) == 0
    table = pd.read_csv(tmp_path / "out.csv")
    assert table["material"].tolist() == ["NaCl.cif", "huge.cif"]
    assert table["reason"].notna().tolist() == [False, True]
    assert table["feature_0"].notna().tolist() == [True, False]
    words = ["explain", str(tmp_path / "model"), str(folder), "--output", str(tmp_path / "why"), "--evaluations", "50"]
    assert main([*words, "--source", str(folder)]) == 2  # one other crystal is no table
    assert main(words) == 0
    assert "huge.cif" in (tmp_path / "why" / "report.html").read_text()
    (folder / "NaCl.cif").unlink()
    capsys.readouterr()
    for alone in ([*asked, "--overwrite"], [*words[:4], str(tmp_path / "other")]):
        assert main(alone) == 2
        assert "huge.cif" in capsys.readouterr().err
    found = embed([salt, huge], tiny_crystal_model(), on_error="nan")
    assert np.isfinite(found).all(axis=1).tolist() == [True, False]
    for ask in (embed, explain):
        with pytest.raises(ValueError, match=r"X\[1\]"):
            ask([salt, huge], tiny_crystal_model())


@pytest.mark.slow
def test_a_crystal_without_a_graph_is_left_out_of_a_fit_and_predicted_as_nan():
    salts, huge = disordered_salts(), Structure(Lattice.orthorhombic(1e9, 5, 5), ["Na", "Cl"], [[0] * 3, [0.5] * 3])
    given = {"property": "density", "unit": "g/cm3", "disorder": "average", "on_error": "nan", **QUICK}
    model = TransferRegressor(tiny_crystal_model(), **given)
    model.fit([*salts, huge], np.linspace(1.0, 2.0, len(salts) + 1))
    assert np.isfinite(model.predict([salts[0], huge])).tolist() == [True, False]
    model.on_error = "raise"
    with pytest.raises(ValueError, match=r"X\[1\]"):
        model.predict([salts[0], huge])


def test_a_way_to_read_disorder_is_refused_of_what_is_no_structure(tmp_path, capsys):
    model = load_model("starter:polymer/density")
    for ask in (
        lambda: model.with_disorder("average"),
        lambda: embed(["*CC*"], model, disorder="average"),
        lambda: explain(["*CC*"], model, disorder="order"),
        lambda: TransferRegressor(model, disorder="average", **QUICK).fit(["*CC*", "*CCO*", "*CCC*"], [1.0, 2.0, 3.0]),
        lambda: load_model("starter:composition/density").with_disorder("average"),
    ):
        with pytest.raises(ValueError, match="models of crystals"):
            ask()
    table = tmp_path / "table.csv"
    table.write_text("smiles,density [g/cm3]\n*CC*,0.9\n*CCO*,1.1\n*CCC*,1.0\n*CCCO*,1.05\n")
    for words in (
        ["embed", "starter:polymer/density", str(table), "--output", str(tmp_path / "out.csv")],
        ["explain", "starter:polymer/density", str(table), "--output", str(tmp_path / "why")],
        ["suggest", str(table), str(table), "--property", "density", "--unit", "g/cm3"],
    ):
        assert main([*words, "--disorder", "average"]) == 2
        assert "disorder" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("disorder", ["average", "order"])
def test_disordered_crystals_are_learned_saved_and_predicted(tmp_path, disorder):
    salts, source = disordered_salts(), tiny_crystal_model()
    model = TransferRegressor(source, property="density", unit="g/cm3", disorder=disorder, **QUICK)
    model.fit(salts, np.linspace(1.0, 2.0, len(salts)))
    alone = model.predict(salts[:2])
    assert np.isfinite(alone).all()
    salts[1].to(str(tmp_path / "salt.cif"), fmt="cif")
    (found,) = predicted(model, tmp_path, tmp_path / "salt.cif", "density [g/cm3]")
    assert found == pytest.approx(alone[1], rel=1e-4)
    np.testing.assert_allclose(TransferRegressor.load(tmp_path / "model").predict(salts[:2]), alone)
