"""How a ranking and an ensemble show themselves; see `gnn_sim2real.shown`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gnn_sim2real.figures import BASELINE_COLORS, COLORS, GRAY, HAIR, SMALL_MARKER, TEXT, clear_frame
from gnn_sim2real.linear import Floats
from gnn_sim2real.shown import Display, Shown

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

    def display(self) -> Display:
        """What there is to show."""
        unit = f" [{self.unit}]" if self.unit else ""
        rows, records = [], []
        for row in self.rows:
            ends = " [{:.3g}, {:.3g}]".format(*row["interval"]) if "interval" in row else ""
            name = f"{row['source']} {row['architecture']} {row['size']:,}"
            rows.append((name, f"{row['error']:.4g}{ends}  {row['probe']}"))
            lower, upper = row.get("interval", (None, None))
            own = {name: value for name, value in row.items() if name != "interval"}
            records.append({**own, "lower": lower, "upper": upper})
        headline = f"{len(self.rows)} models, the best first, by their error in cross-validation{unit}"
        return Display(headline, rows, self._draw, records=records)

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


def draw_left_out(axes: Axes, measured: Floats, predicted: Floats, half_width: Floats, label: str) -> None:
    """Draw measurements against what an ensemble predicts of them without their fold.

    Args:
        axes: Where to draw.
        measured: (num_materials,).
        predicted: (num_materials,).
        half_width: Half the width of the interval of each, (num_materials,); none is drawn if one is infinite.
        label: What is measured, with its unit.
    """
    axes.errorbar(
        measured,
        predicted,
        yerr=half_width if np.isfinite(half_width).all() else None,
        color=COLORS[0],
        ecolor=BASELINE_COLORS[2],
        marker="o",
        markersize=SMALL_MARKER,
        linestyle="none",
    )
    ends = [min(measured.min(), predicted.min()), max(measured.max(), predicted.max())]
    axes.plot(ends, ends, color=GRAY, linewidth=HAIR)
    axes.set_xlabel(f"measured {label}", fontsize=TEXT)
    axes.set_ylabel("predicted without the fold", fontsize=TEXT)
    clear_frame(axes)
