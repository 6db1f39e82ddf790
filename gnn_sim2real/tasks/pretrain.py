"""Pretraining on computed materials."""

from lightning.pytorch.cli import OptimizerCallable

from gnn_sim2real.nn.encoder import Encoder
from gnn_sim2real.nn.model import PropertyModel
from gnn_sim2real.tasks.base import Loss, PropertyRegression, default_optimizer


class SourcePretraining(PropertyRegression):
    """Pretrain an encoder and a head on one or several simulated properties.

    Args:
        encoder: The architecture.
        loss: Of standardized properties; `huber` is squared near zero and linear beyond half a standard deviation.
        optimizer: Makes the optimizer from the parameters.
        warmup_fraction: Share of all steps in which the learning rate rises linearly; it then falls as a cosine to 0.
    """

    def __init__(
        self,
        encoder: Encoder,
        loss: Loss = "mse",
        optimizer: OptimizerCallable = default_optimizer,
        warmup_fraction: float = 0.1,
    ) -> None:
        super().__init__(loss, optimizer, warmup_fraction)
        self.given_encoder = (encoder,)  # a tuple, or its weights would be stored twice

    def make_network(self) -> PropertyModel:
        """A model with fresh weights, scaled to the training part of the source."""
        network = PropertyModel(self.given_encoder[0], self.data.properties)
        network.scaler.fit(self.data.train_targets)
        return network
