"""The answer as one HTML page, which opens with it in three sentences."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from gnn_sim2real.baselines.member import MEAN
from gnn_sim2real.metrics import interval_of_mean
from gnn_sim2real.page.page import PAGE, TextTable, write_page
from gnn_sim2real.shotgun.answer import ENSEMBLE, describe_fewer, note_of_fewer
from gnn_sim2real.shotgun.charts import parity_figure, ranking_figure
from gnn_sim2real.shotgun.foundation import FoundationBlock
from gnn_sim2real.shotgun.report import caveats, sentence, unit_of
from gnn_sim2real.shotgun.run import (
    ENSEMBLE_FOLDER,
    MEASURED_FILE,
    SETTINGS_FILE,
    ShotgunResult,
    ranking_rows,
)

_RANKED = 30
_LISTED = 20


def write_answer_page(
    result: ShotgunResult, folder: Path, title: str, understood: list[str], described: Mapping[str, Any]
) -> Path:
    """Write the page; the figures are in the folder already.

    Args:
        result: From `run_shotgun`.
        folder: Output folder.
        title: Title of the page.
        understood: What the run has said of its settings before it began.
        described: The configuration in plain types.
    """
    target, answer = result.target, result.answer
    name = target.spec.name.replace("_", " ")
    ranked = len(answer.ranked)
    content = {
        "title": title or f"{name} of {target.num_measured} measured materials: {target.name}",
        "answer": answer_sentences(result),
        "caveats": caveats(result),
        "understood": understood,
        "parity": parity_figure(result),
        "ranking": ranking_figure(result),
        "marked": _marked_table(result),
        "members": _members_table(result),
        "comparison": sentence(result),
        "ranked": _ranking_table(result),
        "num_ranked": ranked,
        "skipped": [f"{count:,} models not ranked: {reason}" for reason, count in result.skipped.items()],
        "features": [
            f"features of {each.name} {each.about['version']}, {each.about['has_seen']}"
            for each in answer.blocks
            if isinstance(each, FoundationBlock)
        ],
        "predict": shlex.join(["gnn-sim2real", "predict", str(folder / ENSEMBLE_FOLDER), "FILE"]),
        "again": shlex.join(["gnn-sim2real", "shotgun", "-c", str(folder / SETTINGS_FILE)]),
        "limited": described.get("minutes") is not None,
        "measured_file": MEASURED_FILE,
        "settings": yaml.safe_dump(dict(described), sort_keys=False, allow_unicode=True),
    }
    write_page(folder / PAGE, "gnn_sim2real.shotgun", "page.html", content)
    return folder / PAGE


def answer_sentences(result: ShotgunResult) -> list[str]:
    """The answer in three sentences: how good it is, what it is made of, how far it may be trusted.

    Args:
        result: From `run_shotgun`.
    """
    return [_how_good(result), _made_of(result), _how_far(result)]


def _how_good(result: ShotgunResult) -> str:
    target, answer = result.target, result.answer
    errors = answer.left_out_errors()
    mean, low, high = interval_of_mean(errors[ENSEMBLE])
    unit = unit_of(target).strip(" []")
    name = target.spec.name.replace("_", " ")
    text = (
        f"The {name} of a material like the {target.num_measured} measured ones is predicted with a mean absolute "
        f"error of {_quantity(mean, unit)} [{max(low, 0):.3g}, {high:.3g}]"
    )
    if MEAN in errors:
        text += f", where the mean of the measurements is off by {_quantity(float(errors[MEAN].mean()), unit)}"
    if len(target.test):
        tested, low, high = interval_of_mean(answer.tested_errors()[ENSEMBLE])
        count = len(target.test)
        text += f"; on the {count} test materials it is {_quantity(tested, unit)} [{max(low, 0):.3g}, {high:.3g}]"
    return f"{text}."


def _made_of(result: ShotgunResult) -> str:
    answer = result.answer
    weighted = sorted((each for each in answer.stack.members if each.weight > 0), key=lambda each: -each.weight)
    listed = ", ".join(f"{100 * each.weight:.0f} % {result.titles.get(each.name, each.name)}" for each in weighted[:3])
    more = f" and {len(weighted) - 3} more" if len(weighted) > 3 else ""
    best = ranking_rows(result)[0]
    return (
        f"The answer is made of {listed}{more}; of {len(answer.ranked):,} pretrained models the best for it is one of "
        f"{best['source']} ({best['architecture']}, {best['size']:,} materials)."
    )


def _how_far(result: ShotgunResult) -> str:
    target, answer, beside = result.target, result.answer, result.beside
    coverage = f"{100 * answer.intervals.coverage:.0f} %"
    if not np.isfinite(answer.intervals.factor):
        return f"{target.num_measured} materials are too few for intervals of {coverage}, which are infinite here."
    unit = unit_of(target).strip(" []")
    widths = 2 * answer.intervals.factor * answer.left_out_scale
    far, suspects = sum(map(bool, beside.outside)), int(beside.suspects.sum())
    text = f"Its {coverage} intervals are {_quantity(float(np.median(widths)), unit)} wide in the median"
    far_text = f"{far} of {len(beside.outside)} materials are unlike the others, where they have no guarantee"
    text += f"; {far_text}" if far else "; no measured material is unlike the others"
    values = "one measured value lies" if suspects == 1 else f"{suspects} measured values lie"
    return text + (f", and {values} far outside of theirs, worth a second look." if suspects else ".")


def _quantity(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}".rstrip()


def _marked_table(result: ShotgunResult) -> TextTable:
    """Materials whose measurement or prediction deserves a second look, the largest errors first."""
    target, beside = result.target, result.beside
    errors = np.abs(beside.predicted - beside.measured)
    some = [row for row in np.argsort(-errors).tolist() if beside.suspects[row] or beside.outside[row]]
    rows = []
    for row in some[:_LISTED]:
        material = target.table.materials[row]
        name = material if isinstance(material, str) else target.table.identities[row]
        why = ["far outside of its interval"] if beside.suspects[row] else []
        why += [beside.outside[row]] if beside.outside[row] else []
        numbers = (beside.measured, beside.predicted, beside.lower, beside.upper)
        rows.append((name, *(f"{each[row]:.4g}" for each in numbers), "; ".join(why)))
    return TextTable(("material", "measured", "predicted", "lower", "upper", "why"), rows, (0, 5))


def _members_table(result: ShotgunResult) -> TextTable:
    answer = result.answer
    errors = answer.left_out_errors()
    fewer = describe_fewer(errors)
    rows = [(ENSEMBLE, "", *_with_interval(errors[ENSEMBLE]), "")]
    for each in sorted(answer.stack.members, key=lambda each: (-each.weight, each.error or np.inf)):
        found = _with_interval(errors[each.name]) if each.error is not None else ("", "")
        notes = [note_of_fewer(fewer[each.name])] if each.name in fewer else []
        title = result.titles.get(each.name, each.name)
        rows.append((title, f"{each.weight:.2f}", *found, "; ".join([*notes, each.why])))
    return TextTable(("member", "weight", f"error{unit_of(result.target)}", "interval", "why"), rows, (0, 4))


def _with_interval(errors: Any) -> tuple[str, str]:
    present = errors[~np.isnan(errors)]
    if not len(present):
        return "", ""
    mean, low, high = interval_of_mean(present)
    return f"{mean:.4g}", f"[{max(low, 0):.3g}, {high:.3g}]"


def _ranking_table(result: ShotgunResult) -> TextTable:
    rows = []
    for rank, row in enumerate(ranking_rows(result)[:_RANKED], start=1):
        interval = "[{:.3g}, {:.3g}]".format(*row["interval"]) if "interval" in row else ""
        texts = (row["source"], row["architecture"], f"{row['size']:,}", row["probe"], f"{row['error']:.4g}", interval)
        rows.append((str(rank), *texts, str(row["rung"])))
    headings = ("", "source", "architecture", "n", "best probe", f"error{unit_of(result.target)}", "interval", "looks")
    return TextTable(headings, rows, (1, 2, 4))
