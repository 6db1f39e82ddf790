"""Calibrated mean and standard deviation of many candidates, in a fraction of a millisecond each.

A Gaussian process learns the measurements from the features of one pretrained model and from its own predictions, which
a straight line maps to the measured values. Its standard deviation is then multiplied by the number that makes it hold
on measurements that were left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from gnn_sim2real.ensemble.intervals import STANDARD, TrainingRange, conformal_quantile
from gnn_sim2real.gaussian_process import GaussianProcess
from gnn_sim2real.library import TrainedModel
from gnn_sim2real.metrics import interval_of_mean
from gnn_sim2real.splits.folds import random_folds
from gnn_sim2real.store.mixtures import AnyStore

Floats = NDArray[np.float64]

FOLDS = 10
"""Folds on which the standard deviation is calibrated."""

MIN_MEASURED = 8
"""Smallest number of measurements."""


@dataclass(frozen=True, eq=False)
class Encoded:
    """What a model knows of materials.

    Attributes:
        features: Of its last layer, (num_materials, width).
        predictions: Of its properties, (num_materials, num_properties), on the scale of its head.
    """

    features: Floats
    predictions: Floats

    def take(self, rows: NDArray[np.int64]) -> "Encoded":
        """Some of the materials.

        Args:
            rows: Which.
        """
        return Encoded(self.features[rows], self.predictions[rows])


def encode(model: TrainedModel, store: AnyStore) -> Encoded:
    """Encode materials.

    Args:
        model: The model.
        store: The materials, at least one.
    """
    features, predictions = [], []
    with torch.inference_mode():
        for rows in torch.split(torch.arange(len(store)), 512):
            batch = store.select(rows)
            encoded = model.network.encoder(batch)
            features.append(encoded)
            predictions.append(model.network.outputs(encoded, batch))
    return Encoded(torch.cat(features).double().numpy(), torch.cat(predictions).double().numpy())


class Surrogate:
    """Predicts a property of materials from what a model knows of them.

    Args:
        known: The measured materials.
        values: Measured values, (num_measured,).
        groups: Group of each, which no fold cuts.
        seed: Seed of the folds.

    Attributes:
        error: Mean absolute error on folds that were left out, with its 90 % interval.
        factor: What the standard deviation of the process is multiplied by.

    Raises:
        ValueError: If there are too few measurements.
    """

    def __init__(self, known: Encoded, values: Floats, groups: Sequence[str], seed: int = 0) -> None:
        if len(values) < MIN_MEASURED:
            raise ValueError(f"a suggestion needs at least {MIN_MEASURED} measured materials, got {len(values)}")
        self.known, self.values = known, values
        left_out, std = np.empty(len(values)), np.empty(len(values))
        for fold in random_folds(groups, min(FOLDS, len(set(groups))), [seed]):
            left_out[fold.test], std[fold.test] = _fit(known.take(fold.train), values[fold.train])(
                known.take(fold.test)
            )
        errors = np.abs(values - left_out)
        self.error = interval_of_mean(errors)
        self.factor = conformal_quantile(errors / std, STANDARD)
        self._predict = _fit(known, values)
        try:
            self._range: TrainingRange | None = TrainingRange(known.features)
        except ValueError:  # all alike
            self._range = None

    @classmethod
    def best_of(
        cls, models: Sequence[tuple[str, Encoded]], values: Floats, groups: Sequence[str], seed: int = 0
    ) -> tuple[str, Self]:
        """The surrogate whose error on left-out folds is least.

        Args:
            models: What each model knows of the measured materials, by its name.
            values: Measured values.
            groups: See `Surrogate`.
            seed: See `Surrogate`.
        """
        made = [(name, cls(known, values, groups, seed)) for name, known in models]
        return min(made, key=lambda each: (each[1].error[0], each[0]))

    def predict(self, asked: Encoded) -> tuple[Floats, Floats]:
        """Predict materials.

        Args:
            asked: What the model knows of them.

        Returns:
            Mean and calibrated standard deviation of a measurement, each (num_materials,).
        """
        mean, std = self._predict(asked)
        return mean, std * self.factor

    def distances(self, asked: Encoded) -> Floats:
        """Distance from the measured materials, (num_materials,); beyond 1 farther than these are from each other.

        Args:
            asked: What the model knows of them.
        """
        return np.zeros(len(asked.features)) if self._range is None else self._range.distances(asked.features)


def _fit(known: Encoded, values: Floats) -> Any:
    """Fit a process; gives the function that predicts."""
    process = GaussianProcess().fit([known.features], values, known.predictions)
    return lambda asked: process.predict([asked.features], asked.predictions)
