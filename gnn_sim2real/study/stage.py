"""A stage of a study: one YAML, read once, from which objects are made many times."""

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lightning.pytorch import Callback, Trainer, seed_everything
from lightning.pytorch.loggers import WandbLogger

from gnn_sim2real.config.lightning_cli import plain, read_stage
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.files import write_atomically
from gnn_sim2real.records.callback import ScalingLawCallback
from gnn_sim2real.study.config import JobsConfig
from gnn_sim2real.study.tracking import end_run, training_logger
from gnn_sim2real.tasks.base import PropertyRegression

_QUIET: dict[str, Any] = {
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "enable_checkpointing": False,
    "log_every_n_steps": 1,  # a few dozen measurements give fewer batches than Lightning's default
}


class Stage:
    """The pretraining, the fine-tuning or the training from scratch of a study, or a pretraining of a library.

    Args:
        name: Name of its file in the folder of the study.
        path: YAML of the stage.
        study: The study.
        data: Settings of the data module that replace those of the YAML.
    """

    def __init__(
        self, name: str, path: Path, study: JobsConfig, data: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        self.name, self.study = name, study
        self.parser, self._config = read_stage(path, study.overlays)
        for setting, value in data.items():
            self._config.data.init_args[setting] = value
        data_only = copy.deepcopy(self._config)
        data_only.model = None
        self.data: PropertyDataModule = self.parser.instantiate(data_only).data
        self.logger: WandbLogger | None = None
        self._require_one_device()

    def _require_one_device(self) -> None:
        """Refuse trainers with several devices, since each of their processes would run the whole study."""
        settings = self.trainer_settings
        devices, nodes = settings.get("devices"), settings.get("num_nodes")
        if str(devices) not in ("auto", "1", "[0]", "None") or nodes not in (1, None):
            raise ValueError(
                f"the {self.name} stage has several devices (devices {devices}, num_nodes {nodes}), but a study trains "
                "each model on one device, and many models at a time; use `gnn-sim2real fit` for one large training"
            )

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

    def make(
        self, config: Any, key: str, callbacks: list[Callback], track: bool = True
    ) -> tuple[Trainer, PropertyRegression]:
        """Make trainer and task of one cell, independent of earlier trainings in this process.

        Args:
            config: Configuration from `config`.
            key: Key of the cell.
            callbacks: Callbacks that replace those of the YAML that write records.
            track: Whether to log to W&B, if an overlay sets it.
        """
        seed_everything(config.seed_everything, verbose=False)
        made = self.parser.instantiate(config)
        settings = made.trainer.as_dict() if hasattr(made.trainer, "as_dict") else dict(made.trainer)
        own = settings.pop("callbacks", None) or []
        own = own if isinstance(own, list) else [own]
        own = [callback for callback in own if not isinstance(callback, ScalingLawCallback)]
        project = self.wandb_project if track else None
        self.logger = training_logger(project, self.study.folder, self.name, key) if project else None
        if self.logger is not None:
            self.logger.log_hyperparams(plain(config))
        if settings.get("devices") == "auto":  # all GPUs of a machine
            settings["devices"] = 1
        settings |= _QUIET | {"default_root_dir": self.study.folder, "logger": self.logger or False}
        return Trainer(**settings, callbacks=own + callbacks), made.model

    @property
    def wandb_project(self) -> str | None:
        """Project of the W&B logger set by an overlay; None without one."""
        logger = self._config.trainer.logger
        if not str(getattr(logger, "class_path", "")).endswith("WandbLogger"):
            return None
        return str(logger.init_args.project)

    def close_logger(self) -> None:
        """End the W&B run of a cell, so that the next one gets its own."""
        if self.logger is not None:
            end_run(self.logger)
            self.logger = None
