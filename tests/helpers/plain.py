"""For trainings in several processes: an encoder without BatchNorm, and a witness of their batches."""

import json
from pathlib import Path

import torch
from lightning.pytorch import Callback

from gnn_sim2real.graph import ATOM_CODES, NUM_ELEMENTS
from gnn_sim2real.nn import Encoder
from gnn_sim2real.nn.embedding import CodeEmbedding
from gnn_sim2real.nn.readout import weighted_mean


class Plain(Encoder):
    """Mean of the atoms' embeddings: no statistics, so that a batch in two halves gives the gradient of the whole."""

    def __init__(self, dim: int = 8) -> None:
        super().__init__(dim=dim)
        self.output_dim = dim
        self.embedding = CodeEmbedding([NUM_ELEMENTS, *ATOM_CODES.values()], dim)

    @property
    def layers(self):
        return [self.embedding]

    def forward(self, batch):
        codes = torch.cat([batch.atomic_number.unsqueeze(1), batch.need("atom_codes")], dim=1)
        return weighted_mean(self.embedding(codes), batch)


class Witness(Callback):
    """Writes the rows of every batch that a process trains on or validates on, and the model."""

    def __init__(self, folder: str) -> None:
        self.folder, self.seen = Path(folder), {"train": [], "validation": []}

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.seen["train"].append(batch.row.tolist())

    def on_validation_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
        self.seen["validation"].append(batch.row.tolist())

    def on_train_end(self, trainer, pl_module):
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{trainer.global_rank}.json").write_text(json.dumps(self.seen))
        trainer.save_checkpoint(self.folder / "model.ckpt")
