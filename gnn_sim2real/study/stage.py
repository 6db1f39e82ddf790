"""A stage of a study: one YAML, read once, from which objects are made many times."""

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lightning.pytorch import Callback, Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint, ProgressBar
from lightning.pytorch.cli import LightningArgumentParser
from lightning.pytorch.loggers import Logger

from gnn_sim2real.config.lightning_cli import plain, read_stage
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.files import write_atomically
from gnn_sim2real.nn.encoder import build_encoder
from gnn_sim2real.records.callback import ScalingLawCallback
from gnn_sim2real.records.keys import flatten, numbers_only
from gnn_sim2real.records.training_keys import training_content
from gnn_sim2real.study.config import JobsConfig
from gnn_sim2real.tasks.base import PropertyRegression
from gnn_sim2real.tasks.checks import require_same_cutoff
from gnn_sim2real.tasks.one_process import one_process

_QUIET: dict[str, Any] = {
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "enable_checkpointing": False,
    "log_every_n_steps": 1,  # a few dozen measurements give fewer batches than Lightning's default
}

_OF_ONE_TRAINING = (ScalingLawCallback, ModelCheckpoint, ProgressBar)
"""Callbacks that `fit` needs; a study writes records, keeps models and shows how far it is by itself."""


class Stage:
    """The pretraining, the fine-tuning or the training from scratch of a study, or a pretraining of a library.

    Args:
        name: Name of its file in the folder of the study.
        path: YAML of the stage.
        study: The study.
        data: Settings of the data module that replace those of the YAML.
        options: Further settings that do, as arguments of the command line.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        study: JobsConfig,
        data: Mapping[str, Any] = MappingProxyType({}),
        options: Sequence[str] = (),
    ) -> None:
        self.name, self.study = name, study
        self.parser, self._config = read_stage(path, study.overlays, options)
        for setting, value in data.items():
            self._config.data.init_args[setting] = value
        data_only = copy.deepcopy(self._config)
        data_only.model, data_only.trainer.logger = None, False
        self.data: PropertyDataModule = self.parser.instantiate(data_only).data
        require_one_device(self.trainer_settings, f"the {name} stage", "a study")

    def config(self, seed: int, model: dict[str, Any]) -> Any:
        """The configuration of one cell.

        Args:
            seed: Seed of initialization and order.
            model: Settings of the task that differ from the YAML.
        """
        config = copy.deepcopy(self._config)
        config.seed_everything = seed
        for setting, value in model.items():
            config.model.init_args[setting] = value
        return config

    def training_content(self, config: dict[str, Any], data: PropertyDataModule) -> dict[str, Any]:
        """The part of a cell's configuration and code that enters its key.

        Args:
            config: From `config`, in plain types.
            data: What the cell is trained on.

        Raises:
            ValueError: If its encoder is made for other graphs.
        """
        encoder = encoder_of(config)
        if encoder and "cutoff" in data.featurizer.settings:
            require_same_cutoff(build_encoder(with_settings(encoder), trusted=True), data)
        return training_content(config, self.study.threads)

    def plain_data(self, **changes: Any) -> dict[str, Any]:
        """The data module as in a YAML.

        Args:
            changes: Settings that replace those of the stage.
        """
        content: dict[str, Any] = plain(self._config)["data"]
        return content | {"init_args": content["init_args"] | changes}

    def plain_excludes(self, wanted: Callable[[PropertyDataModule], bool]) -> list[dict[str, Any]]:
        """The data modules of `exclude` as in a YAML.

        Args:
            wanted: Selects data modules.
        """
        named = self.plain_data()["init_args"]["exclude"] or []
        named = named if isinstance(named, list) else [named]
        return [content for content, each in zip(named, self.data.settings.excluded, strict=True) if wanted(each)]

    def save_config(self) -> None:
        """Write the resolved configuration into the study's folder."""
        text = self.parser.dump(self._config, skip_none=False)
        write_atomically(self.study.folder / f"{self.name}.yaml", text.encode())

    @property
    def trainer_settings(self) -> dict[str, Any]:
        """Settings of the trainer as in the YAML."""
        settings: dict[str, Any] = self._config.trainer.as_dict()
        return settings

    @property
    def encoder(self) -> dict[str, Any] | None:
        """Class path and settings of the encoder of the YAML; that of a fine-tuning need not name it."""
        return encoder_of(plain(self._config))

    @property
    def result_settings(self) -> dict[str, Any]:
        """See `result_settings`."""
        return result_settings(plain(self._config))

    @property
    def loggers(self) -> list[dict[str, Any]]:
        """Class path and settings of each logger of the YAML."""
        return logger_settings(plain(self._config)["trainer"])

    def make(
        self, config: Any, callbacks: list[Callback], loggers: Sequence[Logger] = ()
    ) -> tuple[Trainer, PropertyRegression]:
        """Make trainer and task of one cell, independent of earlier trainings in this process.

        Args:
            config: Configuration from `config`.
            callbacks: Callbacks that replace those of the YAML that write records, save models or show progress.
            loggers: Loggers that replace those of the YAML.
        """
        return make_training(self.parser, config, self.study.folder, callbacks, loggers)


def make_training(
    parser: LightningArgumentParser,
    config: Any,
    folder: Path,
    callbacks: Sequence[Callback],
    loggers: Sequence[Logger] = (),
) -> tuple[Trainer, PropertyRegression]:
    """Make trainer and task of one training among many, independent of earlier trainings in this process.

    Args:
        parser: Parser of the configuration.
        config: The configuration of the training.
        folder: Folder of all of them.
        callbacks: Callbacks that replace those of the YAML that write records, save models or show progress.
        loggers: Loggers that replace those of the YAML.
    """
    config = copy.deepcopy(config)
    config.trainer.logger = False
    seed_everything(config.seed_everything, verbose=False)
    made = parser.instantiate(config)
    settings = made.trainer.as_dict() if hasattr(made.trainer, "as_dict") else dict(made.trainer)
    own = settings.pop("callbacks", None) or []
    own = own if isinstance(own, list) else [own]
    own = [callback for callback in own if not isinstance(callback, _OF_ONE_TRAINING)]
    if settings.get("devices") == "auto":  # all GPUs of a machine
        settings["devices"] = 1
    plugins = settings.get("plugins") or []
    settings["plugins"] = [*(plugins if isinstance(plugins, list) else [plugins]), one_process()]
    settings |= _QUIET | {"default_root_dir": folder, "logger": list(loggers)}
    return Trainer(**settings, callbacks=[*own, *callbacks]), made.model


def require_one_device(trainer: Mapping[str, Any], what: str, who: str) -> None:
    """Refuse trainers with several devices, since each of their processes would run all trainings.

    Args:
        trainer: Settings of the trainer, as in the YAML.
        what: Whose trainer it is.
        who: What makes many trainings.

    Raises:
        ValueError: If it has several.
    """
    devices, nodes = trainer.get("devices"), trainer.get("num_nodes")
    if str(devices) not in ("auto", "1", "[0]", "None") or nodes not in (1, None):
        raise ValueError(
            f"{what} has several devices (devices {devices}, num_nodes {nodes}), but {who} trains each model on one "
            "device, and many models at a time; use `gnn-sim2real fit` for one large training"
        )


def logger_settings(trainer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Class path and settings of each logger.

    Args:
        trainer: Settings of a trainer, in plain types.
    """
    given = trainer.get("logger")
    if given is True:  # Lightning's own choice would be another one where TensorBoard is installed
        given = {"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": {"save_dir": "."}}
    given = given if isinstance(given, list) else [given]
    return [dict(each) for each in given if isinstance(each, Mapping)]


def encoder_of(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Class path and settings of the encoder that a YAML names.

    Args:
        config: The configuration of a stage, in plain types.
    """
    found: dict[str, Any] | None = config["model"]["init_args"].get("encoder")
    return found


_OF_DATA = ("batch_size", "test_fraction", "validation_fraction", "development_fraction", "split_by", "group_by")


def result_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a stage that can change a result, without those of its axes: to be compared, not to be run.

    Args:
        config: The configuration of the stage, in plain types.

    Returns:
        Values by dotted name.
    """
    numbers = numbers_only(config)
    model = {name: value for name, value in numbers["model"]["init_args"].items() if name not in ("encoder", "policy")}
    data = {name: config["data"]["init_args"].get(name) for name in _OF_DATA}
    return flatten({"trainer": numbers["trainer"], "model": model, "data": data})


def with_settings(encoder: Mapping[str, Any]) -> dict[str, Any]:
    """Describe an encoder of a YAML with empty settings where it has none.

    Args:
        encoder: Its class path, and its settings if it has some.
    """
    settings = encoder.get("init_args") or {}
    filled = {name: with_settings(value) if isinstance(value, Mapping) else value for name, value in settings.items()}
    return {"class_path": encoder["class_path"], "init_args": filled}
