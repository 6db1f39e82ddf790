"""Tables of the page, from the summary, the laws and the plans: every cell a text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from gnn_sim2real.policies import FINE_TUNING_POLICIES
from gnn_sim2real.scaling.curves import CurveLabel
from gnn_sim2real.scaling.law import Interval, ScalingLaw
from gnn_sim2real.scaling.planning import Plan, Wanted
from gnn_sim2real.scaling.repeat_means import Kind
from gnn_sim2real.scaling.say import (
    FORECASTS,
    say_effective,
    say_interval,
    say_number,
    say_quantity,
    say_wanted,
)
from gnn_sim2real.scaling.surface import ScalingSurface
from gnn_sim2real.study.words import model_name, source_name
from gnn_sim2real.units import format_unit


class Table(NamedTuple):
    """A table of texts.

    Attributes:
        headings: Of the columns.
        rows: The rows.
        words: Columns that hold words; those of numbers stand to the right.
    """

    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    words: tuple[int, ...] = (0,)


def results_table(summary: Mapping[str, Any]) -> Table:
    """Mean and interval of every grid point.

    Args:
        summary: Of the study.
    """
    metric, unit = summary["metric"], _in(summary["unit"])
    nonzero = any("mae_nonzero" in row for row in summary["rows"])
    headings = ("model", "m", "source n", f"{metric.upper()}{unit}", *[f"MAE of nonzero{unit}"] * nonzero, "R²", "runs")
    rows = [
        (
            model_name(row),
            f"{row['target_size']:,}",
            source_name(row),
            _estimate(row[metric]),
            *[_estimate(row.get("mae_nonzero"))] * nonzero,
            f"{row['r2']['mean']:.3f}" if row.get("r2") else "",
            str(row[metric]["num_repeats"]),
        )
        for row in summary["rows"]
    ]
    return Table(headings, rows)


def gains_table(summary: Mapping[str, Any]) -> Table:
    """What fine-tuning from the whole source gains over everything else, on the same test parts and seeds.

    Args:
        summary: Of the study.
    """
    rows = []
    for gain in summary["gains"]:
        over = gain["over"]
        # a model without a source, or the same model on another one
        other = model_name(over | {"source_size": 0 if over["source_level"] == "0" else 1})
        if over["source_level"] == "0" and over["policy"] in FINE_TUNING_POLICIES:
            other = f"{other} from scratch".strip()
        rows.append((model_name(gain), other, f"{gain['target_size']:,}", _estimate(gain["gain"])))
    unit = _in(summary["unit"])
    return Table(("whole source", "against", "m", f"lower {summary['metric'].upper()} by{unit}"), rows, (0, 1))


def laws_table(laws: Mapping[CurveLabel, ScalingLaw], unit: str) -> Table:
    """Parameters of each law, and how well it fits.

    Args:
        laws: The laws.
        unit: Of the errors.
    """
    rows = [
        (
            model_name(asdict(label)),
            f"{label.target_size:,}",
            _parameter(law.decay_rate, law.decay_rate_interval),
            say_interval(law.decay_rate_profile),
            _parameter(law.transfer_gap, law.transfer_gap_interval),
            say_interval(law.transfer_gap_profile),
            _parameter(law.prefactor, law.prefactor_interval),
            _identified({"α": law.decay_rate_identified, "C": law.transfer_gap_identified}),
            f"{100 * law.residual_log_rmse:.2g} %",
            f"{100 * law.chance_of_misfit:.0f} %",
        )
        for label, law in laws.items()
    ]
    tail = _in(unit)
    headings = ("α", "by profile", f"C{tail}", "by profile", f"D{tail}", "identified", "missed by", "chance of it")
    return Table(("model", "m", *headings), rows)


def forecasts_table(laws: Mapping[CurveLabel, ScalingLaw], unit: str) -> Table:
    """Error at the largest source size and beyond.

    Args:
        laws: The laws.
        unit: Of the errors.
    """
    rows = []
    for label, law in laws.items():
        for factor in (1.0, *FORECASTS):
            size = factor * law.largest_size
            low, high = map(float, law.predict_interval(size))
            error = f"{say_number(float(law.predict(size)))} {say_interval(Interval(low, high))}"
            rows.append((model_name(asdict(label)), f"{label.target_size:,}", f"{factor:g}", f"{size:,.0f}", error))
    return Table(("model", "m", "times the source", "n", f"forecast error{_in(unit)}"), rows)


def doubling_table(plans: Mapping[CurveLabel, Plan], unit: str) -> Table:
    """What the next doubling of the source gains.

    Args:
        plans: Plan of each curve at its largest source size.
        unit: Of the errors.
    """
    rows = [
        (
            model_name(asdict(label)),
            f"{label.target_size:,}",
            f"{plan.source_size:,.0f}",
            say_quantity(plan.error),
            say_quantity(plan.gain_of_doubling),
        )
        for label, plan in plans.items()
    ]
    unit = _in(unit)
    return Table(("model", "m", "n", f"error{unit}", f"gain of doubling n{unit}"), rows)


def wanted_table(wanted: Mapping[CurveLabel, Mapping[str, Wanted]], unit: str) -> Table:
    """The source sizes for lower errors, or that they are out of reach.

    Args:
        wanted: Of each curve, by how the error was chosen.
        unit: Of the errors.
    """
    tail = f" {format_unit(unit)}".rstrip()
    rows = [
        (
            model_name(asdict(label)),
            f"{label.target_size:,}",
            how,
            say_number(each.error),
            say_wanted(each, None, tail),
        )
        for label, found in wanted.items()
        for how, each in found.items()
    ]
    return Table(("model", "m", "wanted", f"error{_in(unit)}", "what it takes"), rows, (0, 2, 4))


def surfaces_table(surfaces: Mapping[Kind, ScalingSurface], unit: str) -> Table:
    """Parameters of the laws in source and target size.

    Args:
        surfaces: The laws.
        unit: Of the errors.
    """
    rows = [
        (
            model_name(kind._asdict()),
            law.formula,
            _parameter(law.decay_rate, law.decay_rate_interval),
            _parameter(law.target_rate, law.target_rate_interval),
            _parameter(law.transfer_gap, law.transfer_gap_interval),
            _parameter(law.limit, law.limit_interval) if law.form == "product_limit" else "-",
            _identified({"α": law.decay_rate_identified, "G": law.transfer_gap_identified}),
            f"{100 * law.residual_log_rmse:.2g} %",
            f"{100 * law.chance_of_misfit:.0f} %",
        )
        for kind, law in surfaces.items()
    ]
    tail = _in(unit)
    headings = ("α", "β", f"G{tail}", f"L{tail}", "identified", "missed by", "chance of it")
    return Table(("model", "E(n, m)", *headings), rows, (0, 1))


def worth_table(plans: Iterable[tuple[Kind, Plan]]) -> Table:
    """What one more measurement and the whole source are worth.

    Args:
        plans: At each target size, from the law in both.
    """
    rows = [
        (
            model_name(kind._asdict()),
            f"{plan.target_size:,.0f}",
            f"{plan.source_size:,.0f}",
            say_quantity(plan.worth_of_measurement, whole=True) if plan.worth_of_measurement else "",
            say_effective(plan.effective_data) if plan.effective_data else "no models from scratch at several m",
        )
        for kind, plan in plans
    ]
    headings = ("model", "m", "n", "calculations that one more measurement is worth", "effective data transferred")
    return Table(headings, rows, (0, 4))


def cards_table(data: Mapping[str, Any]) -> Table:
    """What the records say of source and target.

    Args:
        data: Their cards; those of the cell with the largest source.
    """
    wanted = {
        "name": "data module",
        "properties": "properties",
        "num_materials": "materials after cleaning",
        "num_removed": "of these left out, so that no test is on a material seen before",
        "size": "used by the largest cell",
        "num_test": "in the test part",
        "split_by": "test part by",
        "grow_by": "grown by",
        "match_kinds": "structures found by",
        "fingerprint": "fingerprint of the table",
        "parts": "fingerprint of the parts",
    }
    sides = [side for side in ("source", "target") if data.get(side)]
    rows = []
    for name, words in wanted.items():
        if any(data[side].get(name) not in (None, "", 0) for side in sides):
            rows.append((words, *(_card_entry(data[side].get(name)) for side in sides)))
    return Table(("", *sides), rows, (0, 1, 2))


def versions_table(provenance: Mapping[str, Any]) -> Table:
    """Versions with which the newest of the records was made.

    Args:
        provenance: Of the record.
    """
    versions = {"python": provenance.get("python"), **(provenance.get("versions") or {})}
    return Table(("package", "version"), [(name, str(found)) for name, found in versions.items() if found], (0, 1))


def _card_entry(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, Mapping):
        return ", ".join(f"{count:,} {kind}" for kind, count in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value).replace("_", " ")


def _parameter(value: float, interval: Interval) -> str:
    return f"{say_number(value)} {say_interval(interval)}"


def _identified(parameters: Mapping[str, bool]) -> str:
    return ", ".join(name for name, identified in parameters.items() if identified) or "none"


def _estimate(estimate: Mapping[str, Any] | None) -> str:
    if estimate is None:
        return ""
    interval = "" if estimate["low"] is None else f" [{estimate['low']:.4f}, {estimate['high']:.4f}]"
    return f"{estimate['mean']:.4f}{interval}"


def _in(unit: str) -> str:
    return f" [{format_unit(unit)}]" if unit else ""
