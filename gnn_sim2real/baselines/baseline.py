"""What every baseline has."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnn_sim2real.baselines.inputs import Floats, Input, Inputs, check

Kind = TypeVar("Kind", bound="Baseline")


@dataclass(frozen=True)
class Baseline(ABC):
    """A simple predictor, fitted to the measured materials and asked for the test materials.

    Its settings are never tuned to a data set: with a few dozen measurements a search would fit its own noise, and a
    baseline has to be the same one in every study.

    Attributes:
        name: Name in YAMLs and records, and in keys of records: it never changes.
        title: Text in tables.
        needs: Inputs that it uses; it is neither fitted to nor asked for materials that lack one of them.
        needs_measurements: Whether it is fitted to measurements; else it depends on the test part alone.
        rival: Text as a method without a source that a transferred model has to beat; empty if it is not one.
        fallback: Baseline that answers for materials that lack an input; None for no answer.
        version: Raised if a change of the code changes the predictions, so that no record mixes with those of before.
    """

    name: str
    title: str
    needs: tuple[Input, ...]
    _: KW_ONLY
    needs_measurements: bool = True
    rival: str = ""
    fallback: "Baseline | None" = None
    version: int = 1

    @property
    def needs_source(self) -> bool:
        """Whether it uses a pretrained model."""
        return "source" in self.needs or "encoded" in self.needs

    @property
    def uses_simulated(self) -> bool:
        """Whether it uses the simulated value of each material."""
        return "simulated" in self.needs

    @property
    def uses_foundation(self) -> bool:
        """Whether it uses features of a foundation encoder, which a study names."""
        return "foundation" in self.needs

    @property
    def uses_library(self) -> bool:
        """Whether it uses predictions of a library, which a study names."""
        return "library" in self.needs

    @abstractmethod
    def predict(self, train: Inputs, values: Floats, test: Inputs, *, seed: int) -> Floats:
        """Predict the test materials from the measured ones; both have all inputs in `needs`, without a gap.

        Args:
            train: Inputs of the measured materials, of which there is at least one. Their `weights`, where there are
                some, say how much each value counts.
            values: (num_train,); their measured values.
            test: Inputs of the test materials, of which there is at least one.
            seed: Seed of everything random; the same seed gives the same predictions.

        Returns:
            (num_test,); predictions in the unit of `values`.
        """


def three_of(
    make: Callable[..., Kind],
    name: str,
    title: str,
    descriptors: Input,
    *,
    rival: str = "",
    **settings: Any,
) -> tuple[Kind, Kind, Kind]:
    """One predictor as three baselines: of descriptors alone, with a source model's prediction, with a simulated value.

    Args:
        make: Class of the baselines.
        name: Name of the first one, with which those of the others begin.
        title: Its text in tables.
        descriptors: The descriptors.
        rival: What to call it as a rival; its title unless given.
        **settings: Of all three.
    """
    rival = rival or title
    return (
        make(name, title, (descriptors,), rival=f"{rival} without a source", **settings),
        make(f"{name}_with_source", f"{title} with source", (descriptors, "source"), **settings),
        make(
            f"{name}_with_simulated_value",
            f"{title} with simulated value",
            (descriptors, "simulated"),
            rival=f"{rival} with the simulated value",
            **settings,
        ),
    )


def predict_test(
    baseline: Baseline,
    inputs: Inputs,
    values: ArrayLike,
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    *,
    seed: int = 0,
) -> Floats:
    """Predictions of a baseline for some of many materials.

    Args:
        baseline: The baseline.
        inputs: Inputs of all materials, those that the baseline needs.
        values: (num_materials,); measured values. Only those of the measured materials are read.
        train: Rows of the measured materials.
        test: Rows of the test materials.
        seed: Seed of everything random.

    Returns:
        (num_test,); those of its `fallback` for materials that lack an input, such as a simulated value, or NaN.

    Raises:
        ValueError: If there is no measured material with all inputs, a measured value is missing or infinite, or the
            baseline does not give a finite number for each test material.
    """
    whole = inputs.complete(baseline.needs)
    known, asked = whole[train], whole[test]
    measured = check("the measured values", np.asarray(values)[train], num_axes=1)
    if baseline.needs_measurements and not known.any():
        lacking = " and ".join(baseline.needs).replace("_", " ")
        raise ValueError(
            f"none of the {len(train)} measured materials has what `{baseline.name}` needs ({lacking}); remove this "
            "baseline, or give more measured materials"
        )
    predictions = np.full(len(test), np.nan)
    if asked.any():
        rows = inputs.take(train[known]), measured[known], inputs.take(test[asked])
        found = np.asarray(baseline.predict(*rows, seed=seed), np.float64)
        if found.shape != (count := int(asked.sum()),) or not np.isfinite(found).all():
            raise ValueError(
                f"the baseline `{baseline.name}` must give {count} finite predictions, one for each test material, got "
                f"the shape {found.shape}, {int((~np.isfinite(found)).sum())} of them not finite"
            )
        predictions[asked] = found
    if baseline.fallback is not None and not asked.all():
        predictions[~asked] = predict_test(baseline.fallback, inputs, values, train, test[~asked], seed=seed)
    return predictions
