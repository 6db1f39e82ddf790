"""The report of a study as one self-contained HTML file, which needs no network.

It is made from the summary and the laws, so that a study of a million cells takes little longer than one of a hundred.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gnn_sim2real.law.compare import Comparison, compare_fitted
from gnn_sim2real.law.effective_data import FromScratch
from gnn_sim2real.law.models import Models
from gnn_sim2real.law.numbers import format_size
from gnn_sim2real.law.planning import Plan, Wanted, plan
from gnn_sim2real.law.scaling_law import ScalingLaw
from gnn_sim2real.law.surface import ScalingSurface
from gnn_sim2real.law.text import format_quantity
from gnn_sim2real.page.page import PAGE, Download, TextTable, csv_of, data_uri, write_page
from gnn_sim2real.records.curves import CurveLabel, Kind, curve_name, model_name
from gnn_sim2real.records.geometric import KIND_OF_MEAN, with_geometric_means
from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.size_curves import size_curves
from gnn_sim2real.records.size_figure import laws_of
from gnn_sim2real.records.study_figure import panels_of
from gnn_sim2real.study.config import STUDY_FILE, StudyConfig
from gnn_sim2real.study.page import charts, law_tables, size_charts, tables
from gnn_sim2real.study.page.answer import answer, curve_of, worth_of
from gnn_sim2real.study.page.figures import draw_equal_errors, draw_forecasts, draw_size_curves
from gnn_sim2real.study.page.materials import find_materials
from gnn_sim2real.study.text import format_data, format_fewer, format_transfer, who_is_unseen
from gnn_sim2real.tasks.policies import is_fine_tuning
from gnn_sim2real.units import format_unit

_STAGES = ("pretrain", "finetune", "scratch")
_LOWER = (5, 10, 20)
_WORTH_TELLING = 1e-3
"""A gain below this share of the error is called none."""

_MOST_BROUGHT = 1_000_000
"""A larger summary [bytes] is not brought along by the page."""

_MOST_IN_SHORT = 6  # laws; if there are more, those with the most measurements
_MOST_COMPARED = 6
_MOST_OVER_SIZES = 6  # kinds of models whose figures over both sizes the page shows; files show all


def write_study_page(
    config: StudyConfig, results: Results, summary: Mapping[str, Any], provenance: Mapping[str, Any]
) -> Path:
    """Write the page, and its other figures into the folder `figures`.

    Args:
        config: The study.
        results: Results of the study.
        summary: Summary from `gnn_sim2real.records.summary.summarize`, with the data cards.
        provenance: Time, host and versions of one record.

    Returns:
        Path of the page.
    """
    path = config.folder / PAGE
    write_page(path, "gnn_sim2real.study.page", "page.html", _content(config, results, summary, provenance))
    return path


def _content(
    config: StudyConfig, results: Results, summary: Mapping[str, Any], provenance: Mapping[str, Any]
) -> dict[str, Any]:
    unit, data = summary["unit"], summary.get("data", {})
    shown = with_geometric_means(summary)
    laws = {label: law for label, law in results.laws.items() if is_fine_tuning(label.policy)}
    models, surfaces = results.models, results.surfaces
    plans = {kind: _plans(law, results.grids[kind].scratch) for kind, law in surfaces.items()}
    gains = {curve_of(asdict(label)): plan(law).gain_of_doubling for label, law in laws.items()}
    worth = {
        curve_of(asdict(label)): found
        for label in laws
        if (found := worth_of(plans.get(label.kind, ()), label.target_size)) is not None
    }
    quantity = f"test {summary['metric'].upper()} of {summary['property'].replace('_', ' ')}"
    folder = config.folder / "figures"
    draw_forecasts(models, laws, quantity, unit, folder)
    drawn = {kind: (law, results.grids[kind].models, plans[kind][-1]) for kind, law in surfaces.items()}
    draw_equal_errors(drawn, quantity, unit, folder)
    over_sizes = [(each, laws_of(each.kind, laws, surfaces)) for each in size_curves(results)]
    draw_size_curves(over_sizes, quantity, unit, folder)
    table, materials = tables.results_table(shown), find_materials(config, results, shown)
    panels = panels_of(results, data)
    return {
        "title": config.title or f"{quantity}: {config.folder.name}",
        "quantity": quantity,
        "unit": format_unit(unit),
        "summary": summary,
        "kind_of_mean": KIND_OF_MEAN,
        "answer": answer(shown, gains, worth),
        "results": table,
        "curves": charts.curve_figure(panels, quantity, unit) if results.curves else None,
        "over_sizes": [
            (
                each.name,
                size_charts.size_figures(each, its_laws.of_source, quantity, unit),
                size_charts.format_paired(each, unit),
            )
            for each, its_laws in over_sizes[:_MOST_OVER_SIZES]
        ],
        "materials": materials,
        "downloads": _downloads(summary, table, materials.table),
        "in_short": _in_short(laws, plans, unit),
        "laws": law_tables.laws_table(laws, unit),
        "law_texts": [(curve_name(label), law.describe(format_unit(unit))) for label, law in laws.items()],
        "forecasts": charts.forecast_figures(models, laws, quantity, unit),
        "forecast_table": law_tables.forecasts_table(laws, unit),
        "doubling": law_tables.doubling_table({label: plan(law) for label, law in laws.items()}, unit),
        "wanted": law_tables.wanted_table({label: _wanted(law) for label, law in laws.items()}, unit),
        "comparison": law_tables.comparison_table(_compare(models, laws), unit),
        "surfaces": law_tables.surfaces_table(surfaces, unit),
        "surface_texts": [(model_name(kind), law.describe(format_unit(unit))) for kind, law in surfaces.items()],
        "worth": law_tables.worth_table([(kind, each) for kind, found in plans.items() for each in found]),
        "equal_errors": [
            charts.equal_error_figure(law, plans[kind][-1], model_name(kind), quantity, unit)
            for kind, law in surfaces.items()
        ],
        "fewer": format_fewer(shown),
        "next": [each["text"] for each in summary.get("next", [])],
        "transfer": format_transfer(shown),
        "gains": tables.gains_table(shown),
        "unseen": tables.unseen_table(summary),
        "who_is_unseen": who_is_unseen(summary["unseen"]) if "unseen" in summary else "",
        "cards": tables.cards_table(data),
        "leakage": format_data(data, unit),
        "settings": _settings(config.folder),
        "versions": tables.versions_table(provenance),
    }


def _compare(models: Mapping[CurveLabel, Models], laws: Mapping[CurveLabel, ScalingLaw]) -> dict[float, Comparison]:
    """Paired comparison of the laws of each target size, unless there are too many to read."""
    compared = {}
    for size in sorted({label.target_size for label in laws}):
        named = {model_name(label.kind): label for label in laws if label.target_size == size}
        if 1 < len(named) <= _MOST_COMPARED:
            fitted = {name: laws[label] for name, label in named.items()}
            compared[size] = compare_fitted(fitted, {name: models[label] for name, label in named.items()})
    return compared


def _wanted(law: ScalingLaw) -> dict[str, Wanted]:
    """Source sizes for errors below the one at the largest source."""
    error = float(law.predict(law.largest_size))
    found = {f"{percent} % lower": plan(law, target_error=(1 - percent / 100) * error).wanted for percent in _LOWER}
    return {how: wanted for how, wanted in found.items() if wanted is not None}


def _plans(law: ScalingSurface, scratch: FromScratch | None) -> list[Plan]:
    """Plans from a law in source and target size, at the largest source and each target size."""
    return [plan(law, at=(law.source_sizes[-1], size), scratch=scratch) for size in law.target_sizes]


def _downloads(summary: Mapping[str, Any], table: TextTable, materials: TextTable) -> list[Download]:
    """Files that the page brings along, so that it can be sent alone."""
    content = json.dumps(summary, indent=1).encode()
    found = [Download("results.csv", data_uri(csv_of(table), "text/csv"), "the table of errors")]
    if materials.rows:
        found.append(Download("materials.csv", data_uri(csv_of(materials), "text/csv"), "the table of materials"))
    if len(content) <= _MOST_BROUGHT:
        uri = data_uri(content, "application/json")
        found.append(Download("summary.json", uri, "all numbers, with arithmetic means beside the geometric ones"))
    return found


def _in_short(
    laws: Mapping[CurveLabel, ScalingLaw], plans: Mapping[Kind, list[Plan]], unit: str
) -> list[tuple[str, str]]:
    """First answers for each law: what is identified, the gain of doubling the source, the worth of a measurement."""
    tail = f" {format_unit(unit)}".rstrip()
    sentences = []
    if len(laws) > _MOST_IN_SHORT:
        most = max(label.target_size for label in laws)
        laws = {label: law for label, law in laws.items() if label.target_size == most}
    for label, law in laws.items():
        known = [
            "the rate alpha" if law.decay_rate_identified else "",
            "the limit C" if law.transfer_gap_identified else "",
        ]
        verdict = " and ".join(part for part in known if part)
        here = plan(law)
        gain, error = here.gain_of_doubling.value, here.error.value
        tiny = gain is not None and error is not None and gain < _WORTH_TELLING * error
        lowers = "is not shown to lower this, by" if tiny else "lowers this by"
        text = (
            f"at n = {format_size(law.largest_size)} the law predicts {format_quantity(here.error)}{tail}; doubling "
            f"the source {lowers} {format_quantity(here.gain_of_doubling)}{tail}. "
            + (
                f"The data identify {verdict}."
                if verdict
                else "The data identify neither the rate alpha nor the limit C."
            )
        )
        found = [
            each
            for kind, of_kind in plans.items()
            for each in of_kind
            if kind == label.kind and each.target_size == label.target_size
        ]
        for each in found:
            if each.worth_of_measurement is not None:
                worth = format_quantity(each.worth_of_measurement)
                text += f" One more measurement is worth {worth} calculations there."
        sentences.append((curve_name(label), text))
    return sentences


def _settings(folder: Path) -> list[tuple[str, str]]:
    """The resolved YAMLs of study and stages."""
    names = [STUDY_FILE, *(f"{stage}.yaml" for stage in _STAGES)]
    names += sorted(path.name for path in folder.glob("pretrain *.yaml"))
    files = [folder / name for name in names]
    return [(each.name, each.read_text(encoding="utf-8", errors="replace")) for each in files if each.exists()]
