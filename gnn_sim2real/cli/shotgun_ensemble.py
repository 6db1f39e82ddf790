"""`gnn-sim2real predict ENSEMBLE FILE` and `gnn-sim2real calibrate ENSEMBLE`: the ensemble that `shotgun` wrote."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from gnn_sim2real.cli.ensemble import read_data
from gnn_sim2real.config.options import take_option
from gnn_sim2real.console import open_console
from gnn_sim2real.data.prediction import Predictor, read_simulated
from gnn_sim2real.ensemble.intervals import conformal_quantile, interval_scores
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.files import has_keys, require_replaceable, write_json
from gnn_sim2real.shotgun.saved import SavedEnsemble, load_ensemble
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.tasks.prediction import check_output, heading, write_predictions

Floats = NDArray[np.float64]

_FILE = "calibration.json"


def predict_command(argv: list[str]) -> int:
    """Predict with an ensemble: value, interval, and a note where the interval has no guarantee.

    Args:
        argv: Arguments after `gnn-sim2real predict`: the ensemble, the file of materials, then options.
    """
    folder, *options = argv
    asked = options.pop(0) if options and not options[0].startswith("-") else None
    predict_with_ensemble(Path(folder), asked, options)
    return 0


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
    check_output(output, config.prediction.overwrite, predictor)
    found = ensemble.predict(predictor.contents, _simulated(predictor))
    name, unit = ensemble.property.name, ensemble.property.unit
    columns = [heading(each, unit) for each in (name, f"{name} lower", f"{name} upper")]
    rows = zip(found.values.tolist(), found.lower.tolist(), found.upper.tolist(), found.notes, strict=True)
    write_predictions(output, predictor, [*columns, "outside"], rows)


def _simulated(predictor: Predictor) -> Floats | None:
    path = predictor.settings.predict_simulated
    if path is None:
        return None
    names = [name for name, reason in predictor.materials if reason is None]
    return read_simulated(Path(path), predictor.heading, names)[:, 0].double().numpy()


@dataclass(frozen=True)
class Check:
    """Whether intervals hold.

    Attributes:
        where: The materials, in words.
        num: Number of materials.
        coverage: Nominal coverage.
        held: Share of the measured values in their interval.
        held_interval: Its 90 % interval (Wilson's) for this number of materials.
        widest: The same share of the third of the materials with the widest intervals.
        median_width: In the unit of the errors.
        score: Mean interval score, in the unit of the errors; less is better.
    """

    where: str
    num: int
    coverage: float
    held: float
    held_interval: tuple[float, float]
    widest: float
    median_width: float
    score: float

    @property
    def verdict(self) -> str:
        """In words."""
        low, high = self.held_interval
        if low <= self.coverage <= high:
            return "the intervals hold what they say, as far as so many materials can tell"
        if high < self.coverage:
            return "THE INTERVALS ARE TOO NARROW: these materials are unlike the measured ones, or too few to judge"
        return "the intervals are wider than they have to be"


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
    if not np.isfinite(ensemble.intervals.factor):
        raise ValueError(
            f"{len(ensemble.values)} measurements are too few for intervals of "
            f"{100 * ensemble.intervals.coverage:.0f} %; there is nothing to check"
        )
    data, _ = read_data(argv, lambda: ensemble.data)
    target = Target.of_data(data, ensemble.log)
    if not np.array_equal(target.values[target.train], ensemble.values):
        raise CheckpointError(
            f"the training part of these data is not that of the ensemble in {folder}; use the settings of its data"
        )
    found = _check_test(ensemble, target) if len(target.test) else _check_folds(ensemble)
    write_json(file, {"ensemble": str(folder), **asdict(found), "verdict": found.verdict})
    _print_check(found, target, console)
    console.print(f"{file}", markup=False, highlight=False, soft_wrap=True)
    return 0


def _check_test(ensemble: SavedEnsemble, target: Target) -> Check:
    """On materials that nothing was learned from."""
    table = target.table.materials
    simulated = None if target.simulated is None else target.unscale(target.simulated[target.test])
    found = ensemble.predict([table[row] for row in target.test.tolist()], simulated)
    values, lower, upper = (target.scale(each) for each in (found.values, found.lower, found.upper))
    errors, half = target.values[target.test] - values, (upper - lower) / 2
    return _make_check("test materials", ensemble.intervals.coverage, errors, half)


def _check_folds(ensemble: SavedEnsemble) -> Check:
    """On the measured materials, each by an ensemble without its fold, with the quantile of all others."""
    scale = np.maximum(ensemble.left_out_scale, ensemble.intervals.least)
    errors = ensemble.values - ensemble.left_out
    scores, coverage = np.abs(errors) / scale, ensemble.intervals.coverage
    factors = np.array([conformal_quantile(np.delete(scores, row), coverage) for row in range(len(scores))])
    # With one row less the quantile may be infinite, although with all of them it is not.
    half = np.where(np.isfinite(factors), factors, ensemble.intervals.factor) * scale
    return _make_check("measured materials, left out in folds", coverage, errors, half)


def _make_check(where: str, coverage: float, errors: Floats, half: Floats) -> Check:
    from scipy.stats import binomtest

    held = np.abs(errors) <= half
    interval = binomtest(int(held.sum()), len(held)).proportion_ci(0.9, "wilson")
    widest = np.argsort(half, kind="stable")[-max(1, len(half) // 3) :]
    return Check(
        where=where,
        num=len(held),
        coverage=coverage,
        held=float(held.mean()),
        held_interval=(float(interval.low), float(interval.high)),
        widest=float(held[widest].mean()),
        median_width=2 * float(np.median(half)),
        score=float(interval_scores(errors, half, coverage).mean()),
    )


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
