"""From a ranked source model to the start of a fine-tuning: a linear head on the best layer.

The head is fitted before the encoder is trained, since a random head would distort the pretrained features:
A. Kumar et al., Fine-tuning can distort pretrained features and underperform out-of-distribution, ICLR 2022, arXiv
2202.10054.
"""

import copy

import numpy as np
import torch

from gnn_sim2real.featurize.featurizer import Featurizer
from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.library import TrainedModel
from gnn_sim2real.linear import fit_line
from gnn_sim2real.nn.encoder import Encoder
from gnn_sim2real.nn.model import PropertyModel
from gnn_sim2real.nn.truncated import TruncatedEncoder
from gnn_sim2real.shotgun.features import answer, column_of
from gnn_sim2real.shotgun.probe import Probe
from gnn_sim2real.shotgun.ridge import fit_ridge
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.splits.parts import Rows

_LN10 = float(np.log(10))


def make_start(source: TrainedModel, target: Target, rows: Rows, probe: Probe, seed: int = 0) -> TrainedModel:
    """Make a model that predicts the target like the ranked probe, fitted to some rows.

    Its head has random weights behind those that make it so, which a fine-tuning trains as well.

    Args:
        source: The source model; it is not changed.
        target: The target.
        rows: Rows to fit the head to.
        probe: The part of the source model that is read.
        seed: Seed of those weights.
    """
    view = target.view(source.featurizer)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if probe.layer is None:
            network = _on_a_line(source.network, target, rows, view.featurizer)
        else:
            network = _with_ridge(source.network, target, rows, view.featurizer, probe.layer)
    return TrainedModel(network.eval(), view.featurizer, {"probe": str(probe)})


def _with_ridge(
    network: PropertyModel, target: Target, rows: Rows, featurizer: Featurizer, layer: int
) -> PropertyModel:
    """A model whose head is a ridge regression on a layer."""
    batch = _batch(target, rows, featurizer)
    encoder = _up_to(network.encoder, layer, batch)
    model = PropertyModel(encoder, [target.spec], conditions=target.conditions).eval()
    model.fit_scales(torch.from_numpy(target.table.values[rows]).float(), conditions=batch.conditions)
    with torch.inference_mode():
        shown = [] if model.conditions is None else [model.conditions(batch)]
        inputs = torch.cat([model.encoder(batch), *shown], dim=1).double().numpy()
    weights, offset = fit_ridge(inputs[None], target.values[rows][None])
    factor, shift = _to_outputs(model, target)
    line = torch.from_numpy(factor * weights[0]).float()
    model.head.set_linear_output(line, factor * float(offset[0]) + shift)
    return model


def _up_to(encoder: Encoder, layer: int, batch: GraphBatch) -> Encoder:
    """The encoder up to a layer; the whole encoder for the last layer."""
    with torch.inference_mode():
        widths = [each.shape[1] for each in encoder.layer_features(batch)]
    whole = copy.deepcopy(encoder)
    return whole if layer == len(widths) - 1 else TruncatedEncoder(whole, layer, widths[layer])


def _on_a_line(network: PropertyModel, target: Target, rows: Rows, featurizer: Featurizer) -> PropertyModel:
    """The source model itself, with its prediction mapped by a straight line fitted to the measurements."""
    batch, column = _batch(target, rows, featurizer), column_of(network, target)
    if column is None:
        raise ValueError(f"the source model does not predict {target.spec.name}")
    with torch.inference_mode():
        answers = answer(network, network.encoder(batch), batch, column).double().numpy()
    offset, slope = fit_line(answers, target.values[rows])
    spec = target.spec
    by_temperature = network.properties[column].form == "inverse_temperature"
    if by_temperature:
        spec = type(spec)(spec.name, spec.unit, "inverse_temperature")
    model = PropertyModel(copy.deepcopy(network.encoder), [spec], conditions=network.condition_specs)
    model.fit_scales(torch.from_numpy(target.table.values[rows]).float())
    model.take_conditions(network)
    outputs = network.head.outputs_of(column)
    outputs = outputs if by_temperature else slice(outputs.start, outputs.start + 1)
    factor, shift = _to_outputs(model, target)
    model.head.select_outputs(network.head, outputs, factor * slope, factor * offset + shift)
    return model


def _to_outputs(model: PropertyModel, target: Target) -> tuple[float, float]:
    """Factor and shift from the scale of the errors to that of the head's output."""
    mean, std = float(model.scaler.mean[0]), float(model.scaler.std[0])
    return (_LN10, -float(np.log(std))) if target.log else (1 / std, -mean / std)


def _batch(target: Target, rows: Rows, featurizer: Featurizer) -> GraphBatch:
    return target.view(featurizer).store.select(torch.from_numpy(rows))
