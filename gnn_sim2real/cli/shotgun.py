"""`gnn-sim2real shotgun`."""

from rich.console import Console

from gnn_sim2real.console import open_console

_HELP = """usage: gnn-sim2real shotgun -c SHOTGUN.yaml [options]
       gnn-sim2real shotgun TABLE --smiles COLUMN --target COLUMN --unit UNIT [--library DIR] [options]
       gnn-sim2real shotgun matrix -c MATRIX.yaml
       gnn-sim2real shotgun study -c STUDY.yaml [--publish FILE]

Which of all pretrained models should a team with a few dozen measurements start from? Ranks a model library for the
target by cross-validation on frozen features, fine-tunes the best few, and writes an ensemble for `predict`. The whole
selection is repeated in outer folds, so that the error is honest although thousands were tried; it is said plainly when
no source beats training from scratch.

  --library DIR             the model library; $GNN_SIM2REAL_LIBRARY or runs/library unless given
  --property NAME           of a table: the name that sources give the property; the heading of --target unless given
  --for extrapolation       rank by folds that lie beyond the values (or families) of training
  --seen warn               do not skip models that were trained on simulations of test materials
  --log true                errors of the decimal logarithm, for values over orders of magnitude
  --ranking.method forest   random forests on the frozen features in place of ridge regression
  --tuning.best K           models in the ensemble
  --output DIR              result.json, ranking.png, ensemble/, predict.yaml

matrix  how much each source helps each target, as a clustered heat map (PNG and CSV)
study   errors at several numbers of measurements, many draws each, on fixed test parts; goes on where it stopped

`gnn-sim2real shotgun -c FILE --print_config` shows all settings."""


def shotgun_command(words: list[str]) -> int:
    """Run a shotgun command.

    Args:
        words: What follows `gnn-sim2real shotgun`.

    Returns:
        Exit code.
    """
    console = open_console()
    match words:
        case [] | ["-h" | "--help"]:
            console.print(_HELP, markup=False, highlight=False)
            return 0
        case ["matrix", *rest]:
            from gnn_sim2real.shotgun.matrix import matrix_command

            return matrix_command(rest, console)
        case ["study", *rest]:
            from gnn_sim2real.shotgun.study import study_command

            return study_command(rest, console)
    return _run(words, console)


def _run(words: list[str], console: Console) -> int:
    from gnn_sim2real.shotgun.config import read_shotgun
    from gnn_sim2real.shotgun.plot import draw_ranking
    from gnn_sim2real.shotgun.run import run_shotgun, write_result
    from gnn_sim2real.shotgun.say import say_result

    config, described = read_shotgun(words)
    result = run_shotgun(config)
    folder = write_result(result, config, described)
    say_result(result, console)
    figure = draw_ranking(result, config.title, folder / "ranking.png")
    models = " ".join(str(folder / "ensemble" / str(number + 1)) for number in range(len(result.selection.members)))
    for line in (
        f"\nfigure: {figure}",
        "predict with the ensemble:",
        f"  gnn-sim2real predict {models} -c {folder / 'predict.yaml'} --data.predict_path FILE",
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0
