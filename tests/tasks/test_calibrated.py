"""A fine-tuning that starts on the straight line from the source's predictions to the measurements."""

import dataclasses

import numpy as np
import pytest
import torch
from tiny import TinyPolymers, fit, gine

from gnn_sim2real.library import load_model
from gnn_sim2real.linear import fit_calibration
from gnn_sim2real.nn.model import PropertyModel, PropertySpec
from gnn_sim2real.tasks import TargetFineTuning
from gnn_sim2real.tasks.transfer import calibrate


class FarOff(TinyPolymers):
    """Measured values far from those of the source, on another scale."""

    def load_table(self):
        table = super().load_table()
        return dataclasses.replace(table, values=50 - 7 * table.values)


def predictions(network, data, part):
    """Densities [g/cm3] of a part; the source has heat capacities before its densities, which are in kg/m3."""
    found = data.part(part)
    with torch.no_grad():
        values = network.eval().predict(found[torch.arange(len(found))])
    column = [each.name for each in network.properties].index("density")
    factor = {"kg/m3": 1e-3, "g/cm3": 1}[network.properties[column].unit]
    return factor * values[:, column].double().numpy()


@pytest.mark.parametrize("kind", [TinyPolymers, FarOff])
def test_starts_on_the_line_of_least_squares(source_folder, kind):
    data = kind(test_fraction=0.3, validation_fraction=0)
    _, module = fit(lambda: TargetFineTuning(pretrained=str(source_folder), policy="calibrated"), data, epochs=0)
    source = load_model(source_folder).network
    measured = data.table.values[data.parts.train, 0]
    offset, slope = fit_calibration(predictions(source, data, "train"), measured)
    expected = offset + slope * predictions(source, data, "test")
    np.testing.assert_allclose(predictions(module.network, data, "test"), expected, rtol=1e-4)
    assert float(module.network.scaler.mean) == pytest.approx(measured.mean(), rel=1e-5)
    assert float(module.network.scaler.std) == pytest.approx(measured.std(), rel=1e-5)


def test_two_measurements_only_shift(source_folder):
    data = FarOff(size=2, test_fraction=0.3, validation_fraction=0)
    _, module = fit(lambda: TargetFineTuning(pretrained=str(source_folder), policy="calibrated"), data, epochs=0)
    shift = predictions(module.network, data, "test") - predictions(load_model(source_folder).network, data, "test")
    assert np.ptp(shift) == pytest.approx(0, abs=1e-4)


def test_another_form_is_refused():
    network = PropertyModel(gine(), [PropertySpec("density", "g/cm3", "softplus")])
    with pytest.raises(ValueError, match="softplus"):
        calibrate(network, TinyPolymers().part("train"))
