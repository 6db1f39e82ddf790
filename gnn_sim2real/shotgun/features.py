"""Features of a target's materials from frozen source models, layer by layer, and models that cannot read them."""

import json
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.library import TrainedModel
from gnn_sim2real.linear import Floats
from gnn_sim2real.nn.encoder import Encoder
from gnn_sim2real.nn.model import PropertyModel
from gnn_sim2real.shotgun.probe import PREDICTION, Probe
from gnn_sim2real.shotgun.target import Target


@dataclass(frozen=True, eq=False)
class Features:
    """Features from a frozen source model for all materials of a target.

    Attributes:
        layers: (num_materials, width) of each layer, from input to output, followed by the conditions.
        source: (num_materials,); the model's own prediction, on its own scale; None if it predicts another property.
    """

    layers: list[Floats]
    source: Floats | None

    def tables(self, last_only: bool) -> dict[Probe, NDArray[np.float64]]:
        """Features of each probe, the model's own prediction first.

        Args:
            last_only: Whether to give the last layer only.

        Returns:
            (num_materials, num_features) of each probe.
        """
        found = {} if self.source is None else {PREDICTION: self.source[:, None]}
        numbers = range(len(self.layers))
        return found | {Probe(number): self.layers[number] for number in (numbers[-1:] if last_only else numbers)}


def features_of(model: TrainedModel, target: Target) -> Features:
    """Encode all materials of a target.

    Args:
        model: The source model.
        target: The target.

    Raises:
        ValueError: If models of this architecture cannot read them; the message says why.
        FloatingPointError: If a feature is not finite.
    """
    network, layers, answers = model.network, [], []
    column = column_of(network, target)
    with torch.inference_mode():
        for batch in target.view(model.featurizer).batches:
            network.require_readable(batch)
            encoded = network.encoder.layer_features(batch)
            extra = [] if batch.conditions is None else [batch.conditions]
            layers.append([torch.cat([each, *extra], dim=1) for each in encoded])
            if column is not None and _has_conditions(network, batch):
                answers.append(answer(network, encoded[-1], batch, column))
    joined = [torch.cat(each).double().numpy() for each in zip(*layers, strict=True)]
    source = torch.cat(answers).double().numpy() if answers else None
    for each in joined if source is None else [*joined, source]:
        if not np.isfinite(each).all():
            raise FloatingPointError("its features are not finite for these materials")
    return Features(joined, source)


def column_of(network: PropertyModel, target: Target) -> int | None:
    """The output of a source model that predicts the target's property; None if there is none.

    Args:
        network: Network of the source model.
        target: The target.
    """
    names = [spec.name for spec in network.properties]
    if target.spec.name not in names or network.line is not None:
        return None
    column = names.index(target.spec.name)
    by_temperature = network.properties[column].form == "inverse_temperature"
    return column if by_temperature == network.has_temperature_form else None


def answer(network: PropertyModel, encoded: Tensor, batch: GraphBatch, column: int) -> Tensor:
    """Output of the head for one property, before scaling and output form: the input of a straight-line fit.

    Args:
        network: Network of the source model.
        encoded: (num_graphs, width) from its encoder.
        batch: The materials.
        column: Index of the property.
    """
    outputs = network.outputs(encoded, batch)
    if network.properties[column].form == "inverse_temperature":
        return network.head.values(outputs, network.temperature(batch))[:, column]
    return outputs[:, network.head.outputs_of(column).start]


def _has_conditions(network: PropertyModel, batch: GraphBatch) -> bool:
    """Whether the materials have the conditions that the head reads."""
    found = 0 if batch.conditions is None else batch.conditions.shape[1]
    return found == len(network.condition_specs)


@dataclass
class Skipped:
    """Counts of models that were not ranked, by reason.

    Attributes:
        reasons: Number of models by reason.
    """

    reasons: Counter[str] = field(default_factory=Counter)
    _known: dict[str, str] = field(default_factory=dict)

    def known(self, architecture: str, featurizer: object) -> str | None:
        """The reason found earlier for a model with the same architecture and graphs; None without one.

        Args:
            architecture: Name of the encoder.
            featurizer: Description of its graphs.
        """
        return self._known.get(self._key(architecture, featurizer))

    def add(self, reason: str, model: TrainedModel | None = None) -> None:
        """Count a model.

        Args:
            reason: Why it was skipped.
            model: The model, where its architecture is the reason.
        """
        self.reasons[reason] += 1
        if model is None:
            return
        encoder = model.network.encoder
        if not any(isinstance(each, Encoder) for each in encoder.children()):  # the inner encoder may differ
            self._known[self._key(type(encoder).__name__, model.featurizer.describe())] = reason

    def list_reasons(self) -> str:
        """The reasons in words."""
        return "; ".join(f"{count} models: {reason}" for reason, count in self.reasons.items())

    @staticmethod
    def _key(architecture: str, featurizer: object) -> str:
        return json.dumps([architecture, featurizer], sort_keys=True, default=dict)
