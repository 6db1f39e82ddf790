"""Cross-validation of one training: each measured material is predicted by a model that was trained without it."""

import csv
import io
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from lightning.pytorch import Trainer
from numpy.typing import NDArray

from gnn_sim2real.console import track
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.ensemble.intervals import quantiles_of_others
from gnn_sim2real.featurize.conditions import AtConditions, pure_materials
from gnn_sim2real.featurize.mixture import Mixture
from gnn_sim2real.figures import COLORS, TEXT, ParityPoints, draw_parity_axes, new_figure, save_figure
from gnn_sim2real.files import spreadsheet_text, write_atomically
from gnn_sim2real.metrics import interval_of_mean, whole_set_metrics
from gnn_sim2real.nn.model import PropertySpec
from gnn_sim2real.scales import DECADES, from_scale, to_scale
from gnn_sim2real.splits.folds import random_folds
from gnn_sim2real.splits.parts import Parts
from gnn_sim2real.tables.texts import ColumnTexts
from gnn_sim2real.tasks.finetune import TargetFineTuning
from gnn_sim2real.tasks.prediction import heading
from gnn_sim2real.units import format_unit

logger = logging.getLogger(__name__)

COVERAGE = 0.9
"""Nominal coverage of the intervals."""

_FIRST = "material"
_FOLD = "fold"


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """What was predicted of one property for each material without it, in physical units.

    Attributes:
        spec: The property.
        rows: Rows of the table that have it, ascending, (num_materials,).
        measured: (num_materials,); NaN for limits of detection, which are no errors.
        predicted: (num_materials,).
        lower: Lower end of the 90 % interval, (num_materials,): as far from the prediction as the errors of the other
            materials say (conformal), NaN where these are too few.
        upper: Upper end, (num_materials,).
        fold: Number of the fold that tested each, from 1, (num_materials,).
    """

    spec: PropertySpec
    rows: NDArray[np.int64]
    measured: NDArray[np.float64]
    predicted: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    fold: NDArray[np.int64]

    def describe(self) -> list[str]:
        """Errors with their intervals over the folds, in the unit of the property, and those of its logarithm."""
        folds = [self.fold == number for number in np.unique(self.fold)]
        each = [
            whole_set_metrics(self.predicted[fold], self.measured[fold], self.spec.transform)
            for fold in folds
            if np.isfinite(self.measured[fold]).any()
        ]
        pooled = whole_set_metrics(self.predicted, self.measured, self.spec.transform)
        unit = f" {format_unit(self.spec.unit)}".rstrip()
        scales = [("", unit)] if self.spec.transform is None else [("", unit), ("_log10", f" {DECADES}")]
        lines = []
        for suffix, of in scales:
            mean, low, high = interval_of_mean(np.array([fold[f"mae{suffix}"] for fold in each]))
            low = low if np.isnan(low) else max(0.0, low)
            what = f"{self.spec.name}{' (log10)' if suffix else ''}"
            r2 = f", R2 {pooled[f'r2{suffix}']:.3f}" if f"r2{suffix}" in pooled else ""
            lines.append(
                f"{what}: MAE {mean:.4g}{of} [{low:.4g}, {high:.4g}] over {len(each)} folds, "
                f"RMSE {pooled[f'rmse{suffix}']:.4g}{of}{r2}, {pooled['num_test']:.0f} values"
            )
        known = np.isfinite(self.lower) & np.isfinite(self.measured)
        if known.any():
            inside = ((self.measured >= self.lower) & (self.measured <= self.upper))[known].mean()
            lines.append(
                f"{100 * inside:.0f} % of the measured values are within their {100 * COVERAGE:.0f} % intervals"
            )
        return lines


def cross_validate(
    data: PropertyDataModule, make: Callable[[], tuple[Trainer, TargetFineTuning]], num_folds: int, seed: int
) -> list[OutOfFold]:
    """Train a model for each fold, and predict the fold with it; a test part of the data takes no part.

    Groups, such as one material at several temperatures, are in one fold. Of several properties one model learns all,
    on the same folds.

    Args:
        data: The measurements; `validation_fraction` is that of the training part of each fold.
        make: Makes trainer and task, independent of earlier trainings.
        num_folds: Number of folds.
        seed: Seed of the folds.

    Returns:
        One for each property, with the materials that have it.

    Raises:
        ValueError: If there are fewer groups than folds, or a fold has all values of a property.
    """
    used = np.sort(np.concatenate([data.parts.train, data.parts.validation]))
    used = used[np.isfinite(data.table.values[used]).any(axis=1)]
    groups = [data.table.groups[row] for row in used.tolist()]
    if not 2 <= num_folds <= len(set(groups)):
        raise ValueError(
            f"`--kfold` must be from 2 to the number of materials, {len(set(groups))} here, got {num_folds}"
        )
    if len(data.parts.test):
        logger.info("the %d materials of the test part take no part in the folds", len(data.parts.test))
    predicted, fold_of = np.full((len(used), len(data.properties)), np.nan), np.zeros(len(used), np.int64)
    folds = random_folds(groups, num_folds, [seed])
    for number, fold in enumerate(folds, start=1):
        present = np.isfinite(data.table.values[used[fold.train]]).any(axis=0)
        if not present.all():
            lacking = data.properties[int(np.argmin(present))].name
            raise ValueError(
                f"fold {number} of {num_folds} has all values of {lacking}, so that none is left to train on: choose "
                "more folds by `--kfold`, or leave the property out of `further`"
            )
    for number, fold in enumerate(track(folds, "Folds"), start=1):
        train, validation = _without_validation(fold.train, groups, data.settings.validation_fraction, [seed, number])
        part = data.with_parts(Parts(used[train], used[validation], used[fold.test]))
        trainer, module = make()
        trainer.fit(module, datamodule=part)
        trainer.test(module, datamodule=part, verbose=False)
        for column in range(len(data.properties)):
            rows, values, _ = module.test_result(column)
            place = np.searchsorted(used, rows)
            predicted[place, column], fold_of[place] = values, number
    return [_of_property(data, column, used, predicted[:, column], fold_of) for column in range(predicted.shape[1])]


def _of_property(
    data: PropertyDataModule,
    column: int,
    used: NDArray[np.int64],
    predicted: NDArray[np.float64],
    fold_of: NDArray[np.int64],
) -> OutOfFold:
    """The materials that have a property and an answer, with intervals by the errors of the others."""
    answered = np.isfinite(predicted) & np.isfinite(data.table.values[used, column])
    used, predicted, fold_of = used[answered], predicted[answered], fold_of[answered]
    spec, measured = data.properties[column], data.data_set.measured(used, column)
    middle, known = to_scale(predicted, spec.transform), np.isfinite(measured)
    half = np.full(len(used), np.nan)
    _, numbers = np.unique([data.table.groups[row] for row in used[known].tolist()], return_inverse=True)
    errors = np.abs(middle - to_scale(measured, spec.transform))[known]
    half[known] = quantiles_of_others(errors, COVERAGE, numbers)
    half[~np.isfinite(half)] = np.nan
    lower, upper = (from_scale(end, spec.transform) for end in (middle - half, middle + half))
    return OutOfFold(spec, used, measured, predicted, lower, upper, fold_of)


def _without_validation(
    train: NDArray[np.int64], groups: Sequence[str], fraction: float, seed: list[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions that train, and that validate, without a group in both."""
    own = [groups[place] for place in train.tolist()]
    if fraction <= 0 or len(set(own)) < 2:
        return train, train[:0]
    first = random_folds(own, max(2, round(1 / fraction)), seed)[0]
    return train[first.train], train[first.test]


def is_out_of_fold(path: Path) -> bool:
    """Whether a file is a table that `write_out_of_fold` wrote.

    Args:
        path: The file.
    """
    if not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        names = next(csv.reader(file), [])
    return names[:1] == [_FIRST] and _FOLD in names


def write_out_of_fold(path: Path, found: Sequence[OutOfFold], data: PropertyDataModule) -> None:
    """Write one row for each measurement: the material, its values, interval and fold, then its other columns.

    Of one property its name and unit are in the headings; of several they are columns of their own.

    Args:
        path: The CSV.
        found: From `cross_validate`.
        data: What the materials are from.
    """
    conditions = [heading(each.name, each.unit) for each in data.conditions]
    what = ("measured", "predicted", "lower", "upper")
    if len(found) == 1:
        values = [heading(f"{found[0].spec.name} {each}", found[0].spec.unit) for each in what]
    else:
        values = ["property", "unit", *what]
    rows = sorted({row for each in found for row in each.rows.tolist()})
    spelled = {row: _spell(data.table.materials[row], data, row) for row in rows}
    others = {
        column: texts
        for column, texts in _other_columns(data).items()
        if any(texts[row] != material for row, material in spelled.items())
    }
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    own = [_FIRST, *conditions, *values, _FOLD]
    named = [f"{each} of the table" if each in own else each for each in others]
    writer.writerow([spreadsheet_text(each) for each in (*own, *named)])
    for of_one in found:
        for position, row in enumerate(of_one.rows.tolist()):
            at = getattr(data.table.materials[row], "conditions", {})
            numbers = [each[position] for each in (of_one.measured, of_one.predicted, of_one.lower, of_one.upper)]
            writer.writerow(
                [
                    spreadsheet_text(spelled[row]),
                    *(f"{at[each.name]:.8g}" for each in data.conditions),
                    *((of_one.spec.name, of_one.spec.unit) if len(found) > 1 else ()),
                    *(f"{number:.8g}" if np.isfinite(number) else "" for number in numbers),
                    int(of_one.fold[position]),
                    *(spreadsheet_text(column[row]) for column in others.values()),
                ]
            )
    write_atomically(path, text.getvalue().encode())


def _spell(material: object, data: PropertyDataModule, row: int) -> str:
    if isinstance(material, Mixture):
        return Mixture(material.components, material.weights, {}, material.linkage).spell(
            bool(data.featurizer.settings.get("roles"))
        )
    plain = pure_materials([material])[0] if isinstance(material, AtConditions) else material
    return plain if isinstance(plain, str) else data.table.identities[row]


def _other_columns(data: PropertyDataModule) -> dict[str, list[str]]:
    """The columns of the user's table, but for what was read; where rows were merged, each of their texts."""
    properties = [getattr(data, "property", None), *getattr(data, "further", ())]
    read = {*(getattr(each, "column", None) for each in properties), getattr(data, "material_column", None)}
    found = {}
    for column in data.table.texts:
        if column in read or column.endswith("(as written)"):
            continue
        try:
            found[column] = data.table.texts[column]
        except ValueError:  # rows of one material differ in it
            if isinstance(data.table.texts, ColumnTexts):
                found[column] = [" | ".join(each) for each in data.table.texts.distinct(column)]
    return found


def name_figures(folder: Path, names: Sequence[str]) -> list[Path]:
    """The file of the parity plot of each property; of one property alone it is `parity.png`.

    Args:
        folder: Where they are.
        names: Names of the properties.
    """
    if len(names) == 1:
        return [folder / "parity.png"]
    stems = [f"parity_{re.sub(r'[^A-Za-z0-9_.-]+', '_', each)}" for each in names]
    kept = [stem.lower() for stem in stems]  # some file systems do not tell large letters from small ones
    return [
        folder / f"{stem}{f'_{number}' if kept.count(stem.lower()) > 1 else ''}.png"
        for number, stem in enumerate(stems, start=1)
    ]


def draw_out_of_fold(path: Path, found: OutOfFold) -> None:
    """Draw the predictions against the measurements, with their intervals, folds by color.

    Args:
        path: PNG to write.
        found: One of `cross_validate`.
    """
    points = []
    for number in np.unique(found.fold).tolist():
        fold = found.fold == number
        points.append(
            ParityPoints(
                found.measured[fold],
                found.predicted[fold],
                found.lower[fold],
                found.upper[fold],
                label=f"fold {number}",
                color=COLORS[(number - 1) % len(COLORS)],
            )
        )
    figure = new_figure(6.2, 6.0)
    name, unit = found.spec.name.replace("_", " "), format_unit(found.spec.unit)
    draw_parity_axes(figure.subplots(), points, name, f" [{unit}]" if unit else "", found.spec.transform is not None)
    figure.suptitle(f"{name}: {len(found.rows)} values, bars: {100 * COVERAGE:.0f} % intervals", fontsize=TEXT)
    save_figure(figure, path)
