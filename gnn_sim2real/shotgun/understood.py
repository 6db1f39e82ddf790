"""What a run of shotgun has understood of its settings, in lines, before it begins."""

from collections.abc import Sequence

import numpy as np

from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.library import Card, ModelLibrary
from gnn_sim2real.shotgun.features import Skipped
from gnn_sim2real.shotgun.members import Block
from gnn_sim2real.shotgun.settings import ShotgunConfig
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.tables.table import CleanTable, count_reasons
from gnn_sim2real.units import format_unit

_KINDS = {
    "repeat_unit": "repeat units of polymers",
    "molecule": "molecules",
    "composition": "formulas",
    "crystal": "crystals",
    "mixture": "mixtures",
}


def describe_data(target: Target, data: PropertyDataModule, test: PropertyDataModule | None) -> list[str]:
    """Describe what is measured, and what is tested.

    Args:
        target: The target.
        data: Its data set, without what is tested.
        test: What is tested apart, if anything is.
    """
    table, prop, unit = data.table, data.table.properties[0], format_unit(target.spec.unit)
    kind = _KINDS.get(target.own.name, target.own.name)
    first = f"{target.name}: {kind}, {target.spec.name.replace('_', ' ')}" + (f" in {unit}" if unit else "")
    if prop.column:
        first += f" from the column {prop.column!r}"
        if prop.file_unit and prop.file_unit != prop.unit:
            first += f", there in {prop.file_unit}"
    values = target.table.values[np.unique(target.train), 0]
    low, middle, high = np.quantile(values, [0, 0.5, 1])
    lines = [
        first,
        f"measured: {len(values):,} materials, {low:.4g} to {high:.4g}{f' {unit}' if unit else ''}, median {middle:.4g}"
        + _refused(table),
    ]
    if target.weights is not None:
        lines.append("weights: by `uncertainty_column`, a precise value counts more")
    if target.simulated is not None:
        known = int(np.isfinite(target.simulated).sum())
        origin = f", from {table.simulated_origin}" if table.simulated_origin else ""
        lines.append(f"simulated: {known:,} of these have a simulated {prop.name.replace('_', ' ')}{origin}")
    if test is not None:
        shared = len(table.identities) - len(data.splitter.available)
        leave = f"; {shared:,} measured materials are among them and leave the training" if shared else ""
        lines.append(f"tested apart: {len(target.test):,} materials{_refused(test.table)}, used for no choice{leave}")
    elif len(target.test):
        lines.append(f"tested: {len(target.test):,} materials, used for no choice")
    return lines


def describe_effort(
    library: ModelLibrary, cards: Sequence[Card], skipped: Skipped, blocks: Sequence[Block], config: ShotgunConfig
) -> list[str]:
    """Describe what is tried, where to, and for how long.

    Args:
        library: The library.
        cards: Cards of the models that may be used.
        skipped: Counts those that may not.
        blocks: Further descriptors.
        config: See `ShotgunConfig`.
    """
    left_out = sum(skipped.reasons.values())
    seen = f", {left_out:,} left out since they have seen tested materials" if left_out else ""
    features = f"; features of {', '.join(each.name for each in blocks)}" if blocks else ""
    minutes = "1 minute" if config.minutes == 1 else f"{config.minutes or 0:g} minutes"
    time = "no limit of time (`--minutes`)" if config.minutes is None else f"{minutes} for ranking and trainings"
    return [f"library: {library.folder}, {len(cards):,} models{seen}{features}", f"{time}; output: {config.output}"]


def _refused(table: CleanTable) -> str:
    reasons = count_reasons(table.quarantine)
    return f"; refused: {reasons}" if reasons else ""
