"""`gnn-sim2real fit --kfold K`: a training for each fold of the measurements, and what it predicts of the others."""

import copy
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint, ProgressBar

from gnn_sim2real.config.lightning_cli import Sim2RealCLI
from gnn_sim2real.console import open_console
from gnn_sim2real.files import is_own_figure, require_replaceable
from gnn_sim2real.records.callback import ScalingLawCallback
from gnn_sim2real.records.out_of_fold import (
    cross_validate,
    draw_out_of_fold,
    is_out_of_fold,
    name_figures,
    write_out_of_fold,
)
from gnn_sim2real.tasks import TargetFineTuning
from gnn_sim2real.tasks.one_process import one_process
from gnn_sim2real.tasks.seen import SeenMaterials

logger = logging.getLogger(__name__)

_OF_ONE_TRAINING = (ScalingLawCallback, ModelCheckpoint, ProgressBar)
"""Callbacks of a single training: no fold writes a record or keeps a model."""


def fit_folds(argv: Sequence[str], num_folds: int, output: str, overwrite: bool = False) -> int:
    """Train and test the model of a YAML on each fold.

    Args:
        argv: Options of `fit`.
        num_folds: Number of folds.
        output: Folder of the table and the figures.
        overwrite: Whether the table and the figures of an earlier run are replaced; nothing else ever is.

    Returns:
        Exit code.

    Raises:
        ValueError: If the YAML is not one of a fine-tuning, or a file would be lost.
    """
    if any(each.partition("=")[0] == "--ckpt_path" for each in argv):
        raise ValueError("`--kfold` trains a model for each fold from its start: leave `--ckpt_path` out")
    cli = Sim2RealCLI(list(argv), run=False)
    first = _instantiate(cli)
    data = first.data
    if not isinstance(first.model, TargetFineTuning):
        raise ValueError("`--kfold` is for the fine-tuning, or the training from scratch, on measured materials")
    table = Path(output) / "out_of_fold.csv"
    figures = name_figures(Path(output), [each.name for each in data.properties])
    require_replaceable(
        table,
        *figures,
        is_ours=lambda path: overwrite and (is_out_of_fold(path) if path == table else is_own_figure(path)),
        advice="give another folder by `--kfold_output`, or add `--overwrite` to replace the results of an earlier run",
    )
    seed = int(cli.config.seed_everything or 0)

    def make() -> tuple[Trainer, TargetFineTuning]:
        made = _instantiate(cli)
        if made.model.pretrained is not None:
            made.model.source_seen = SeenMaterials.of_model(made.model.pretrained)
        return _make_trainer(made.trainer), made.model

    console = open_console()
    found = cross_validate(data, make, num_folds, seed)
    write_out_of_fold(table, found, data)
    for figure, of_one in zip(figures, found, strict=True):
        draw_out_of_fold(figure, of_one)
        for line in of_one.describe():
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    drawn = ", ".join(map(str, figures))
    console.print(f"predictions of each material without it: {table}, drawn in {drawn}", markup=False, highlight=False)
    return 0


def _instantiate(cli: Sim2RealCLI) -> Any:
    """Objects of the configuration, as if nothing had been trained before."""
    config = copy.deepcopy(cli.config)
    config.trainer.logger = False
    seed_everything(int(config.seed_everything or 0), verbose=False)
    return cli.parser.instantiate(config)


def _make_trainer(made: Any) -> Trainer:
    settings = made.as_dict() if hasattr(made, "as_dict") else dict(made)
    own = settings.pop("callbacks", None) or []
    own = [each for each in (own if isinstance(own, list) else [own]) if not isinstance(each, _OF_ONE_TRAINING)]
    plugins = settings.get("plugins") or []
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    settings |= quiet | {"logger": False, "log_every_n_steps": 1}
    settings["plugins"] = [*(plugins if isinstance(plugins, list) else [plugins]), one_process()]
    if settings.get("devices") == "auto":
        settings["devices"] = 1
    return Trainer(**settings, callbacks=own)
