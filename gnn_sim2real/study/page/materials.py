"""The section of the page on single materials: those that the best model misses most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, NamedTuple

import pandas as pd

from gnn_sim2real.baselines import BASELINES
from gnn_sim2real.page.page import TextTable
from gnn_sim2real.records.curves import CurveLabel
from gnn_sim2real.records.hardest_materials import hardest_materials, has_predictions
from gnn_sim2real.records.laws import Results
from gnn_sim2real.study.config import StudyConfig
from gnn_sim2real.study.page.answer import best_row
from gnn_sim2real.study.page.tables import materials_table
from gnn_sim2real.study.text import row_name

_MOST = 12
_NONE = TextTable((), [])


class Materials(NamedTuple):
    """What the page shows of single materials.

    Attributes:
        table: Those with the largest errors; without rows if nothing may or can be shown.
        text: What is in the table, or why there is none.
    """

    table: TextTable
    text: str


def find_materials(config: StudyConfig, results: Results, summary: Mapping[str, Any]) -> Materials:
    """The test materials that the best model of a study misses most, of tables that anyone may see.

    Args:
        config: The study.
        results: Its results.
        summary: Its summary.
    """
    best = best_row(summary)
    if best is None:
        return Materials(_NONE, "No model with a source has been tested yet.")
    keys = _keys(results, best)
    if not has_predictions(results, keys):
        text = (
            "Single materials are shown of tables whose license lets anyone see them; this one has none that says so."
        )
        return Materials(_NONE, text)
    simple = best_row(summary, best)
    others = [] if simple is None else _keys(results, simple)
    try:
        found = hardest_materials(results, _target(config), keys, others, _MOST)
    except (ValueError, OSError, ImportError) as error:  # the files of the table may be elsewhere by now
        return Materials(_NONE, f"The table of the measured materials cannot be read: {error}")
    name = row_name(best)
    title = "" if simple is None or all(each.other_error is None for each in found) else _title(simple)
    text = f"The test materials that {name} misses most, with {best['target_size']:,} measured and "
    text += f"{best['source_size']:,} simulated materials: means over all models that were tested on each."
    return Materials(materials_table(found, summary["unit"], name, title), text)


def _keys(results: Results, row: Mapping[str, Any]) -> list[str]:
    label = CurveLabel(**{each.name: row[each.name] for each in fields(CurveLabel)})
    found = results.points.get((label, row["source_level"]), pd.DataFrame({"key": []}))
    return [*map(str, found["key"])]


def _title(row: Mapping[str, Any]) -> str:
    return str(BASELINES[row["policy"]].title)


def _target(config: StudyConfig) -> Any:
    """The data module of the measured materials, from the resolved YAML in the folder of the study."""
    from gnn_sim2real.study.stage import Stage

    return Stage("finetune", config.folder / "finetune.yaml", replace(config, overlays=[])).data
