"""The table of predictions has a row for everything that was asked."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
import torch
from crystals import ROCK_SALT, SILICON, random_crystal
from pymatgen.core.structure import Structure
from pymatgen.io.cif import CifWriter
from tiny import CHAINS, TinyPolymers, density, fit, gine, quiet_trainer, trained_model

from gnn_sim2real.data.crystals import CrystalDataModule, Structures
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.featurize.crystal_files import crystal_formula
from gnn_sim2real.featurize.crystal_table import CrystalTable
from gnn_sim2real.graph import NUM_ELEMENTS
from gnn_sim2real.nn.encoder import Encoder
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.table import Property
from gnn_sim2real.tasks import SourcePretraining
from gnn_sim2real.tasks.prediction import PredictionWriter

COLUMNS = {
    ("density", "g/cm3"): [density(each) for each in CHAINS],
    ("refractive_index", ""): [1.4 + 0.1 * density(each) for each in CHAINS],
}


def predict(tmp_path, materials, **settings):
    (tmp_path / "asked.csv").write_text("polymer,note\n" + "".join(f'"{each}",x\n' for each in materials))
    data = TinyPolymers(COLUMNS, predict_path=str(tmp_path / "asked.csv"), **{"predict_column": "polymer"} | settings)
    _, module = fit(lambda: SourcePretraining(gine()), data, epochs=1)
    writer = PredictionWriter(str(tmp_path / "out" / "answers.csv"))
    quiet_trainer(1, callbacks=[writer]).predict(module, datamodule=data, return_predictions=False)
    with writer.output.open(newline="") as file:
        return list(csv.reader(file)), trained_model(module, data)


def test_all_rows_in_order_with_units_over_several_batches(tmp_path):
    asked = [*(CHAINS * 7), "nonsense(", *CHAINS[::-1]]
    (header, *rows), model = predict(tmp_path, asked)
    assert header == ["polymer", "density [g/cm3]", "refractive_index", "reason", "note"]
    assert [row[0] for row in rows] == asked
    refused = rows.pop(len(CHAINS) * 7)
    assert refused[1:3] == ["", ""]
    assert "nonsense(" in refused[3]
    expected = model.predict([row[0] for row in rows]).values
    for row, values in zip(rows, expected, strict=True):
        assert [float(each) for each in row[1:3]] == pytest.approx(values.tolist(), rel=1e-5)
        assert row[3] == ""


def test_no_material_is_a_formula_for_a_spreadsheet(tmp_path):
    (_, *rows), _ = predict(tmp_path, [CHAINS[0], "=HYPERLINK(1)", "@x", "-1"])
    assert [row[0] for row in rows] == [CHAINS[0], "'=HYPERLINK(1)", "'@x", "-1"]
    assert all(row[3] for row in rows[1:])


class ElementMean(Encoder):
    """Mean over the atoms of a vector for each element; reads any kind of graph."""

    def __init__(self):
        super().__init__()
        self.output_dim, self.vectors = 4, torch.nn.Embedding(NUM_ELEMENTS, 4)

    def forward(self, batch):
        sums = torch.zeros(batch.num_graphs, 4).index_add(0, batch.batch_index, self.vectors(batch.atomic_number))
        return sums / torch.bincount(batch.batch_index, minlength=batch.num_graphs).unsqueeze(1)

    @property
    def layers(self):
        return [self.vectors]


class TinyCrystals(CrystalDataModule):
    """Crystals with their volume an atom."""

    def load_structures(self):
        made = CrystalTable.from_crystals([random_crystal(seed) for seed in range(6)])
        sizes, names = np.diff(made.pointer), [f"crystal {seed}" for seed in range(6)]
        volumes = np.abs(np.linalg.det(made.lattice)) / sizes
        return Structures(made, names, [crystal_formula(each) for each in made], sizes, volumes)

    def load_table(self):
        frame = pd.DataFrame({"name": self.data_set.structures.names, "volume": self.data_set.structures.volumes})
        volume = [Property("volume", "angstrom3/atom")]
        table = clean_table(frame, material_column="name", properties=volume, identity=str, source="tiny")
        return self.data_set.with_structures(table)


def test_a_folder_of_crystals(tmp_path):
    folder = tmp_path / "asked"
    folder.mkdir()
    structures = [Structure(each.lattice, each.atomic_number, each.fractional) for each in (ROCK_SALT, SILICON)]
    (folder / "salt.json").write_text(json.dumps([each.as_dict() for each in structures]))
    (folder / "silicon.cif").write_text(str(CifWriter(structures[1])))
    (folder / "wrong.cif").write_text("data_wrong")
    data = TinyCrystals(validation_fraction=0, predict_path=str(folder))
    trainer, module = fit(lambda: SourcePretraining(ElementMean()), data, epochs=1)
    writer = PredictionWriter(str(tmp_path / "answers.csv"))
    quiet_trainer(1, callbacks=[writer]).predict(module, datamodule=data, return_predictions=False)
    with writer.output.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["crystal", "volume [angstrom3/atom]", "reason"]
    assert [row[0] for row in rows] == ["salt.json#1", "salt.json#2", "silicon.cif", "wrong.cif"]
    assert rows[1][1:] == rows[2][1:]
    assert rows[3][1] == ""
    assert rows[3][2].startswith("wrong.cif: ")
    assert "no crystal" in rows[3][2]
    values = trained_model(module, data).predict([ROCK_SALT, structures[1]]).values[:, 0]
    assert values == pytest.approx([float(rows[0][1]), float(rows[1][1])], rel=1e-5)
    # The graphs must be those that the model was trained on.
    trainer.save_checkpoint(tmp_path / "model.ckpt")
    other = TinyCrystals(validation_fraction=0, predict_path=str(folder), cutoff=5.0)
    with pytest.raises(CheckpointError, match=r"6\.0.*5\.0.*`data\.init_args`"):
        quiet_trainer(1).predict(
            SourcePretraining(ElementMean()), datamodule=other, ckpt_path=tmp_path / "model.ckpt", weights_only=True
        )


@pytest.mark.parametrize(
    ("materials", "settings", "values"),
    [
        (["C(", "D("], {}, r"\b2 materials.*'C\('"),
        (["*CCO*"], {"predict_column": "smiles"}, "'smiles'.*polymer, note"),
        (["*CCO*"], {"predict_path": None}, r"`--data\.predict_path FILE`"),
    ],
)
def test_tables_that_cannot_be_predicted_are_refused(tmp_path, materials, settings, values):
    if "predict_path" in settings:
        data = TinyPolymers()
        with pytest.raises(ValueError, match=values):
            data.predict_dataloader()
        return
    with pytest.raises(ValueError, match=values):
        predict(tmp_path, materials, **settings)
