"""What pretraining and fine-tuning share: steps, metrics, optimizer, a checkpoint that describes itself."""

import math
from abc import ABC, abstractmethod
from typing import Any, Literal, get_args

import numpy as np
import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import OptimizerCallable
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR
from torchmetrics import MeanMetric

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.library import CHECKPOINT_ENTRY
from gnn_sim2real.metrics import whole_set_metrics
from gnn_sim2real.nn.model import PropertyModel

Loss = Literal["mse", "huber"]
_HUBER_CORNER = 0.5

NUMERICS_VERSION = 1
"""Raised by hand whenever the same configuration would train to other numbers."""


def default_optimizer(parameters: Any) -> torch.optim.Optimizer:
    """AdamW with the learning rate that suits the encoders of this package."""
    return torch.optim.AdamW(parameters, lr=1e-3, weight_decay=1e-5)


class PropertyRegression(LightningModule, ABC):
    """Trains a `PropertyModel` on standardized properties, missing values left out.

    Args:
        loss: Mean squared error, or Huber's with its corner at half a standard deviation.
        optimizer: Makes the optimizer from the parameters.
        warmup_fraction: Share of all steps in which the learning rate rises linearly; it then falls as a cosine to 0.
    """

    network: PropertyModel

    def __init__(self, loss: Loss, optimizer: OptimizerCallable, warmup_fraction: float) -> None:
        super().__init__()
        if not 0 <= warmup_fraction < 1:
            raise ValueError(f"`warmup_fraction` must be at least 0 and below 1, got {warmup_fraction}")
        if loss not in get_args(Loss):
            raise ValueError(f"`loss` must be one of {', '.join(get_args(Loss))}, got {loss!r}")
        self.loss: Loss = loss
        self.optimizer, self.warmup_fraction = optimizer, warmup_fraction
        self.validation_loss = MeanMetric()
        self.tested: list[tuple[Tensor, Tensor]] = []

    @abstractmethod
    def make_network(self) -> PropertyModel:
        """The model that training starts from, for the properties of the data at hand."""

    @property
    def data(self) -> Any:
        """The data module at hand."""
        return self.trainer.datamodule  # type: ignore[attr-defined]

    def setup(self, stage: str) -> None:
        """Make the model that training starts from, once the data are known."""
        if stage == "fit":
            self.require_network()

    def require_network(self) -> None:
        """Make the model unless one is there, from an earlier training or from a checkpoint."""
        if not hasattr(self, "network"):
            self.network = self.make_network().to(self.device)

    def on_validation_start(self) -> None:
        """Without a checkpoint, look at the model that training would start from."""
        self.require_network()

    def on_test_start(self) -> None:
        """Without a checkpoint, test the model that training would start from."""
        self.require_network()

    def on_predict_start(self) -> None:
        """Without a checkpoint, predict with the model that training would start from."""
        self.require_network()

    def masked_loss(self, batch: GraphBatch) -> tuple[Tensor, Tensor]:
        """Mean loss over the values present, and their number."""
        if batch.targets is None:
            raise ValueError("training needs measured or computed values; these data are for prediction only")
        present = ~batch.targets.isnan()
        scaled = self.network.scaler.scale(batch.targets.nan_to_num(0.0))
        error = self.network(batch) - scaled
        if self.loss == "huber":
            loss = functional.huber_loss(error, torch.zeros_like(error), reduction="none", delta=_HUBER_CORNER)
        else:
            loss = error.square()
        count = present.sum()
        return (loss * present).sum() / count.clamp_min(1), count

    def training_step(self, batch: GraphBatch, batch_number: int) -> Tensor:
        """One step on a batch."""
        loss, count = self.masked_loss(batch)
        self.log("train/loss", loss, batch_size=int(count), on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: GraphBatch, batch_number: int) -> None:
        """Collect the loss of the validation part."""
        loss, count = self.masked_loss(batch)
        self.validation_loss.update(loss, count)
        self.log("val/loss", self.validation_loss, on_step=False, on_epoch=True)

    def on_test_epoch_start(self) -> None:
        """Forget an earlier test."""
        self.tested.clear()

    def test_step(self, batch: GraphBatch, batch_number: int) -> None:
        """Collect predictions in physical units."""
        self.tested.append((batch.row.cpu(), self.network.predict(batch).cpu()))

    def on_test_epoch_end(self) -> None:
        """Log the errors of each property over the whole test part."""
        for column, spec in enumerate(self.network.properties):
            prefix = "test/" if len(self.network.properties) == 1 else f"test/{spec.name}/"
            _, prediction, truth = self.test_result(column)
            for name, value in whole_set_metrics(prediction, truth).items():
                self.log(prefix + name, value)

    def test_result(self, column: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Rows of the test materials, their predicted and their true values, from the last test.

        Args:
            column: Number of the property.
        """
        rows = torch.cat([row for row, _ in self.tested]).numpy()
        prediction = torch.cat([values for _, values in self.tested])[:, column].double().numpy()
        return rows, prediction, self.data.table.values[rows, column]

    def predict_step(self, batch: GraphBatch, batch_number: int) -> Tensor:
        """Predict in physical units."""
        return self.network.predict(batch)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Parameters with their `rate`, a factor on the learning rate."""
        return [{"params": list(self.network.parameters()), "rate": 1.0}]

    def configure_optimizers(self) -> Any:
        """The optimizer, with linear warm-up and cosine decay over all steps."""
        groups = self.parameter_groups()
        rates = [group.pop("rate") for group in groups]
        optimizer = self.optimizer(groups)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] *= rate
        total = max(1, int(self.trainer.estimated_stepping_batches))
        warmup = self.warmup_fraction * total

        def factor(step: int) -> float:
            rise = min(1.0, (step + 1) / warmup) if warmup else 1.0
            return rise * 0.5 * (1 + math.cos(math.pi * min(1.0, step / total)))

        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": LambdaLR(optimizer, factor), "interval": "step"},
        }

    def card(self) -> dict[str, Any]:
        """Where the model comes from, in plain types; stored with its weights."""
        architecture = type(self.network.encoder).__name__
        return {"task": type(self).__name__, "architecture": architecture, "data": self.data.card()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Make the network that the checkpoint describes; what it was trained from is not needed again.

        Raises:
            CheckpointError: If it was trained on graphs made in another way than those of the data at hand.
        """
        trained_on = checkpoint[CHECKPOINT_ENTRY]["featurizer"]
        if self._trainer is not None and self.data.featurizer.describe() != trained_on:
            raise CheckpointError(
                f"the model was trained on graphs made by {trained_on}, those of the data are made by "
                f"{self.data.featurizer.describe()}; give `data.init_args` the same settings"
            )
        if not hasattr(self, "network"):
            self.network = PropertyModel.from_description(checkpoint[CHECKPOINT_ENTRY]["network"])

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Let the checkpoint describe its model."""
        checkpoint[CHECKPOINT_ENTRY] = {
            "network": self.network.describe(),
            "featurizer": self.data.featurizer.describe(),
            "card": self.card(),
        }
