"""Values that are learned as their decimal logarithm: errors, networks, tables."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from batches import units
from hypothesis import given
from hypothesis import strategies as st

from gnn_sim2real.metrics import learned_metrics, whole_set_metrics
from gnn_sim2real.nn import GINE
from gnn_sim2real.nn.conditions import ConditionSpec
from gnn_sim2real.nn.model import PropertyModel, PropertySpec
from gnn_sim2real.scales import error_unit, from_scale, to_scale
from gnn_sim2real.tasks import TargetFineTuning
from gnn_sim2real.tasks.transfer import adapt

SOME = ("*CC*", "*CCO*", "*CC(*)c1ccccc1", "*COC*")
LOG = PropertySpec("ionic_conductivity", "S/cm", transform="log10")


@given(st.floats(1e-30, 1e30))
def test_a_value_comes_back_from_its_logarithm(value):
    assert from_scale(to_scale(np.array([value]), "log10"), "log10") == pytest.approx([value], rel=1e-12)
    assert to_scale(np.array([value]), None) == [value]


def test_both_errors_of_values_over_decades():
    truth, prediction = np.array([1e-3, 1e-6, np.nan]), np.array([1e-2, 1e-7, 1.0])
    found = whole_set_metrics(prediction, truth, "log10")
    assert found["mae"] == pytest.approx((9e-3 + 9e-7) / 2)
    assert (found["mae_log10"], found["rmse_log10"]) == pytest.approx((1.0, 1.0))
    assert found["r2_log10"] == pytest.approx(1 - 2 / 4.5)
    of_law = learned_metrics(prediction, truth, "log10")
    assert (of_law["mae"], of_law["num_test"]) == pytest.approx((1.0, 2))
    assert learned_metrics(prediction, truth) == whole_set_metrics(prediction, truth)
    assert (error_unit("S/cm", "log10"), error_unit("S/cm", None)) == ("decades", "S/cm")


def model(*specs, seed=0, **settings):
    torch.manual_seed(seed)
    return PropertyModel(GINE(hidden_dim=8, num_layers=1), list(specs), **settings).eval()


def test_a_network_learns_the_logarithm_and_predicts_the_value():
    network, batch = model(LOG, PropertySpec("density", "g/cm3")), units(*SOME)
    targets = torch.tensor([[1e-3, 1.0], [1e-7, 1.2], [float("nan"), 0.8], [1e-5, 1.0]])
    network.fit_scales(targets)
    assert network.scaler.mean.tolist() == pytest.approx([-5.0, 1.0])
    assert float(network.scaler.std[0]) == pytest.approx(float(np.std([-3.0, -7.0, -5.0])))
    batch = replace(batch, targets=targets)
    scaled = network.scaled_targets(batch)
    back = network.values(scaled, batch)
    assert torch.allclose(back[[0, 1, 3]], targets[[0, 1, 3]], rtol=1e-4)
    assert bool(torch.isnan(back[2, 0]))
    loss, present = network.losses(network(batch), batch, torch.abs)
    assert present.sum() == 7
    assert bool(torch.isfinite(loss).all())
    again = PropertyModel.from_description(network.describe())
    assert again.properties == network.properties
    assert "transform" not in network.describe()["properties"][1]


def test_a_correction_is_one_of_logarithms():
    """Twice the simulated conductivity everywhere is a line of slope 1 and offset log10(2)."""
    network = model(LOG, corrects_simulation=True)
    simulated = torch.tensor([[1e-3], [1e-5], [1e-7], [1e-8], [1e-4]])
    network.fit_scales(2 * simulated, simulated)
    assert float(network.line.slope[0]) == pytest.approx(1.0, abs=1e-5)
    assert float(network.line.offset[0]) == pytest.approx(np.log10(2), abs=1e-4)


def test_a_head_goes_to_another_unit_by_a_shift():
    source, batch = model(LOG), units(*SOME[:3])
    source.fit_scales(torch.tensor([[1e-3], [1e-6]]))
    found, report = adapt(source, replace(LOG, unit="S/m"))
    assert not report.initialized
    assert torch.allclose(found.predict(batch), 100 * source.predict(batch), rtol=1e-4)
    assert adapt(source, replace(LOG, transform=None))[1].initialized


def test_arrhenius_is_the_logarithm_on_one_over_t():
    network = model(replace(LOG, form="inverse_temperature"), conditions=[ConditionSpec("temperature", "K")])
    network.fit_scales(torch.tensor([[1e-3], [1e-6]]), conditions=torch.tensor([[300.0], [400.0]]))
    batch = units(*SOME[:2])
    at = [replace(batch, conditions=torch.full((2, 1), each)) for each in (250.0, 300.0, 400.0)]
    logs = [network.predict(each).log10() for each in at]
    slopes = [(logs[0] - logs[1]) / (1 / 250 - 1 / 300), (logs[1] - logs[2]) / (1 / 300 - 1 / 400)]
    assert torch.allclose(slopes[0], slopes[1], rtol=1e-2)
    assert network.terms == [("log10 ionic_conductivity A", ""), ("log10 ionic_conductivity B", "K")]
    terms = network.predict_with_terms(at[1])
    assert torch.allclose(terms[:, 1] + terms[:, 2] / 300, logs[1][:, 0], atol=1e-4)
    with pytest.raises(ValueError, match="ionic_conductivity"):
        model(replace(LOG, form="exponential"))


def test_a_loss_weighs_its_values():
    """With weights 2 and 0 the loss is that of the first value alone."""
    task = TargetFineTuning(encoder=GINE(hidden_dim=8, num_layers=1), loss="mse")
    task.network = model(PropertySpec("density", "g/cm3"))
    targets = torch.tensor([[1.0], [5.0]])
    task.network.fit_scales(targets)
    batch = replace(units(*SOME[:2]), targets=targets)
    plain, count = task.masked_loss(batch)
    weighed, _ = task.masked_loss(replace(batch, loss_weights=torch.tensor([[2.0], [0.0]])))
    alone = task.network.losses(task.network(batch), batch, torch.square)[0][0, 0]
    assert int(count) == 2
    assert weighed.item() == pytest.approx(alone.item())
    assert plain.item() != pytest.approx(alone.item())


def test_several_properties_keep_the_head_of_exactly_these():
    specs = [LOG, PropertySpec("density", "g/cm3")]
    source, batch = model(*specs), units(*SOME)
    source.fit_scales(torch.tensor([[1e-3, 1.0], [1e-6, 1.2]]))
    found, report = adapt(source, specs[0], further=specs[1:])
    assert not report.initialized
    assert torch.allclose(found.predict(batch), source.predict(batch))
    assert adapt(source, specs[1], further=specs[:1])[1].initialized
