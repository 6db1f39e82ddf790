"""Figures of the page as files, PNG and SVG: for a paper or a talk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from gnn_sim2real.law.models import Models
from gnn_sim2real.law.planning import Plan
from gnn_sim2real.law.scaling_law import ScalingLaw
from gnn_sim2real.law.surface import ScalingSurface
from gnn_sim2real.records.curves import CurveLabel, Kind, model_name
from gnn_sim2real.records.law_figure import draw_iso_errors, draw_laws
from gnn_sim2real.records.size_curves import SizeCurves
from gnn_sim2real.records.size_figure import Laws, draw_sizes
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
        draw_iso_errors(*given, quantity, unit, folder / f"equal_error_{_file_name(kind)}")


def draw_size_curves(found: Iterable[tuple[SizeCurves, Laws]], quantity: str, unit: str, folder: Path) -> None:
    """Draw errors against both sizes, the law in both, and paired gains, a figure for each kind of model.

    Args:
        found: What each kind does over both sizes, with its laws.
        quantity: Label of the error.
        unit: Unit of the error.
        folder: Folder to write to.
    """
    for curves, laws in found:
        draw_sizes(curves, laws, quantity, unit, folder / f"sizes_{_file_name(curves.kind)}")


def _file_name(kind: Kind) -> str:
    return "_".join(part for part in kind if part not in ("", REFERENCE, "random")) or "model"
