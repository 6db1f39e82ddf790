"""One trial: a training of the YAML with other values, judged by its validation part."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import Logger
from lightning.pytorch.trainer.states import TrainerFn
from numpy.typing import NDArray

from gnn_sim2real.config.errors import parse_settings
from gnn_sim2real.config.lightning_cli import Sim2RealCLI, plain, stage_config, what_is_missing
from gnn_sim2real.console import quiet_tasks
from gnn_sim2real.data.module import DataSettings, PropertyDataModule
from gnn_sim2real.scales import error_unit
from gnn_sim2real.splits.parts import Parts
from gnn_sim2real.study.stage import logger_settings, make_training, require_one_device
from gnn_sim2real.tasks.base import default_optimizer
from gnn_sim2real.tasks.interrupt import interruptible
from gnn_sim2real.tune.space import Range, Space, as_options, value_at

_OPTIMIZER = "model.optimizer"
_LIMITS = ("trainer.limit_val_batches", "trainer.overfit_batches", "trainer.fast_dev_run")
"""Settings that leave out a part of the validation materials."""


@dataclass(frozen=True)
class Outcome:
    """What a trial gave.

    Attributes:
        error: Error of the validation part by the model that the training ended with; None if it was pruned.
        epochs: Epochs that it trained, also parts of one.
    """

    error: float | None
    epochs: float


class Watch(Callback):
    """Looks at the validation error in each tenth of a training, and ends one that is not worth its time.

    Trainings of other lengths have other schedules, so they are compared at the same share of their steps.

    Args:
        metric: Name of the error.
        is_worse: Gets the lowest error so far and the number of tenths that are done, each once; whether to end.
    """

    def __init__(self, metric: str, is_worse: Callable[[float, int], bool] = lambda *_: False) -> None:
        self.metric, self._is_worse = metric, is_worse
        self._lowest, self._tenth, self.is_pruned = math.inf, 0, False

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the error."""
        if trainer.sanity_checking or trainer.state.fn != TrainerFn.FITTING:
            return
        self._lowest = min(self._lowest, float(trainer.callback_metrics.get(self.metric, math.inf)))
        tenth = int(10 * trainer.global_step / max(1.0, float(trainer.estimated_stepping_batches)) + 1e-9)
        if self._tenth < tenth < 10:
            self._tenth = tenth
            self.is_pruned = self._is_worse(self._lowest, tenth)
            trainer.should_stop = trainer.should_stop or self.is_pruned


class Training:
    """The training that is tuned.

    Args:
        files: Its YAMLs.
        options: Settings that replace those of the YAMLs, as arguments of the command line.
        metric: Name of the error; None for the usual one.

    Raises:
        ValueError: If it cannot be trained, or has no validation part.
    """

    def __init__(self, files: Sequence[str], options: Sequence[str], metric: str | None) -> None:
        self.options = list(options)
        self._argv = [word for each in files for word in ("--config", each)]
        cli = Sim2RealCLI([*self._argv, *options], run=False)
        self.parser, self._config = cli.parser, cli.config
        require_one_device(self._config.trainer.as_dict(), "the trainer", "`tune`")
        self._refuse_checkpoints()
        _require_judged(self._config.trainer)
        self.data = self._make_data(self._config)
        """The data without values of a trial."""
        self._last: tuple[dict[str, Any], PropertyDataModule] = plain(self._config)["data"], self.data
        if not len(self.data.parts.validation):
            raise ValueError(
                "there is no validation part, by which trials are judged; give one by `--data.validation_fraction 0.2`"
            )
        specs = self.data.properties
        of_one = "val/mae" if specs[0].transform is None else f"val/mae_{specs[0].transform}"
        self.metric = metric or (of_one if len(specs) == 1 else "val/loss")
        known = _errors_of(self.data)
        if self.metric not in known:
            raise ValueError(f"there is no error {self.metric} of these data; choose from {', '.join(known)}")

    @property
    def unit(self) -> str:
        """Unit of the error; the loss has none."""
        if self.metric.endswith("/loss"):
            return ""
        parts = self.metric.split("/")
        named = {spec.name: spec for spec in self.data.properties}
        spec = named[parts[1]] if len(parts) == 3 else self.data.properties[0]
        is_of_logs = spec.transform is not None and parts[-1].endswith(f"_{spec.transform}")
        return error_unit(spec.unit, spec.transform if is_of_logs else None)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The configuration without values of a trial, in plain types."""
        return self._plain(self._config)

    @property
    def loggers(self) -> list[dict[str, Any]]:
        """Class path and settings of each logger of the YAML."""
        return logger_settings(self.config["trainer"])

    def resolved(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The whole configuration of a trial, in plain types.

        Args:
            values: Values by the name of the setting.
        """
        return self._plain(self._compose(values))

    def check(self, space: Space) -> Space:
        """Refuse a space before the first trial if a setting does not exist or cannot have a value.

        Args:
            space: What is tried.

        Returns:
            The space; a range between whole numbers has become one of all numbers if its setting takes them.

        Raises:
            ValueError: If a value does not fit, or changes the validation part.
        """
        self._spell_optimizer(space)
        found: Space = {}
        for key, each in space.items():
            value_at(self.config, key)
            found[key] = each
            if isinstance(each, Range) and each.whole and each.step is None and self._takes(key, each.low + 0.5):
                found[key] = replace(each, whole=False)
        columns = [[(key, value) for value in each.extremes] for key, each in found.items()]
        for row in zip_longest(*columns):
            values = dict(given or column[-1] for given, column in zip(row, columns, strict=True))
            config = self._compose(values)
            self._check_one(config, values)
        return found

    def run(
        self,
        values: Mapping[str, Any],
        watch: Watch,
        folder: Path,
        loggers: Sequence[Logger] = (),
        seed: int = 0,
        split: int = 0,
    ) -> Outcome:
        """Train, and judge by the validation part; the data that are trained with have no test part.

        Args:
            values: Values by the name of the setting.
            watch: Looks at the validation error on the way.
            folder: Folder of the tuning.
            loggers: Loggers of the trial.
            seed: What is added to the seed of the YAML.
            split: Number of the validation part; 0 is that of the YAML.

        Raises:
            ValueError: If the values do not go together, or the training diverged.
        """
        config = self._compose(values)
        if seed:
            config.seed_everything = int(config.seed_everything or 0) + seed
        trainer, task = make_training(self.parser, config, folder, [watch], loggers)
        task.check_trainer(trainer, "fit")
        data = self._data(config)
        self._require_same_validation(data, values)
        train, validation = self._judged_by(data, split)
        data = data.with_parts(Parts(train, validation, np.empty(0, np.int64)))
        with interruptible(), quiet_tasks():
            trainer.fit(task, datamodule=data, weights_only=True)
            epochs = (trainer.fit_loop.total_batch_idx + 1) / max(1, int(trainer.num_training_batches))
            if watch.is_pruned:
                return Outcome(None, epochs)
            (found,) = trainer.validate(task, datamodule=data, verbose=False)
        if self.metric not in found:
            raise ValueError(
                f"the training ended without a {self.metric}: no batch of the validation part was looked at, or no "
                "material there has the property"
            )
        return Outcome(float(found[self.metric]), epochs)

    def _judged_by(self, data: PropertyDataModule, split: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows that train, and that validate: the latter are the same for all trials."""
        if split == 0:
            return data.parts.train, data.parts.validation
        validation, wholes = self.data.splitter.other_validation(split), self.data.splitter.wholes
        both = np.sort(np.concatenate([data.parts.train, data.parts.validation]))
        left_out = {wholes[row] for row in validation.tolist()}
        train = np.array([row for row in both.tolist() if wholes[row] not in left_out], np.int64)
        if not len(train):
            raise ValueError(f"the validation part {split} of `splits` leaves no material to train on; use fewer")
        return train, validation

    def _compose(self, values: Mapping[str, Any]) -> Any:
        """The configuration with values of a trial."""
        return parse_settings(self.parser, [*self._argv, *self.options, *as_options(values)])

    def _plain(self, config: Any) -> dict[str, Any]:
        return stage_config(plain(config))

    def _spell_optimizer(self, space: Space) -> None:
        """Name the class of the optimizer that a YAML leaves out, so that its settings can be tuned."""
        standard = f"{default_optimizer.__module__}.{default_optimizer.__qualname__}"
        tuned = any(key.startswith(f"{_OPTIMIZER}.") for key in space)
        if tuned and self.config["model"]["init_args"].get("optimizer") == standard:
            import torch

            made = default_optimizer([torch.nn.Parameter(torch.zeros(1))])
            self.options += [f"--{_OPTIMIZER}={type(made).__module__}.{type(made).__qualname__}"]
            self.options += [f"--{_OPTIMIZER}.{name}={made.defaults[name]!r}" for name in ("lr", "weight_decay")]
            self._config = self._compose({})
            del self.config

    def _refuse_checkpoints(self) -> None:
        """Refuse a choice of epochs by files, which trials do not write."""
        given = self._config.trainer.callbacks or []
        for each in given if isinstance(given, list) else [given]:
            monitor = each.get("init_args", {}).get("monitor") if hasattr(each, "get") else None
            if str(each.get("class_path", "")).endswith(ModelCheckpoint.__name__) and monitor:
                raise ValueError(
                    f"the ModelCheckpoint of the YAML chooses an epoch by {monitor}, but trials write no checkpoints; "
                    "use gnn_sim2real.tasks.BestWeights, which ends a training with its best epoch"
                )

    def _takes(self, key: str, value: Any) -> bool:
        try:
            self._compose({key: value})
        except (ValueError, TypeError):
            return False
        return True

    def _check_one(self, config: Any, values: Mapping[str, Any]) -> None:
        """Refuse values with which nothing could be made."""
        shown = ", ".join(f"{key}: {value}" for key, value in values.items())
        if limits := [key for key in values if key in _LIMITS]:
            raise ValueError(
                f"`{limits[0]}` cannot be tuned: the validation part, by which trials are judged, would not be the "
                "same for all"
            )
        try:
            _require_judged(config.trainer)
            trainer, task = make_training(self.parser, config, Path(), [])
            task.check_trainer(trainer, "fit")
        except MisconfigurationException as error:
            raise ValueError(what_is_missing(str(error))) from error
        except (ValueError, RuntimeError, TypeError, LookupError) as error:  # the latter of Lightning's trainer
            raise ValueError(f"{error} (tried: {shown})") from error
        data = self._data(config)
        self._require_same_validation(data, values)
        if self.metric not in _errors_of(data):
            raise ValueError(f"there is no error {self.metric} where {shown}; choose another `metric`")

    def _require_same_validation(self, data: PropertyDataModule, values: Mapping[str, Any]) -> None:
        """Refuse values that change what trials are judged by."""
        own = self.data
        same = data is own or (
            data.data_set.fingerprint == own.data_set.fingerprint
            and np.array_equal(np.sort(data.parts.validation), np.sort(own.parts.validation))
        )
        if not same:
            names = ", ".join(f"`{key}`" for key in values if key.startswith("data."))
            raise ValueError(
                f"{names} cannot be tuned: the validation part, by which trials are judged, would not be the same for "
                "all"
            )

    def _data(self, config: Any) -> PropertyDataModule:
        """The data of a configuration; the table is read once for all that share it."""
        own, wanted = plain(self._config)["data"], plain(config)["data"]
        if wanted == own:
            return self.data
        if wanted != self._last[0]:
            before, after = own["init_args"], wanted["init_args"]
            changes = {name: value for name, value in after.items() if name not in before or value != before[name]}
            shared = {each.name for each in fields(DataSettings)}
            simple = changes.keys() <= shared and not any(isinstance(each, dict | list) for each in changes.values())
            same_class = {**wanted, "init_args": {}} == {**own, "init_args": {}} and before.keys() <= after.keys()
            made = self.data.variant(**changes) if simple and same_class else self._make_data(config)
            self._last = wanted, made
        return self._last[1]

    def _make_data(self, config: Any) -> PropertyDataModule:
        only = copy.deepcopy(config)
        only.model, only.trainer.logger = None, False
        made: PropertyDataModule = self.parser.instantiate(only).data
        return made


def _errors_of(data: PropertyDataModule) -> list[str]:
    """Names of the errors of the validation part."""
    specs, found = data.properties, ["val/loss"]
    for spec in specs:
        prefix = "val/" if len(specs) == 1 else f"val/{spec.name}/"
        suffixes = [""] if spec.transform is None else ["", f"_{spec.transform}"]
        found += [f"{prefix}{each}{suffix}" for suffix in suffixes for each in ("mae", "rmse")]
    return found


def _require_judged(trainer: Any) -> None:
    """Refuse a trainer that trains nothing, never ends, or leaves out the validation part.

    Args:
        trainer: Its settings.
    """
    if trainer.fast_dev_run or trainer.limit_val_batches == 0:
        raise ValueError(
            "trials are judged by the validation part: remove `trainer.fast_dev_run` and `limit_val_batches: 0`"
        )
    for name in ("max_epochs", "max_steps", "limit_train_batches"):
        if trainer[name] == 0:
            raise ValueError(f"with `trainer.{name}: 0` nothing is trained; give at least 1")
    if trainer.max_epochs == -1 and trainer.max_steps == -1 and trainer.max_time is None:
        raise ValueError("with `trainer.max_epochs: -1` a training never ends; give at least 1")
