"""Pretraining on computed materials."""

from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable

from gnn_sim2real.nn.encoder import Encoder
from gnn_sim2real.nn.head import OutputForm
from gnn_sim2real.nn.model import PropertyModel
from gnn_sim2real.tasks.base import PropertyRegression, default_optimizer
from gnn_sim2real.tasks.checks import require_same_cutoff
from gnn_sim2real.tasks.losses import Loss


class SourcePretraining(PropertyRegression):
    """Pretrain an encoder and a head on one or several simulated properties.

    Args:
        encoder: The architecture.
        loss: Loss of standardized properties; `huber` is squared near zero and linear beyond half a standard deviation.
        forms: What values a property can take, by its name: `linear` (any, the default), `softplus` (above zero),
            `exponential` (likewise, over orders of magnitude), `hurdle` (zero or above it) or `inverse_temperature`
            (A + B / T), see `gnn_sim2real.nn.head`.
        optimizer: Makes the optimizer from the parameters.
        warmup_fraction: Share of all steps in which the learning rate rises linearly; it then falls as a cosine to 0.
        schedule: Another schedule, by the class path of a torch scheduler, stepped after every optimizer step;
            `ReduceLROnPlateau` (`monitor: val/loss`) after every validation. `warmup_fraction` then has no meaning.
            Null is warm-up and cosine.
        compile: Whether the forward pass uses `torch.compile`, which pays off in long trainings and needs a C++
            compiler.
    """

    def __init__(
        self,
        encoder: Encoder,
        loss: Loss = "mse",
        forms: dict[str, OutputForm] | None = None,
        optimizer: OptimizerCallable = default_optimizer,
        warmup_fraction: float = 0.1,
        schedule: LRSchedulerCallable | None = None,
        compile: bool = False,  # noqa: A002 (the word users know)
    ) -> None:
        super().__init__(loss, forms, optimizer, warmup_fraction, schedule, compile)
        self.given_encoder = (encoder,)  # in a tuple, or its weights would be saved twice

    def make_network(self) -> PropertyModel:
        """A model with fresh weights, scaled to the training part of the source."""
        require_same_cutoff(self.given_encoder[0], self.data)
        network = PropertyModel(self.given_encoder[0], self.properties, conditions=self.data.conditions)
        network.fit_scales(
            self.data.part("train").present_targets, conditions=self.data.part("train").present_conditions
        )
        return network
