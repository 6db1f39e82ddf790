"""The answer of a study in three sentences: does the source help, what does the next doubling buy, what to do next."""

from collections.abc import Mapping, Sequence
from typing import Any

from gnn_sim2real.baselines import BASELINES
from gnn_sim2real.law.inversion import Quantity
from gnn_sim2real.law.numbers import format_number, format_size, format_with_ends
from gnn_sim2real.law.planning import Plan
from gnn_sim2real.law.text import format_quantity
from gnn_sim2real.study.text import row_name
from gnn_sim2real.tasks.policies import REFERENCE, is_fine_tuning
from gnn_sim2real.units import format_unit

_KIND = ("architecture", "policy", "growth", "pretraining", "target_size")

Row = Mapping[str, Any]


def answer(
    summary: Mapping[str, Any], doubling: Mapping[tuple[Any, ...], Quantity], worth: Mapping[tuple[Any, ...], Quantity]
) -> list[str]:
    """Three sentences on the fine-tuned model with the least test error, of those with the most measurements.

    Args:
        summary: Summary of the study.
        doubling: Gain of doubling the source, by `curve_of` of a law; a curve without a law has none.
        worth: How many calculations one more measurement is worth, alike.

    Returns:
        The sentences; none if no model with a source has been tested.
    """
    best = best_row(summary)
    if best is None:
        return []
    scratch = _gain(summary, best, lambda over: over["source_level"] == "0" and _is_same_from_scratch(best, over))
    simple = best_row(summary, best)
    rival = None if simple is None else _gain(summary, best, lambda over: _is_row(over, simple))
    curve = curve_of(best)
    return [
        _does_it_help(summary, best, scratch, simple, rival),
        _what_doubling_buys(summary, best, doubling.get(curve)),
        _what_next(summary, best, (doubling.get(curve), worth.get(curve)), (scratch, rival)),
    ]


def curve_of(row: Row) -> tuple[Any, ...]:
    """What names the curve of a row or a label.

    Args:
        row: Row of the summary, or a label as a mapping.
    """
    return tuple(row[name] for name in _KIND)


def worth_of(plans: Sequence[Plan], target_size: float) -> Quantity | None:
    """How many calculations one more measurement is worth at a target size.

    Args:
        plans: Plans from a law in source and target size.
        target_size: m.
    """
    return next((each.worth_of_measurement for each in plans if each.target_size == target_size), None)


def best_row(summary: Mapping[str, Any], beside: Row | None = None) -> Row | None:
    """The row with the least error: of networks with their largest source, or of baselines on a network's materials.

    Args:
        summary: Summary of the study.
        beside: The row of a network, for the best baseline with as many measurements and test materials; None for the
            best network.
    """
    metric = summary["metric"]
    if beside is None:
        rows = [row for row in summary["rows"] if is_fine_tuning(row["policy"]) and row["source_size"]]
        most = max((row["target_size"] for row in rows), default=0)
        largest = {curve_of(row): row for row in sorted(rows, key=lambda row: row["source_size"])}
        rows = [row for row in largest.values() if row["target_size"] == most]
    else:
        rows = [row for row in summary["rows"] if row["policy"] in BASELINES]
        rows = [row for row in rows if all(row[each] == beside[each] for each in ("target_size", "num_test"))]
    return min(rows, key=lambda row: row[metric]["mean"], default=None)


def _is_same_from_scratch(best: Row, over: Row) -> bool:
    return over["architecture"] == best["architecture"] and over["policy"] in (REFERENCE, best["policy"])


def _is_row(over: Row, row: Row) -> bool:
    return curve_of(over) == curve_of(row) and over["source_level"] == row["source_level"]


def _gain(summary: Mapping[str, Any], best: Row, is_over: Any) -> Mapping[str, Any] | None:
    """Paired gain of the curve of a row, at its largest source, over another model."""
    found = [each for each in summary["gains"] if curve_of(each) == curve_of(best) and is_over(each["over"])]
    # The same policy from scratch is a closer rival than another policy.
    found.sort(key=lambda each: each["over"]["policy"] != best["policy"])
    return next((each["gain"] for each in found if each["gain"]["low"] is not None), None)


def _does_it_help(
    summary: Mapping[str, Any],
    best: Row,
    scratch: Mapping[str, Any] | None,
    simple: Row | None,
    rival: Mapping[str, Any] | None,
) -> str:
    unit = f" {format_unit(summary['unit'])}".rstrip()
    helps = "Whether the source helps cannot be told yet"
    if scratch is not None:
        helps = "The source helps" if scratch["low"] > 0 else "The source is not shown to help"
        helps = "The source does harm" if scratch["high"] < 0 else helps
    text = (
        f"{helps}: {row_name(best)}, with {best['source_size']:,} simulated and {best['target_size']:,} measured "
        f"materials, has a test {summary['metric'].upper()} of {_ends(best[summary['metric']])}{unit}"
    )
    if scratch is not None:
        text += f", {_change(scratch, unit, 'that of the same network from scratch')}"
    if simple is None:
        return text + "; no simple method was tested on the same materials."
    name = BASELINES[simple["policy"]].title
    text += f"; the strongest simple method, {name}, has {_ends(simple[summary['metric']])}{unit}"
    return text + (f", and the error of the network is {_change(rival, unit, 'that')}." if rival is not None else ".")


def _change(gain: Mapping[str, Any], unit: str, over: str) -> str:
    """A paired gain over a model, as `lower by 0.02 [0.01, 0.03] eV than that`."""
    word, sign = ("lower", 1) if gain["mean"] >= 0 else ("higher", -1)
    low, high = sorted((sign * gain["low"], sign * gain["high"]))
    change = f"{word} by {format_with_ends(sign * gain['mean'], low, high)}{unit}"
    return f"{change} than {over}" if low > 0 else f"not shown to differ from {over} (it is {change})"


def _ends(value: Mapping[str, Any]) -> str:
    if value.get("low") is None:
        return format_number(value["mean"])
    return format_with_ends(value["mean"], value["low"], value["high"])


def _what_doubling_buys(summary: Mapping[str, Any], best: Row, gain: Quantity | None) -> str:
    if gain is None:
        return "What the next doubling of the source buys cannot be told: a law needs at least four source sizes."
    unit = f" {format_unit(summary['unit'])}".rstrip()
    lowers = "is forecast to lower that error" if gain.interval[0] > 0 else "is not shown to lower that error, by"
    by = " by" if gain.interval[0] > 0 else ""
    size = format_size(2 * best["source_size"])
    return f"Doubling the source, to {size} materials, {lowers}{by} {format_quantity(gain)}{unit}."


def _what_next(
    summary: Mapping[str, Any],
    best: Row,
    law: tuple[Quantity | None, Quantity | None],
    gains: tuple[Mapping[str, Any] | None, Mapping[str, Any] | None],
) -> str:
    (gain, worth), (scratch, rival) = law, gains
    helps = scratch is None or scratch["low"] > 0
    if rival is not None and rival["high"] < 0:
        return "Next, another model: the simple method is better on the same measurements, so take that."
    if helps and worth is not None and worth.value is not None:
        number = format_quantity(worth)
        return f"Next, a measurement where it costs less than {number} calculations, and calculations elsewhere."
    if helps and gain is not None and gain.interval[0] > 0:
        return "Next, calculations: they still lower the error; what a measurement is worth needs three sizes m."
    steps = [each["text"] for each in summary.get("next", []) if curve_of(each) == curve_of(best)]
    if steps:
        return f"Next, know the curve better before more is calculated: {steps[0]}."
    return "Next, measurements, or more source sizes and seeds: these errors do not show what calculations would bring."
