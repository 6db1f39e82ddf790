"""Probes: the part of a pretrained model that is read for a target."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Probe:
    """A layer of the encoder, for ridge regression; or the model's own prediction, for a straight line.

    Attributes:
        layer: Number of the layer, counted from the input, from 0; None for the prediction of a model of the target's
            property.
    """

    layer: int | None = None

    def __str__(self) -> str:
        return "prediction" if self.layer is None else f"layer {self.layer}"

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "Probe":
        """Read the probe of a saved score.

        Args:
            row: Score with `layer`; in earlier versions with the name of the probe as `way`.

        Raises:
            KeyError: If it has neither.
        """
        if "layer" in row:
            return cls(row["layer"])
        number = str(row["way"]).removeprefix("layer ")
        return cls(int(number) if number.isdecimal() else None)


PREDICTION = Probe()
"""The model's own prediction."""
