"""`gnn-sim2real shotgun`."""

from rich.console import Console

from gnn_sim2real.console import open_console

_HELP = """usage: gnn-sim2real shotgun -c SHOTGUN.yaml [options]
       gnn-sim2real shotgun TABLE --smiles COLUMN --target COLUMN --unit UNIT [--library DIR] [options]
       gnn-sim2real shotgun matrix -c MATRIX.yaml
       gnn-sim2real shotgun study -c STUDY.yaml [--publish FILE]

Which of all pretrained models should a team with a few dozen measurements start from? Ranks a model library for the
target by cross-validation on frozen features, fine-tunes the best few, and writes an ensemble for `predict`. The whole
selection is repeated in outer folds, so the error is unbiased even if thousands of models were tried. The report says
so if no source beats training from scratch.

  --library DIR             the model library (default: $GNN_SIM2REAL_LIBRARY, else runs/library)
  --property NAME           name of the property in the sources (default for a table: the heading of --target)
  --for extrapolation       rank by folds beyond the values (or families) of the training part
  --seen warn               do not skip models that were trained on simulations of test materials
  --log true                errors of the decimal logarithm, for values over orders of magnitude
  --ranking.method forest   random forests on the frozen features instead of ridge regression
  --tuning.best K           models in the ensemble
  --output DIR              result.json, ranking.png, ensemble/, predict.yaml

matrix  how much each source helps each target, as a clustered heat map (PNG and CSV)
study   errors at several numbers of measurements, many draws each, on fixed test parts; resumes where it stopped

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
            from gnn_sim2real.shotgun.matrix import matrix_command

            return matrix_command(rest, console)
        case ["study", *rest]:
            from gnn_sim2real.shotgun.study import study_command

            return study_command(rest, console)
    return _run(argv, console)


def _run(argv: list[str], console: Console) -> int:
    from gnn_sim2real.shotgun.config import read_shotgun
    from gnn_sim2real.shotgun.plot import draw_ranking
    from gnn_sim2real.shotgun.report import print_result
    from gnn_sim2real.shotgun.run import run_shotgun, write_result

    config, described = read_shotgun(argv)
    result = run_shotgun(config)
    folder = write_result(result, config, described)
    print_result(result, console)
    figure = draw_ranking(result, config.title, folder / "ranking.png")
    models = " ".join(str(folder / "ensemble" / str(number + 1)) for number in range(len(result.selection.members)))
    for line in (
        f"\nfigure: {figure}",
        "predict with the ensemble:",
        f"  gnn-sim2real predict {models} -c {folder / 'predict.yaml'} --data.predict_path FILE",
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0
