"""How laws and plans show themselves; see `gnn_sim2real.shown`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gnn_sim2real.law.numbers import format_number, format_size, format_with_ends
from gnn_sim2real.shown import Row, Shown

_NAMES = {
    "decay_rate": "decay rate alpha",
    "target_rate": "rate of measurements beta",
    "transfer_gap": "transfer gap",
    "prefactor": "prefactor",
    "limit": "limit",
}
_FARTHEST = 10.0
"""Curves are drawn up to this multiple of the largest size."""


class ShownLaw(Shown):
    """A law in one size or in two."""

    def _parameters(self) -> list[tuple[str, float, tuple[float, float]]]:
        law: Any = self
        found = [(label, name) for name, label in _NAMES.items() if hasattr(law, name)]
        own = [(label, getattr(law, name), tuple(getattr(law, f"{name}_interval"))) for label, name in found]
        return own + [(name, value, tuple(law.further_intervals[name])) for name, value in law.further.items()]

    def _lines(self) -> Sequence[Row]:
        return [(name, format_with_ends(value, *ends)) for name, value, ends in self._parameters()]

    def _notes(self) -> Sequence[str]:
        law: Any = self
        return (f"{100 * law.confidence:g} % intervals", *law.notes)

    def _records(self) -> Sequence[dict[str, Any]]:
        return [
            {"parameter": name, "value": value, "low": low, "high": high}
            for name, value, (low, high) in self._parameters()
        ]


class ShownCurve(ShownLaw):
    """A law in the source size."""

    def _headline(self) -> str:
        law: Any = self
        sizes = f"{law.num_sizes} sizes from {format_size(law.smallest_size)} to {format_size(law.largest_size)}"
        return f"E(n) = {law.formula}, {law.num_curves} curve{'s' * (law.num_curves != 1)}, {sizes}"

    def _draw(self, axes: Any) -> None:
        law: Any = self
        ends = ((law.smallest_size, law.largest_size, "-"), (law.largest_size, _FARTHEST * law.largest_size, "--"))
        for start, end, dashes in ends:
            sizes = np.geomspace(start, end, 60)
            axes.plot(sizes, law.predict(sizes), color="C0", linestyle=dashes)
            axes.fill_between(sizes, *law.predict_interval(sizes), color="C0", alpha=0.2)
        axes.set(xscale="log", yscale="log", xlabel="source size n", ylabel="test error")


class ShownSurface(ShownLaw):
    """A law in source and target size."""

    def _headline(self) -> str:
        law: Any = self
        (first, last), (few, many) = ((each[0], each[-1]) for each in (law.source_sizes, law.target_sizes))
        return (
            f"E(n, m) = {law.formula}, {format_size(first)} to {format_size(last)} simulated and {format_size(few)} to "
            f"{format_size(many)} measured materials"
        )

    def _draw(self, axes: Any) -> None:
        law: Any = self
        sizes = np.geomspace(law.source_sizes[0], _FARTHEST * law.source_sizes[-1], 80)
        for number, measured in enumerate(law.target_sizes):
            name = f"{format_size(measured)} measured"
            axes.plot(sizes, law.predict(sizes, np.full(len(sizes), measured)), color=f"C{number % 10}", label=name)
        axes.axvline(law.source_sizes[-1], color="gray", linestyle=":")
        axes.set(xscale="log", yscale="log", xlabel="source size n", ylabel="test error")
        axes.legend()


class ShownPlan(Shown):
    """What a law implies for the next step."""

    def _headline(self) -> str:
        plan: Any = self
        of = "" if plan.target_size is None else f" and {format_size(plan.target_size)} measured"
        return f"plan from {format_size(plan.source_size)} simulated{of} materials"

    def _quantities(self) -> Mapping[str, Any]:
        plan: Any = self
        found = {
            "error there": plan.error,
            "gain of a doubled source": plan.gain_of_doubling,
            "calculations worth one measurement": plan.worth_of_measurement,
            "measurements that the source is worth": plan.effective_data,
        }
        if plan.wanted is not None:
            found[f"source size for the error {format_number(plan.wanted.error)}"] = plan.wanted.source_size
        if plan.split is not None:
            found |= {"share of the budget for calculations": plan.split.source_share, "error after": plan.split.error}
        return {name: each for name, each in found.items() if each is not None}

    def _lines(self) -> Sequence[Row]:
        plan: Any = self
        lines = [(name, format_with_ends(each.value, *each.interval)) for name, each in self._quantities().items()]
        if plan.split is not None:
            lines += [("calculations to add", format_size(plan.split.num_source))]
            lines += [("measurements to add", format_size(plan.split.num_target))]
        return lines

    def _notes(self) -> Sequence[str]:
        plan: Any = self
        return tuple(plan.notes)

    def _records(self) -> Sequence[dict[str, Any]]:
        return [
            {"quantity": name, "value": each.value, "low": each.interval[0], "high": each.interval[1]}
            for name, each in self._quantities().items()
        ]

    def _draw(self, axes: Any) -> None:
        plan: Any = self
        if not plan.iso_errors:
            raise ValueError("a plan of a law in n alone has no lines of equal error; plot the law")
        for line in plan.iso_errors:
            sizes = [np.nan if each is None else each for each in line.source_sizes]
            axes.plot(sizes, line.target_sizes, label=f"error {format_number(line.error)}")
        axes.set(xscale="log", yscale="log", xlabel="source size n", ylabel="target size m")
        axes.legend()
