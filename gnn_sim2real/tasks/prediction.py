"""Predictions as a table: all input materials, also those that could not be read."""

import csv
import io
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter

from gnn_sim2real.data.prediction import Predictor
from gnn_sim2real.files import write_atomically
from gnn_sim2real.tasks.base import PropertyRegression

logger = logging.getLogger(__name__)


class PredictionWriter(BasePredictionWriter):
    """Writes a CSV file with one row per material of `data.predict_path`, in its order, with units in the header.

    A property of the form A + B / T has its A and B in two more columns.

    Args:
        output: The CSV file.
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
        """Write the table; a material that could not be read has an empty value and a reason.

        Raises:
            TypeError: If the module is not a `PropertyRegression`.
        """
        if not isinstance(pl_module, PropertyRegression):
            raise TypeError("PredictionWriter writes the predictions of a PropertyRegression")
        network = pl_module.network
        columns = [heading(spec.name, spec.unit) for spec in network.properties]
        columns += [heading(name, unit) for name, unit in network.terms]
        predictor = trainer.datamodule.predictor  # type: ignore[attr-defined]
        write_predictions(self.output, predictor, columns, torch.cat(list(predictions)).tolist())


def heading(name: str, unit: str) -> str:
    """Heading of a column with its unit."""
    return f"{name} [{unit}]" if unit else name


def write_predictions(
    output: Path, predictor: Predictor, columns: Sequence[str], values: Iterable[Sequence[float]]
) -> None:
    """Write a table of predictions with one row per input material.

    Args:
        output: The CSV.
        predictor: The input materials.
        columns: Headings of the values.
        values: Values of each material that could be read, in order.
    """
    found = iter(values)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([predictor.heading, *columns, "reason"])
    refused = 0
    for material, reason in predictor.materials:
        refused += reason is not None
        row = [f"{value:.8g}" for value in next(found)] if reason is None else [""] * len(columns)
        writer.writerow([material, *row, reason or ""])
    write_atomically(output, text.getvalue().encode())
    logger.info("%s: %d predictions, %d materials not readable", output, len(predictor.materials) - refused, refused)
