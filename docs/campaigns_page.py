"""Writes the page on campaigns of `suggest`, from the results: `python docs/campaigns_page.py`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("campaigns.md")
RESULT = Path(__file__).parents[1] / "benchmarks/results/suggest.json"

_METHODS = {
    "suggest": "`suggest`, starter library",
    "gaussian process": "Gaussian process on Morgan counts",
    "trees": "extra trees on Morgan counts",
}

_TEXT = """# How soon `suggest` finds the best

Written by `python docs/campaigns_page.py` from `benchmarks/results/suggest.json`, which `python benchmarks/suggest.py`
makes.

A campaign is played again on materials that were all measured: {start} of them, drawn at random, are known at the
beginning, the others count as candidates, and batches of {batch} are measured until half of the top 1 % is found. Every
method sees the same measurements, chooses by expected improvement, and keeps its batches diverse by the same rule. No
model of the starter library has seen a measurement; of some of the materials it has seen simulations, as it would have
in a campaign of yours.

![Share of the best materials that is found after so many measurements](../benchmarks/results/suggest.png)

Measurements needed, mean over {starts} beginnings with its 90 % interval; at random it is the expectation:

| target | candidates | wanted | random | {headings} |
|---|---|---|---|{lines}|
{rows}

Measurements of `suggest` as a share of those of another method, geometric mean over the same beginnings:

| target | random | Gaussian process | extra trees |
|---|---|---|---|
{ratios}

{verdict}
"""


def page() -> str:
    """The text of the page."""
    content: dict[str, Any] = json.loads(RESULT.read_text())
    targets, protocol = content["targets"], content["protocol"]
    rows, ratios = [], []
    for name, about in targets.items():
        cells = [_needed(about, method, protocol["given_up_after"]) for method in _METHODS]
        start = f"| {name} | {about['materials']:,} | {-(-about['wanted'] // 2)} of {about['wanted']} |"
        rows.append(f"{start} {about['measurements']['random']:,.0f} | {' | '.join(cells)} |")
        ratio = [_ends(about["ratio"][method], 2) for method in ("random", "gaussian process", "trees")]
        ratios.append(f"| {name} | {' | '.join(ratio)} |")
    return _TEXT.format(
        start=protocol["start"],
        batch=protocol["batch"],
        starts=" or ".join(sorted({str(about["starts"]) for about in targets.values()})),
        headings=" | ".join(_METHODS.values()),
        lines="|".join("---" for _ in _METHODS),
        rows="\n".join(rows),
        ratios="\n".join(ratios),
        verdict=_verdict(targets),
    )


def _needed(about: dict[str, Any], method: str, most: int) -> str:
    text = _ends(about["measurements"][method], 0)
    given_up = about["given_up"][method]
    return text + (f", {given_up} given up after {most:,}" if given_up else "")


def _ends(value: Sequence[float], digits: int) -> str:
    mean, low, high = value
    return f"{mean:,.{digits}f} [{low:,.{digits}f}, {high:,.{digits}f}]"


def _verdict(targets: dict[str, Any]) -> str:
    lines = []
    for name, about in targets.items():
        ratio = about["ratio"]
        better = [method for method in ("gaussian process", "trees") if ratio[method][2] < 1]
        worse = [method for method in ("gaussian process", "trees") if ratio[method][1] > 1]
        quarter = "at most a quarter" if ratio["random"][2] <= 0.25 else "more than a quarter"
        said = f"{name}: {quarter} of the measurements of random choice"
        said += f", fewer than {' and '.join(map(_title, better))}" if better else ""
        said += f", more than {' and '.join(map(_title, worse))}" if worse else ""
        unsure = [each for each in ("gaussian process", "trees") if each not in (*better, *worse)]
        said += f"; not shown to differ from {' and '.join(map(_title, unsure))}" if unsure else ""
        lines.append(f"* {said[0].upper()}{said[1:]}.")
    return "\n".join(lines)


def _title(method: str) -> str:
    return {"gaussian process": "the Gaussian process", "trees": "the trees"}[method]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
