"""What `predict` and `calibrate` do with the ensemble that `shotgun` wrote."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from gnn_sim2real.cli._models import read_data
from gnn_sim2real.console import open_console, visible
from gnn_sim2real.files import expand, has_keys, require_replaceable, write_json
from gnn_sim2real.shotgun.check import Check, check_intervals
from gnn_sim2real.shotgun.members import SIMULATED
from gnn_sim2real.shotgun.saved import SavedEnsemble, load_ensemble
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.tasks.prediction import check_output, heading, write_predictions

_FILE = "calibration.json"


def predict(words: Sequence[str], options: Sequence[str]) -> int:
    """Predict with an ensemble: value, interval, and a note where the interval has no guarantee.

    Args:
        words: The ensemble, then the file of materials or one material.
        options: Further options.

    Returns:
        Exit code.

    Raises:
        ValueError: If there is neither a file nor a material of that name, or there are several.
    """
    folder, *rest = words
    if len(rest) > 1:
        raise ValueError(f"give one table of materials, or one material, after the ensemble; got {' and '.join(rest)}")
    asked = rest[0] if rest else None
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


def predict_with_ensemble(folder: Path, asked: str | None, argv: Sequence[str]) -> None:
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


def calibrate(words: Sequence[str], output: str, options: Sequence[str]) -> int:
    """Check whether the intervals of an ensemble hold, on its test part or else on the folds of its training part.

    Args:
        words: The ensemble.
        output: Folder of the result.
        options: Further options.

    Returns:
        Exit code.

    Raises:
        CheckpointError: If the ensemble is damaged, or the data are not those of its training.
        ValueError: If it has too few measurements for intervals, a file would be lost, or there is more than one.
    """
    console = open_console()
    folder, *rest = words
    if rest:
        raise ValueError(f"one ensemble is checked at a time; leave out {' '.join(rest)}")
    file = Path(output) / _FILE
    require_replaceable(
        file, is_ours=lambda path: has_keys(path, "ensemble", "held"), advice="give another folder by `--output`"
    )
    ensemble = load_ensemble(Path(folder))
    data, _ = read_data(options, lambda: ensemble.data)
    target = Target.of_data(data, ensemble.log).weighted()
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
