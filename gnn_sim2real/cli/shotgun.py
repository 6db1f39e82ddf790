"""`gnn-sim2real shotgun`: the best predictor for a few measurements, from a library of pretrained models."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gnn_sim2real.config.command import Command

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser
    from rich.console import Console


@dataclass
class TableWords:
    """What is said of TABLE; its headings say the rest.

    Args:
        property: What was measured, by the name it has in the sources; by the headings unless given.
        unit: Its unit; that in the heading unless given.
        column: Its column; the one with the name of the property unless given.
        file_unit: Unit of the file, where it is not that of the answer: --unit K --file-unit degC.
        material_column: Column of the materials; by its heading unless given.
        simulated_column: Simulated values of the same property, for members that correct them.
        at: Rows that are used, by a column of which rows of one material differ: --at '{T: 298}', '{T: [290, 300]}', or
            '{T: all}', which merges them by median.
        disorder: What becomes of disordered crystals: each site is the `average` of what it holds, or in `order` they
            are several ordered approximants; refused unless given.
        censored: What becomes of values such as <1E-10, below a limit of detection: refused (`drop`) unless given, the
            limit is the value (`bound`), or networks learn one side of it (`tobit`).
    """

    property: str | None = None
    unit: str | None = None
    column: str | None = None
    file_unit: str | None = None
    material_column: str | None = None
    simulated_column: str | None = None
    at: str | None = None
    disorder: Literal["refuse", "average", "order"] | None = None
    censored: Literal["drop", "bound", "tobit"] | None = None


def shotgun(*, others: Sequence[str]) -> int:
    """Find what predicts best with a few dozen measurements and a library of pretrained models.

    The library is ranked for the target by cross-validation on frozen features. An ensemble is made of the best models,
    frozen and fine-tuned, of networks from scratch, and of trees and Gaussian processes on descriptors and on the
    predictions of the library. Weights are learned on folds, and the whole procedure is repeated without each fold, the
    ranking included: so the error is honest even if thousands of models were tried. The ensemble is written for
    `predict`, with intervals.

    Args:
        others: A table or a YAML, then options.
    """
    from gnn_sim2real.config.options import settings_as_options
    from gnn_sim2real.console import open_console
    from gnn_sim2real.shotgun.table_argument import option_of, read_table_argument
    from gnn_sim2real.tables.table import keep_tables

    console, understood = open_console(), list[str]()

    def say(line: str) -> None:
        understood.append(line)
        _say(console, line)

    if not others or others[0].startswith("-"):
        return _answer(list(others), say, understood, console)
    with keep_tables(), settings_as_options(option_of):
        say(read_table_argument(others).text)  # before Lightning is loaded, which takes seconds
        return _answer(list(others), say, understood, console)


def _answer(argv: list[str], say: Callable[[str], None], understood: list[str], console: "Console") -> int:
    """Find the answer, write and print it."""
    from gnn_sim2real.cli._shotgun_ensemble import predict_with_ensemble
    from gnn_sim2real.files import require_replaceable
    from gnn_sim2real.shotgun.config import read_shotgun
    from gnn_sim2real.shotgun.page import answer_sentences, write_answer_page
    from gnn_sim2real.shotgun.plot import draw_parity, draw_ranking
    from gnn_sim2real.shotgun.report import print_result
    from gnn_sim2real.shotgun.run import ENSEMBLE_FOLDER, FIGURE_FILE, PARITY_FILE, run_shotgun, write_result

    config, described = read_shotgun(argv)
    predictions = Path(config.output) / "predictions_new.csv"
    if config.predict:  # before anything is computed
        if not Path(config.predict).exists():
            raise ValueError(f"there is no file {config.predict} to predict: check the path")
        advice = "move it, or give another folder by `--output`"
        require_replaceable(predictions, inputs=[Path(config.predict)], advice=advice)
    result = run_shotgun(config, say=say)
    folder = write_result(result, config, described)
    console.print()
    print_result(result, console)
    draw_ranking(result, config.title, folder / FIGURE_FILE)
    draw_parity(result, config.title, folder / PARITY_FILE)
    page = write_answer_page(result, folder, config.title, understood, described)
    ensemble = folder / ENSEMBLE_FOLDER
    console.print()
    for line in answer_sentences(result):
        _say(console, line)
    _say(console, f"report: {page}")
    if config.predict:
        predict_with_ensemble(ensemble, config.predict, ["--prediction.output", str(predictions)])
        _say(console, f"predictions: {predictions}")
    _say(console, "predict with the ensemble:")
    _say(console, f"  {shlex.join(['gnn-sim2real', 'predict', str(ensemble), 'FILE'])}")
    return 0


def _say(console: "Console", line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def matrix(*, others: Sequence[str]) -> None:
    """Show how much each source helps each target, as a clustered heat map (PNG and CSV).

    Args:
        others: A YAML of several targets, then options.
    """
    from gnn_sim2real.console import open_console
    from gnn_sim2real.shotgun.matrix import compute_matrix, require_free_matrix, write_matrix
    from gnn_sim2real.shotgun.settings import MatrixConfig
    from gnn_sim2real.shotgun.targets import read_many_targets

    console = open_console()
    config: MatrixConfig = read_many_targets(MatrixConfig, others, "gnn-sim2real shotgun matrix")
    require_free_matrix(config)
    gains, skipped = compute_matrix(config)
    figure, table = write_matrix(config, gains)
    for name, reasons in skipped.items():
        for reason, count in reasons.items():
            console.print(f"{name}: {count} models skipped: {reason}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{figure} and {table}", highlight=False)


def study(
    *, publish: str | None = None, only: str | None = None, shard: str | None = None, others: Sequence[str]
) -> None:
    """Measure errors at several numbers of measurements, many draws each, on fixed test parts.

    After a stop, the same command resumes.

    Args:
        publish: Also write all errors into this JSON, and the figure beside it.
        only: Compute only these targets, by their names, separated by commas.
        shard: Compute only this share of the targets, i/N, e.g. 2/8 for the second of eight machines.
        others: A YAML of several targets, then options.

    Raises:
        ValueError: If no target has enough measurements, or a file would be lost.
    """
    from gnn_sim2real.console import open_console, quiet_lightning
    from gnn_sim2real.files import has_keys, is_own_figure, require_replaceable, write_json
    from gnn_sim2real.launchers.shard import Shard
    from gnn_sim2real.shotgun.plot import draw_study
    from gnn_sim2real.shotgun.study import choose_targets, read_shotgun_study
    from gnn_sim2real.shotgun.study_report import DRAWN, ORACLE, print_study, read_records, summarize
    from gnn_sim2real.shotgun.target_jobs import compute_targets

    console = open_console()
    config = read_shotgun_study(others)
    names = choose_targets(config, only.split(",") if only else None)
    names = names if shard is None else Shard.parse(shard).of(names)
    result = Path(publish) if publish else Path(config.output) / "study.json"
    figure = result.with_suffix(".png")
    if publish:
        ours = has_keys(result, "cells")  # figures of earlier versions do not say who made them
        is_ours = (lambda _: True) if ours else is_own_figure
        require_replaceable(result, figure, is_ours=is_ours, advice="give another name by `--publish`")
    quiet_lightning()
    compute_targets(config, others, names)
    records = read_records(config.records)
    if not records:
        raise ValueError(
            f"no records in {config.records}: no target has enough measurements for the sizes {config.sizes}"
        )
    print_study(records, console)
    summary = summarize(records)
    draw_study(summary["cells"], DRAWN, ORACLE, figure)
    console.print(f"figure: {figure}", markup=False, highlight=False, soft_wrap=True)
    if publish:
        write_json(result, summary)


def _add_settings(parser: "ArgumentParser", name: str) -> None:
    """Add the settings of a YAML to a help; they are not parsed by it, so that the data modules need no import."""
    from gnn_sim2real.config.command import describe_settings
    from gnn_sim2real.shotgun import settings

    parser.add_argument("-c", "--config", metavar="FILE", help="the YAML, of which each setting below is one")
    parser.add_argument("--print_config", action="store_true", help="print all settings, as a YAML, and exit")
    if name == "ShotgunConfig":
        parser.add_argument("table", nargs="?", metavar="TABLE", help="measured materials, in place of a YAML")
        parser.add_argument("--for", metavar="{interpolation,extrapolation}", help="short for --ranking.purpose")
        describe_settings(parser, TableWords, title="what is said of TABLE; its headings say the rest")
    describe_settings(parser, getattr(settings, name))


_OUTPUT = """In the folder --output are report.html, the answer on a page; predictions.csv,
your rows beside what was predicted for each without it; predictions_test.csv;
ranking.csv; model/, for `predict`, `calibrate` and `explain`; settings.yaml,
the same run again; predict.yaml; figures; result.json.

more commands
  gnn-sim2real shotgun matrix --help   how much each source helps each target
  gnn-sim2real shotgun study --help    errors at several numbers of measurements"""

COMMAND = Command(
    "many models",
    "the best predictor for a few measurements, from a library of pretrained models",
    {"": shotgun, "matrix": matrix, "study": study},
    examples={
        "shotgun mine.csv": "a table whose headings say what was measured",
        "shotgun mine.csv --property density --unit g/cm3 --predict new.csv": "predict other materials as well",
        "shotgun mine.csv --test new.csv --for extrapolation": "tested at the end, for values beyond the measured ones",
        "shotgun -c SHOTGUN.yaml --tuning.best 3 --minutes 10": "all settings in a YAML",
        "shotgun matrix -c configs:shotgun/matrix.yaml": "a heat map of sources and targets",
        "shotgun study -c configs:shotgun/study.yaml": "an error at each number of measurements",
    },
    settings={
        "": lambda parser: _add_settings(parser, "ShotgunConfig"),
        "matrix": lambda parser: _add_settings(parser, "MatrixConfig"),
        "study": lambda parser: _add_settings(parser, "ShotgunStudyConfig"),
    },
    notes={"": lambda: _OUTPUT},
)
