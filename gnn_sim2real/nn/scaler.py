"""Targets in physical units outside, near zero mean and unit variance inside."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class TargetScaler(nn.Module):
    """Standardizes each property; its statistics are buffers and travel with the weights.

    Args:
        num_properties: Number of properties.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, num_properties: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(num_properties))
        self.register_buffer("std", torch.ones(num_properties))

    def fit(
        self,
        targets: Float[Tensor, "num_materials num_properties"],
        from_zero: Bool[Tensor, " num_properties"] | None = None,
    ) -> None:
        """Take mean and standard deviation from the training part, missing values (NaN) left out.

        Args:
            targets: Physical units.
            from_zero: Properties whose zero stays zero: they are divided by their root mean square.

        Raises:
            ValueError: If a property has no value at all.
        """
        present = ~targets.isnan()
        count = present.sum(0)
        if bool((count == 0).any()):
            raise ValueError(
                f"property number {int((count == 0).nonzero()[0]) + 1} has no value in the training part; leave it "
                "out or enlarge the training part"
            )
        values = targets.nan_to_num(0.0).double()
        mean = values.sum(0) / count
        if from_zero is not None:
            mean = mean.masked_fill(from_zero, 0.0)
        variance = ((values - mean).square() * present).sum(0) / count
        spread = variance.sqrt().to(self.std.dtype)
        self.mean.copy_(mean)
        # A constant property cannot be divided by its spread, nor one whose spread single precision cannot tell from 0.
        self.std.copy_(torch.where(spread >= torch.finfo(spread.dtype).tiny, spread, torch.ones_like(spread)))

    def select_property(self, other: "TargetScaler", column: int, factor: float = 1.0, shift: float = 0.0) -> None:
        """Copy the statistics of one property of another scaler, in another unit.

        Args:
            other: It is not changed.
            column: Number of the property there.
            factor: Times a value in the other's unit, to which `shift` is added, gives it in the unit of this one.
            shift: See `factor`.
        """
        self.mean.copy_(shift + factor * other.mean[column : column + 1])
        self.std.copy_(factor * other.std[column : column + 1])

    def scale(self, targets: Float[Tensor, "num_graphs num_properties"]) -> Float[Tensor, "num_graphs num_properties"]:
        """Physical units to standardized."""
        return (targets - self.mean) / self.std

    def unscale(self, values: Float[Tensor, "num_graphs num_properties"]) -> Float[Tensor, "num_graphs num_properties"]:
        """Standardized to physical units."""
        return values * self.std + self.mean
