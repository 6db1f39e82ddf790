"""L2-SP: a penalty for leaving the starting point."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gnn_sim2real.tasks.policies.base import FineTuningPolicy

if TYPE_CHECKING:
    from torch import Tensor

    from gnn_sim2real.nn.model import PropertyModel


@dataclass
class L2SP(FineTuningPolicy):
    r"""All weights are trained, with a penalty on the squared distance of the pretrained ones from their start.

    Added to the loss is $a \sum_i (w_i - w_i^0)^2$ over the pretrained weights. X. Li, Y. Grandvalet, F. Davoine, ICML
    2018, arXiv 1802.01483.

    Args:
        start_penalty: The factor a.

    Raises:
        ValueError: If `start_penalty` is negative.
    """

    name = "l2_sp"
    title = "fine-tuned, L2-SP"
    summary = (
        "all weights are trained, with a penalty of `start_penalty` times the squared distance of the pretrained ones "
        "from their start"
    )
    needs_pretrained = True

    start_penalty: float = 0.01
    _start: "dict[str, Tensor]" = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.start_penalty < 0:
            raise ValueError(f"`start_penalty` must be at least 0, got {self.start_penalty}")

    def begin(self, start: "Callable[[], Mapping[str, Tensor]]") -> None:
        """Remember the start, which is the pretrained model also in a resumed training."""
        self._start = dict(start())

    def penalty(self, model: "PropertyModel") -> "Tensor | None":
        """The factor times the squared distance; None if nothing is pretrained."""
        import torch

        if not self._start:
            return None
        weights = dict(model.named_parameters())
        squares = [(weights[name] - start).square().sum() for name, start in self._start.items()]
        return self.start_penalty * torch.stack(squares).sum()
