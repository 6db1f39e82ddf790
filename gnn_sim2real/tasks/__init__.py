"""Lightning modules: pretraining on computed materials, fine-tuning on measured ones."""

from gnn_sim2real.tasks.finetune import TargetFineTuning as TargetFineTuning
from gnn_sim2real.tasks.pretrain import SourcePretraining as SourcePretraining
from gnn_sim2real.tasks.weights import BestWeights as BestWeights
from gnn_sim2real.tasks.weights import EMAWeights as EMAWeights
