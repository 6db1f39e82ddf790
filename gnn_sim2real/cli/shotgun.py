"""`gnn-sim2real shotgun`."""

import shlex
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from gnn_sim2real.config.options import settings_as_options, take_option
from gnn_sim2real.console import open_console, quiet_lightning
from gnn_sim2real.files import has_keys, is_own_figure, require_replaceable, write_json
from gnn_sim2real.shotgun.table_argument import option_of, read_table_argument
from gnn_sim2real.tables.table import keep_tables

_HELP = """usage: gnn-sim2real shotgun TABLE [--property NAME --unit UNIT] [--library DIR] [options]
       gnn-sim2real shotgun -c SHOTGUN.yaml [options]
       gnn-sim2real shotgun matrix -c MATRIX.yaml
       gnn-sim2real shotgun study -c STUDY.yaml [--launcher L] [--workers K] [--shard i/N] [--publish FILE]

What does a team with a few dozen measurements, and a library of pretrained models, predict best with? Ranks the library
for the target by cross-validation on frozen features, and makes an ensemble of the best models, frozen and fine-tuned,
of networks from scratch, and of trees and Gaussian processes on descriptors and on the predictions of the library.
Weights are learned on folds, and the whole procedure is repeated without each fold, the ranking included: so the error
is honest even if thousands of models were tried. The ensemble is written for `predict`, with intervals.

  --library DIR             a model library of yours (default: $GNN_SIM2REAL_LIBRARY, else runs/library), which is
                            ranked beside the starter library of the package; without that by --starter false
  --property NAME           what was measured, by the name it has in the sources (default: by the headings of TABLE)
  --unit UNIT               its unit (default: that in the heading)
  --column COLUMN           its column (default: the one with the name of the property)
  --file-unit UNIT          the unit of the file, where it is not the one of the answer: --unit K --file-unit degC
  --smiles COLUMN           column of the materials (default: by its heading)
  --test TABLE              further measurements to be tested at the end, used for no choice
  --simulated-column COLUMN simulated values of the same property, for members that correct them
  --for extrapolation       rank by folds beyond the values (or families) of the training part
  --seen warn               do not skip models that were trained on simulations of test materials
  --log true                errors of the decimal logarithm, for values over orders of magnitude
  --ranking.method forest   random forests on the frozen features instead of ridge regression
  --tuning.best K           members from the ranking, each frozen and fine-tuned
  --minutes M               time for the trainings; what does not fit in is left out, networks first
  --foundation NAME         a foundation encoder or `none` (default: all that are installed and read the materials)
  --predict FILE            materials to predict: predictions_new.csv, with intervals
  --output DIR              report.html, the answer on a page; predictions.csv, your rows beside what was predicted for
                            each without it; predictions_test.csv; ranking.csv; model/, for `predict` and `calibrate`;
                            settings.yaml, the same run again; predict.yaml; figures; result.json

matrix  how much each source helps each target, as a clustered heat map (PNG and CSV)
study   errors at several numbers of measurements, many draws each, on fixed test parts; resumes where it stopped.
        Targets are computed by the launchers of studies: --launcher serial | processes | ray, --shard i/N

`gnn-sim2real shotgun -c FILE --print_config` shows all settings."""


def shotgun_command(argv: list[str]) -> int:
    """Run a shotgun command.

    Args:
        argv: Arguments after `gnn-sim2real shotgun`.

    Returns:
        Exit code.
    """
    console = open_console()
    match argv:
        case [] | ["-h" | "--help"]:
            console.print(_HELP, markup=False, highlight=False)
            return 0
        case ["matrix", *rest]:
            return _matrix(rest, console)
        case ["study", *rest]:
            return _study(rest, console)
    return _run(argv, console)


def _run(argv: list[str], console: Console) -> int:
    understood: list[str] = []

    def say(line: str) -> None:
        understood.append(line)
        _say(console, line)

    if not argv or argv[0].startswith("-"):
        return _answer(argv, say, understood, console)
    with keep_tables(), settings_as_options(option_of):
        say(read_table_argument(argv).text)  # before Lightning is loaded, which takes seconds
        return _answer(argv, say, understood, console)


def _answer(argv: list[str], say: Callable[[str], None], understood: list[str], console: Console) -> int:
    """Find the answer, write and print it."""
    from gnn_sim2real.cli.shotgun_ensemble import predict_with_ensemble
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


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _matrix(argv: list[str], console: Console) -> int:
    from gnn_sim2real.shotgun.matrix import MatrixConfig, compute_matrix, require_free_matrix, write_matrix
    from gnn_sim2real.shotgun.targets import read_many_targets

    config: MatrixConfig = read_many_targets(MatrixConfig, argv, "gnn-sim2real shotgun matrix")
    require_free_matrix(config)
    gains, skipped = compute_matrix(config)
    figure, table = write_matrix(config, gains)
    for name, reasons in skipped.items():
        for reason, count in reasons.items():
            console.print(f"{name}: {count} models skipped: {reason}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{figure} and {table}", highlight=False)
    return 0


def _study(argv: list[str], console: Console) -> int:
    from gnn_sim2real.launchers.shard import Shard
    from gnn_sim2real.shotgun.plot import draw_study
    from gnn_sim2real.shotgun.study import choose_targets, read_shotgun_study
    from gnn_sim2real.shotgun.study_report import DRAWN, ORACLE, print_study, read_records, summarize
    from gnn_sim2real.shotgun.target_jobs import compute_targets

    publish, argv = take_option(argv, "--publish")
    only, argv = take_option(argv, "--only")
    shard, argv = take_option(argv, "--shard")
    config = read_shotgun_study(argv)
    names = choose_targets(config, only.split(",") if only else None)
    names = names if shard is None else Shard.parse(shard).of(names)
    result = Path(publish) if publish else Path(config.output) / "study.json"
    figure = result.with_suffix(".png")
    if publish:
        ours = has_keys(result, "cells")  # figures of earlier versions do not say who made them
        is_ours = (lambda _: True) if ours else is_own_figure
        require_replaceable(result, figure, is_ours=is_ours, advice="give another name by `--publish`")
    quiet_lightning()
    compute_targets(config, argv, names)
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
    return 0
