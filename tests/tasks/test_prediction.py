"""The table of predictions has a row for everything that was asked."""

import csv

import pytest
from tiny import CHAINS, TinyPolymers, density, fit, gine, quiet_trainer, trained_model

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
    assert header == ["polymer", "density [g/cm3]", "refractive_index", "reason"]
    assert [row[0] for row in rows] == asked
    refused = rows.pop(len(CHAINS) * 7)
    assert refused[1:3] == ["", ""]
    assert "nonsense(" in refused[3]
    expected = model.predict([row[0] for row in rows]).values
    for row, values in zip(rows, expected, strict=True):
        assert [float(each) for each in row[1:3]] == pytest.approx(values.tolist(), rel=1e-5)
        assert row[3] == ""


@pytest.mark.parametrize(
    ("materials", "settings", "sentence"),
    [
        (["C(", "D("], {}, "none of the 2 materials in .* can be read: .*"),
        (["*CCO*"], {"predict_column": "smiles"}, "no column 'smiles', only polymer, note"),
        (["*CCO*"], {"predict_path": None}, "say what to predict"),
    ],
)
def test_tables_that_cannot_be_predicted_are_refused(tmp_path, materials, settings, sentence):
    if "predict_path" in settings:
        data = TinyPolymers()
        with pytest.raises(ValueError, match=sentence):
            data.predict_dataloader()
        return
    with pytest.raises(ValueError, match=sentence):
        predict(tmp_path, materials, **settings)
