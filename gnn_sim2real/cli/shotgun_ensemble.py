"""`gnn-sim2real predict ENSEMBLE FILE` and `gnn-sim2real calibrate ENSEMBLE`: the ensemble that `shotgun` wrote."""

from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from gnn_sim2real.cli.ensemble import read_data
from gnn_sim2real.config.options import take_option
from gnn_sim2real.console import open_console, visible
from gnn_sim2real.files import expand, has_keys, require_replaceable, write_json
from gnn_sim2real.shotgun.check import Check, check_intervals
from gnn_sim2real.shotgun.members import SIMULATED
from gnn_sim2real.shotgun.saved import SavedEnsemble, load_ensemble
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.tasks.prediction import check_output, heading, write_predictions

_FILE = "calibration.json"


def predict_command(argv: list[str]) -> int:
    """Predict with an ensemble: value, interval, and a note where the interval has no guarantee.

    Args:
        argv: Arguments after `gnn-sim2real predict`: the ensemble, the file of materials or one material, then options.

    Raises:
        ValueError: If there is neither a file nor a material of that name.
    """
    folder, *options = argv
    asked = options.pop(0) if options and not options[0].startswith("-") else None
    if asked is None or expand(asked).exists():
        predict_with_ensemble(Path(folder), asked, options)
    elif options:
        raise ValueError(f"there is no file {asked}, and {options[0]} has no effect on a single material")
    else:
        _print_answer(load_ensemble(Path(folder)), asked)
    return 0


def _print_answer(ensemble: SavedEnsemble, material: str) -> None:
    """Print the prediction for one material, with its interval."""
    try:
        found = ensemble.predict([material])
    except ValueError as error:
        raise ValueError(f"there is no file {material}, and it is not a material either: {error}") from error
    name, unit = ensemble.property.name, f" {ensemble.property.unit}".rstrip()
    value, low, high = (float(each[0]) for each in (found.values, found.lower, found.upper))
    text = f"{name} {value:.4g}{unit}, {100 * ensemble.intervals.coverage:.0f} % interval [{low:.4g}, {high:.4g}]"
    text += f"; {found.notes[0]}" if found.notes[0] else ""
    open_console().print(visible(text), markup=False, highlight=False, soft_wrap=True)


def predict_with_ensemble(folder: Path, asked: str | None, argv: list[str]) -> None:
    """Read materials, predict them, and write the table.

    Args:
        folder: Folder of the ensemble.
        asked: The file of materials; None if an option names it.
        argv: Options.

    Raises:
        CheckpointError: If the ensemble is damaged.
        ValueError: If nothing can be predicted, or a file would be lost.
    """
    ensemble = load_ensemble(folder)
    ask = [] if asked is None else ["--data.predict_path", asked]
    data, config = read_data([*argv, *ask], lambda: ensemble.data)
    output, predictor = Path(config.prediction.output), data.predictor
    check_output(output, config.prediction.overwrite, data, [folder])
    found = ensemble.predict(predictor.readable, predictor.simulated if SIMULATED in ensemble.tables else None)
    name, unit = ensemble.property.name, ensemble.property.unit
    columns = [heading(each, unit) for each in (name, f"{name} lower", f"{name} upper")]
    numbers = (each.tolist() for each in (found.values, found.lower, found.upper, found.distances))
    write_predictions(output, predictor, [*columns, "distance", "outside"], zip(*numbers, found.notes, strict=True))


def calibrate_command(argv: list[str]) -> int:
    """Check whether the intervals of an ensemble hold, on its test part or else on the folds of its training part.

    Args:
        argv: Arguments after `gnn-sim2real calibrate`: the ensemble, then options.

    Raises:
        CheckpointError: If the ensemble is damaged, or the data are not those of its training.
        ValueError: If it has too few measurements for intervals, or a file would be lost.
    """
    console = open_console()
    folder, *argv = argv
    output, argv = take_option(argv, "--output")
    file = Path(output or "calibration") / _FILE
    require_replaceable(
        file, is_ours=lambda path: has_keys(path, "ensemble", "held"), advice="give another folder by `--output`"
    )
    ensemble = load_ensemble(Path(folder))
    data, _ = read_data(argv, lambda: ensemble.data)
    target = Target.of_data(data, ensemble.log)
    found = check_intervals(ensemble, target)
    write_json(file, {"ensemble": str(folder), **asdict(found), "verdict": found.verdict})
    _print_check(found, target, console)
    console.print(f"{file}", markup=False, highlight=False, soft_wrap=True)
    return 0


def _print_check(found: Check, target: Target, console: Console) -> None:
    from gnn_sim2real.shotgun.report import unit_of

    low, high = found.held_interval
    for line in (
        f"{100 * found.held:.0f} % [{100 * low:.0f}, {100 * high:.0f}] of {found.num} {found.where} are within their "
        f"intervals of {100 * found.coverage:.0f} %, of the widest third {100 * found.widest:.0f} %",
        f"median width {found.median_width:.4g}{unit_of(target)}, interval score {found.score:.4g}",
        found.verdict,
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
