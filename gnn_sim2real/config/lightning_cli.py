"""LightningCLI for the tasks and data modules of this package."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.loggers import Logger

from gnn_sim2real.config.errors import parse_settings
from gnn_sim2real.console import quiet_lightning
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.registry import find_datasets
from gnn_sim2real.library import ModelLibrary, TrainedModel, default_library, load_model
from gnn_sim2real.nn.registry import import_plugins
from gnn_sim2real.records.callback import ScalingLawCallback
from gnn_sim2real.records.record import provenance
from gnn_sim2real.tasks.base import PropertyRegression
from gnn_sim2real.tasks.checks import require_same_graphs
from gnn_sim2real.tasks.library_entry import save_pretrained
from gnn_sim2real.tasks.prediction import PredictionWriter
from gnn_sim2real.tasks.pretrain import SourcePretraining


class LogConfig(SaveConfigCallback):
    """Saves the resolved configuration beside the run, and passes it to the logger (e.g. W&B)."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Ask for the folder of the run in every process, since the first one tells it to the others."""
        self._log_dir = trainer.log_dir
        super().setup(trainer, pl_module, stage)

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Pass the configuration to the logger, and save the split beside it."""
        if isinstance(trainer.logger, Logger):
            trainer.logger.log_hyperparams(plain(self.config))
        data: PropertyDataModule = trainer.datamodule  # type: ignore[attr-defined]
        if stage == "fit" and self._log_dir and len(data.parts.test):
            data.splitter.save(Path(self._log_dir) / "split.json")


class Sim2RealCLI(LightningCLI):
    """`gnn-sim2real fit | validate | test | predict`, from one YAML of trainer, model and data.

    Args:
        arguments: Arguments of the command line.
        run: Whether to run the subcommand; False only reads the configuration of a stage, without building objects.
    """

    def __init__(self, arguments: list[str], run: bool = True) -> None:
        self.only_read = not run
        quiet_lightning()
        find_datasets()
        import_plugins()
        super().__init__(
            PropertyRegression,
            PropertyDataModule,
            save_config_callback=LogConfig,
            save_config_kwargs={"overwrite": True},
            seed_everything_default=0,
            subclass_mode_model=True,
            subclass_mode_data=True,
            args=arguments,
            run=run,
            auto_configure_optimizers=False,
            parser_kwargs={"exit_on_error": False},
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Write predictions to a table, and add pretrainings to the library, unless the YAML says otherwise."""
        parser.add_lightning_class_args(PredictionWriter, "prediction")
        parser.add_argument(
            "--library",
            type=str | None,
            default=str(default_library()),
            help="folder of the model library to which finished pretrainings are added; null for none",
        )

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse the arguments given, not those of the process."""
        commands: dict[str, LightningArgumentParser] = getattr(self, "_subcommand_parsers", {})
        self.config = parse_settings(parser, args, commands.get(args[0]))

    def _parse_ckpt_path(self) -> None:
        """Refuse a checkpoint that is not ours before anything is built. Lightning's method looks for other entries."""
        subcommand = self.config.get("subcommand")
        path = self.config[subcommand].get("ckpt_path") if subcommand else None
        self.library_model: TrainedModel | None = None
        if path and path not in ("best", "last"):
            of_library = Path(path).is_dir()
            if of_library and subcommand == "fit":
                raise ValueError(
                    f"`--ckpt_path` of fit takes the .ckpt of an interrupted training, but {path} is a folder; to "
                    "start from its model, give `model.init_args.pretrained`"
                )
            model = load_model(path)
            self.library_model = model if of_library else None

    def before_instantiate_classes(self) -> None:
        """Tell W&B, if it is used, what kind of run this is."""
        config = self.config.get(self.subcommand) or self.config
        logger = config.trainer.logger
        if str(getattr(logger, "class_path", "")).endswith("WandbLogger") and not logger.init_args.get("job_type"):
            pretraining = str(config.model.class_path).endswith("SourcePretraining")
            logger.init_args.job_type = "pretrain" if pretraining else "finetune"

    def instantiate_classes(self) -> None:
        """Build trainer, model and data, and give the configuration to the records."""
        if self.only_read:
            return
        super().instantiate_classes()
        # Before Lightning starts further processes, each of which would repeat the message.
        self.model.check_trainer(self.trainer, self.subcommand)
        self._load_library_model()
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, ScalingLawCallback):
                callback.config = plain(self.config.get(self.subcommand) or self.config)

    def _load_library_model(self) -> None:
        """Load the model from a folder of the model library; Lightning reads only files."""
        if self.library_model is not None:
            require_same_graphs(self.library_model.featurizer.describe(), self.datamodule)
            self.model.adopt(self.library_model.network)
            self.model.remember(self.library_model.card)
            self.config_init[self.subcommand].ckpt_path = None

    def before_fit(self) -> None:
        """Start the clock."""
        self._started = time.monotonic()

    def after_fit(self) -> None:
        """Add a pretraining to the library, and print where the trained model is."""
        config = self.config[self.subcommand]
        if config.library and isinstance(self.model, SourcePretraining) and self._is_finished():
            model = TrainedModel(self.model.network, self.datamodule.featurizer, self.model.card())
            seconds = time.monotonic() - self._started
            saved = stage_config(plain(config))
            key = save_pretrained(ModelLibrary(config.library), model, self.datamodule, saved, provenance(seconds))
            sys.stdout.write(f"model {key} added to the library {config.library}\n")
        checkpoint = getattr(self.trainer.checkpoint_callback, "best_model_path", "")
        if checkpoint and self.trainer.is_global_zero:
            sys.stdout.write(f"trained model: {checkpoint}\n")

    def _is_finished(self) -> bool:
        """Whether this process trained a whole model: not one of many processes, nor only a few batches."""
        return self.trainer.is_global_zero and not self.trainer.fast_dev_run  # type: ignore[attr-defined]


def plain(config: Namespace) -> dict[str, Any]:
    """A configuration as plain types; values unknown to JSON become text."""
    content: dict[str, Any] = json.loads(json.dumps(config.as_dict(), default=_spell))
    return content


def stage_config(config: dict[str, Any]) -> dict[str, Any]:
    """The part of a configuration that repeats the training, to be saved with the model.

    Args:
        config: From `plain`.
    """
    return {name: config[name] for name in ("seed_everything", "trainer", "model", "data")}


def _spell(value: object) -> str:
    """Name a function by its import path: its `str` has a memory address, which differs between processes."""
    return f"{value.__module__}.{value.__qualname__}" if hasattr(value, "__qualname__") else str(value)


def read_stage(path: Path, overlays: Sequence[str] = ()) -> tuple[LightningArgumentParser, Namespace]:
    """Read the YAML of a pretraining or a fine-tuning without building its objects.

    Args:
        path: The YAML.
        overlays: YAMLs laid over it.

    Returns:
        The parser, which builds the objects, and the configuration.

    Raises:
        ValueError: If the file does not exist.
    """
    if not path.exists():
        raise ValueError(f"there is no configuration {path}; a study names the YAMLs of its two stages")
    argv = [word for each in (str(path), *overlays) for word in ("--config", each)]
    cli = Sim2RealCLI(argv, run=False)
    return cli.parser, cli.config
