"""Laws, plans and comparisons as text, for the terminal."""

from __future__ import annotations

import math

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gnn_sim2real.law.compare import Comparison, Pair
from gnn_sim2real.law.design import NextSize, parse_wanted
from gnn_sim2real.law.forms.form import RATE_BOUNDS
from gnn_sim2real.law.inversion import Quantity
from gnn_sim2real.law.numbers import format_ends, format_number, format_size, format_with_ends
from gnn_sim2real.law.planning import FAR, Plan, Wanted
from gnn_sim2real.law.scaling_law import ALL_EQUAL, Interval, ScalingLaw, is_level, parameters_of
from gnn_sim2real.law.surface import ScalingSurface
from gnn_sim2real.units import format_unit

FORECASTS = (2.0, 4.0, 10.0)
"""Forecasts are shown at these multiples of the largest size."""


_SMALLEST_RATE, _LARGEST_RATE = 1.01 * RATE_BOUNDS[0], 0.99 * RATE_BOUNDS[1]  # at a bound of its search is none


def print_law(name: str, law: ScalingLaw | ScalingSurface, unit: str, console: Console) -> None:
    """Print a law: form, parameters, fit, doubts, and forecasts of a law in n alone.

    Args:
        name: Name of the curve, or of the models of a law in n and m.
        law: The law.
        unit: Unit of the errors; empty if not known.
        console: Where to print.
    """
    console.print(f"\n[bold]{escape(name)}[/]: {law.num_curves} curve{'s' * (law.num_curves != 1)}, {_sizes(law)}")
    if is_level(law):
        console.print(ALL_EQUAL, markup=False)
        return
    variables = "n, m" if isinstance(law, ScalingSurface) else "n"
    console.print(f"E({variables}) = {law.formula}   (form {law.form!r})", markup=False)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column(f"{100 * law.confidence:g} % interval", justify="right", no_wrap=True)
    rows = _parameter_rows(law, _unit(format_unit(unit)))
    if isinstance(law, ScalingLaw):
        table.add_column("by profile", justify="right")
        rows += _forecast_rows(law)
    for row in rows:
        table.add_row(*map(escape, row))
    _print_table(table, console)
    console.print(
        f"fit: the law misses the mean errors by {100 * law.residual_log_rmse:.2g} % (root mean square); "
        f"{format_chance(law)}"
    )
    for note in law.notes:
        console.print(note, markup=False)
    for trial in law.trials:
        error = (
            ""
            if trial.extrapolation_error is None
            else f"forecasts of the largest sizes off by {100 * trial.extrapolation_error:.2g} %, "
        )
        console.print(f"  {trial.form} ({trial.num_parameters} parameters): {error}{trial.reason}", markup=False)


def format_chance(law: ScalingLaw | ScalingSurface) -> str:
    """Return whether chance explains what a law misses, in a few words.

    Args:
        law: The law.
    """
    if law.chance_of_misfit is None:
        return "whether that is chance cannot be judged without repeats"
    held = f"{100 * law.share_held:.0f} % of the mean errors lie where 90 % are expected"
    return f"{100 * law.chance_of_misfit:.0f} % of the draws miss by as much or more by chance; {held}"


def _sizes(law: ScalingLaw | ScalingSurface) -> str:
    if isinstance(law, ScalingSurface):
        return f"{len(law.source_sizes)} source and {len(law.target_sizes)} target sizes"
    return f"{law.num_sizes} sizes from {format_size(law.smallest_size)} to {format_size(law.largest_size)}"


def _parameter_rows(law: ScalingLaw | ScalingSurface, unit: str) -> list[tuple[str, ...]]:
    """Symbol, value, interval, and for a law in n alone the interval by profile likelihood with its verdict."""
    rows: list[tuple[str, ...]] = []
    for parameter, value, interval in parameters_of(law):
        label = f"{parameter.symbol}, {parameter.meaning}" if parameter.name in law.further else parameter.symbol
        is_rate = parameter.kind == "rate"
        number, ends = _value_and_ends(value, _as_found(interval) if is_rate else interval)
        if is_rate and value > _LARGEST_RATE:
            number = "none found"
        row: tuple[str, ...] = (label + unit * parameter.has_unit, number, ends)
        if isinstance(law, ScalingLaw):
            profile = getattr(law, f"{parameter.name}_profile", None)
            verdict = "" if getattr(law, f"{parameter.name}_identified", True) else "  not identified"
            row = (*row, format_interval(_as_found(profile) if is_rate else profile) + verdict if profile else "")
        rows.append(row)
    return rows


def _as_found(interval: Interval) -> Interval:
    """An interval of a rate, whose end at a bound of the search is 0 or unbounded."""
    low, high = interval
    return Interval(0.0 if 0.0 < low < _SMALLEST_RATE else low, math.inf if high > _LARGEST_RATE else high)


def _forecast_rows(law: ScalingLaw) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for factor in FORECASTS:
        size = factor * law.largest_size
        low, high = map(float, law.predict_interval(size))
        run = Interval(*map(float, law.predict_interval(size, of="run")))
        far = ", far forecast" if factor > FAR else ""
        error = _value_and_ends(float(law.predict(size)), Interval(low, high))
        where = f"one new run {format_interval(run)}{far}"
        rows.append((f"E at n = {format_size(size)}", *error, where))
    return rows


def _value_and_ends(value: float, interval: Interval) -> tuple[str, str]:
    """A number and its interval, for two cells."""
    text, _, ends = format_with_ends(value, *interval).partition(" [")
    return text, f"[{ends}"


def print_plan(plan: Plan, unit: str, confidence: float, console: Console) -> None:
    """Print a plan.

    Args:
        plan: The plan.
        unit: Unit of the errors; empty if not known.
        confidence: Nominal coverage of its intervals.
        console: Where to print.
    """
    tail = f" {format_unit(unit)}".rstrip()
    place = f"n = {format_size(plan.source_size)}"
    place += f", m = {format_size(plan.target_size)}" if plan.target_size else ""
    lines = [f"at {place}, with {100 * confidence:g} % intervals:"]
    lines.append(f"  predicted error: {format_quantity(plan.error)}{tail}")
    lines.append(f"  gain from doubling the source: {format_quantity(plan.gain_of_doubling)}{tail}")
    if plan.worth_of_measurement is not None:
        lines.append(f"  one more measurement is worth {format_quantity(plan.worth_of_measurement)} calculations")
    if plan.effective_data is not None:
        lines.append(f"  effective data transferred: {format_effective(plan.effective_data)}")
    if plan.wanted is not None:
        lines.append(f"for an error of {plan.wanted.error:g}{tail}:")
        lines.append(f"  {format_wanted(plan.wanted, plan.target_size, tail)}")
    if plan.split is not None:
        split = plan.split
        lines += [
            "the budget lowers the error most as",
            f"  {format_size(split.num_source)} calculations and {format_size(split.num_target)} measurements, "
            f"{format_quantity(split.source_share)} of it for calculations: error {format_quantity(split.error)}{tail}",
            f"  all for calculations: {format_quantity(split.error_all_source)}{tail}; "
            f"all for measurements: {format_quantity(split.error_all_target)}{tail}",
        ]
    for line in plan.iso_errors:
        pairs = (
            f"m = {format_size(target)}: {'-' if source is None else format_number(source, True)}"
            for target, source in zip(line.target_sizes, line.source_sizes, strict=True)
        )
        lines.append(f"source sizes for an error of {line.error:.4g}{tail}: {', '.join(pairs)}")
    console.print("\n" + "\n".join([*lines, *plan.notes]), markup=False)


def print_next(name: str, found: NextSize, unit: str, confidence: float, console: Console) -> None:
    """Print what to train next.

    Args:
        name: Name of the curve.
        found: What to train next.
        unit: Unit of the errors; empty if not known.
        confidence: Nominal coverage of the interval.
        console: Where to print.
    """
    console.print(f"\n{name}: {format_next(found, unit, confidence)}", markup=False)
    if not found.steps:
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("source size n", "models", f"cost, in n^{found.cost_exponent:g}", "expected width", "of today's"):
        table.add_column(heading, justify="right", no_wrap=True)
    for step in found.steps:
        place = "every measured one" if step.source_size is None else format_size(step.source_size)
        cells = (place, str(step.num_models), format_number(step.cost, whole=True))
        table.add_row(*cells, f"{step.expected_width:.2g}", f"{100 * step.share_of_width:.0f} %")
    _print_table(table, console)


def format_next(found: NextSize, unit: str, confidence: float) -> str:
    """Return in a sentence what to train next.

    Args:
        found: What to train next.
        unit: Unit of the errors; empty if not known.
        confidence: Nominal coverage of the interval.
    """
    tail = "" if found.wanted == "alpha" else f" {format_unit(unit)}".rstrip()
    what = found.wanted
    if what.startswith("forecast@"):
        what = f"E at n = {format_size(parse_wanted(what)[1])}"
    text = f"{what} is {format_quantity(found.today)}{tail} today ({100 * confidence:g} % interval); "
    if found.best is None:
        return f"{text}no further model of these sizes narrows that"
    best = found.best
    models = f"{best.num_models} {'more ' * best.is_measured}model{'s' * (best.num_models != 1)} at "
    models += "every measured size" if best.source_size is None else f"n = {format_size(best.source_size)}"
    width = f"to a width of about {best.expected_width:.2g}{tail} ({100 * best.share_of_width:.0f} % of today's)"
    return (
        f"{text}{models} narrow{'s' * (best.num_models == 1)} that most per cost, if a model costs "
        f"n^{found.cost_exponent:g}: {width}"
    )


def print_comparison(comparison: Comparison, unit: str, console: Console) -> None:
    """Print laws side by side, and the comparison of each two.

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
        rate = format_with_ends(law.decay_rate, *_as_found(law.decay_rate_interval))
        rate += "" if law.decay_rate_identified else " ?"
        gap = format_with_ends(law.transfer_gap, *law.transfer_gap_interval)
        gap += "" if law.transfer_gap_identified else " ?"
        if is_level(law):
            rate = gap = "none: all errors are equal"
        cells = (name, law.form, rate, gap, format_size(law.largest_size), format_quantity(comparison.gains[name]))
        table.add_row(*map(escape, cells))
    _print_table(table, console)
    console.print("?: not identified")
    for pair in comparison.pairs:
        console.print("\n" + "\n".join(_pair_lines(pair)), markup=False)


def _pair_lines(pair: Pair) -> list[str]:
    paired = f"paired over {pair.num_shared} shared repeats" if pair.num_shared else "not paired: no repeat is shared"
    if any(pair.num_materials):
        paired += f"; {_format_materials(pair)}"
    crossing = (
        ", ".join(f"n = {format_number(size, True)}" for size in pair.crossings)
        or "none up to a thousand times the largest size"
    )
    chances = ", ".join(
        f"{100 * chance:.0f} % at n = {format_size(size)}"
        for size, chance in zip(pair.sizes, pair.chances, strict=True)
    )
    return [
        f"{pair.first} against {pair.second} ({paired})",
        f"  differences: alpha {format_quantity(pair.decay_rate)}, C {format_quantity(pair.transfer_gap)}, "
        f"gain of the next doubling {format_quantity(pair.next_doubling)}",
        f"  the fitted laws cross at: {crossing}",
        f"  probability that {pair.first} has the lower error: {chances}",
    ]


def _format_materials(pair: Pair) -> str:
    """Which test materials are in the intervals."""
    if not all(pair.num_materials):
        name = pair.first if pair.num_materials[0] else pair.second
        return f"of {name} alone, the choice of test materials is in the intervals"
    if pair.num_shared_materials:
        return f"paired over {pair.num_shared_materials:,} shared test materials"
    return "the choice of test materials is in the intervals, and none is shared"


def format_effective(worth: Quantity) -> str:
    """Return what a source is worth, in a few words.

    Args:
        worth: Result of `gnn_sim2real.law.effective_data.effective_data`.
    """
    if worth.value is not None:
        return f"the source is worth {format_quantity(worth)} measurements"
    low = worth.interval.low
    least = f"; the source is worth at least {low:,.0f} measurements" if math.isfinite(low) else ""
    return f"no model from scratch was as good{least}"


def format_wanted(wanted: Wanted, target_size: float | None, tail: str) -> str:
    """Return the source size for an error, or that it is out of reach.

    Args:
        wanted: The wanted error of a plan.
        target_size: Target size m; None if it is not known.
        tail: What follows an error: a space and its unit.
    """
    where = f" at {format_size(target_size)} measurements" if target_size else ""
    if wanted.source_size.value is None and wanted.limit.value is None:
        return f"out of reach{where}: the error does not fall with the source"
    if wanted.source_size.value is None:
        # The fitted law may not come as low although many of its draws do.
        verdict = "out of reach" if wanted.chance < 0.05 else "not certain to be reached"
        return (
            f"{verdict}{where}: the limit is {format_quantity(wanted.limit)}{tail} "
            f"(a thousand times the largest measured source reaches it in {100 * wanted.chance:.0f} % of the draws)"
        )
    low, high = wanted.source_size.interval
    value, ends = _value_and_ends(wanted.source_size.value, Interval(low, high))
    enough = wanted.smallest_size * (1.0 + 1e-9)  # below it nothing is known
    at_most = f"at most {format_size(wanted.smallest_size)}"
    if low <= enough:
        ends = f"[{at_most}, {ends.partition(', ')[2]}" if high > enough else ""
    if wanted.source_size.value <= enough:
        value = f"{at_most}, the smallest measured one"
    text = f"source size n = {value} {ends}".rstrip() + where
    if wanted.chance < 0.995:
        chance = f"{100 * (1 - wanted.chance):.0f} % of the draws"
        text += f"; out of reach in {chance} (limit {format_quantity(wanted.limit)}{tail})"
    return text


def _print_table(table: Table, console: Console) -> None:
    """Print without wrapping: a line longer than the terminal is better than a broken number."""
    width = console.width
    console.width = max(width, console.measure(table, options=console.options.update(width=300)).maximum)
    console.print(table)
    console.width = width


def format_quantity(quantity: Quantity) -> str:
    """A number with its interval.

    Args:
        quantity: The number.
    """
    return format_with_ends(quantity.value, *quantity.interval)


def format_interval(interval: Interval) -> str:
    """An interval.

    Args:
        interval: Its ends.
    """
    return format_ends(*interval)


def _unit(unit: str) -> str:
    return f" [{unit}]" if unit else ""
