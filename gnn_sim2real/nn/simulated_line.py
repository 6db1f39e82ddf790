"""A straight line in the simulated value, from which a model predicts the difference."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gnn_sim2real.linear import fit_calibration


class SimulatedLine(nn.Module):
    """Offset and slope of each property against its simulated value; 0 and 1 until fitted.

    Args:
        num_properties: Number of properties.
    """

    offset: Tensor
    slope: Tensor

    def __init__(self, num_properties: int) -> None:
        super().__init__()
        self.register_buffer("offset", torch.zeros(num_properties))
        self.register_buffer("slope", torch.ones(num_properties))

    def fit(
        self,
        simulated: Float[Tensor, "num_materials num_properties"],
        targets: Float[Tensor, "num_materials num_properties"],
    ) -> None:
        """Fit `gnn_sim2real.linear.fit_calibration` to the materials that have both values.

        Args:
            simulated: Physical units, NaN where missing.
            targets: The same of the measured values.

        Raises:
            ValueError: If no material has both.
        """
        for column in range(targets.shape[1]):
            both = ~(simulated[:, column].isnan() | targets[:, column].isnan())
            if not bool(both.any()):
                raise ValueError("no material of the training part has both a simulated and a measured value")
            x, y = simulated[both, column].double(), targets[both, column].double()
            self.offset[column], self.slope[column] = fit_calibration(x.cpu().numpy(), y.cpu().numpy())

    def forward(
        self, simulated: Float[Tensor, "num_graphs num_properties"] | None
    ) -> Float[Tensor, "num_graphs num_properties"]:
        """The line at simulated values, physical units; NaN for a material without one.

        Raises:
            ValueError: If there are none at all.
        """
        if simulated is None:
            raise ValueError(
                "this model corrects simulated values, but the materials have none; give them to a prediction as a "
                "column of its table (`--data.simulated_column NAME`), as `--data.predict_simulated TABLE`, or by the "
                "data set that has them (`--data.simulated_from`)"
            )
        return simulated * self.slope + self.offset
