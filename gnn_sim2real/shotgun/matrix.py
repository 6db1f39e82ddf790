"""Heat map of transferability: how much each source helps each target."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from rich.console import Console

from gnn_sim2real.baselines import extra_trees
from gnn_sim2real.files import write_atomically
from gnn_sim2real.shotgun.config import find_cards, open_library
from gnn_sim2real.shotgun.features import Skipped
from gnn_sim2real.shotgun.models import QuickLoader, entries_of, groups_of, without_seen
from gnn_sim2real.shotgun.plot import draw_matrix
from gnn_sim2real.shotgun.ranking import RankingSettings, folds_of, rank_models
from gnn_sim2real.shotgun.scores import ScoreCache
from gnn_sim2real.shotgun.target import Floats, Target
from gnn_sim2real.shotgun.targets import ManyTargets, open_target, read_many_targets

_ALL = 10**9


@dataclass
class MatrixConfig(ManyTargets):
    """Transferability of every source to every target.

    Args:
        size: Number of measurements per target, drawn once; all of them if a target has fewer.
        ranking: How models are scored; all reach the last rung.
        output: Path of figure and table, without suffix.
        cache: Folder of scores.
        title: Title of the figure.
    """

    size: int = 100
    ranking: RankingSettings = field(default_factory=lambda: RankingSettings(repeats=2))
    output: str = "runs/shotgun_matrix/matrix"
    cache: str = "runs/shotgun_matrix/scores"
    title: str = "Gain of measured targets from simulated sources"


def matrix_command(argv: list[str], console: Console) -> int:
    """Compute and draw the heat map.

    Args:
        argv: Arguments after `gnn-sim2real shotgun matrix`.
        console: Console to print on.
    """
    config: MatrixConfig = read_many_targets(MatrixConfig, argv, "gnn-sim2real shotgun matrix")
    gains, skipped = compute_matrix(config)
    sources = sorted({source for column in gains.values() for source in column})
    names = list(gains)
    table = np.array([[gains[name].get(source, np.nan) for name in names] for source in sources])
    path = Path(config.output)
    what = f"error below that of extra trees without a source; {config.size} measurements, best model of each source"
    title = f"{config.title}\n{what}"
    rows, columns = draw_matrix(table, sources, names, title, path.with_suffix(".png"))
    ordered = table[np.ix_(rows, columns)]
    write_table(path.with_suffix(".csv"), ordered, [sources[row] for row in rows], [names[each] for each in columns])
    for name, reasons in skipped.items():
        for reason, count in reasons.items():
            console.print(f"{name}: {count} models skipped: {reason}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{path.with_suffix('.png')} and {path.with_suffix('.csv')}", highlight=False)
    return 0


def compute_matrix(config: MatrixConfig) -> tuple[dict[str, dict[str, float]], dict[str, Mapping[str, int]]]:
    """Gain of every source for every target.

    Args:
        config: See `MatrixConfig`.

    Returns:
        Gains by target and source: the share by which the best model of the source reduces the error of extra trees in
        cross-validation; and the number of skipped models by target and reason.
    """
    library = open_library(config.library)
    cards = find_cards(library, config.filters)
    cache, models = ScoreCache(Path(config.cache)), QuickLoader(library)
    settings = replace(config.ranking, finalists=_ALL)
    gains: dict[str, dict[str, float]] = {}
    reasons: dict[str, Mapping[str, int]] = {}
    for each in config.targets:
        target, skipped = open_target(each, config.size, None), Skipped()
        usable, _ = without_seen(library, cards, target, config.seen, skipped)
        (ranked,) = rank_models(models, entries_of(usable), target, [target.train], settings, cache, skipped)
        error = {score.key: score.error for score in ranked}
        reference = reference_error(target, settings)
        gains[each.name] = {
            source: 1 - min(found) / reference
            for source, group in groups_of(usable).items()
            if (found := [error[card.key] for card in group if card.key in error])
        }
        reasons[each.name] = dict(skipped.reasons)
    return gains, reasons


def reference_error(target: Target, settings: RankingSettings) -> float:
    """Error of extra trees on the same folds as the models.

    Args:
        target: The target.
        settings: See `RankingSettings`.
    """
    features, values = target.descriptors[target.train], target.values[target.train]
    errors = [
        np.abs(extra_trees(features[fold.train], values[fold.train], features[fold.test], seed=0) - values[fold.test])
        for repeat in folds_of(target, target.train, settings, settings.repeats)
        for fold in repeat
    ]
    return float(np.concatenate(errors).mean())


def write_table(path: Path, table: Floats, sources: Sequence[str], targets: Sequence[str]) -> None:
    """Write the heat map as CSV; empty where a source cannot be used.

    Args:
        path: File to write.
        table: (num_sources, num_targets).
        sources: Names of the rows.
        targets: Names of the columns.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["source", *targets])
    for source, row in zip(sources, table.tolist(), strict=True):
        writer.writerow([source, *("" if np.isnan(value) else f"{value:.4f}" for value in row)])
    write_atomically(path, text.getvalue().encode())
