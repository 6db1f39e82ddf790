"""Predictions as a table: every material that was asked about, also those that could not be read."""

import csv
import io
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter

from gnn_sim2real.files import write_atomically
from gnn_sim2real.tasks.base import PropertyRegression

logger = logging.getLogger(__name__)


class PredictionWriter(BasePredictionWriter):
    """Writes a CSV with one row a material of `data.predict_path`, in its order, units in the header.

    Args:
        output: The CSV.
    """

    def __init__(self, output: str = "predictions.csv") -> None:
        super().__init__("epoch")
        self.output = Path(output)

    def write_on_epoch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        predictions: Sequence[Any],
        batch_indices: Sequence[Any],
    ) -> None:
        """Write the table; a material that could not be read has an empty value and the reason beside it."""
        if not isinstance(pl_module, PropertyRegression):
            raise TypeError("PredictionWriter writes the predictions of a PropertyRegression")
        specs = pl_module.network.properties
        data = trainer.datamodule  # type: ignore[attr-defined]
        values = iter(torch.cat(list(predictions)).tolist())
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        columns = [f"{spec.name} [{spec.unit}]" if spec.unit else spec.name for spec in specs]
        writer.writerow([data.predict_heading, *columns, "reason"])
        refused = 0
        for material, reason in data.predict_materials:
            refused += reason is not None
            row = [f"{value:.8g}" for value in next(values)] if reason is None else [""] * len(specs)
            writer.writerow([material, *row, reason or ""])
        write_atomically(self.output, text.getvalue().encode())
        logger.info(
            "%s: %d predictions, %d materials refused",
            self.output,
            len(data.predict_materials) - refused,
            refused,
        )
