"""How a ranking and an ensemble show themselves; see `gnn_sim2real.shown`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gnn_sim2real.figures import BASELINE_COLORS, COLORS, GRAY, HAIR, SMALL_MARKER, TEXT, clear_frame
from gnn_sim2real.shown import Row, Shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DRAWN = 20


@dataclass(frozen=True, repr=False)
class Ranking(Shown):
    """Models of a library, the best for a target first.

    Attributes:
        rows: Of each model in plain types: `source`, `architecture`, `size`, `probe`, `error`, and for those that were
            looked at to the end `interval`.
        unit: Unit of the errors.
    """

    rows: Sequence[Mapping[str, Any]]
    unit: str = ""

    def _headline(self) -> str:
        unit = f" [{self.unit}]" if self.unit else ""
        return f"{len(self.rows)} models, the best first, by their error in cross-validation{unit}"

    def _lines(self) -> Sequence[Row]:
        lines = []
        for row in self.rows:
            ends = " [{:.3g}, {:.3g}]".format(*row["interval"]) if "interval" in row else ""
            name = f"{row['source']} {row['architecture']} {row['size']:,}"
            lines.append((name, f"{row['error']:.4g}{ends}  {row['probe']}"))
        return lines

    def _records(self) -> Sequence[dict[str, Any]]:
        nothing = (None, None)
        return [
            {name: value for name, value in row.items() if name != "interval"}
            | dict(zip(("lower", "upper"), row.get("interval", nothing), strict=True))
            for row in self.rows
        ]

    def _draw(self, axes: Axes) -> None:
        shown = self.rows[:_DRAWN]
        place = np.arange(len(shown))[::-1]
        errors = np.array([row["error"] for row in shown])
        ends = np.array([row.get("interval", (row["error"],) * 2) for row in shown])
        axes.errorbar(
            errors,
            place,
            xerr=np.abs(ends.T - errors),
            color=COLORS[0],
            marker="o",
            markersize=SMALL_MARKER,
            linestyle="none",
        )
        axes.set_yticks(place, [f"{row['source']} {row['architecture']}" for row in shown], fontsize=TEXT - 2)
        axes.set_xlabel(f"error{f' [{self.unit}]' if self.unit else ''}", fontsize=TEXT)
        clear_frame(axes)


class ShownEnsemble(Shown):
    """An ensemble: its members, and how it predicts what it was not trained on."""

    def _headline(self) -> str:
        own: Any = self
        unit = f" {own.property.unit}".rstrip()
        error = float(np.abs(own.values - own.left_out)[own.first].mean())
        scale = " decades" if own.log else unit
        return (
            f"ensemble for {own.property.name} from {len(own.first)} measured materials, mean absolute error "
            f"{error:.3g}{scale} on left-out ones"
        )

    def _lines(self) -> Sequence[Row]:
        own: Any = self
        ordered = sorted(own.weights.items(), key=lambda each: (-each[1], each[0]))
        return [(name, f"{100 * weight:.0f} %") for name, weight in ordered]

    def _notes(self) -> Sequence[str]:
        own: Any = self
        if not np.isfinite(own.intervals.factor):
            return (f"too few measurements for intervals of {100 * own.intervals.coverage:.0f} %",)
        return ()

    def _records(self) -> Sequence[dict[str, Any]]:
        own: Any = self
        return [{"member": name, "weight": weight} for name, weight in own.weights.items()]

    def _draw(self, axes: Axes) -> None:
        own: Any = self
        half = own.intervals.factor * own.left_out_scale[own.first]
        measured, predicted = own.values[own.first], own.left_out[own.first]
        axes.errorbar(
            measured,
            predicted,
            yerr=half if np.isfinite(half).all() else None,
            color=COLORS[0],
            ecolor=BASELINE_COLORS[2],
            marker="o",
            markersize=SMALL_MARKER,
            linestyle="none",
        )
        ends = [min(measured.min(), predicted.min()), max(measured.max(), predicted.max())]
        axes.plot(ends, ends, color=GRAY, linewidth=HAIR)
        name = own.property.name.replace("_", " ")
        unit = "" if not own.property.unit else f" [{own.property.unit}]"
        what = f"log10 of {name}{unit}" if own.log else f"{name}{unit}"
        axes.set_xlabel(f"measured {what}", fontsize=TEXT)
        axes.set_ylabel("predicted without the fold", fontsize=TEXT)
        clear_frame(axes)
