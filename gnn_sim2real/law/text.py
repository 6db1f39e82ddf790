"""Laws, plans and comparisons in words, for the terminal."""

from __future__ import annotations

import math

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gnn_sim2real.law.compare import Comparison, Pair
from gnn_sim2real.law.inversion import Quantity
from gnn_sim2real.law.planning import FAR, Plan, Wanted
from gnn_sim2real.law.scaling_law import Interval, ScalingLaw
from gnn_sim2real.law.surface import ScalingSurface
from gnn_sim2real.units import format_unit

FORECASTS = (2.0, 4.0, 10.0)
"""Forecasts are said at so many times the largest size."""


def say_law(name: str, law: ScalingLaw, unit: str, console: Console) -> None:
    """Print a law: form, parameters, fit, forecasts, doubts.

    Args:
        name: Of the curve.
        law: The law.
        unit: Unit of the errors; empty if not known.
        console: Where to print.
    """
    unit = format_unit(unit)
    sizes = f"{law.num_sizes} sizes from {law.smallest_size:,.0f} to {law.largest_size:,.0f}"
    table = _begin_law(name, law, "E(n)", sizes, console)
    table.add_column("by profile", justify="right")
    rows = [
        ("alpha", law.decay_rate, law.decay_rate_interval, law.decay_rate_profile, law.decay_rate_identified),
        ("C", law.transfer_gap, law.transfer_gap_interval, law.transfer_gap_profile, law.transfer_gap_identified),
    ]
    for symbol, value, interval, profile, identified in rows:
        label = symbol + _unit(unit if symbol == "C" else "")
        verdict = "" if identified else "  not identified"
        table.add_row(
            escape(label), say_number(value), escape(say_interval(interval)), escape(say_interval(profile) + verdict)
        )
    table.add_row(
        escape(f"D{_unit(unit)}"), say_number(law.prefactor), escape(say_interval(law.prefactor_interval)), ""
    )
    for symbol, value in law.further.items():
        interval = law.further_intervals[symbol]
        table.add_row(symbol.replace("_", " "), say_number(value), escape(say_interval(interval)), "")
    for factor in FORECASTS:
        low, high = law.predict_interval(factor * law.largest_size)
        value = float(law.predict(factor * law.largest_size))
        label = f"E at n = {factor * law.largest_size:,.0f}"
        far = "far forecast" if factor > FAR else ""
        table.add_row(label, say_number(value), escape(say_interval(Interval(float(low), float(high)))), far)
    _end_law(table, law, console)


def say_surface(name: str, law: ScalingSurface, unit: str, console: Console) -> None:
    """Print a law in source and target size.

    Args:
        name: Of the models.
        law: The law.
        unit: Unit of the errors; empty if not known.
        console: Where to print.
    """
    unit = format_unit(unit)
    sizes = f"{len(law.source_sizes)} source and {len(law.target_sizes)} target sizes"
    table = _begin_law(name, law, "E(n, m)", sizes, console)
    rows = [
        ("alpha", law.decay_rate, law.decay_rate_interval),
        ("beta", law.target_rate, law.target_rate_interval),
        (f"G{_unit(unit)}", law.transfer_gap, law.transfer_gap_interval),
        (f"D{_unit(unit)}", law.prefactor, law.prefactor_interval),
    ]
    if law.form == "product_limit":
        rows.append((f"L{_unit(unit)}", law.limit, law.limit_interval))
    for label, value, interval in rows:
        table.add_row(escape(label), say_number(value), escape(say_interval(interval)))
    _end_law(table, law, console)


def say_plan(plan: Plan, unit: str, confidence: float, console: Console) -> None:
    """Print a plan.

    Args:
        plan: The plan.
        unit: Unit of the errors; empty if not known.
        confidence: Nominal coverage of its intervals.
        console: Where to print.
    """
    tail = f" {format_unit(unit)}".rstrip()
    place = f"n = {plan.source_size:,.0f}" + (f", m = {plan.target_size:,.0f}" if plan.target_size else "")
    lines = [f"at {place}, with {100 * confidence:g} % intervals:"]
    lines.append(f"  predicted error: {say_quantity(plan.error)}{tail}")
    lines.append(f"  gain from doubling the source: {say_quantity(plan.gain_of_doubling)}{tail}")
    if plan.worth_of_measurement is not None:
        lines.append(
            f"  one more measurement is worth {say_quantity(plan.worth_of_measurement, whole=True)} calculations"
        )
    if plan.effective_data is not None:
        lines.append(f"  effective data transferred: {say_effective(plan.effective_data)}")
    if plan.wanted is not None:
        lines.append(f"for an error of {plan.wanted.error:g}{tail}:")
        lines.append(f"  {say_wanted(plan.wanted, plan.target_size, tail)}")
    if plan.split is not None:
        split = plan.split
        lines += [
            "the budget lowers the error most as",
            f"  {split.num_source:,} calculations and {split.num_target:,} measurements, "
            f"{say_quantity(split.source_share)} of it for calculations: error {say_quantity(split.error)}{tail}",
            f"  all for calculations: {say_quantity(split.error_all_source)}{tail}; "
            f"all for measurements: {say_quantity(split.error_all_target)}{tail}",
        ]
    for line in plan.iso_errors:
        pairs = (
            f"m = {target:,.0f}: {'-' if source is None else format(source, ',.0f')}"
            for target, source in zip(line.target_sizes, line.source_sizes, strict=True)
        )
        lines.append(f"source sizes for an error of {line.error:.4g}{tail}: {', '.join(pairs)}")
    console.print("\n" + "\n".join([*lines, *plan.notes]), markup=False)


def say_comparison(comparison: Comparison, unit: str, console: Console) -> None:
    """Print laws side by side, and each two against each other.

    Args:
        comparison: The comparison.
        unit: Unit of the errors; empty if not known.
        console: Where to print.
    """
    tail = _unit(format_unit(unit))
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("curve", "form", "alpha", f"C{tail}", "largest n", f"gain of doubling{tail}"):
        table.add_column(escape(heading), justify="left" if heading in ("curve", "form") else "right", no_wrap=True)
    for name, law in comparison.laws.items():
        rate = f"{say_number(law.decay_rate)} {say_interval(law.decay_rate_interval)}"
        rate += "" if law.decay_rate_identified else " ?"
        gap = f"{say_number(law.transfer_gap)} {say_interval(law.transfer_gap_interval)}"
        gap += "" if law.transfer_gap_identified else " ?"
        cells = (name, law.form, rate, gap, f"{law.largest_size:,.0f}", say_quantity(comparison.gains[name]))
        table.add_row(*map(escape, cells))
    _print_table(table, console)
    console.print("?: not identified")
    for pair in comparison.pairs:
        console.print("\n" + "\n".join(_pair_lines(pair)), markup=False)


def _pair_lines(pair: Pair) -> list[str]:
    paired = f"paired over {pair.num_shared} shared repeats" if pair.num_shared else "not paired: no repeat is shared"
    if any(pair.num_materials):
        paired += f"; {_say_materials(pair)}"
    crossing = (
        ", ".join(f"n = {size:,.0f}" for size in pair.crossings) or "none up to a thousand times the largest size"
    )
    chances = ", ".join(
        f"{100 * chance:.0f} % at n = {size:,.0f}" for size, chance in zip(pair.sizes, pair.chances, strict=True)
    )
    return [
        f"{pair.first} against {pair.second} ({paired})",
        f"  differences: alpha {say_quantity(pair.decay_rate)}, C {say_quantity(pair.transfer_gap)}, gain of the next "
        f"doubling {say_quantity(pair.next_doubling)}",
        f"  the fitted laws cross at: {crossing}",
        f"  probability that {pair.first} has the lower error: {chances}",
    ]


def _say_materials(pair: Pair) -> str:
    """Whose test materials are in the intervals."""
    if not all(pair.num_materials):
        name = pair.first if pair.num_materials[0] else pair.second
        return f"of {name} alone, the choice of test materials is in the intervals"
    if pair.num_shared_materials:
        return f"paired over {pair.num_shared_materials:,} shared test materials"
    return "the choice of test materials is in the intervals, and none is shared"


def say_effective(worth: Quantity) -> str:
    """What a source is worth, in a few words.

    Args:
        worth: From `gnn_sim2real.law.effective_data.effective_data`.
    """
    if worth.value is not None:
        return f"the source is worth {say_quantity(worth, whole=True)} measurements"
    low = worth.interval.low
    least = f"; the source is worth {low:,.0f} measurements at least" if math.isfinite(low) else ""
    return f"no model from scratch was as good{least}"


def say_wanted(wanted: Wanted, target_size: float | None, tail: str) -> str:
    """The source size for an error, or that it is out of reach.

    Args:
        wanted: Of a plan.
        target_size: Target size m; None if it is not known.
        tail: What follows an error: a space and its unit.
    """
    where = f" at {target_size:,.0f} measurements" if target_size else ""
    if wanted.source_size.value is None and wanted.limit.value is None:
        return f"out of reach{where}: the error does not fall with the source"
    if wanted.source_size.value is None:
        return (
            f"out of reach{where}: the limit is {say_quantity(wanted.limit)}{tail} "
            f"(a thousand times the largest source measured reaches it in {100 * wanted.chance:.0f} % of the draws)"
        )
    text = f"source size n = {say_quantity(wanted.source_size, whole=True)}{where}"
    if wanted.chance < 0.995:
        chance = f"{100 * (1 - wanted.chance):.0f} % of the draws"
        text += f"; out of reach in {chance} (limit {say_quantity(wanted.limit)}{tail})"
    return text


def _begin_law(name: str, law: ScalingLaw | ScalingSurface, errors: str, sizes: str, console: Console) -> Table:
    """Print name and form; make the table of the parameters."""
    console.print(f"\n[bold]{escape(name)}[/]: {law.num_curves} curve{'s' * (law.num_curves != 1)}, {sizes}")
    console.print(f"{errors} = {law.formula}   (form {law.form!r})", markup=False)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column(f"{100 * law.confidence:g} % interval", justify="right", no_wrap=True)
    return table


def _end_law(table: Table, law: ScalingLaw | ScalingSurface, console: Console) -> None:
    """Print the parameters, how well the law fits, and how each form did in the choice."""
    _print_table(table, console)
    console.print(
        f"fit: the law misses the mean errors by {100 * law.residual_log_rmse:.2g} % (root mean square); chance would "
        f"do so or worse in {100 * law.chance_of_misfit:.0f} % of the draws"
    )
    for note in law.notes:
        console.print(note, markup=False)
    for trial in law.trials:
        error = (
            "" if trial.extrapolation_error is None else f"forecast off by {100 * trial.extrapolation_error:.2g} %, "
        )
        console.print(f"  {trial.form} ({trial.num_parameters} parameters): {error}{trial.reason}", markup=False)


def _print_table(table: Table, console: Console) -> None:
    """A line that is longer than the terminal is better than a number cut short."""
    width = console.width
    console.width = max(width, console.measure(table, options=console.options.update(width=300)).maximum)
    console.print(table)
    console.width = width


def say_quantity(quantity: Quantity, *, whole: bool = False) -> str:
    """A number with its interval.

    Args:
        quantity: The number.
        whole: Whether it is one of materials.
    """
    value = "endlessly many" if quantity.value is None else say_number(quantity.value, whole)
    low, high = (say_number(end, whole) for end in quantity.interval)
    return f"{value} [{low}, {high}]"


def say_interval(interval: Interval) -> str:
    """An interval, three digits each.

    Args:
        interval: Its ends.
    """
    return f"[{say_number(interval.low)}, {say_number(interval.high)}]"


def say_number(value: float, whole: bool = False) -> str:
    """A number with three digits, or all digits before the point.

    Args:
        value: The number.
        whole: Whether it is one of materials.
    """
    if math.isinf(value):
        return "no end"
    return f"{value:,.0f}" if abs(value) >= 1000 or (whole and abs(value) >= 10) else f"{value:.3g}"


def _unit(unit: str) -> str:
    return f" [{unit}]" if unit else ""
