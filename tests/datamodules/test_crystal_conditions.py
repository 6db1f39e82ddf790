"""Crystals and formulas at several temperatures: read, split, learned and predicted as polymers are."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from ase.build import bulk
from crystals import CESIUM_CHLORIDE, COPPER, IRON, ROCK_SALT, SILICON
from pymatgen.core.structure import Structure
from pymatgen.io.cif import CifWriter

from datamodules import BlendTable, PairTable, Table
from gnn_sim2real import TransferRegressor, nn
from gnn_sim2real.cli.main import main
from gnn_sim2real.featurize import crystal_files
from gnn_sim2real.featurize.conditions import AtConditions, ConditionTable
from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.library import TrainedModel
from gnn_sim2real.nn.model import PropertyModel, PropertySpec
from gnn_sim2real.shotgun.table_argument import read_table_argument
from gnn_sim2real.shotgun.target import Target

MADE = {"a": ROCK_SALT, "b": SILICON, "c": CESIUM_CHLORIDE, "d": COPPER, "e": IRON}
CELSIUS = (25.0, 100.0, 300.0)
AT = {"temperature": {"column": "T [degC]"}}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GNN_SIM2REAL_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cifs").mkdir()
    for name, made in MADE.items():
        structure = Structure(made.lattice, made.atomic_number.tolist(), made.fractional)
        (tmp_path / f"cifs/{name}.cif").write_text(str(CifWriter(structure)))
    rows = [
        (name, f"cifs/{name}.cif", celsius, 10 ** (-number - 300 / (celsius + 273.15)))
        for number, name in enumerate(MADE)
        for celsius in CELSIUS
    ]
    frame = pd.DataFrame(rows, columns=["name", "file", "T [degC]", "ionic_conductivity [S/cm]"])
    frame.drop(columns="file").to_csv("beside.csv", index=False)
    frame.drop(columns="name").to_csv("mine.csv", index=False)
    return tmp_path


def beside(**settings):
    own = {"table": "beside.csv", "name_column": "name", "material": "crystal", "conditions": AT}
    own |= {"transform": "log10", "validation_fraction": 0}
    return Table("cifs", "ionic_conductivity", "S/cm", **{**own, **settings})


@pytest.mark.parametrize("representation", ["structure", "composition"])
def test_rows_of_one_crystal_stay_apart_and_together(representation):
    data = beside(representation=representation, test_fraction=0.4)
    table = data.table
    assert len(table.identities) == len(set(table.identities)) == 15
    assert isinstance(table.materials, ConditionTable)
    assert len(table.materials.materials) == 5
    kelvin = {round(each.conditions["temperature"], 2) for each in table.materials}
    assert kelvin == {round(each + 273.15, 2) for each in CELSIUS}
    tested = {table.groups[row] for row in data.parts.test.tolist()}
    assert not tested & {table.groups[row] for row in data.parts.train.tolist()}
    assert len(data.parts.test) == 3 * len(tested)
    batch = data.part("train").store.select(data.part("train").rows)
    assert batch.conditions.shape == (len(data.parts.train), 1)
    if representation == "structure":
        assert data.store.num_graphs == 5  # one of a crystal, whatever the conditions are
        assert data.data_set.num_atoms.tolist() == data.store.num_nodes.tolist()
    assert data.card()["conditions"] == {"temperature": "K"}


def test_other_structures_are_another_table():
    first = beside().data_set.fingerprint
    assert beside().data_set.fingerprint == first
    structure = Structure(SILICON.lattice * 1.01, SILICON.atomic_number.tolist(), SILICON.fractional)
    Path("cifs/b.cif").write_text(str(CifWriter(structure)))
    assert beside().data_set.fingerprint != first


def test_what_cannot_be_is_refused():
    rows = pd.read_csv("beside.csv").astype({"T [degC]": object})
    rows.loc[0, "T [degC]"] = ""
    rows.to_csv("beside.csv", index=False)
    table = beside().table
    assert len(table.identities) == 14
    assert table.quarantine["reason"].tolist() == ["no temperature"]
    with pytest.raises(ValueError, match="'p'"):
        _ = beside(conditions={"pressure": {"column": "p", "unit": "bar"}}).table
    with pytest.raises(ValueError, match=r"T \[degC\]"):
        _ = beside(conditions=None, table="beside.csv").table


def test_fit_and_predict(folder, capsys):
    encoder = {"class_path": "gnn_sim2real.nn.CGCNN", "init_args": {"hidden_dim": 8, "num_layers": 1}}
    settings = {"path": "mine.csv", "property": "ionic_conductivity", "unit": "S/cm", "transform": "log10"}
    config = {
        "seed_everything": 0,
        "trainer": {"accelerator": "cpu", "max_epochs": 2, "default_root_dir": "run"},
        "model": {
            "class_path": "gnn_sim2real.tasks.TargetFineTuning",
            "init_args": {"encoder": encoder, "forms": {"ionic_conductivity": "inverse_temperature"}},
        },
        "data": {
            "class_path": "datamodules.Table",
            "init_args": settings | {"conditions": AT, "validation_fraction": 0},
        },
    }
    (folder / "own.yaml").write_text(yaml.safe_dump(config))
    assert main(["fit", "-c", "own.yaml"]) == 0
    (checkpoint,) = folder.glob("run/**/*.ckpt")
    capsys.readouterr()
    asked = pd.DataFrame({"file": ["cifs/a.cif", "cifs/a.cif", "cifs/b.cif"], "T [degC]": ["25", "300", ""]})
    asked.to_csv("asked.csv", index=False)
    assert main(["predict", str(checkpoint), "asked.csv", "--prediction.output", "p.csv"]) == 0
    found = pd.read_csv("p.csv")
    values = found["ionic_conductivity [S/cm]"]
    assert values[0] != values[1]
    assert np.isnan(values[2])
    assert "no temperature" in found.iloc[2].astype(str).str.cat(sep=" ")
    assert main(["predict", str(checkpoint), "cifs", "--prediction.output", "q.csv"]) != 0
    said = capsys.readouterr().err
    assert all(each in said for each in ("T [degC]", "--data.predict_conditions '{temperature: 300}'", "in K"))
    of_all = ["--data.predict_conditions", "{temperature: 573.15}"]
    assert main(["predict", str(checkpoint), "cifs", "--prediction.output", "q.csv", *of_all]) == 0
    at_once = pd.read_csv("q.csv").set_index("crystal")["ionic_conductivity [S/cm]"]
    assert len(at_once) == len(MADE)
    assert at_once["a.cif"] == pytest.approx(values[1], rel=1e-5)
    for wrong, said in (("{pressure: 1}", "'pressure'"), ("{temperature: -1}", "above 0 K")):
        of_all[1] = wrong
        assert main(["predict", str(checkpoint), "cifs", "--prediction.output", "r.csv", *of_all]) != 0
        assert said in capsys.readouterr().err
    of_all[1] = "{temperature: 300}"
    assert main(["predict", str(checkpoint), "asked.csv", "--prediction.output", "r.csv", *of_all]) != 0
    assert "'T [degC]'" in capsys.readouterr().err  # the table says it already


def test_conditions_of_all_are_for_every_kind_of_table(folder):
    rows = pd.DataFrame({"smiles": ["CCO", "CCC"], "first": ["*CC*", "*CO*"], "second": ["CO", "CCO"], "v": [1, 2]})
    rows.assign(**{"T [K]": [300, 350]}).to_csv("known.csv", index=False)
    rows.to_csv("asked.csv", index=False)
    wanted = {"predict_path": "asked.csv", "predict_conditions": {"temperature": 320}}
    at = {"temperature": "T [K]"}
    parts = {"polymer": "first", "solvent": "second"}
    for data in (
        Table("known.csv", "v", "", conditions=at, material_column="smiles", **wanted),
        PairTable("known.csv", parts, "v", "v", "", conditions=at, **wanted),
        BlendTable("known.csv", ["first", "second"], "v", "v", "", conditions=at, **wanted),
    ):
        assert data.predictor.store.conditions.ravel().tolist() == [320, 320]
        with pytest.raises(ValueError, match=r"T \[K\]"):
            _ = data.variant(predict_conditions=None).predictor.read_materials
        with pytest.raises(ValueError, match=r"T \[K\]"):
            _ = data.variant(predict_path="known.csv").predictor.read_materials
    plain = Table("known.csv", "v", "", at={"T [K]": "all"}, material_column="smiles", **wanted)
    with pytest.raises(ValueError, match="'temperature'"):
        _ = plain.predictor.read_materials


def test_shotgun_finds_the_temperature():
    argument = read_table_argument(["mine.csv"])
    assert argument.settings["conditions"] == {"temperature": "T [degC]"}
    data = Table(**argument.settings, validation_fraction=0)
    target = Target.of_data(data, log=True)
    assert [each.name for each in target.conditions] == ["temperature"]
    assert target.descriptors[:, -1].tolist() == target.table.materials.conditions[:, 0].tolist()
    plain = target.view(beside(conditions=None, where="T = 25").featurizer)  # that of a model without conditions
    assert plain.store.conditions.shape == (15, 1)


def test_the_estimator_makes_each_graph_once(monkeypatch):
    structures = [bulk(each) for each in ("Cu", "Ag", "Au", "Al", "Ni", "Pd", "Pt", "Pb") for _ in range(2)]
    frame = pd.DataFrame({"structure": structures, "T [K]": [300.0, 400.0] * 8})
    network = PropertyModel(nn.CGCNN(hidden_dim=8, num_layers=1), [PropertySpec("gap", "eV")]).eval()
    source = TrainedModel(network, get_featurizer("crystal"), {})
    made = []
    own = crystal_files.crystal_graph
    monkeypatch.setattr(crystal_files, "crystal_graph", lambda *given: made.append(1) or own(*given))
    quick = {"folds": 3, "epochs": 1, "minutes": None, "foundation": "none", "best": 1}
    model = TransferRegressor(source, property="band_gap", unit="eV", **quick).fit(frame, np.linspace(1, 2, 16))
    assert len(made) == 16
    asked = [AtConditions(structures[0], {"temperature": each}) for each in (300.0, 400.0)]
    first, second = model.predict(asked)
    assert np.isfinite([first, second]).all()
    with pytest.raises(ValueError, match="temperature"):
        model.predict(structures[:2])
