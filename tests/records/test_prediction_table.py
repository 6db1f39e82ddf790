"""Predictions beside measured values, as any logger of Lightning gets them."""

import numpy as np
import pandas as pd
import pytest
from lightning.pytorch import LightningModule
from lightning.pytorch.loggers import CSVLogger
from tiny import TinyPolymers, fit, gine

from gnn_sim2real import PredictionTable, SourcePretraining, TargetFineTuning
from gnn_sim2real.featurize.crystal import Crystal
from gnn_sim2real.featurize.drawing import draw_material
from gnn_sim2real.featurize.mixture import Mixture
from gnn_sim2real.tasks import BestWeights

MEASURED, PREDICTED, ERROR = (f"{word} density [g/cm3]" for word in ("measured", "predicted", "error of"))


def logged(folder, name):
    return pd.read_csv(folder / f"csv/version_0/predictions/{name}.csv")


def test_the_validation_part_by_the_weights_that_the_training_ends_with(tmp_path):
    data = TinyPolymers(validation_fraction=0.4)
    callbacks = [PredictionTable(), BestWeights()]
    trainer, module = fit(
        lambda: SourcePretraining(gine()), data, 4, callbacks=callbacks, logger=CSVLogger(tmp_path, "csv", 0)
    )
    found = logged(tmp_path, "validation")
    spelled = [*data.table.materials]
    rows = [spelled.index(each) for each in found["material"]]
    assert sorted(rows) == sorted(data.parts.validation.tolist())
    np.testing.assert_allclose(found[MEASURED], data.table.values[rows, 0])
    np.testing.assert_allclose(found[ERROR], found[PREDICTED] - found[MEASURED], atol=1e-9)
    assert (np.diff(found[ERROR].abs()) <= 0).all()
    validated = trainer.validate(module, datamodule=data, verbose=False)
    assert found[ERROR].abs().mean() == pytest.approx(validated[0]["val/mae"], rel=1e-4)


def test_the_test_part_as_far_as_asked_for(tmp_path):
    data = TinyPolymers(test_fraction=0.5)
    trainer, module = fit(
        lambda: TargetFineTuning(gine()),
        data,
        callbacks=[PredictionTable(most=5)],
        logger=CSVLogger(tmp_path, "csv", 0),
    )
    assert not (tmp_path / "csv/version_0/predictions").exists()  # there is no validation part
    trainer.test(module, datamodule=data, verbose=False)
    found = logged(tmp_path, "test")
    _, prediction, truth = module.test_result()
    np.testing.assert_allclose(found[ERROR].abs(), np.sort(np.abs(prediction - truth))[::-1][:5], rtol=1e-6)


def test_another_module_is_refused():
    with pytest.raises(ValueError, match="LightningModule"):
        PredictionTable().setup(None, LightningModule(), "fit")
    with pytest.raises(ValueError, match="`most`"):
        PredictionTable(most=0)


CELL = Crystal(4.2 * np.eye(3), np.array([11, 17], np.uint8), np.array([[0, 0, 0], [0.5, 0.5, 0.5]], float))


@pytest.mark.parametrize(
    ("material", "width"), [("*CC*", 240), ("CCO", 240), (Mixture(("*CC*", "CCO")), 480), (CELL, 240)]
)
def test_what_has_a_structure_is_drawn(material, width):
    picture = draw_material(material)
    assert picture.size == (width, 240)
    colors = np.asarray(picture.convert("L"))
    assert (colors == 255).mean() > 0.5
    assert (colors < 200).any()


def test_a_formula_has_no_structure(capfd):
    assert draw_material("Fe2O3") is None
    assert not capfd.readouterr().err
