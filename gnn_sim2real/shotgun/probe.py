"""What of a pretrained model is read for a target."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Probe:
    """A layer of the encoder, for ridge regression; or the model's own answer, for a straight line.

    Attributes:
        layer: Number of the layer from the input, from 0; None for the answer of a model that predicts the target's
            property itself.
    """

    layer: int | None = None

    def __str__(self) -> str:
        return "prediction" if self.layer is None else f"layer {self.layer}"

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "Probe":
        """Read the probe of a score that was kept.

        Args:
            row: With its `layer`; of earlier versions with its name as `way`.

        Raises:
            KeyError: If it has neither.
        """
        if "layer" in row:
            return cls(row["layer"])
        number = str(row["way"]).removeprefix("layer ")
        return cls(int(number) if number.isdecimal() else None)


PREDICTION = Probe()
"""The model's own answer."""
