"""Several trained models as one model that also gives its uncertainty."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.featurize.featurizer import Featurizer
from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.library import TrainedModel, load_model
from gnn_sim2real.nn.model import PropertySpec
from gnn_sim2real.scales import Transform, from_scale, to_scale
from gnn_sim2real.store.isolated import warn_of_isolated
from gnn_sim2real.store.loader import MaterialSet, make_loader
from gnn_sim2real.store.mixtures import store_of
from gnn_sim2real.store.vocabulary import Vocabulary, common_vocabulary, warn_of_unseen
from gnn_sim2real.uncertainty.calibration import Recalibration


@dataclass(frozen=True)
class UncertainPrediction:
    """Predicted properties with their uncertainty.

    Attributes:
        mean: (num_materials, num_columns), physical units; mean over the models, of a property that is learned as its
            logarithm the geometric mean. After the properties come A and B of those with the form
            `inverse_temperature`.
        std: The same shape; standard deviation over the models on the scale on which the property is learned,
            recalibrated if the ensemble is. NaN where fewer than two models answer.
        half_widths: The same shape and scale as `std`; half the width of the 90 % interval; NaN of columns without one.
        names: Name of each column.
        units: Unit of each column.
        num_models: (num_materials,); models that answer, fewer than all for a material without a simulated value where
            some models need one. Mean and std are over these; NaN where no model answers.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    half_widths: NDArray[np.float64]
    names: tuple[str, ...]
    units: tuple[str, ...]
    num_models: NDArray[np.int64]
    transforms: tuple[Transform | None, ...] = ()

    def ends(self, column: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper ends (num_materials,) of the 90 % intervals, physical units.

        Args:
            column: Number of the column.
        """
        transform, half = self.transforms[column], self.half_widths[:, column]
        middle = to_scale(self.mean[:, column], transform)
        return from_scale(middle - half, transform), from_scale(middle + half, transform)


@dataclass(frozen=True)
class Ensemble:
    """Models of the same properties, trained alike except for their random numbers.

    Their spread alone is too small an uncertainty: it includes neither the scatter of the measurements nor the errors
    that all models share. `gnn-sim2real calibrate` finds the recalibration.

    B. Lakshminarayanan, A. Pritzel, C. Blundell, Simple and scalable predictive uncertainty estimation using deep
    ensembles, Advances in Neural Information Processing Systems 30 (2017). Theirs also predict a variance each; ours
    predict a value each.

    Attributes:
        models: At least two.
        recalibrations: Recalibration of the spread by name of the property; a property without one keeps its spread.

    Raises:
        ValueError: If there are fewer than two, one is given twice, or they differ in what they predict.
    """

    models: tuple[TrainedModel, ...]
    recalibrations: Mapping[str, Recalibration] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.models) < 2:
            raise ValueError(f"an ensemble needs at least two models, got {len(self.models)}; train more seeds")
        for number, model in enumerate(self.models[1:], start=2):
            _require_alike(self.models[0], model, number)
        stored = [model.fingerprint for model in self.models if model.fingerprint]
        if len(set(stored)) < len(stored):
            raise ValueError(
                "the same model is twice in the ensemble, which makes the spread too small; give each model once"
            )

    @property
    def properties(self) -> list[PropertySpec]:
        """Name and unit of each property."""
        return self.models[0].network.properties

    @property
    def featurizer(self) -> Featurizer:
        """Makes graphs of materials."""
        return self.models[0].featurizer

    @property
    def vocabulary(self) -> Vocabulary | None:
        """Elements, bonds and charges that all models have seen; None if that is known of none."""
        return common_vocabulary(model.card.get("vocabulary") for model in self.models)

    @property
    def fingerprints(self) -> list[str]:
        """Hashes of the weights, sorted."""
        return sorted(model.fingerprint for model in self.models)

    def predict(self, materials: Sequence[Any], batch_size: int = 256) -> UncertainPrediction:
        """Predict in physical units.

        Args:
            materials: As for `library.TrainedModel.predict`.
            batch_size: Number of materials per batch.

        Raises:
            ValueError: If a spelling cannot be read; the message names it.
        """
        store = store_of(materials, self.featurizer)
        warn_of_isolated(store, [str(number) for number in range(1, len(store) + 1)], "prediction")
        warn_of_unseen(self.vocabulary, store, "prediction")
        return self.predict_batches(make_loader(MaterialSet(store, torch.arange(len(store)), None), batch_size))

    def predict_batches(self, batches: Iterable[GraphBatch]) -> UncertainPrediction:
        """Predict batches of graphs.

        Args:
            batches: Graphs made by these models' featurizer; at least one.
        """
        members: list[list[torch.Tensor]] = [[] for _ in self.models]
        with torch.inference_mode():
            for batch in batches:
                for own, model in zip(members, self.models, strict=True):
                    device = next(model.network.parameters()).device
                    own.append(model.network.predict_with_terms(batch.to(device)).cpu().double())
        values = torch.stack([torch.cat(own) for own in members]).numpy()
        columns, transforms = _columns(self.models[0]), _transforms(self.models[0])
        for column, transform in enumerate(transforms):
            values[:, :, column] = to_scale(values[:, :, column], transform)
        answers = ~np.isnan(values).any(axis=2)  # (num_models, num_materials)
        mean, std = values.mean(axis=0), values.std(axis=0, ddof=1)
        for row in np.flatnonzero(~answers.all(axis=0)).tolist():
            some = values[answers[:, row], row]
            mean[row] = some.mean(axis=0) if len(some) else np.nan
            std[row] = some.std(axis=0, ddof=1) if len(some) > 1 else np.nan
        half_widths = np.full(mean.shape, np.nan)
        for column, (name, _) in enumerate(columns):
            if name in self.recalibrations:
                recalibration = self.recalibrations[name]
                std[:, column] = recalibration.apply(std[:, column])
                if recalibration.interval is not None:
                    half_widths[:, column] = recalibration.interval * std[:, column]
        names, units = zip(*columns, strict=True)
        for column, transform in enumerate(transforms):
            mean[:, column] = from_scale(mean[:, column], transform)
        return UncertainPrediction(mean, std, half_widths, names, units, answers.sum(axis=0), transforms)


def load_ensemble(paths: Sequence[str | Path]) -> Ensemble:
    """Load several models as one.

    Args:
        paths: Folders of the model library or Lightning checkpoints, at least two.

    Raises:
        CheckpointError: If one is missing or damaged, or two differ in properties or graphs.
        ValueError: If there are too few.
    """
    return Ensemble(tuple(load_model(path) for path in paths))


def _require_alike(first: TrainedModel, other: TrainedModel, number: int) -> None:
    for what, mine, theirs in (
        ("properties", _spelled(first), _spelled(other)),
        ("graphs", first.featurizer.describe(), other.featurizer.describe()),
    ):
        if mine != theirs:
            raise CheckpointError(
                f"the models do not fit together: model 1 has the {what} {mine}, model {number} has {theirs}"
            )


def _spelled(model: TrainedModel) -> list[str]:
    return [f"{name} [{unit}]" if unit else name for name, unit in _columns(model)]


def _transforms(model: TrainedModel) -> tuple[Transform | None, ...]:
    """Scale of each property; A and B of one that depends on the temperature are on theirs already."""
    return (*(spec.transform for spec in model.network.properties), *(None for _ in model.network.terms))


def _columns(model: TrainedModel) -> list[tuple[str, str]]:
    """Name and unit of each property, and of each term of one that depends on the temperature."""
    return [*((spec.name, spec.unit) for spec in model.network.properties), *model.network.terms]
