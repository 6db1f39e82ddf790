"""Fine-tuning of all weights."""

from dataclasses import dataclass

from gnn_sim2real.tasks.policies.base import FineTuningPolicy


@dataclass
class Full(FineTuningPolicy):
    """All weights are trained, without a penalty."""

    name = "full"
    title = "fine-tuned"
    summary = "all weights are trained"
