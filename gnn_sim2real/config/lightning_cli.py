"""LightningCLI for the tasks and data modules of this package."""

import errno
import inspect
import json
import logging
import os
import re
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from pydoc import locate
from typing import Any

import torch
from jsonargparse import ArgumentParser, Namespace
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, RichProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.loggers import Logger, WandbLogger

from gnn_sim2real.config.errors import parse_settings
from gnn_sim2real.config.formatter import StageFormatter
from gnn_sim2real.console import quiet_lightning
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.registry import find_datasets, find_table_reader
from gnn_sim2real.files import free_names, is_disk_full, require_outside_models, require_writable
from gnn_sim2real.library import ModelLibrary, TrainedModel, default_library, load_model
from gnn_sim2real.library.content import find_model
from gnn_sim2real.nn.registry import import_plugins
from gnn_sim2real.records.callback import ScalingLawCallback
from gnn_sim2real.records.keys import record_key
from gnn_sim2real.records.loggers import log_files, require_usable
from gnn_sim2real.records.record import versions
from gnn_sim2real.records.training_keys import training_content
from gnn_sim2real.records.wandb_start import (
    LIMITS,
    chosen_folder,
    run_folder,
    settings_of_run,
    start_or_go_offline,
)
from gnn_sim2real.scales import DECADES
from gnn_sim2real.tasks import TargetFineTuning
from gnn_sim2real.tasks.base import PropertyRegression
from gnn_sim2real.tasks.checkpoint_files import WholeCheckpoints
from gnn_sim2real.tasks.checks import require_same_graphs
from gnn_sim2real.tasks.interrupt import interruptible
from gnn_sim2real.tasks.library_entry import save_pretrained
from gnn_sim2real.tasks.one_process import one_process
from gnn_sim2real.tasks.prediction import PredictionWriter
from gnn_sim2real.tasks.pretrain import SourcePretraining
from gnn_sim2real.tasks.seen import SeenMaterials
from gnn_sim2real.tasks.stopping import StopOnSignal
from gnn_sim2real.units import format_unit

logger = logging.getLogger(__name__)

_ANYWHERE = ("-c", "--config", "-h", "--help", "--print_config", "--print-config")
"""Options that are none of the settings."""

_DESCRIPTIONS = {
    "fit": {
        "description": "Pretrain on simulated materials, or fine-tune on measured ones. With --kfold K, a model is "
        "trained for each fold of the measurements, and kfold/out_of_fold.csv has what it predicts of the others; "
        "--kfold_output is another folder, and --overwrite replaces the results of an earlier run."
    },
    "validate": {"description": "The errors of a trained model on the validation part."},
    "test": {"description": "The errors of a trained model on the test part; ScalingLawCallback writes a record."},
    "predict": {"description": "Predict materials of a table or of files; a model knows its YAML: predict MODEL FILE."},
}
"""Help of the commands; Lightning would take the first line of its docstrings, which ends within a sentence."""


class LogConfig(SaveConfigCallback):
    """Saves the resolved configuration and the split beside the run, and passes the configuration to the logger.

    A file that is there is never replaced: it may be the user's own input, or that of an earlier run.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Ask for the folder of the run in every process, since the first one tells it to the others."""
        self._log_dir = trainer.log_dir
        super().setup(trainer, pl_module, stage)

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Pass the configuration to the logger, and save it with the split."""
        for each in trainer.loggers:
            each.log_hyperparams(plain(self.config))
        if not self._log_dir:
            return
        folder = Path(self._log_dir)
        if isinstance(trainer.logger, WandbLogger):  # of which all runs share one folder; their checkpoints lie there
            folder = folder / str(trainer.logger.name) / str(trainer.logger.version)
        folder.mkdir(parents=True, exist_ok=True)
        config, split = free_names(folder, "config.yaml", "split.json")
        self.parser.save(self.config, str(config), skip_none=False, multifile=False)
        data: PropertyDataModule = trainer.datamodule  # type: ignore[attr-defined]
        files = {"config.yaml": config}
        if stage == "fit" and len(data.parts.test):
            data.splitter.save(split)
            files["split.json"] = split
        for each in trainer.loggers:
            try:
                log_files(each, "configuration", files)
            except OSError as error:  # W&B copies them to the user's folder first, which may be read-only
                logger.warning("%s did not get %s: %s", type(each).__name__, " and ".join(files), error)


class _ProgressBar(RichProgressBar):
    """Lightning's, which counts epochs from 0 and says nothing of an earlier end."""

    def _get_train_description(self, current_epoch: int) -> str:
        most = self.trainer.max_epochs
        # only the steps are limited where it is -1
        description = f"epoch {current_epoch + 1}" + (f" of at most {most}" if most not in (-1, None) else "")
        # the bar of the validation is as wide
        return description.ljust(len(self.validation_description))


class Sim2RealCLI(LightningCLI):
    """`gnn-sim2real fit | validate | test | predict`, from one YAML of trainer, model and data.

    Args:
        arguments: Arguments of the command line.
        run: Whether to run the subcommand; False only reads the configuration of a stage, without building objects.

    Raises:
        ValueError: If a setting does not fit, or the machine lacks what it asks for.
        TrainingStoppedError: If `fit` was asked to stop, and is saved.
        KeyboardInterrupt: If the user pressed Ctrl-C elsewhere.
    """

    def __init__(self, arguments: list[str], run: bool = True) -> None:
        self.only_read, self.command = not run, arguments[0] if arguments else ""
        quiet_lightning()
        find_datasets()
        import_plugins()
        try:
            with interruptible():
                super().__init__(
                    PropertyRegression,
                    PropertyDataModule,
                    save_config_callback=LogConfig,
                    save_config_kwargs={"save_to_log_dir": False},
                    seed_everything_default=0,
                    subclass_mode_model=True,
                    subclass_mode_data=True,
                    args=arguments,
                    run=run,
                    auto_configure_optimizers=False,
                    parser_kwargs={
                        "prog": "gnn-sim2real",
                        "exit_on_error": False,
                        "formatter_class": StageFormatter,
                    }
                    | {each: _DESCRIPTIONS[each] for each in self.subcommands()},
                )
        except MisconfigurationException as error:
            raise ValueError(what_is_missing(str(error))) from error

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """The command that is asked for; the parsers of the others would take a fifth of a second."""
        found = super().subcommands()
        return {name: skipped for name, skipped in found.items() if name == self.command} or found

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
        require_files_first(args)
        _help_with_tables(args)
        self.config = parse_settings(parser, args, commands.get(args[0]))

    def _parse_ckpt_path(self) -> None:
        """Refuse a checkpoint that is not ours before anything is built. Lightning's method looks for other entries."""
        subcommand = self.config.get("subcommand")
        self.library_model: TrainedModel | None = None
        if subcommand == "fit":
            self._find_unfinished(self.config.fit)
        path = self.config[subcommand].get("ckpt_path") if subcommand else None
        if path and path not in ("best", "last"):
            path = self.config[subcommand].ckpt_path = str(find_model(Path(path)))
            of_library = Path(path).is_dir()
            if of_library and subcommand == "fit":
                raise ValueError(
                    f"`--ckpt_path` of fit takes the .ckpt of an interrupted training, but {path} is a folder; to "
                    "start from its model, give `model.init_args.pretrained`"
                )
            model = load_model(path, untrained=subcommand == "fit")
            self.library_model = model if of_library else None

    def _find_unfinished(self, config: Namespace) -> None:
        """Go on with what was saved when this training was stopped, if SLURM has started its job again."""
        name = f"{record_key(stage_config(plain(config)))}.ckpt"
        self.unfinished = Path(config.trainer.default_root_dir or "") / "unfinished" / name
        if int(os.environ.get("SLURM_RESTART_COUNT", "0")) and self.unfinished.exists():
            config.ckpt_path = str(self.unfinished)
            logger.info("this job was started again, and goes on from %s", self.unfinished)

    def instantiate_trainer(self, **settings: Any) -> Trainer:
        """Build the trainer, which leaves SLURM aside unless `srun` has started several tasks of one training.

        Its own progress bar counts no epochs that nobody limited, and a training can be stopped and gone on with.

        Raises:
            ValueError: If what was asked of SLURM does not fit, or Lightning cannot make a trainer of the settings.
        """
        given = self._get(self.config_init, "trainer").plugins or []
        plugins = given if isinstance(given, list) else [given]
        if not _is_distributed(self.subcommand) and not any(isinstance(each, ClusterEnvironment) for each in plugins):
            plugins = [*plugins, one_process()]
        if not any(isinstance(each, CheckpointIO) for each in plugins):
            plugins = [*plugins, WholeCheckpoints()]
        try:
            trainer = super().instantiate_trainer(plugins=plugins, **settings)
        except RuntimeError as error:
            raise ValueError(str(error)) from error
        except (TypeError, OverflowError, AttributeError, LookupError) as error:  # Lightning's words for wrong settings
            raise ValueError(f"the trainer cannot be made with these settings: {error}") from error
        for each in trainer.loggers:
            if isinstance(each, WandbLogger):
                start_or_go_offline(each)
        found: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
        if self.subcommand == "fit":
            found.append(StopOnSignal(self.unfinished))
        for bar in found:
            if type(bar) is RichProgressBar:
                bar.__class__ = _ProgressBar  # with the settings that the YAML gave it
        return trainer

    def before_instantiate_classes(self) -> None:
        """Tell W&B, if it is used, what kind of run this is, and where its files belong.

        Raises:
            ValueError: If another logger cannot be used.
        """
        if self.only_read:  # a study has more kinds of runs
            return
        config = self.config.get(self.subcommand) or self.config
        loggers = config.trainer.logger
        for each in loggers if isinstance(loggers, list) else [loggers]:
            kind = locate(str(getattr(each, "class_path", "")))
            if not (isinstance(kind, type) and issubclass(kind, Logger)):
                continue
            if not issubclass(kind, WandbLogger):
                require_usable(kind, each.as_dict().get("init_args", {}))
                continue
            for name, (variable, value) in _wandb_defaults(config, str(self.subcommand)).items():
                if not each.init_args.get(name) and variable not in os.environ:
                    each.init_args[name] = value
            self._prepare_wandb(each.init_args)

    def _prepare_wandb(self, settings: Namespace) -> None:
        """Choose a folder that can be written, limits in seconds, and the mode by the environment, which can change."""
        given = settings.as_dict()
        folder, chosen = run_folder(given, Path()), chosen_folder(given, Path())
        if folder != chosen:
            logger.warning("W&B cannot write to %s: its files are in %s", chosen, (folder / "wandb").resolve())
        settings.save_dir, settings.dir = str(folder), None
        settings.settings = settings_of_run(LIMITS, settings.get("settings"))
        if mode := settings.get("mode"):
            os.environ["WANDB_MODE"], settings.mode = mode, None

    def instantiate_classes(self) -> None:
        """Build trainer, model and data, and give the configuration to the records."""
        if self.only_read:
            return
        super().instantiate_classes()
        # Before Lightning starts further processes, each of which would repeat the message.
        self.model.check_trainer(self.trainer, self.subcommand)
        require_outside_models(Path(self.trainer.default_root_dir))
        self._require_last_checkpoint()
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, PredictionWriter):
                callback.read = self._files_read()
        self._load_library_model()
        config = plain(self.config.get(self.subcommand) or self.config)
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, ScalingLawCallback):
                callback.config = config
        if self.subcommand == "fit" and isinstance(self.model, SourcePretraining) and (library := config["library"]):
            require_writable(Path(library))
        if self.subcommand == "fit" and isinstance(self.model, TargetFineTuning):
            seed = self.datamodule.settings.seed
            self.model.content = training_content(config, torch.get_num_threads(), seed)
            if self.model.pretrained is not None:
                self.model.source_seen = SeenMaterials.of_model(self.model.pretrained)

    def _files_read(self) -> list[str]:
        """The model and the YAMLs of this command."""
        config = self.config[self.subcommand]
        given = [config.get("ckpt_path"), getattr(self.model, "pretrained", None), *(config.get("config") or [])]
        return [str(each) for each in given if each]

    def _require_last_checkpoint(self) -> None:
        """Refuse `--ckpt_path last` where there is none: Lightning would only warn, and begin anew."""
        if self.config_init[self.subcommand].ckpt_path != "last":
            return
        savers = [each for each in self.trainer.checkpoint_callbacks if isinstance(each, ModelCheckpoint)]
        if not any(each._find_last_checkpoints(self.trainer) for each in savers):
            raise ValueError(
                "`--ckpt_path last` finds no last checkpoint; give the path of a .ckpt, or `save_last: true` and a "
                "`dirpath` to the ModelCheckpoint of a training that is to be gone on with so"
            )

    def _load_library_model(self) -> None:
        """Load the model from a folder of the model library; Lightning reads only files."""
        if self.library_model is not None:
            require_same_graphs(self.library_model.featurizer.describe(), self.datamodule)
            self.model.adopt(self.library_model.network)
            self.model.remember(self.library_model.card)
            self.model.is_trained, self.model.loaded_card = True, self.library_model.card.get("data")
            folder = Path(self.config_init[self.subcommand].ckpt_path)
            with suppress(ValueError):  # a model that was copied without the library, or saved outside of one
                self.model.loaded_seen = SeenMaterials.of_library(ModelLibrary(folder.parent).identities(folder.name))
            self.config_init[self.subcommand].ckpt_path = None

    def _run_subcommand(self, subcommand: str) -> None:
        """Run Lightning's command; where the disk is full, say how the training goes on."""
        began = time.time()
        try:
            super()._run_subcommand(subcommand)
        except OSError as error:
            folder = getattr(getattr(self.trainer, "checkpoint_callback", None), "dirpath", None)
            if subcommand != "fit" or not is_disk_full(error) or not folder:
                raise
            found = [each for each in Path(folder).glob("*.ckpt") if each.stat().st_mtime >= began]
            last = max(found, key=lambda each: each.stat().st_mtime, default=None)
            if last is None:
                raise
            goes_on = f"no space left; with `--ckpt_path {last}` the same command goes on from there"
            raise OSError(errno.ENOSPC, goes_on, error.filename) from error

    def after_fit(self) -> None:
        """Add a pretraining to the library, and print where the trained model is."""
        config = self.config[self.subcommand]
        checkpoint = getattr(self.trainer.checkpoint_callback, "best_model_path", "")
        if checkpoint and self.trainer.is_global_zero:  # first, should the library be full
            sys.stdout.write(f"trained model: {checkpoint}\n")
        if self.trainer.is_global_zero:
            self.unfinished.unlink(missing_ok=True)
        if config.library and isinstance(self.model, SourcePretraining) and self._is_finished():
            model = TrainedModel(self.model.network, self.datamodule.featurizer, self.model.card())
            saved = stage_config(plain(config))
            saved["trainer"]["logger"] = None  # the same training has the same key, whoever watches it and when
            key = save_pretrained(ModelLibrary(config.library), model, self.datamodule, saved, versions())
            sys.stdout.write(f"model {key} added to the library {config.library}\n")

    def after_validate(self) -> None:
        """Print the units of the errors, which Lightning's table does not have."""
        if self.trainer.is_global_zero:
            for spec in self.model.properties:
                unit = format_unit(spec.unit)
                of_logs = f", those of its logarithm (log10) in {DECADES}" if spec.transform else ""
                sys.stdout.write(f"errors of {spec.name} {f'are in {unit}' if unit else 'have no unit'}{of_logs}\n")

    after_test = after_validate

    def _is_finished(self) -> bool:
        """Whether this process trained a whole model: not one of many processes, nor only a few batches."""
        return self.trainer.is_global_zero and self.model.is_trained and not self.trainer.fast_dev_run  # type: ignore[attr-defined]


def _wandb_defaults(config: Namespace, command: str) -> dict[str, tuple[str, str]]:
    """What W&B is told of a run unless the YAML says it: by setting, W&B's environment variable and the value."""
    model, data = config.model.init_args, config.data.init_args
    pretraining = str(config.model.class_path).endswith("SourcePretraining")
    encoder = str(getattr(model.get("encoder"), "class_path", "")).rpartition(".")[2]
    size = f"{'n' if pretraining else 'm'}={data['size']}" if isinstance(data.get("size"), int) else ""
    way = "pretrain" if pretraining else "fine-tune" if model.get("pretrained") else "from scratch"
    parts = (
        encoder,
        size,
        f"split {data['split']}" if data.get("split") else "",
        f"seed {config.seed_everything}",
        way,
    )
    defaults = {
        "job_type": ("WANDB_JOB_TYPE", "pretrain" if pretraining else "finetune"),
        "group": ("WANDB_RUN_GROUP", Path(config.trainer.default_root_dir or ".").resolve().name),
    }
    if "WANDB_SWEEP_ID" not in os.environ:  # whose trials would all have the same name
        words = [part for part in parts if part] + ([command] if command != "fit" else [])
        defaults["name"] = ("WANDB_NAME", " ".join(words))
    return defaults


def _is_distributed(command: str | None) -> bool:
    """Whether other processes than those of Lightning itself share a training: tasks of `srun`, or of `torchrun`."""
    if "SLURM_JOB_ID" not in os.environ or TorchElasticEnvironment.detect():
        return True  # Lightning finds out
    return command in ("fit", "validate") and int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1


def require_files_first(argv: Sequence[str]) -> None:
    """Refuse settings before a configuration: its values would replace them.

    Args:
        argv: Arguments of the command line.

    Raises:
        ValueError: If there are some.
    """
    options = [(place, word.partition("=")[0]) for place, word in enumerate(argv) if word.startswith("-")]
    files = [place for place, option in options if option in ("-c", "--config")]
    early = [option for place, option in options if files and place < files[-1] and option not in _ANYWHERE]
    if early:
        raise ValueError(
            f"`{early[0]}` stands before a configuration, whose value would replace it; put `-c FILE` before the "
            "options that change it"
        )


def _help_with_tables(argv: Sequence[str]) -> None:
    """Print the settings of `datamodules.Table`, a function, for which jsonargparse has no `--data.help`."""
    words = [part for word in argv for part in word.split("=", 1)]
    asked = words[words.index("--data.help") + 1 :][:1] if "--data.help" in words else []
    reader = find_table_reader()
    if asked and asked[0].rpartition(".")[2] == reader.__name__:
        parser = ArgumentParser(prog=f"datamodules.{reader.__name__}", description=inspect.getdoc(reader))
        parser.add_function_arguments(reader, fail_untyped=False)
        parser.print_help()
        raise SystemExit(0)


def what_is_missing(message: str) -> str:
    """What Lightning's refusal says; where it looked for a GPU or the like in vain, also what to write instead.

    Args:
        message: What Lightning says.
    """
    if re.search("No supported gpu backend|can not run on your system|You requested gpu", message):
        return (
            "there is no GPU (or other accelerator) of the kind and number asked for that torch sees here; use "
            "`--trainer.accelerator cpu` or `auto`, and as many `--trainer.devices` as there are"
        )
    return message


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


def read_stage(
    path: Path, overlays: Sequence[str] = (), options: Sequence[str] = ()
) -> tuple[LightningArgumentParser, Namespace]:
    """Read the YAML of a pretraining or a fine-tuning without building its objects.

    Args:
        path: The YAML.
        overlays: YAMLs laid over it.
        options: Settings that replace those of the YAMLs, as arguments of the command line.

    Returns:
        The parser, which builds the objects, and the configuration.

    Raises:
        ValueError: If the file does not exist.
    """
    if not path.exists():
        raise ValueError(f"there is no configuration {path}; a study names the YAMLs of its two stages")
    argv = [word for each in (str(path), *overlays) for word in ("--config", each)]
    cli = Sim2RealCLI([*argv, *options], run=False)
    return cli.parser, cli.config
