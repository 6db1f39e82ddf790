"""What pretraining and fine-tuning share: steps, metrics, optimizer, a checkpoint that describes itself."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.types import LRSchedulerTypeUnion
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torchmetrics import MeanMetric

from gnn_sim2real.data.described import describe
from gnn_sim2real.data.seeds import chosen_seed
from gnn_sim2real.errors import TrainingDivergedError
from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.library import CHECKPOINT_ENTRY
from gnn_sim2real.library.model import was_trained
from gnn_sim2real.metrics import whole_set_metrics
from gnn_sim2real.nn.head import OutputForm
from gnn_sim2real.nn.model import PropertyModel, PropertySpec
from gnn_sim2real.renamed import by_property
from gnn_sim2real.scales import error_unit
from gnn_sim2real.store.vocabulary import Vocabulary, find_vocabulary, warn_of_unseen
from gnn_sim2real.tasks.checks import (
    check_callbacks,
    require_compiler,
    require_one_process,
    require_same_graphs,
    require_same_properties,
    require_single_precision,
    require_sound_checkpoint,
    require_validation,
)
from gnn_sim2real.tasks.epoch_errors import EpochErrors
from gnn_sim2real.tasks.losses import LOSSES, Loss
from gnn_sim2real.tasks.resume import begin_next_epoch, begin_within_epoch, decide_after_validation, stay_stopped
from gnn_sim2real.tasks.schedule import given_schedule, standard_schedule, without_shares
from gnn_sim2real.tasks.seen import EvaluatedPart, SeenMaterials, require_unseen
from gnn_sim2real.tasks.weights import BestWeights, take_best_out_of

logger = logging.getLogger(__name__)

NUMERICS_VERSION = 1
"""Increased by hand if the same configuration would train to other numbers."""


def default_optimizer(parameters: Any) -> torch.optim.Optimizer:
    """AdamW with a learning rate that suits the encoders of this package."""
    return torch.optim.AdamW(parameters, lr=1e-3, weight_decay=1e-5)


class PropertyRegression(LightningModule, ABC):
    """Trains a `PropertyModel` on standardized properties, without missing values.

    Args:
        loss: Mean squared error, mean absolute error, or Huber loss with its corner at half a standard deviation.
        forms: What values a property can take, by its name; linear if it is not named.
        optimizer: Makes the optimizer from the parameters.
        warmup_fraction: Share of all steps in which the learning rate rises linearly; it then falls as a cosine to 0.
        schedule: Makes another schedule from the optimizer.
        compiled: Whether the forward pass uses `torch.compile`.

    Raises:
        ValueError: If a setting is not one of those accepted.
    """

    network: PropertyModel

    def __init__(
        self,
        loss: Loss,
        forms: dict[str, OutputForm] | None,
        optimizer: OptimizerCallable,
        warmup_fraction: float,
        schedule: LRSchedulerCallable | None,
        compiled: bool,
    ) -> None:
        super().__init__()
        if not 0 <= warmup_fraction < 1:
            raise ValueError(f"`warmup_fraction` must be at least 0 and below 1, got {warmup_fraction}")
        if loss not in get_args(Loss):
            raise ValueError(f"`loss` must be one of {', '.join(get_args(Loss))}, got {loss!r}")
        for name, form in (forms or {}).items():
            if form not in get_args(OutputForm):
                raise ValueError(f"`forms.{name}` must be one of {', '.join(get_args(OutputForm))}, got {form!r}")
        self.loss: Loss = loss
        self.forms: dict[str, OutputForm] = forms or {}
        self.optimizer, self.warmup_fraction, self.schedule = optimizer, warmup_fraction, schedule
        self.compiled, self.validation_loss = compiled, MeanMetric()
        self.train_errors, self.validation_errors = EpochErrors(), EpochErrors()
        self.tested: list[tuple[Tensor, Tensor]] = []
        self.is_trained = False
        self.training_seed: int | None = None
        """`seed_everything` of the run that trained the model; None if it had none, or is not known."""
        self.loaded_card: Mapping[str, Any] | None = None
        """Card of the data that trained a model from a checkpoint or a library; None if it is not from one."""
        self.loaded_seen: SeenMaterials | None = None
        """What such a model has seen; None if that is not known."""
        self.trained_with: Any = None
        """Data that trained the model in this process."""
        self._seen_in_training: SeenMaterials | None = None
        self.remembered_vocabulary: Vocabulary | None = None
        self._random_state = torch.get_rng_state()
        self._resumed_state: Tensor | None = None

    @abstractmethod
    def make_network(self) -> PropertyModel:
        """The model that training starts from, for the properties of the data."""

    @property
    def data(self) -> Any:
        """The data module."""
        return self.trainer.datamodule  # type: ignore[attr-defined]

    @property
    def properties(self) -> list[PropertySpec]:
        """Name, unit and form of each property of the data.

        Raises:
            ValueError: If a form is given for a property that the data do not have, or twice.
        """
        names = [spec.name for spec in self.data.properties]
        forms = by_property(self.forms, names)
        unknown = sorted(forms.keys() - set(names))
        if unknown:
            raise ValueError(f"`forms` has {', '.join(unknown)}, but the properties of the data are {', '.join(names)}")
        return [replace(spec, form=forms.get(spec.name, spec.form)) for spec in self.data.properties]

    def check_trainer(self, trainer: Trainer, stage: str) -> None:
        """Reject settings that cannot work.

        Args:
            trainer: The trainer.
            stage: `fit`, `validate`, `test` or `predict`.

        Raises:
            ValueError: If a setting cannot work.
        """
        require_single_precision(trainer)
        if self.compiled:
            require_compiler()
        if trainer.overfit_batches:  # type: ignore[attr-defined]
            require_one_process(trainer, "`overfit_batches`")
        if stage in ("test", "predict"):
            require_one_process(trainer, stage)

    def setup(self, stage: str) -> None:
        """Make the model that training starts from, once the data are known."""
        self.check_trainer(self.trainer, stage)
        if stage == "fit":
            check_callbacks(self.trainer)
            decide_after_validation(self.trainer)
            self.require_network()
        if stage != "predict":
            self.log_units()

    def log_units(self) -> None:
        """Tell the loggers the property and its unit, in which the errors are; names and units of several."""
        specs = self.properties
        content: dict[str, Any] = {"property": specs[0].name, "unit": specs[0].unit}
        if len(specs) > 1:
            content = {"property": [spec.name for spec in specs], "unit": {spec.name: spec.unit for spec in specs}}
        for logger in self.trainer.loggers:
            logger.log_hyperparams(content)

    def require_network(self) -> None:
        """Make the model unless there is one from an earlier training or a checkpoint."""
        if not hasattr(self, "network"):
            if self.trainer.world_size > 1:
                # Lightning has seeded each process again: the head would get the random numbers of the encoder.
                torch.set_rng_state(self._random_state)
            self.adopt(self.make_network())

    def adopt(self, network: PropertyModel) -> None:
        """Use a model, and compile its forward pass if requested; its state dict stays the same.

        Args:
            network: The model.
        """
        self.network = network.to(self.device)
        for errors in (self.train_errors, self.validation_errors):
            errors.transforms = [each.transform for each in network.properties]
        if self.compiled:
            self.network.compile(dynamic=True)

    def on_train_start(self) -> None:
        """Continue where an interrupted training stopped."""
        self.training_seed = chosen_seed()
        self.trained_with, self._seen_in_training = self.data, None
        begin_next_epoch(self.trainer)
        begin_within_epoch(self.trainer)
        stay_stopped(self.trainer)
        self.train_errors.reset()
        if self._resumed_state is not None and self.trainer.world_size == 1:
            torch.set_rng_state(self._resumed_state)  # so that dropout goes on as without an interruption
        self._resumed_state = None

    def on_train_batch_end(self, outputs: Any, batch: GraphBatch, batch_number: int) -> None:
        """Know that the weights are no longer those of the start."""
        self.is_trained = self.is_trained or not self.trainer.fast_dev_run  # type: ignore[attr-defined]

    def has_known_weights(self) -> bool:
        """Whether all weights were trained, here or before."""
        return self.is_trained

    def require_known_weights(self) -> None:
        """Reject a network with weights that were never trained; within a training there is one.

        Raises:
            ValueError: If there is neither a checkpoint, nor a training before in this process, nor a pretrained model
                with all weights that the data need.
        """
        stage = self.trainer.state.fn
        if not self.is_trained and stage is not None and stage != TrainerFn.FITTING:
            raise ValueError(
                f"there is no trained model to {stage.value}: give `--ckpt_path MODEL` (a .ckpt that `fit` "
                "printed, or a folder of the model library)"
            )

    def trained_on(self) -> Mapping[str, Any] | None:
        """Card of the data that trained the model; None if it was trained on the present ones, or that is not known."""
        if self.trained_with is None:
            return self.loaded_card
        return None if self.trained_with is self.data else self.trained_with.card()

    def seen_materials(self) -> SeenMaterials | None:
        """Materials that the model has seen in all its trainings; None if that is not known."""
        if self.trained_with is None:
            return self.loaded_seen
        if self._seen_in_training is None:
            own = SeenMaterials.of_training(self.trained_with)
            self._seen_in_training = own if self.loaded_seen is None else own.join(self.loaded_seen)
        return self._seen_in_training

    def require_unseen(self, part: EvaluatedPart) -> None:
        """Reject a test of a trained model on materials that it was trained on.

        Args:
            part: The part that tests it.

        Raises:
            CheckpointError: If it has seen one of them.
        """
        if not self.is_trained or self.trainer.state.fn == TrainerFn.FITTING:
            return
        if self.trained_with not in (None, self.data):
            require_unseen(self.seen_materials(), self.trained_with.card(), self.data, part)
        elif self.loaded_card is not None or self.trained_with is None:
            require_unseen(self.loaded_seen, self.loaded_card, self.data, part)

    def on_validation_start(self) -> None:
        """Reject an untrained model, and data of another property."""
        self.require_known_weights()
        require_same_properties(self.network, self.data)
        self.require_unseen("validation")
        self.validation_errors.reset()

    def on_test_start(self) -> None:
        """Reject an untrained model, and data of another property."""
        self.require_known_weights()
        require_same_properties(self.network, self.data)
        self.require_unseen("test")

    def on_predict_start(self) -> None:
        """Reject an untrained model, and warn of materials with what it has never seen."""
        self.require_known_weights()
        if self.data.predictor.settings.predict_path:  # not batches from elsewhere
            warn_of_unseen(self.seen_before(), self.data.predictor.store, "prediction")

    def seen_before(self) -> Vocabulary | None:
        """Elements, bonds and charges that a loaded model has seen; None if that is not known."""
        return self.remembered_vocabulary

    def masked_loss(self, batch: GraphBatch, errors: EpochErrors | None = None) -> tuple[Tensor, Tensor]:
        """Mean loss over the present values, and their number.

        Args:
            batch: With targets.
            errors: Gets the predictions in physical units as well.
        """
        outputs = self.network(batch)
        losses, present = self.network.losses(outputs, batch, LOSSES[self.loss])
        if errors is not None:
            # A material without a simulated value has no answer of a model that corrects it.
            errors.update(self.network.values(outputs.detach(), batch), batch.need("targets").where(present, torch.nan))
        count = present.sum()
        if batch.loss_weights is not None:
            losses = losses * batch.loss_weights
        return losses.sum() / count.clamp_min(1), count

    def training_step(self, batch: GraphBatch, batch_number: int) -> Tensor:
        """One step on a batch."""
        loss, count = self.masked_loss(batch, self.train_errors)
        self.log("train/loss", loss, batch_size=int(count), on_step=False, on_epoch=True, sync_dist=True)
        if self.trainer.world_size == 1:
            return loss
        # The gradients of the processes are averaged, but each should count by its share of the batch's values.
        total = self.trainer.strategy.reduce(count.clone(), reduce_op="sum")
        return loss * (count * self.trainer.world_size / total.clamp_min(1))

    def on_train_epoch_end(self) -> None:
        """Log the errors, and stop a training that diverged, rather than save its weights.

        Raises:
            TrainingDivergedError: If the loss is not finite.
        """
        loss = self.trainer.callback_metrics.get("train/loss")
        if loss is not None and not bool(torch.isfinite(loss)):
            raise TrainingDivergedError(
                f"the training loss is {float(loss)} in epoch {self.current_epoch + 1}; lower the learning rate, set "
                "`trainer.gradient_clip_val`, or look for extreme values in the data"
            )
        self.log_errors("train", self.train_errors.compute())
        self.train_errors.reset()

    def validation_step(self, batch: GraphBatch, batch_number: int) -> None:
        """Collect the loss and the errors of the validation part."""
        loss, count = self.masked_loss(batch, self.validation_errors)
        self.validation_loss.update(loss, count)
        self.log("val/loss", self.validation_loss, on_step=False, on_epoch=True)

    def on_validation_epoch_end(self) -> None:
        """Log the errors, and step a schedule that follows them, before any checkpoint of this epoch is written."""
        self.log_errors("val", self.validation_errors.compute())
        trains = self.trainer.state.fn == TrainerFn.FITTING and not self.trainer.sanity_checking
        schedule = self.lr_schedulers() if trains else None
        if isinstance(schedule, ReduceLROnPlateau):
            self.lr_scheduler_step(schedule, self.validation_loss.compute())

    def on_test_epoch_start(self) -> None:
        """Forget an earlier test."""
        self.tested.clear()

    def test_step(self, batch: GraphBatch, batch_number: int) -> None:
        """Collect predictions in physical units."""
        self.tested.append((batch.row.cpu(), self.network.predict(batch).cpu()))

    def on_test_epoch_end(self) -> None:
        """Log the errors of each property over the whole test part, without the materials that it has no answer for."""
        lacking = self.num_tested - len(self.test_result()[0])
        if lacking:
            logger.info(
                "tested on %d of %d materials: %d have no simulated value, which this model corrects",
                self.num_tested - lacking,
                self.num_tested,
                lacking,
            )
        specs = self.network.properties
        results = [self.test_result(column) for column in range(len(specs))]
        self.log_errors(
            "test",
            [
                whole_set_metrics(prediction, truth, spec.transform)
                for (_, prediction, truth), spec in zip(results, specs, strict=True)
            ],
        )
        unit = error_unit(specs[0].unit, specs[0].transform)
        for name, found in self.group_errors().items():
            logger.info("MAE of %d %s of the test part: %s", found["num"], name, f"{found['mae']:.4g} {unit}".rstrip())
            self.log_errors(f"test/{name}", [{"mae": found["mae"]}, *({} for _ in results[1:])])

    def group_errors(self) -> dict[str, dict[str, float]]:
        """Errors of the first property by groups of test materials, see `DataSet.group_errors`."""
        rows, prediction, _ = self.test_result()
        found: dict[str, dict[str, float]] = self.data.data_set.group_errors(rows, prediction)
        return found

    def log_errors(self, part: str, errors: Sequence[Mapping[str, float]]) -> None:
        """Log errors in physical units, as `val/mae`, or `val/density/mae` where there are several properties.

        Args:
            part: `train`, `val` or `test`.
            errors: Of each property, by name.
        """
        # Those that a subclass has logged itself, in another unit perhaps. Lightning has no public list of them.
        results: dict[str, Any] = self.trainer._results or {}
        own = {each.meta.name for each in results.values() if not each.has_reset}
        for spec, found in zip(self.network.properties, errors, strict=True):
            prefix = f"{part}/" if len(self.network.properties) == 1 else f"{part}/{spec.name}/"
            for name, value in found.items():
                if prefix + name not in own:
                    # Lightning takes the mean of what is logged twice here, unless the two ways to reduce differ.
                    self.log(prefix + name, value, reduce_fx="max", sync_dist=True)

    def test_result(self, column: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Rows of the test materials, their predicted and their true values, from the last test.

        A model that corrects simulated values has no answer for a material without one, which is left out.

        Args:
            column: Number of the property.
        """
        rows = torch.cat([row for row, _ in self.tested]).numpy()
        prediction = torch.cat([values for _, values in self.tested])[:, column].double().numpy()
        simulated = self.data.table.simulated
        if self.network.line is not None and simulated is not None:
            answered = ~np.isnan(simulated[rows, column])
            rows, prediction = rows[answered], prediction[answered]
        return rows, prediction, self.data.data_set.measured(rows, column)

    @property
    def num_tested(self) -> int:
        """Number of materials of the last test, also of those without an answer."""
        return sum(len(rows) for rows, _ in self.tested)

    def predict_step(self, batch: GraphBatch, batch_number: int) -> Tensor:
        """Predict in physical units; of the form A + B / T, A and B come after all properties."""
        return self.network.predict_with_terms(batch)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Parameters with their `share` of the learning rate."""
        return [{"params": list(self.network.parameters()), "share": 1.0}]

    def configure_optimizers(self) -> Any:
        """The optimizer, with its schedule over all steps."""
        groups = self.parameter_groups()
        shares = [group.pop("share") for group in groups]
        optimizer = self.optimizer(groups)
        if self.schedule is not None:
            schedule = given_schedule(optimizer, self.schedule, shares)
            if "monitor" in schedule:
                require_validation(self.trainer, "ReduceLROnPlateau")
            return {"optimizer": optimizer, "lr_scheduler": schedule}
        for group, share in zip(optimizer.param_groups, shares, strict=True):
            group["lr"] *= share
        standard = standard_schedule(optimizer, self.warmup_fraction, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": standard, "interval": "step"}}

    def lr_scheduler_step(self, scheduler: LRSchedulerTypeUnion, metric: Any) -> None:
        """Step a schedule, which does not know the shares of its rate that some parameters have."""
        with without_shares(scheduler.optimizer):
            super().lr_scheduler_step(scheduler, metric)

    def card(self) -> dict[str, Any]:
        """Where the model comes from, in plain types; saved with its weights."""
        architecture = type(self.network.encoder).__name__
        card = {"task": type(self).__name__, "architecture": architecture, "data": self.data.card()}
        vocabulary = self.vocabulary()
        return card if vocabulary is None else card | {"vocabulary": vocabulary}

    def vocabulary(self) -> Vocabulary | None:
        """Elements, bonds and charges that the model has seen; None if that is not known."""
        if self.remembered_vocabulary is not None or self._trainer is None:
            return self.remembered_vocabulary
        parts = self.data.parts
        rows = np.concatenate([parts.train, parts.validation])
        found: Vocabulary = self.data.data_set.once(
            ("vocabulary", rows.tobytes()), lambda: find_vocabulary(self.data.store, rows)
        )
        return found

    def remember(self, card: Mapping[str, Any]) -> None:
        """Read from the card of a saved model what later cards and warnings need.

        Args:
            card: Result of `card`.
        """
        self.remembered_vocabulary = card.get("vocabulary")

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Make the network that the checkpoint describes; its pretrained model is not needed again.

        Raises:
            CheckpointError: If its file is damaged, or it was trained on graphs made with other settings than those of
                the data.
        """
        if self._trainer is not None:
            require_sound_checkpoint(self.trainer)
            require_same_graphs(checkpoint[CHECKPOINT_ENTRY]["featurizer"], self.data)
        if not hasattr(self, "network"):
            self.adopt(PropertyModel.from_description(checkpoint[CHECKPOINT_ENTRY]["network"]))
        self.remember(checkpoint[CHECKPOINT_ENTRY]["card"])
        self.training_seed = checkpoint[CHECKPOINT_ENTRY].get("seed")
        seen = checkpoint[CHECKPOINT_ENTRY].get("seen")
        self.loaded_card = checkpoint[CHECKPOINT_ENTRY]["card"].get("data")
        self.loaded_seen = None if seen is None else SeenMaterials.from_tensors(seen)
        self.is_trained = checkpoint.get("global_step", 0) > 0 and was_trained(checkpoint)
        if self._trainer is not None and self.trainer.state.fn == TrainerFn.FITTING:
            take_best_out_of(checkpoint)
            self._resumed_state = checkpoint.get("random_state")

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add a description of the model, and the random state, to the checkpoint."""
        checkpoint["random_state"] = torch.get_rng_state()
        checkpoint[CHECKPOINT_ENTRY] = {
            "network": self.network.describe(),
            "featurizer": self.data.featurizer.describe(),
            "trained": self.has_known_weights(),
            "seed": self.training_seed,
            "card": self.card() | {"data_settings": describe(self.data)},
        }
        if (seen := self.seen_materials()) is not None:
            checkpoint[CHECKPOINT_ENTRY]["seen"] = seen.tensors()
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, BestWeights):
                callback.put_best_into(checkpoint)
