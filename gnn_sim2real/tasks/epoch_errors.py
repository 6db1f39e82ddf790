"""Errors of an epoch in physical units, over all its batches and all processes."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from gnn_sim2real.metrics import LOGARITHMIC, whole_set_metrics
from gnn_sim2real.scales import Transform

_LOGGED = ("mae", "rmse", "r2", *LOGARITHMIC)


class EpochErrors(Metric):
    """Keeps the predictions of an epoch, since a mean over batches would weigh the last, smaller one wrongly."""

    full_state_update = False
    predictions: list[Tensor]
    truths: list[Tensor]
    transforms: Sequence[Transform | None] = ()
    """Scale on which each property is learned; the values themselves unless given."""

    def __init__(self) -> None:
        super().__init__()
        self.add_state("predictions", default=[], dist_reduce_fx="cat")
        self.add_state("truths", default=[], dist_reduce_fx="cat")

    def update(self, prediction: Tensor, truth: Tensor) -> None:
        """Keep a batch.

        Args:
            prediction: (num_graphs, num_properties), physical units.
            truth: (num_graphs, num_properties), physical units, NaN where missing.
        """
        self.predictions.append(prediction)
        self.truths.append(truth)

    def compute(self) -> list[dict[str, float]]:
        """MAE, RMSE and R2 of each property, as `whole_set_metrics` defines them; none where no value is known."""
        predictions, truths = (dim_zero_cat(each).cpu().double().numpy().T for each in (self.predictions, self.truths))
        scales = self.transforms or [None] * len(truths)
        return [_errors(*each) for each in zip(predictions, truths, scales, strict=True)]


def _errors(
    prediction: NDArray[np.float64], truth: NDArray[np.float64], transform: Transform | None
) -> dict[str, float]:
    present = ~np.isnan(truth)
    if not present.any():
        return {}
    if not np.isfinite(prediction[present]).all():  # a loss may be finite all the same, and training go on
        scales = [""] if transform is None else ["", f"_{transform}"]
        return {f"{name}{scale}": math.inf for scale in scales for name in ("mae", "rmse")}
    found = whole_set_metrics(prediction, truth, transform)
    return {name: found[name] for name in _LOGGED if name in found}
