"""`gnn-sim2real tune`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gnn_sim2real.config.command import Command
from gnn_sim2real.tune.settings import TuneSettings

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser


def tune(*, settings: TuneSettings, others: Sequence[str]) -> int:
    """Find the settings of a training by its validation error; the test part is never looked at.

    Takes the YAMLs and options of `fit`, and a YAML with the section `tune`, which says what is tried.

    Args:
        settings: How much is tried.
        others: YAMLs by `-c`, and settings of theirs.

    Returns:
        Exit code: 1 if no trial has an error.
    """
    from gnn_sim2real.config.lightning_cli import require_files_first
    from gnn_sim2real.config.options import settings_as_options, take_options
    from gnn_sim2real.console import open_console, visible
    from gnn_sim2real.tune.result import BEST_FILE, COMPARISON_FILE, TABLE_FILE
    from gnn_sim2real.tune.run import compare
    from gnn_sim2real.tune.run import tune as run

    require_files_first(others)
    files, options = take_options(others, "-c", "--config")
    console = open_console()

    def tell(line: str) -> None:
        console.print(visible(line), markup=False, highlight=False, soft_wrap=True)

    with settings_as_options(_option_of):
        if settings.compare:
            found = compare(*files, options=options, tell=tell, **vars(settings))
            tell(repr(found))
            tell(f"written: {settings.output}/{COMPARISON_FILE}, and a folder each")
            return int(any(each.best is None for each in found.tunings.values()))
        tuned = run(*files, options=options, tell=tell, **vars(settings))
    tell(repr(tuned))
    if tuned.best is None:
        return 1
    tell(f"written: {settings.output}/{BEST_FILE}, {TABLE_FILE} and pictures")
    tell(f"next: gnn-sim2real fit -c {settings.output}/{BEST_FILE}")
    return 0


def _option_of(setting: str) -> str | None:
    from dataclasses import fields

    return f"--{setting.replace('_', '-')}" if setting in {each.name for each in fields(TuneSettings)} else None


def _add_files(parser: "ArgumentParser") -> None:
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        help="a YAML of the training, or of what is tried; may be repeated, and settings of the training come after it",
    )


def _format_space() -> str:
    from gnn_sim2real.config.help import fill

    return (
        f"{fill('The section `tune` of a YAML has settings by their dotted names, each with a range or choices:')}\n"
        "  tune:\n"
        "    model.optimizer.lr: {low: 1.0e-4, high: 1.0e-2, log: true}\n"
        "    trainer.max_epochs: {low: 10, high: 100, step: 10}\n"
        "    model.policy: [full, frozen_encoder, l2_sp]\n"
        f"{fill('configs:tune/finetune.yaml and configs:tune/pretrain.yaml are good ones to begin with.')}"
    )


COMMAND = Command(
    "one model",
    "find the settings of a training by its validation error",
    tune,
    examples={
        "tune -c finetune.yaml -c configs:tune/finetune.yaml --trials 50": "a fine-tuning; again with --trials 100, it "
        "goes on",
        "tune -c pretrain.yaml -c space.yaml --workers 4 --minutes 60": "four trials at a time, for an hour",
        "tune -c pretrain.yaml -c space.yaml --compare gine.yaml --compare gatv2.yaml": "two encoders, with the same "
        "number of trials each",
    },
    settings={"": _add_files},
    notes={"": _format_space},
)
