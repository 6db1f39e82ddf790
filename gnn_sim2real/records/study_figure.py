"""What the figure of a study shows: its curves and laws, and the errors without a source beside them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gnn_sim2real.baselines import BASELINES, needs_measurements
from gnn_sim2real.law.numbers import format_size
from gnn_sim2real.records.curves import CurveLabel, by_repeat, in_order, independent_curves, model_name, source_sizes
from gnn_sim2real.records.figure import Curve, Panel, Reference, plot_scaling_curves
from gnn_sim2real.records.geometric import geometric_mean
from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.same_materials import notes_of_fewer
from gnn_sim2real.tasks.policies import REFERENCE

_NOISE_WORTH_A_LINE = 0.2
"""Noise below this share of the lowest error is not drawn, since it would squeeze the curves together."""


def draw_figure(
    results: Results,
    path: Path,
    title: str = "",
    copies: Sequence[Path] = (),
    data: Mapping[str, Any] | None = None,
) -> Path:
    """Draw error against source size with the fitted laws and the reference lines, one panel per target size.

    Args:
        results: The results of one property.
        path: Image file to write.
        title: Heading.
        copies: Further files of the same figure, in other formats.
        data: As for `panels_of`.

    Returns:
        `path`.
    """
    panels = panels_of(results, data)
    unit = results.table["unit"].iloc[0]
    return plot_scaling_curves(panels, quantity=quantity_of(results), unit=unit, title=title, path=path, copies=copies)


def quantity_of(results: Results) -> str:
    """Label of the error of a study, such as "test MAE of density".

    Args:
        results: The results of one property.
    """
    metric, name = results.metric, results.table["property"].iloc[0]
    return f"test {metric if metric == 'error' else metric.upper()} of {name.replace('_', ' ')}"


def panels_of(results: Results, data: Mapping[str, Any] | None = None) -> list[Panel]:
    """What the figure of a study shows, one panel per target size.

    Args:
        results: The results of one property.
        data: Data cards of source and target; the noise floor of the target is drawn as a line, unless it is far lower.
    """
    grouped, metric, notes = results.curves, results.metric, notes_of_fewer(results)
    curves: dict[float, dict[str, Curve]] = {size: {} for size in sorted({label.target_size for label in grouped})}
    for label in sorted(grouped, key=_rank):
        found = grouped[label]
        curves[label.target_size][model_name(label.kind)] = Curve(
            source_sizes=source_sizes(found),
            errors=found[metric].to_numpy(),
            repeats=np.array(independent_curves(found)),
            law=None if label.policy in BASELINES else results.laws.get(label),
            is_baseline=label.policy in BASELINES,
            note=notes.get(label, ""),
        )
    references = _references(results, data, notes)
    return [Panel(f"m = {format_size(size)} measured materials", curves[size], references[size]) for size in curves]


def _references(
    results: Results, data: Mapping[str, Any] | None, notes: Mapping[CurveLabel, str]
) -> dict[float, dict[str, Reference]]:
    """Errors without a source by target size and name, and the noise of the measurements."""
    grouped, metric = results.curves, results.metric
    references: dict[float, dict[str, Reference]] = {label.target_size: {} for label in grouped}
    tested = {number for found in grouped.values() for number in found["num_test"]}
    for (label, level), found in sorted(results.points.items(), key=lambda item: _rank(item[0][0])):
        if level != "0":
            continue
        name = label.architecture if label.policy == REFERENCE else model_name(label.kind)
        if label.policy not in BASELINES:
            name = f"{name} from scratch".strip()
        error = geometric_mean(by_repeat(found, metric)).mean
        reference = Reference(error, _like(label, grouped), notes.get(label, ""))
        if needs_measurements(label.policy):
            if label.target_size in references:
                references[label.target_size][name] = reference
        elif tested.issuperset(found["num_test"]):
            # It needs no measurements; if not all test materials have one, it is an error on other rows.
            for of_size in references.values():
                of_size[name] = reference
    noise = ((data or {}).get("target") or {}).get("noise_floor")
    lowest = min((found[metric].min() for found in grouped.values()), default=np.inf)
    if noise and metric == "mae" and noise["mae"] > _NOISE_WORTH_A_LINE * lowest:
        for of_size in references.values():
            of_size["noise of the measurements"] = Reference(noise["mae"])
    return references


def _like(label: CurveLabel, curves: Iterable[CurveLabel]) -> str:
    """Name of the curve whose color a line takes: that of its policy, or from scratch the only one of its encoder."""
    if label.policy != REFERENCE:
        return model_name(label.kind)
    of_it = (each for each in curves if each.architecture == label.architecture and each.policy not in BASELINES)
    trained = {model_name(each.kind) for each in of_it}
    return trained.pop() if len(trained) == 1 else model_name(label.kind)


def _rank(label: CurveLabel) -> tuple[Any, ...]:
    """Sort key: the reference policy first, then the other policies, baselines last."""
    return label.policy in BASELINES, label.policy != REFERENCE, in_order(label)
