"""Tables of the page from laws, plans and comparisons; every cell is text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gnn_sim2real.law.compare import Comparison
from gnn_sim2real.law.forms.form import PREFACTOR
from gnn_sim2real.law.numbers import format_number, format_size, format_with_ends
from gnn_sim2real.law.planning import Plan, Wanted
from gnn_sim2real.law.scaling_law import Interval, ScalingLaw, parameters_of
from gnn_sim2real.law.surface import ScalingSurface
from gnn_sim2real.law.text import FORECASTS, format_effective, format_interval, format_quantity, format_wanted
from gnn_sim2real.page.page import TextTable
from gnn_sim2real.records.curves import CurveLabel, Kind, model_name
from gnn_sim2real.study.page.tables import with_unit
from gnn_sim2real.units import format_unit


def laws_table(laws: Mapping[CurveLabel, ScalingLaw], unit: str) -> TextTable:
    """Parameters and quality of fit of each law.

    Args:
        laws: The laws.
        unit: Unit of the errors.
    """
    rows = [
        (
            model_name(label.kind),
            format_size(label.target_size),
            _parameter(law.decay_rate, law.decay_rate_interval, law.decay_rate_identified),
            format_interval(law.decay_rate_profile),
            _parameter(law.transfer_gap, law.transfer_gap_interval, law.transfer_gap_identified),
            format_interval(law.transfer_gap_profile),
            _parameter(law.prefactor, law.prefactor_interval),
            f"{100 * law.residual_log_rmse:.2g} %",
            _chance(law),
        )
        for label, law in laws.items()
    ]
    tail = with_unit(unit)
    headings = ("alpha", "by profile", f"C{tail}", "by profile", f"D{tail}", "residual", "p-value")
    return TextTable(("model", "m", *headings), rows)


def _chance(law: ScalingLaw | ScalingSurface) -> str:
    """Share of draws that miss by as much; without repeats it cannot be judged."""
    return "no repeats" if law.chance_of_misfit is None else f"{100 * law.chance_of_misfit:.0f} %"


def forecasts_table(laws: Mapping[CurveLabel, ScalingLaw], unit: str) -> TextTable:
    """Error at the largest source size and beyond.

    Args:
        laws: The laws.
        unit: Unit of the errors.
    """
    rows = []
    for label, law in laws.items():
        for factor in (1.0, *FORECASTS):
            size = factor * law.largest_size
            low, high = map(float, law.predict_interval(size))
            error = format_with_ends(float(law.predict(size)), low, high)
            rows.append(
                (model_name(label.kind), format_size(label.target_size), f"{factor:g}", format_size(size), error)
            )
    return TextTable(("model", "m", "times the source", "n", f"forecast error{with_unit(unit)}"), rows)


def doubling_table(plans: Mapping[CurveLabel, Plan], unit: str) -> TextTable:
    """Gain of doubling the source.

    Args:
        plans: Plan of each curve at its largest source size.
        unit: Unit of the errors.
    """
    rows = [
        (
            model_name(label.kind),
            format_size(label.target_size),
            format_size(plan.source_size),
            format_quantity(plan.error),
            format_quantity(plan.gain_of_doubling),
        )
        for label, plan in plans.items()
    ]
    unit = with_unit(unit)
    return TextTable(("model", "m", "n", f"error{unit}", f"gain of doubling n{unit}"), rows)


def wanted_table(wanted: Mapping[CurveLabel, Mapping[str, Wanted]], unit: str) -> TextTable:
    """Source sizes for lower errors, or a note that they are out of reach.

    Args:
        wanted: Wanted errors of each curve, by name.
        unit: Unit of the errors.
    """
    tail = f" {format_unit(unit)}".rstrip()
    rows = [
        (
            model_name(label.kind),
            format_size(label.target_size),
            how,
            format_number(each.error),
            format_wanted(each, None, tail),
        )
        for label, found in wanted.items()
        for how, each in found.items()
    ]
    return TextTable(("model", "m", "wanted", f"error{with_unit(unit)}", "source needed"), rows, (0, 2, 4))


def comparison_table(comparisons: Mapping[float, Comparison], unit: str) -> TextTable:
    """Comparison of each pair of laws.

    Args:
        comparisons: Comparisons by target size.
        unit: Unit of the errors.
    """
    rows = [
        (
            pair.first,
            pair.second,
            format_size(size),
            format_quantity(pair.decay_rate),
            format_quantity(pair.transfer_gap),
            format_quantity(pair.next_doubling),
            f"{100 * pair.chances[0]:.0f} %",
            f"{100 * pair.chances[-1]:.0f} %",
            ", ".join(format_number(each, whole=True) for each in pair.crossings) or "-",
        )
        for size, comparison in comparisons.items()
        for pair in comparison.pairs
    ]
    tail = with_unit(unit)
    headings = ("alpha", f"C{tail}", f"gain of next doubling{tail}", "ahead now", "ahead at 10 n", "cross at n")
    return TextTable(("model", "against", "m", *headings), rows, (0, 1))


def surfaces_table(surfaces: Mapping[Kind, ScalingSurface], unit: str) -> TextTable:
    """Parameters of the laws in source and target size.

    Args:
        surfaces: The laws.
        unit: Unit of the errors.
    """
    parameters = {
        each.symbol: each for law in surfaces.values() for each in law.fit.form.parameters if each != PREFACTOR
    }
    cells = {
        kind: {
            each.symbol: _parameter(value, interval, getattr(law, f"{each.name}_identified", True))
            for each, value, interval in parameters_of(law)
        }
        for kind, law in surfaces.items()
    }
    rows = [
        (
            model_name(kind),
            law.formula,
            *(cells[kind].get(symbol, "-") for symbol in parameters),
            f"{100 * law.residual_log_rmse:.2g} %",
            _chance(law),
        )
        for kind, law in surfaces.items()
    ]
    symbols = [symbol + (with_unit(unit) if each.has_unit else "") for symbol, each in parameters.items()]
    return TextTable(("model", "E(n, m)", *symbols, "residual", "p-value"), rows, (0, 1))


def worth_table(plans: Iterable[tuple[Kind, Plan]]) -> TextTable:
    """Worth of one more measurement, and effective data of the source.

    Args:
        plans: Plans at each target size, from the law in source and target size.
    """
    rows = [
        (
            model_name(kind),
            format_size(plan.target_size) if plan.target_size else "",
            format_size(plan.source_size),
            format_quantity(plan.worth_of_measurement) if plan.worth_of_measurement else "",
            format_effective(plan.effective_data) if plan.effective_data else "no models from scratch at several m",
        )
        for kind, plan in plans
    ]
    headings = ("model", "m", "n", "calculations worth one more measurement", "effective data transferred")
    return TextTable(headings, rows, (0, 4))


def _parameter(value: float, interval: Interval, is_identified: bool = True) -> str:
    """A parameter with its interval; of one that is not identified the interval alone."""
    return format_with_ends(value, *interval) if is_identified else f"not identified {format_interval(interval)}"
