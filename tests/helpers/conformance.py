"""What encoders of all kinds of materials must hold to alike."""

import json
import re

import torch

from gnn_sim2real.nn import TruncatedEncoder
from gnn_sim2real.nn.encoder import build_encoder


class EncoderConformance:
    """A test class of encoders inherits these tests.

    It has the fixtures `encoder`, ready to predict and in double precision, and `batch`, materials it takes.
    """

    # What adds the same to all scores of a softmax (in attention after GAT, where all of them have one sign): its
    # gradient is rounding.
    WITHOUT_EFFECT = re.compile(r"\b(scores\.\d+\.2\.bias|att_dst|att_r)$")

    def test_rebuilt_from_its_description(self, encoder, batch):
        description = json.loads(json.dumps(encoder.describe()))
        rebuilt = build_encoder(description).double()
        rebuilt.load_state_dict(encoder.state_dict(), strict=True)
        assert type(rebuilt) is type(encoder)
        assert rebuilt.describe() == encoder.describe()
        assert rebuilt.output_dim == encoder.output_dim
        assert torch.equal(rebuilt.eval()(batch), encoder(batch))

    def test_every_parameter_learns(self, encoder, batch):
        """In eval mode: in front of a batch normalization in training mode a bias has no effect by construction."""
        output = encoder(batch)
        (output * torch.rand_like(output)).sum().backward()
        learning = {name: each for name, each in encoder.named_parameters() if not self.WITHOUT_EFFECT.search(name)}
        assert all(each.grad is not None for each in learning.values())
        steepest = {name: each.grad.abs().max().item() for name, each in learning.items()}
        assert min(steepest.values()) > 1e-12 * max(steepest.values()), sorted(steepest, key=steepest.get)[:3]

    def test_layers_hold_every_parameter_once(self, encoder):
        held = [id(parameter) for layer in encoder.layers for parameter in layer.parameters()]
        assert len(set(held)) == len(held)
        assert set(held) == {id(parameter) for parameter in encoder.parameters()}
        held_buffers = {id(buffer) for layer in encoder.layers for buffer in layer.buffers()}
        assert held_buffers == {id(buffer) for buffer in encoder.buffers()}

    def test_nothing_random_in_prediction(self, encoder, batch):
        assert torch.equal(encoder(batch), encoder(batch))

    def test_features_of_each_layer(self, encoder, batch):
        with torch.no_grad():
            features = encoder.layer_features(batch)
            output = encoder(batch)
        assert torch.equal(features[-1], output)
        # A truncated one is asked for its last layer only.
        assert len(features) >= 2 or isinstance(encoder, TruncatedEncoder)
        assert all(each.shape[0] == len(output) and torch.isfinite(each).all() for each in features)
        assert not encoder.is_noting

    def test_up_to_a_layer(self, encoder, batch):
        with torch.no_grad():
            features = encoder.layer_features(batch)
            for layer, wanted in enumerate(features):
                cut = TruncatedEncoder(encoder, layer, wanted.shape[1])
                assert torch.equal(cut(batch), wanted)
                rebuilt = build_encoder(json.loads(json.dumps(cut.describe()))).double().eval()
                rebuilt.load_state_dict(cut.state_dict(), strict=True)
                assert torch.equal(rebuilt(batch), wanted)
