"""What a pretrained model hands on, and which layers may move."""

import re

import numpy as np
import pytest
import torch
from tiny import CHAINS, TinyPolymers, copied, gine, same

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.nn import CGCNN, Blend
from gnn_sim2real.nn.model import PropertyModel, PropertySpec
from gnn_sim2real.tasks.policies import make_policy
from gnn_sim2real.tasks.transfer import (
    adapt,
    count_parameters,
    freeze,
    keep_statistics,
    require_same_encoder,
    with_dropout,
)


def pretrained(*properties):
    torch.manual_seed(0)
    model = PropertyModel(gine(), [PropertySpec(*each) for each in properties])
    model.scaler.mean.copy_(torch.arange(len(properties)) + 300.0)
    model.scaler.std.copy_(torch.arange(len(properties)) + 2.0)
    return model.eval()


def answers(model):
    data = TinyPolymers(materials=CHAINS[:6])
    with torch.no_grad():
        return model.eval().predict(data.store.select(torch.arange(6))).numpy()


@pytest.mark.parametrize(
    ("source_unit", "target_unit", "convert"),
    [
        ("kg/m3", "kg/m3", lambda each: each),
        ("kg/m3", "g/cm3", lambda each: each / 1000),
        ("degC", "K", lambda each: each + 273.15),
        ("degF", "degC", lambda each: (each - 32) / 1.8),
    ],
)
def test_the_head_answers_in_the_unit_of_the_target(source_unit, target_unit, convert):
    source = pretrained(("other", ""), ("wanted", source_unit))
    model, report = adapt(source, PropertySpec("wanted", target_unit))
    assert model.properties == [PropertySpec("wanted", target_unit)]
    np.testing.assert_allclose(answers(model)[:, 0], convert(answers(source)[:, 1]), rtol=1e-5)
    assert report.initialized == ()
    assert sorted(report.loaded + report.adapted) == sorted(model.state_dict())


def test_the_report_counts_every_tensor_once():
    source = pretrained(("density", "g/cm3"))
    for name, num_fresh in (("density", 0), ("Tg", 6)):
        model, report = adapt(source, PropertySpec(name, "g/cm3"))
        assert sorted(report.loaded + report.initialized) == sorted(model.state_dict())
        assert len(report.initialized) == num_fresh
        assert re.findall(r"\d+", report.describe())[:2] == [str(len(report.loaded)), "0"]
    assert report.describe().endswith("head.mlp.2.bias, scaler.mean, scaler.std")


def test_adapting_leaves_the_source_as_it_was():
    source = pretrained(("Cp", ""), ("density", "kg/m3"))
    before = copied(source)
    adapt(source, PropertySpec("density", "g/cm3"))
    assert same(before, copied(source))


def test_units_that_do_not_convert_are_refused():
    with pytest.raises(ValueError, match=r'"kg/m3".*"K"'):
        adapt(pretrained(("density", "kg/m3")), PropertySpec("density", "K"))


@pytest.mark.parametrize(
    ("policy", "epoch", "num_frozen"),
    [("full", 0, 0), ("frozen_encoder", 0, 4), ("frozen_encoder", 99, 4)]
    + [("gradual", epoch, frozen) for epoch, frozen in [(0, 4), (4, 4), (5, 3), (10, 2), (19, 1), (20, 0), (500, 0)]],
)
def test_frozen_layers_are_the_first_ones(policy, epoch, num_frozen):
    model = PropertyModel(gine(num_layers=3), [PropertySpec("density", "g/cm3")])
    parts = make_policy(policy, {"unfreeze_every": 5}).frozen(model, epoch)
    found = [each for part in parts for each in part.parameters()]
    first = [each for layer in model.encoder.layers[:num_frozen] for each in layer.parameters()]
    assert list(map(id, found)) == list(map(id, first))


def test_what_corrects_a_simulated_value_hands_on_its_encoder_alone():
    source = PropertyModel(gine(), [PropertySpec("density", "g/cm3")], corrects_simulation=True)
    model, report = adapt(source, PropertySpec("density", "g/cm3"))
    assert same(copied(model.encoder), copied(source.encoder))
    assert {name for name in model.state_dict() if not name.startswith("encoder.")} == set(report.initialized)


def test_the_layers_hold_every_parameter_of_the_encoder_once():
    encoder = gine()
    held = [id(each) for layer in encoder.layers for each in layer.parameters()]
    assert sorted(held) == sorted(map(id, encoder.parameters()))


def test_freezing_is_undone_and_leaves_no_stale_gradient():
    model = pretrained(("density", "")).train()
    total = sum(each.numel() for each in model.parameters())
    for each in model.parameters():
        each.grad = torch.ones_like(each)
    freeze(model, model.encoder.layers)
    assert count_parameters(model) == (
        sum(each.numel() for each in model.head.parameters()),
        sum(each.numel() for each in model.encoder.parameters()),
    )
    assert all(each.grad is None for each in model.encoder.parameters())
    assert not any(each.training for each in model.encoder.modules() if list(each.parameters(recurse=False)))
    freeze(model, [])
    assert count_parameters(model) == (total, 0)


def test_keep_statistics_touches_normalization_only():
    model = PropertyModel(gine(dropout=0.5), [PropertySpec("density", "")]).train()
    keep_statistics(model)
    modes = {type(module).__name__: module.training for module in model.encoder.modules()}
    assert modes["ColoredBatchNorm"] is False
    assert modes["Dropout"] is True


def test_encoders_must_agree_in_every_setting():
    require_same_encoder(gine(), gine())
    for other in (gine(hidden_dim=16), gine(num_layers=3), gine(dropout=0.1)):
        with pytest.raises(CheckpointError, match=r"GINE.*GINE"):
            require_same_encoder(other, gine())


def test_another_dropout_leaves_every_weight_as_it_is():
    for encoder in (gine(dropout=0.1), Blend(gine())):
        changed = with_dropout(encoder, 0.3)
        assert {module.p for module in changed.modules() if isinstance(module, torch.nn.Dropout)} == {0.3}
        assert same(copied(changed), copied(encoder))
        assert with_dropout(changed, 0.1).describe() == with_dropout(encoder, 0.1).describe()


def test_a_dropout_of_an_encoder_without_one_is_refused():
    with pytest.raises(ValueError, match="CGCNN"):
        with_dropout(CGCNN(), 0.1)
    with pytest.raises(ValueError, match="dropout"):
        with_dropout(gine(), 1.0)
