"""What values the forms of an output can take, and what they learn."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import CHAINS, TinyPolymers, fit, gine

from gnn_sim2real.nn.head import PropertyHead
from gnn_sim2real.nn.model import PropertyModel, PropertySpec
from gnn_sim2real.tasks import SourcePretraining, TargetFineTuning

FORMS = st.lists(st.sampled_from(["linear", "softplus", "exponential", "hurdle"]), min_size=1, max_size=5)


@given(FORMS)
def test_every_output_belongs_to_one_property(forms):
    head = PropertyHead(4, forms)
    owned = [number for column in range(len(forms)) for number in range(100)[head.outputs_of(column)]]
    assert owned == list(range(head(torch.zeros(1, 4)).shape[1]))


@given(FORMS, st.integers(0, 99))
def test_values_stay_in_their_range(forms, seed):
    head = PropertyHead(4, forms)
    outputs = torch.randn((50, sum(2 if form == "hurdle" else 1 for form in forms)), generator=rng(seed)) * 5
    values = head.values(outputs)
    assert values.shape == (50, len(forms))
    for column, form in enumerate(forms):
        own = values[:, column]
        assert bool((own < 0).any() if form == "linear" else (own >= 0).all())
        assert bool((own == 0).any()) == (form == "hurdle")


def rng(seed):
    return torch.Generator().manual_seed(seed)


def test_some_outputs_of_another_head_on_another_scale():
    other, head, points = PropertyHead(5, ["linear", "hurdle"]), PropertyHead(5, ["hurdle"]), torch.randn(20, 5)
    head.select_outputs(other, other.outputs_of(1), 2.0, 0.5)
    torch.testing.assert_close(head(points), 2 * other(points)[:, 1:] + torch.tensor([0.5, 0.0]))


def test_a_head_that_is_a_line():
    head, weights, points = PropertyHead(5, ["linear"]), torch.arange(5.0) - 2, torch.randn(20, 5)
    head.set_linear_output(weights, 0.5)
    torch.testing.assert_close(head(points)[:, 0], points @ weights + 0.5)
    head(points).sum().backward()
    assert all(bool(each.grad.any()) for each in head.parameters())


def test_the_loss_of_a_hurdle_by_hand():
    head = PropertyHead(4, ["hurdle"])
    outputs = torch.tensor([[3.0, 0.0], [3.0, 2.0], [3.0, -2.0]])
    loss = head.loss(outputs, torch.tensor([[0.0], [1.0], [0.0]]), torch.square)
    # -log(1/2); -log(sigmoid(2)) + (3 - 1)^2; -log(1 - sigmoid(-2)), the value of a zero is not asked for
    assert loss[:, 0].tolist() == pytest.approx([0.693147, 0.126928 + 4, 0.126928], rel=1e-5)


def test_an_unknown_form():
    accepted = "linear, softplus, exponential, hurdle, inverse_temperature"
    with pytest.raises(ValueError, match=rf"`forms\.band_gap` .* {accepted}.*'relu'"):
        SourcePretraining(gine(), forms={"band_gap": "relu"})


def gaps(unit):
    """Zero without nitrogen, else larger the shorter the chain: half of it is a point mass."""
    return (2.0 + 4.0 / len(unit)) if "N" in unit else 0.0


def gap_data(**settings):
    return TinyPolymers({("band_gap", "eV"): [gaps(each) for each in CHAINS]}, **settings)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["softplus", "hurdle"])
def test_learns_a_property_with_many_zeros(form):
    data = gap_data(test_fraction=0.2)
    trainer, module = fit(lambda: SourcePretraining(gine(hidden_dim=16), forms={"band_gap": form}), data, epochs=80)
    assert float(module.network.scaler.mean) == 0
    trainer.test(module, datamodule=data, verbose=False)
    _, prediction, truth = module.test_result()
    assert (truth == 0).any()
    assert (truth > 0).any()
    assert np.abs(prediction - truth).mean() < 0.3
    if form == "hurdle":
        assert (prediction[truth == 0] == 0).all()
    assert set(trainer.callback_metrics) >= {"test/mae", "test/mae_nonzero"}


def test_fine_tuning_keeps_the_form_and_the_head_of_the_source(tmp_path):
    from tiny import trained_model

    from gnn_sim2real.library import save_model

    data = gap_data()
    _, module = fit(lambda: SourcePretraining(gine(), forms={"band_gap": "hurdle"}), data, epochs=2)
    save_model(trained_model(module, data), tmp_path / "source")

    def network(**settings):
        _, tuned = fit(lambda: TargetFineTuning(pretrained=str(tmp_path / "source"), **settings), data, epochs=0)
        return tuned.network.eval()

    batch = data.store.select(torch.arange(6))
    kept, changed = network(), network(forms={"band_gap": "softplus"})
    assert kept.properties[0].form == "hurdle"
    assert torch.equal(kept.predict(batch), module.network.eval().predict(batch))
    assert changed.properties[0].form == "softplus"
    assert torch.equal(changed.encoder(batch), kept.encoder(batch))


def test_a_form_for_a_property_that_is_not_there():
    with pytest.raises(ValueError, match=r"`forms` .*\bvolume, .*\bband_gap"):
        fit(lambda: SourcePretraining(gine(), forms={"volume": "hurdle"}), gap_data())


def test_values_over_orders_of_magnitude():
    """The output is the logarithm of the value over the geometric mean of the training part; so is the error."""
    torch.manual_seed(0)
    network = PropertyModel(gine(), [PropertySpec("k", "W/(m K)", "exponential")])
    network.fit_scales(torch.tensor([[1.0], [10.0], [1000.0], [torch.nan], [10.0**-4]]))
    assert float(network.scaler.std[0]) == pytest.approx(1.0)
    network.fit_scales(torch.tensor([[1.0], [10.0], [100.0]]))
    assert float(network.scaler.std[0]) == pytest.approx(10.0)
    outputs = torch.tensor([[-1.0], [0.0], [2.0]])
    values = network.scaler.unscale(network.head.values(outputs))
    torch.testing.assert_close(values, 10 * outputs.exp())
    targets = network.scaler.scale(torch.tensor([[10.0], [20.0], [0.5]]))
    losses = network.head.loss(outputs, targets, torch.abs)
    torch.testing.assert_close(losses, (outputs - torch.tensor([[1.0], [2.0], [0.05]]).log()).abs())
