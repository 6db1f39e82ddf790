"""What encoders of all kinds of materials must hold to alike."""

import json

import torch

from gnn_sim2real.nn import TruncatedEncoder
from gnn_sim2real.nn.encoder import build_encoder


class EncoderConformance:
    """A test class of encoders inherits these tests.

    It has the fixtures `encoder`, ready to predict and in double precision, and `batch`, materials it takes.
    """

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
        still = [each for each, parameter in encoder.named_parameters() if parameter.grad is None]
        still += [each for each, parameter in encoder.named_parameters() if not parameter.grad.any()]
        assert not still

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
