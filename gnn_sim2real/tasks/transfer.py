"""Loading pretrained weights into a new model, and freezing parts of it."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.linear import fit_calibration
from gnn_sim2real.nn.blend import Blend
from gnn_sim2real.nn.conditions import ConditionSpec
from gnn_sim2real.nn.encoder import Encoder, build_encoder
from gnn_sim2real.nn.head import FROM_ZERO
from gnn_sim2real.nn.model import PropertyModel, PropertySpec
from gnn_sim2real.store.loader import MaterialSet, make_loader
from gnn_sim2real.units import convert


@dataclass(frozen=True)
class LoadReport:
    """Which tensors of a model come from a pretrained one and which do not.

    Attributes:
        loaded: Names of tensors that were copied.
        adapted: Names of tensors that were copied in part or converted to another unit.
        initialized: Names of tensors that are newly initialized.
    """

    loaded: tuple[str, ...]
    adapted: tuple[str, ...]
    initialized: tuple[str, ...]

    def describe(self) -> str:
        """One sentence."""
        fresh = f": {', '.join(self.initialized)}" if self.initialized else ""
        return (
            f"{len(self.loaded)} tensors loaded from the pretrained model, {len(self.adapted)} adapted to the target, "
            f"{len(self.initialized)} newly initialized{fresh}"
        )


def as_blend(pretrained: PropertyModel, linkage: bool = False) -> PropertyModel:
    """A model of pure materials as one of blends and copolymers: its encoder encodes each component separately.

    Args:
        pretrained: The model of pure materials; it is not changed. Its predictions for them stay the same.
        linkage: Whether the encoder is to see how the units of copolymers are linked.
    """
    model = PropertyModel(
        Blend(copy.deepcopy(pretrained.encoder), linkage),
        pretrained.properties,
        pretrained.line is not None,
        pretrained.condition_specs,
    )
    state = {name: value for name, value in pretrained.state_dict().items() if not name.startswith("encoder.")}
    model.load_state_dict({**model.state_dict(), **state}, strict=True)
    return model


def adapt(
    pretrained: PropertyModel,
    target: PropertySpec,
    corrects_simulation: bool = False,
    conditions: Sequence[ConditionSpec] | None = None,
    further: Sequence[PropertySpec] = (),
) -> tuple[PropertyModel, LoadReport]:
    """Make the model that fine-tuning starts from.

    The encoder is always copied. The head and the scaler are copied if the pretrained model predicts the same property
    in the same form on the same scale under the same conditions (its output is selected from several, and its scaler
    converted to the unit of the target), so that before the first step the model predicts the simulated value; else
    they are newly initialized. Several measured properties need a pretrained model of exactly these.

    Args:
        pretrained: The source model; it is not changed.
        target: The measured property.
        corrects_simulation: Whether the model corrects simulated values; then head and scaler are newly initialized.
        conditions: Conditions of the target's data; None for those of the pretrained model.
        further: Measured properties beside the target.

    Returns:
        The model, and the report of what was loaded.
    """
    conditions = pretrained.condition_specs if conditions is None else list(conditions)
    specs = [target, *further]
    model = PropertyModel(copy.deepcopy(pretrained.encoder), specs, corrects_simulation, conditions)
    names = [(spec.name, spec.form, spec.transform) for spec in pretrained.properties]
    wanted = (target.name, target.form, target.transform)
    encoder = tuple(f"encoder.{name}" for name in pretrained.encoder.state_dict())
    head = tuple(name for name in model.state_dict() if not name.startswith("encoder."))
    fresh = LoadReport(loaded=encoder, adapted=(), initialized=head)
    # What a model adds to a simulated value is not the property itself.
    predicts_target = wanted in names and pretrained.line is None
    if corrects_simulation or not predicts_target or conditions != pretrained.condition_specs:
        return model, fresh
    if further:
        if specs != pretrained.properties:
            return model, fresh
        model.load_state_dict(pretrained.state_dict())
        return model, LoadReport(loaded=encoder + head, adapted=(), initialized=())
    column = names.index(wanted)
    shift, one = convert(np.array([0.0, 1.0]), pretrained.properties[column].unit, target.unit).tolist()
    factor = one - shift
    if shift != 0 and (target.form in FROM_ZERO or target.transform):  # zero in one unit is not zero in the other
        return model, fresh
    model.select_property(pretrained, column, factor, shift)
    unchanged = len(names) == 1 and (shift, factor) == (0.0, 1.0)
    return model, LoadReport(
        loaded=encoder + (head if unchanged else ()), adapted=() if unchanged else head, initialized=()
    )


@torch.no_grad()
def calibrate(model: PropertyModel, part: MaterialSet) -> tuple[float, float]:
    """Put the predictions of a pretrained model for measured materials on the line that fits them best.

    The line goes into the last layer of the head, and the scaler becomes that of the measurements. The slope is 1 where
    it would be noise, see `gnn_sim2real.linear.fit_calibration`.

    Args:
        model: Predicts one property in the form `linear`; it is changed.
        part: The measured materials.

    Returns:
        Offset and slope, on the scale on which the property is learned.

    Raises:
        ValueError: If the property has another form, in which a straight line cannot be put.
    """
    (spec,) = model.properties
    if spec.form != "linear":
        raise ValueError(
            f"a calibrated start puts predictions on a straight line, which the form {spec.form!r} of {spec.name} "
            "cannot follow; choose the policy `full`, or the form `linear`"
        )
    was_training = model.training
    model.eval()
    predicted = torch.cat([model.on_scale(model.predict(batch)) for batch in make_loader(part, batch_size=256)])[:, 0]
    model.train(was_training)
    measured = model.on_scale(part.present_targets)
    known = ~measured[:, 0].isnan()
    of_values = None if part.loss_weights is None else part.loss_weights[part.rows][known, 0].double().numpy()
    offset, slope = fit_calibration(predicted[known].double().numpy(), measured[known, 0].double().numpy(), of_values)
    mean, std = float(model.scaler.mean), float(model.scaler.std)
    model.scaler.fit(measured)
    new_mean, new_std = float(model.scaler.mean), float(model.scaler.std)
    shift = (offset + slope * mean - new_mean) / new_std
    model.head.select_outputs(model.head, slice(0, 1), slope * std / new_std, shift)
    return offset, slope


def require_same_encoder(asked: Encoder, pretrained: Encoder) -> None:
    """Reject a pretrained model whose encoder is not the one in the configuration.

    Raises:
        CheckpointError: If they differ.
    """
    wanted, found = asked.describe(), pretrained.describe()
    if wanted != found:
        raise CheckpointError(
            f"the encoder of the pretrained model is {found['class_path']} with {found['init_args']}, but that of the "
            f"configuration is {wanted['class_path']} with {wanted['init_args']}; make them the same"
        )


def with_dropout(encoder: Encoder, dropout: float) -> Encoder:
    """An encoder with the same weights and another dropout, also in the encoders inside of it.

    Args:
        encoder: The encoder; it is not changed.
        dropout: Share of features set to zero during training.

    Raises:
        ValueError: If it has none, or the share is not at least 0 and below 1.
    """
    described = encoder.describe()
    changed = _replace_dropout(described, dropout)
    if changed == _replace_dropout(described, None):
        raise ValueError(f"`dropout` is given, but {encoder.name} has none; leave it out")
    made = build_encoder(changed, trusted=True)
    made.load_state_dict(encoder.state_dict())
    return made


def _replace_dropout(described: dict[str, Any], dropout: float | None) -> dict[str, Any]:
    """A description with another dropout wherever it has one."""
    settings = {
        name: dropout
        if name == "dropout"
        else _replace_dropout(value, dropout)
        if isinstance(value, dict) and "class_path" in value
        else value
        for name, value in described["init_args"].items()
    }
    return {**described, "init_args": settings}


def freeze(model: PropertyModel, parts: list[nn.Module]) -> None:
    """Freeze exactly these parts of a model: no gradients, and statistics (BatchNorm) in eval mode.

    Args:
        model: The model, in the mode for its other parts.
        parts: Layers of its encoder or its head.
    """
    model.requires_grad_(True)
    for part in parts:
        part.requires_grad_(False)
        part.eval()
        for parameter in part.parameters():
            # With an old gradient the optimizer would change the parameter once more.
            parameter.grad = None


def keep_statistics(model: PropertyModel) -> None:
    """Put every BatchNorm of the encoder into eval mode: its running statistics stay those of pretraining."""
    for module in model.encoder.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """Numbers of trainable and of frozen parameters."""
    sizes = [(parameter.requires_grad, parameter.numel()) for parameter in model.parameters()]
    return sum(size for free, size in sizes if free), sum(size for free, size in sizes if not free)
