"""The Lightning callback that logs predictions beside measured values, with a picture of each structure."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from numpy.typing import NDArray

from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.featurize.drawing import draw_material
from gnn_sim2real.featurize.mixture import Mixture
from gnn_sim2real.nn.model import PropertyModel
from gnn_sim2real.records.loggers import log_table
from gnn_sim2real.store.loader import make_loader
from gnn_sim2real.tasks.base import PropertyRegression
from gnn_sim2real.tasks.prediction import heading
from gnn_sim2real.tasks.weights import BestWeights

_BATCH_SIZE = 256


class PredictionTable(Callback):
    """Logs a table of predictions after `fit` (of the validation part) and after a test, the largest errors first.

    `predictions/validation` and `predictions/test` have the material as it is spelled in the table, and the measured
    and the predicted value of each property with the error, in physical units. Materials and measured values go where
    the logger sends them: with `WANDB_MODE=online`, to a server.

    Args:
        most: Number of materials at most.
        draw: Whether Weights & Biases gets a picture of each structure; other loggers have no place for one.

    Raises:
        ValueError: If the number is below 1.
    """

    def __init__(self, most: int = 200, draw: bool = False) -> None:
        if most < 1:
            raise ValueError(f"`most` of PredictionTable must be at least 1, got {most}")
        self.most, self.draw = most, draw

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a module of which the table cannot know the materials.

        Raises:
            ValueError: If it is not one of this package.
        """
        if not isinstance(pl_module, PropertyRegression):
            raise ValueError(
                "PredictionTable is for SourcePretraining, TargetFineTuning and their subclasses, got "
                f"{type(pl_module).__name__}"
            )

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the validation part, by the weights that the training ends with."""
        data: PropertyDataModule = trainer.datamodule  # type: ignore[attr-defined]
        if not trainer.is_global_zero or not len(data.parts.validation) or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        network: PropertyModel = pl_module.network  # type: ignore[assignment]
        with _best_weights(trainer, pl_module), torch.no_grad():
            found = [
                (batch.row.cpu(), network.predict(batch.to(pl_module.device)).cpu())
                for batch in make_loader(data.part("validation"), _BATCH_SIZE)  # whole, also in one of many processes
            ]
        rows, predictions = (torch.cat(each).numpy() for each in zip(*found, strict=True))
        self._log(trainer, data, "validation", rows, predictions.astype(float))

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the test part."""
        data: PropertyDataModule = trainer.datamodule  # type: ignore[attr-defined]
        if not trainer.is_global_zero or not isinstance(pl_module, PropertyRegression):
            return
        results = [pl_module.test_result(column) for column in range(len(data.properties))]
        rows = results[0][0]
        self._log(trainer, data, "test", rows, np.stack([prediction for _, prediction, _ in results], axis=1))

    def _log(
        self,
        trainer: Trainer,
        data: PropertyDataModule,
        part: str,
        rows: NDArray[np.int64],
        predictions: NDArray[np.float64],
    ) -> None:
        import pandas as pd  # here, since it takes half a second to load

        table = data.table
        errors = predictions - table.values[rows]
        worst = np.argsort(-np.nan_to_num(np.abs(errors[:, 0]), nan=-1.0), kind="stable")[: self.most]
        materials = [table.materials[int(row)] for row in rows[worst]]
        columns: dict[str, Any] = {
            "material": [spell_material(each, data, row) for each, row in zip(materials, rows[worst], strict=True)]
        }
        for number, spec in enumerate(data.properties):
            columns[f"measured {heading(spec.name, spec.unit)}"] = table.values[rows[worst], number]
            columns[f"predicted {heading(spec.name, spec.unit)}"] = predictions[worst, number]
            columns[f"error of {heading(spec.name, spec.unit)}"] = errors[worst, number]
        pictures = [draw_material(each) for each in materials] if self.draw else None
        for logger in trainer.loggers:
            log_table(logger, f"predictions/{part}", pd.DataFrame(columns), pictures)


def spell_material(material: Any, data: PropertyDataModule, row: int) -> str:
    """A material as text: its spelling in the table, of a crystal its identity.

    Args:
        material: The material.
        data: Its data module.
        row: Its row of the table.
    """
    if isinstance(material, Mixture):
        return material.spell(ordered=bool(data.featurizer.settings.get("roles")))
    return material if isinstance(material, str) else str(data.table.identities[row])


@contextmanager
def _best_weights(trainer: Trainer, module: LightningModule) -> Iterator[None]:
    """The weights that `BestWeights` is going to set after all other callbacks, if it is there."""
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    best = next((each.weights for each in callbacks if isinstance(each, BestWeights) and each.weights), None)
    last = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()} if best else None
    was_training = module.training
    try:
        if best:
            module.load_state_dict(best)
        module.eval()
        yield
    finally:
        module.train(was_training)
        if last:
            module.load_state_dict(last)
