"""Figures of the page as files, PNG and SVG: for a paper or a talk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gnn_sim2real.law.models import Models
from gnn_sim2real.law.planning import Plan
from gnn_sim2real.law.scaling_law import ScalingLaw
from gnn_sim2real.law.surface import ScalingSurface
from gnn_sim2real.records.curves import CurveLabel, Kind, model_name
from gnn_sim2real.records.law_figure import draw_iso_errors, draw_laws
from gnn_sim2real.tasks.policies import REFERENCE


def draw_forecasts(
    models: Mapping[CurveLabel, Models], laws: Mapping[CurveLabel, ScalingLaw], quantity: str, unit: str, folder: Path
) -> None:
    """Draw the laws of each target size with forecasts and residuals.

    Args:
        models: Models of each curve.
        laws: Law of each curve.
        quantity: Label of the error.
        unit: Unit of the error.
        folder: Folder to write to.
    """
    for size in sorted({label.target_size for label in laws}):
        named = {
            model_name(label.kind): (models[label], law) for label, law in laws.items() if label.target_size == size
        }
        draw_laws(named, quantity, unit, folder / f"forecast_m{size}".replace(".", "_"))


def draw_equal_errors(
    surfaces: Mapping[Kind, tuple[ScalingSurface, Models, Plan]], quantity: str, unit: str, folder: Path
) -> None:
    """Draw lines of equal error over source and target size, and what the laws miss.

    Args:
        surfaces: The laws in source and target size, each with its models and the plan at the largest sizes.
        quantity: Label of the error.
        unit: Unit of the error.
        folder: Folder to write to.
    """
    for kind, given in surfaces.items():
        name = "_".join(part for part in kind if part not in ("", REFERENCE, "random")) or "model"
        draw_iso_errors(*given, quantity, unit, folder / f"equal_error_{name}")
