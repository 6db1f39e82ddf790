"""Predictions as a table: all input materials, also those that could not be read."""

import csv
import io
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from numpy.typing import NDArray

from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.featurize.ordering import split_graph
from gnn_sim2real.files import require_replaceable, spreadsheet_text, write_atomically
from gnn_sim2real.graph import Graph
from gnn_sim2real.nn.model import PropertyModel
from gnn_sim2real.store.graphs import GraphStore
from gnn_sim2real.tasks.base import PropertyRegression

logger = logging.getLogger(__name__)


class PredictionWriter(BasePredictionWriter):
    """Writes a CSV file with one row per material of `data.predict_path`, in its order, with units in the header.

    A property of the form A + B / T has its A and B in two more columns. Where disordered crystals are read as ordered
    approximants, the spread of the predictions over these follows. The other columns of the input come last, as they
    are.

    Args:
        output: The CSV file.
        overwrite: Whether a file that is there, such as that of an earlier run, is replaced.
    """

    def __init__(self, output: str = "predictions.csv", overwrite: bool = False) -> None:
        super().__init__("epoch")
        self.output, self.overwrite = Path(output), overwrite
        self.read: Sequence[str | Path] = ()
        """What the command reads beside the data, such as its model and YAMLs, which is never replaced."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse to replace a file before anything is computed."""
        if stage == "predict":
            check_output(self.output, self.overwrite, trainer.datamodule, self.read)  # type: ignore[attr-defined]

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
        values = torch.cat(list(predictions)).double().numpy()
        if predictor.data.featurizer.settings.get("disorder") == "order":
            columns += [heading(f"{spec.name} spread", spec.unit) for spec in network.properties]
            graphs = [each.graph for each in predictor.inputs if each.graph is not None]
            values = np.concatenate([values, spread_of_approximants(network, graphs)], axis=1)
        write_predictions(self.output, predictor, columns, values.tolist())


def spread_of_approximants(network: PropertyModel, graphs: Sequence[Graph]) -> NDArray[np.float64]:
    """Standard deviation of the predictions for the ordered approximants of each crystal.

    Args:
        network: Predicts.
        graphs: Graphs of crystals, such as `featurize.ordering.join_graphs` makes.

    Returns:
        (num_graphs, num_properties), in physical units; NaN for a crystal that is not several approximants.
    """
    parts = [split_graph(graph) for graph in graphs]
    found = np.full((len(parts), len(network.properties)), np.nan)
    device = next(network.parameters()).device
    for row, several in enumerate(parts):
        if len(several) > 1:
            batch = GraphStore.from_graphs(several).select(torch.arange(len(several)))
            with torch.inference_mode():
                found[row] = network.predict(batch.to(device)).double().cpu().numpy().std(axis=0, ddof=1)
    return found


def check_output(output: Path, overwrite: bool, data: PropertyDataModule, read: Iterable[str | Path] = ()) -> None:
    """Refuse to replace a file.

    Args:
        output: The CSV that is to be written.
        overwrite: Whether a file may be replaced; an input never is.
        data: The data module, with the input materials.
        read: What else is read: the models, YAMLs, a calibration.

    Raises:
        ValueError: If the file is there.
    """
    given = [each for each in data.given.values() if isinstance(each, str) and each]
    inputs = [Path(path) for path in (*given, *read)]
    advice = "give another `--prediction.output`, or `--prediction.overwrite true` to replace it"
    # Not even earlier predictions are replaced by themselves: those of another model look the same.
    require_replaceable(output, inputs=inputs, overwrite=overwrite, advice=advice)


def heading(name: str, unit: str) -> str:
    """Heading of a column with its unit."""
    return f"{name} [{unit}]" if unit else name


class Asked(Protocol):
    """Materials of a table of predictions: a `data.prediction.Predictor`, or others."""

    @property
    def heading(self) -> str:
        """Heading of the materials."""

    @property
    def materials(self) -> list[tuple[str, str | None]]:
        """Name of each material, with the reason why it cannot be read, if so."""

    @property
    def other_columns(self) -> dict[str, list[str]]:
        """What else there is of each material, by column."""

    @property
    def without_simulated(self) -> NDArray[np.bool_]:
        """Whether a simulated value is missing, of each material that can be read."""


def write_predictions(
    output: Path,
    predictor: Asked,
    columns: Sequence[str],
    values: Iterable[Sequence[float | str]],
    notes: Iterable[str] = (),
) -> None:
    """Write a table of predictions with one row per input material, followed by the other columns of the input.

    Args:
        output: The CSV.
        predictor: The input materials.
        columns: Headings of the values.
        values: Values of each material that could be read, in order; NaN where there is no answer; or texts.
        notes: What is to be said of each of these answers, for the column of reasons; nothing unless given.
    """
    found, others, lacking = iter(values), predictor.other_columns, iter(predictor.without_simulated.tolist())
    said = iter(notes)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    new = [_distinct(each, others) for each in (predictor.heading, *columns, "reason")]
    writer.writerow(map(spreadsheet_text, (*new, *others)))
    refused = unanswered = 0
    for (material, reason), *more in zip(predictor.materials, *others.values(), strict=True):
        row, why = [""] * len(columns), reason
        if reason is None:
            answer, without, why = next(found), next(lacking), next(said, "") or None
            row = [_format(value) for value in answer]
            if not any(cell for cell, value in zip(row, answer, strict=True) if not isinstance(value, str)):
                why = why or ("no simulated value, which this model needs" if without else "the answer is not a number")
                unanswered += 1
        refused += reason is not None
        cells = [spreadsheet_text(each) for each in (why or "", *more)]
        writer.writerow([spreadsheet_text(str(material)), *row, *cells])
    write_atomically(output, text.getvalue().encode())
    number = len(predictor.materials) - refused - unanswered
    without_answer = f", {unanswered} without an answer (see the column of reasons)" if unanswered else ""
    logger.info("%s: %d predictions%s, %d materials not readable", output, number, without_answer, refused)


def _format(value: float | str) -> str:
    if isinstance(value, str):
        return spreadsheet_text(value)
    return f"{value:.8g}" if math.isfinite(value) else ""


def _distinct(name: str, others: Mapping[str, list[str]]) -> str:
    """A heading that is none of the columns of the input, which keep theirs: they may be measured values."""
    while name in others:
        name += " (prediction)"
    return name
