"""A stage of a study: one YAML, read once and turned into objects many times."""

import copy
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch import Callback, Trainer, seed_everything
from lightning.pytorch.loggers import WandbLogger

from gnn_sim2real.datamodule import PropertyDataModule
from gnn_sim2real.lightning_cli import plain, read_stage
from gnn_sim2real.scaling.callback import ScalingLawCallback
from gnn_sim2real.study.config import StudyConfig
from gnn_sim2real.tasks.base import PropertyRegression

_QUIET: dict[str, Any] = {
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "enable_checkpointing": False,
}


class Stage:
    """The pretraining or the fine-tuning of a study.

    Args:
        name: Which of the three.
        study: The study.
    """

    def __init__(self, name: Literal["pretrain", "finetune", "scratch"], study: StudyConfig) -> None:
        self.name, self.study = name, study
        self.parser, self._config = read_stage(Path(getattr(study, name)), study.overlays)
        self.data: PropertyDataModule = self.parser.instantiate_classes(self._config).data
        self.logger: WandbLogger | None = None

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

    def make(self, config: Any, key: str, callbacks: list[Callback]) -> tuple[Trainer, PropertyRegression]:
        """Trainer and task of one cell, the same whatever ran before in this process.

        Args:
            config: From `config`.
            key: The cell's.
            callbacks: In place of the YAML's callbacks that write records.
        """
        seed_everything(config.seed_everything, verbose=False)
        made = self.parser.instantiate_classes(config)
        settings = made.trainer.as_dict() if hasattr(made.trainer, "as_dict") else dict(made.trainer)
        own = settings.pop("callbacks", None) or []
        own = own if isinstance(own, list) else [own]
        own = [callback for callback in own if not isinstance(callback, ScalingLawCallback)]
        self.logger = self._wandb(key) if isinstance(settings.get("logger"), WandbLogger) else None
        settings |= _QUIET | {"default_root_dir": self.study.folder, "logger": self.logger or False}
        return Trainer(**settings, callbacks=own + callbacks), made.model

    def _wandb(self, key: str) -> WandbLogger:
        folder = self.study.folder
        folder.mkdir(parents=True, exist_ok=True)
        return WandbLogger(
            project="gnn-sim2real",
            group=folder.name,
            job_type=self.name,
            name=f"{self.name} {key[:8]}",
            save_dir=folder,
        )

    def close_logger(self) -> None:
        """End the W&B run of a cell, so that the next one gets its own."""
        if self.logger is not None:
            self.logger.experiment.finish()
            self.logger = None

    def plain(self, config: Any) -> dict[str, Any]:
        """A configuration in plain types, for keys."""
        return plain(config)
