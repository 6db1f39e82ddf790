"""Heat map of transferability: how much each source helps each target."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from gnn_sim2real.baselines import Inputs, predict_test
from gnn_sim2real.baselines.extra_trees import EXTRA_TREES
from gnn_sim2real.files import is_own_figure, require_replaceable, spreadsheet_text, write_atomically
from gnn_sim2real.linear import Floats
from gnn_sim2real.shotgun.features import Skipped
from gnn_sim2real.shotgun.libraries import find_cards, open_library
from gnn_sim2real.shotgun.models import QuickLoader, entries_of, groups_of, without_seen
from gnn_sim2real.shotgun.plot import draw_matrix
from gnn_sim2real.shotgun.ranking import folds_of, rank_models
from gnn_sim2real.shotgun.scores import ScoreCache
from gnn_sim2real.shotgun.settings import MatrixConfig, RankingSettings
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.shotgun.targets import open_target

_ALL = 10**9


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
    inputs, values = Inputs(descriptors=target.descriptors[target.train]), target.values[target.train]
    errors = [
        np.abs(predict_test(EXTRA_TREES, inputs, values, fold.train, fold.test) - values[fold.test])
        for repeat in folds_of(target, target.train, settings, settings.repeats)
        for fold in repeat
    ]
    return float(np.concatenate(errors).mean())


def _files(config: MatrixConfig) -> tuple[Path, Path]:
    output = Path(config.output)
    return output.with_suffix(".png"), output.with_suffix(".csv")


def _has_header(file: Path, names: Sequence[str]) -> bool:
    with file.open(newline="", encoding="utf-8", errors="replace") as lines:
        return sorted(next(csv.reader(lines), [])) == sorted(names)  # the columns are ordered by their clusters


def require_free_matrix(config: MatrixConfig) -> None:
    """Refuse to write over files that are no earlier matrix.

    Args:
        config: See `MatrixConfig`.

    Raises:
        ValueError: If there is such a file.
    """
    figure, file = _files(config)
    names = [spreadsheet_text(each.name) for each in config.targets]
    ours = file.is_file() and _has_header(file, ["source", *names])  # figures of earlier versions say nothing
    require_replaceable(
        figure,
        file,
        is_ours=lambda path: ours or (path == figure and is_own_figure(path)),
        advice="give another name by `--output`",
    )


def write_matrix(config: MatrixConfig, gains: Mapping[str, Mapping[str, float]]) -> tuple[Path, Path]:
    """Draw the heat map, and write its table in the same order.

    Args:
        config: See `MatrixConfig`.
        gains: From `compute_matrix`.

    Returns:
        The figure and the table.
    """
    sources = sorted({source for column in gains.values() for source in column})
    names = list(gains)
    table = np.array([[gains[name].get(source, np.nan) for name in names] for source in sources])
    figure, file = _files(config)
    what = f"error below that of extra trees without a source; {config.size} measurements, best model of each source"
    rows, columns = draw_matrix(table, sources, names, f"{config.title}\n{what}", figure)
    ordered = table[np.ix_(rows, columns)]
    write_table(file, ordered, [sources[row] for row in rows], [names[each] for each in columns])
    return figure, file


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
    writer.writerow(["source", *map(spreadsheet_text, targets)])
    for source, row in zip(sources, table.tolist(), strict=True):
        writer.writerow([spreadsheet_text(source), *("" if np.isnan(value) else f"{value:.4f}" for value in row)])
    write_atomically(path, text.getvalue().encode())
