"""Lightning modules: pretraining on computed materials, fine-tuning on measured ones; policies and transfer."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from gnn_sim2real.tasks.finetune import TargetFineTuning as TargetFineTuning
    from gnn_sim2real.tasks.pretrain import SourcePretraining as SourcePretraining
    from gnn_sim2real.tasks.weights import BestWeights as BestWeights
    from gnn_sim2real.tasks.weights import EMAWeights as EMAWeights

# Importing only the name of a policy must not wait for Lightning.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "finetune": ["TargetFineTuning"],
        "pretrain": ["SourcePretraining"],
        "weights": ["BestWeights", "EMAWeights"],
    },
)
