"""Tables of the page from the summary and the records; every cell is text."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gnn_sim2real.law.numbers import format_number
from gnn_sim2real.page.page import Picture, TextTable, data_uri
from gnn_sim2real.records.hardest_materials import HardMaterial
from gnn_sim2real.study.text import name_of_group, row_name, scored_on, source_name
from gnn_sim2real.tasks.policies import is_fine_tuning
from gnn_sim2real.units import format_unit

if TYPE_CHECKING:
    from PIL.Image import Image


def results_table(summary: Mapping[str, Any]) -> TextTable:
    """Mean and interval of every grid point.

    Args:
        summary: Summary of the study.
    """
    metric, unit = summary["metric"], with_unit(summary["unit"])
    nonzero = any("mae_nonzero" in row for row in summary["rows"])
    fewer = scored_on(summary)
    with_r2 = any(row.get("r2") for row in summary["rows"])  # small test parts have none
    headings = ("model", "m", "source n", f"{metric.upper()}{unit}", *[f"MAE of nonzero{unit}"] * nonzero)
    headings = (*headings, *["R²"] * with_r2, *fewer.headings, "runs")
    rows = [
        (
            row_name(row),
            f"{row['target_size']:,}",
            source_name(row),
            _estimate(row[metric]),
            *[_estimate(row.get("mae_nonzero"))] * nonzero,
            *[f"{row['r2']['mean']:.3f}" if row.get("r2") else ""] * with_r2,
            *fewer.cells(row),
            str(row[metric]["num_repeats"]),
        )
        for row in summary["rows"]
    ]
    return TextTable(headings, rows)


def gains_table(summary: Mapping[str, Any]) -> TextTable:
    """Gain of fine-tuning from the largest source over each alternative, on the same test parts and seeds.

    Args:
        summary: Summary of the study.
    """
    rows = []
    for gain in summary["gains"]:
        over = gain["over"]
        # a model without a source, or the same model with another source
        other = row_name(over | {"source_size": 0 if over["source_level"] == "0" else 1})
        if over["source_level"] == "0" and is_fine_tuning(over["policy"]):
            other = f"{other} from scratch".strip()
        if "num_test" in gain:  # one of both was scored on fewer materials
            other = f"{other} (on the same {gain['num_test']:,} materials)"
        rows.append((row_name(gain), other, f"{gain['target_size']:,}", _estimate(gain["gain"])))
    unit = with_unit(summary["unit"])
    return TextTable(("largest source", "against", "m", f"lower {summary['metric'].upper()} by{unit}"), rows, (0, 1))


def unseen_table(summary: Mapping[str, Any]) -> TextTable:
    """Errors on the test materials with what the source never saw, and on the others.

    Args:
        summary: Summary of the study.
    """
    rows = [
        (
            name_of_group(row),
            f"{row['target_size']:,}",
            f"{row['unseen']:.4f}",
            f"{row['num_unseen']:,}",
            f"{row['seen']:.4f}",
            f"{row['num_seen']:,}",
        )
        for row in summary.get("unseen", {}).get("rows", ())
    ]
    unit = with_unit(summary["unit"])
    return TextTable(("model", "m", f"MAE{unit}, never seen", "errors", f"MAE{unit}, the others", "errors"), rows)


def cards_table(data: Mapping[str, Any]) -> TextTable:
    """Data cards of source and target.

    Args:
        data: Data cards of the cell with the largest source.
    """
    wanted = {
        "name": "data module",
        "properties": "properties",
        "num_materials": "materials after cleaning",
        "num_removed": "of these excluded, since the target has them",
        "size": "used in the largest cell",
        "num_test": "in the test part",
        "split_by": "test part split by",
        "grow_by": "grown by",
        "match_kinds": "structures found by",
        "fingerprint": "fingerprint of the table",
        "parts": "fingerprint of the parts",
    }
    sides = [side for side in ("source", "target") if data.get(side)]
    rows = []
    for name, label in wanted.items():
        if any(data[side].get(name) not in (None, "", 0) for side in sides):
            rows.append((label, *(_card_entry(data[side].get(name)) for side in sides)))
    return TextTable(("", *sides), rows, (0, 1, 2))


def versions_table(provenance: Mapping[str, Any]) -> TextTable:
    """Python and package versions of one record.

    Args:
        provenance: Provenance of the record.
    """
    versions = {"python": provenance.get("python"), **(provenance.get("versions") or {})}
    return TextTable(("package", "version"), [(name, str(found)) for name, found in versions.items() if found], (0, 1))


def materials_table(found: Sequence[HardMaterial], unit: str, model: str, other: str) -> TextTable:
    """The test materials with the largest errors, with their structures.

    Args:
        found: The materials.
        unit: Unit of the property.
        model: Name of the model.
        other: Name of the one beside it; empty for none.
    """
    rows = []
    for each in found:
        picture = "" if each.picture is None else Picture(_png(each.picture), f"structure of {each.spelling}")
        numbers = [each.measured, each.predicted, each.error, *[each.other_error] * bool(other)]
        texts = ("-" if number is None else format_number(number) for number in numbers)
        rows.append((picture, each.spelling, *texts, str(each.num_tests)))
    tail = with_unit(unit)
    errors = [f"error of {name}{tail}" for name in (model, other) if name]
    headings = ("structure", "material", f"measured{tail}", f"predicted{tail}", *errors, "tests")
    return TextTable(headings, rows, (0, 1))


def _png(picture: Image) -> str:
    content = io.BytesIO()
    picture.convert("RGB").quantize(32).save(content, format="png", optimize=True)
    return data_uri(content.getvalue(), "image/png")


def with_unit(unit: str) -> str:
    """A unit in brackets for a column heading; empty without a unit.

    Args:
        unit: The unit.
    """
    return f" [{format_unit(unit)}]" if unit else ""


def _card_entry(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, Mapping):
        return ", ".join(f"{count:,} {kind}" for kind, count in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value).replace("_", " ")


def _estimate(estimate: Mapping[str, Any] | None) -> str:
    if estimate is None:
        return ""
    interval = "" if estimate["low"] is None else f" [{estimate['low']:z.4f}, {estimate['high']:z.4f}]"
    return f"{estimate['mean']:z.4f}{interval}"
