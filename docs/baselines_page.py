"""Writes the page of networks beside simple baselines, from the results: `python docs/baselines_page.py`."""

import json
from pathlib import Path
from textwrap import fill
from typing import Any

import pandas as pd

from gnn_sim2real.baselines import BASELINES
from gnn_sim2real.ensemble.weights import DEFAULT

PAGE = Path(__file__).with_name("baselines.md")
RESULTS = Path(__file__).parents[1] / "benchmarks/results"

STUDIES = {
    "band_gap": "band gap of crystals [eV]",
    "formation_enthalpy": "formation enthalpy of crystals [eV/atom]",
    "chi": "chi, new polymers",
    "chi_pairs": "chi, new pairs",
    "liquid_density_from_density": "density of liquids [g/cm³]",
}
"""Studies of which the baselines with a simulated value have been computed, with the heading of each."""

_CELL = ["target_size", "seed", "split"]
GIVEN = ("affine", "difference")
"""Policies of networks that are given the simulated value, as the results spell them."""

_NETWORK = ["architecture", "policy", "source_level", "growth"]

_TEXT = """# Networks and simple baselines

Written by `python docs/baselines_page.py` from the published results of the studies and
`benchmarks/results/baselines.json`, which `benchmarks/baselines.py` computes on their rows, seeds and test parts.

Test mean absolute errors. Each line compares a baseline and a network on the same draws, as many as the last column
says, and on the same test materials; a baseline that answers for a part of them is left out. The network is the best
over all encoders, policies and source sizes that were published, chosen by its test error: in hindsight, which flatters
it. So are the baselines, with and without the simulated value of each material, of those that were computed on two
draws or more; beside a baseline without one stands the best network without one. `ensemble with simulated value`, which
nobody has to choose, is shown where it was computed with today's rule of the weights. The lower error is bold.

"""

_END = """**Where networks lose.** With the simulated value, {lost} of {all} best baselines are below the best
network{listed}.
What is said of simulated values on [crystals](results/crystals.md) holds for networks alone: given the same value,
simple methods reach a lower error with no pretraining. Without the simulated value of each material it is the other
way round: {without} of {all_without} best baselines are above the best network. A pretrained network stands in for
the simulation of a material that nobody has simulated.
"""

_OPEN = """
## Polymer density from 25 open measurements

All data come with the package: `configs/polymer/density_open/simulated.yaml`, five test parts of 26 polymers
(`benchmarks/results/density_open_simulated.json`). RadonPy simulated only a part of the measured polymers. The second
error is that on the test materials that have a simulated value, where it is known; the ensemble answers for the others
without one.

"""

_ENSEMBLE = """
## An ensemble of simple members

`benchmarks/ensemble_targets.py` learns the weights of trees, Gaussian processes, lines and ridge regressions, by the
default rule, on folds of the measurements; no network is trained. Test mean absolute errors, in the mean of the draws.
The best member is chosen by them, in hindsight. The first three draws are those on which the rule and the intervals
were looked at; further ones, where there are more, were computed once, after that.

"""

_INTERVALS = """
### Its intervals

90 % intervals of the same ensembles, in the mean over draws and then over targets: how much they hold of all test
materials, of the third with the widest intervals, and of those inside and outside of the range of the measurements
(farther from them than they are from each other, or with an element that was never measured; there intervals are wider,
and rows are marked); the least of the targets; median width and mean interval score, less is better, relative to
intervals of one width.

"""

_DRAWS = "\nDraws are few: two or three. A difference of a few percent is none.\n"


def compare() -> list[dict[str, Any]]:
    """For each study and size: the best network, and baselines, on the draws that each has in common with it."""
    rows = json.loads((RESULTS / "baselines.json").read_text())["rows"]
    baselines = pd.DataFrame([row for row in rows if row["version"] == BASELINES[row["baseline"]].version])
    lines = []
    for study, title in STUDIES.items():
        cells = pd.json_normalize(json.loads((RESULTS / f"{study}.json").read_text())["cells"])
        networks = cells[~cells["policy"].isin(list(BASELINES))]
        own = baselines[(baselines["study"] == study) & (baselines["num_test"] == baselines["of"])]
        for size, rows in own.groupby("target_size"):
            for kind, fewest in (("without", 2), ("with", 2), ("ensemble", 1)):
                rivals = networks[~networks["policy"].isin(GIVEN)] if kind == "without" else networks
                some = rows[[_kind(name) == kind for name in rows["baseline"]]]
                pairs = [_pair(each, rivals) for _, each in some.groupby("baseline") if len(each) >= fewest]
                if pairs:
                    best = min(pairs, key=lambda pair: pair["error"] / pair["network"])
                    lines.append({"title": title, "size": int(size), "kind": kind} | best)
    return lines


def _pair(rows: pd.DataFrame, networks: pd.DataFrame) -> dict[str, Any]:
    """A baseline and the best network on its draws."""
    same = networks.merge(rows[_CELL].drop_duplicates(), on=_CELL)
    return {
        "network": float(same.groupby(_NETWORK)["metrics.mae"].mean().min()),
        "baseline": str(rows["baseline"].iloc[0]),
        "error": float(rows["mae"].mean()),
        "draws": len(rows),
    }


def _kind(baseline: str) -> str:
    if baseline.startswith("ensemble"):
        return "ensemble" if BASELINES[baseline].uses_simulated else ""
    return "with" if BASELINES[baseline].uses_simulated else "without"


def page() -> str:
    """The text of the page."""
    lines = compare()
    heading = ["target", "m", "best network", "best baseline", "its error", "simulated value", "draws"]
    rows = []
    for each in lines:
        network, error = (f"{each[name]:.3g}" for name in ("network", "error"))
        pair = (f"**{network}**", error) if each["network"] < each["error"] else (network, f"**{error}**")
        simulated = "no" if each["kind"] == "without" else "yes"
        name = BASELINES[each["baseline"]].title
        rows.append([each["title"], f"{each['size']:,}", pair[0], name, pair[1], simulated, str(each["draws"])])
    given = [each for each in lines if each["kind"] == "with"]
    lost = [each for each in given if each["error"] < each["network"]]
    held = [f"{each['title'].partition(' [')[0]} at {each['size']:,}" for each in given if each not in lost]
    without = [each for each in lines if each["kind"] == "without"]
    end = _END.format(
        lost=len(lost),
        all=len(given),
        listed=f" (not so for {' and '.join(held)})" if held else "",
        without=sum(each["error"] > each["network"] for each in without),
        all_without=len(without),
    )
    return (
        _TEXT
        + _table(heading, rows)
        + f"\n{fill(end, 120)}\n"
        + _DRAWS
        + _OPEN
        + _open_density()
        + _ENSEMBLE
        + _ensembles()
        + _INTERVALS
        + _intervals()
    )


def _open_density() -> str:
    """Table of the study of open densities: each baseline, and the network of the source size that is best."""
    rows = json.loads((RESULTS / "density_open_simulated.json").read_text())["rows"]
    networks = [row for row in rows if row["policy"] == "full" and row["source_level"] != "0"]
    best = min(networks, key=lambda row: row["mae"]["mean"])
    scratch = next(row for row in rows if row["policy"] == "full" and row["source_level"] == "0")
    named = [
        (BASELINES[row["policy"]].title, row) for row in rows if row["policy"] in BASELINES and not row["source_size"]
    ]
    named += [("network from scratch", scratch), (f"network, {best['source_size']:,} simulated polymers", best)]
    lines = []
    for name, row in sorted(named, key=lambda each: float(each[1]["mae"]["mean"])):
        own = "" if row["num_test"] < 26 else f"{row['mae']['mean']:.4f}"
        same = row["mae"]["mean"] if not own else (row["same_materials"] or {}).get("mean")
        lines.append([name, own, "" if same is None else f"{same:.4f}"])
    return _table(["method", "MAE on 26 [g/cm³]", "on those with a simulated value"], lines)


def _ensembles() -> str:
    """Table of the ensemble of simple members beside the best of them."""
    rows = json.loads((RESULTS / "ensemble_targets.json").read_text())["rows"]
    lines = []
    for target, size in dict.fromkeys((row["target"], row["size"]) for row in rows):
        own = [row for row in rows if (row["target"], row["size"]) == (target, size)]
        members = pd.DataFrame([row["members"] for row in own]).mean()
        ensemble = float(pd.Series([row["rules"][DEFAULT] for row in own]).mean())
        best = float(members.min())
        lines.append(
            [
                f"{target} [{own[0]['unit']}]",
                str(size),
                f"{ensemble:.3g}",
                f"{best:.3g}",
                str(members.idxmin()),
                f"{float(members['extra trees']):.3g}",
                f"{100 * (ensemble / best - 1):+.0f} %",
                str(len(own)),
            ]
        )
    heading = ["target", "m", "ensemble", "best member", "which", "extra trees", "to the best", "draws"]
    return _table(heading, lines)


def _intervals() -> str:
    """Table of what the intervals of the ensemble hold, by the number of measurements."""
    rows = json.loads((RESULTS / "ensemble_targets.json").read_text())["rows"]
    kinds = ("shotgun", "constant")
    table = pd.DataFrame(
        [
            {"target": row["target"], "size": row["size"], "kind": kind} | row["intervals"][kind]
            for row in rows
            for kind in kinds
        ]
    )
    means = table.groupby(["kind", "size", "target"])[["held", "widest", "inside", "outside", "width", "score"]].mean()
    ours, constant = (means.loc[kind] for kind in kinds)
    lines = []
    for size, own in ours.groupby(level="size"):
        shares = [own["held"].mean(), own["held"].min(), *own[["widest", "inside", "outside"]].mean()]
        ratios = [(own[name] / constant.loc[own.index, name]).mean() for name in ("width", "score")]
        targets = own.index.get_level_values("target")
        lines.append(
            [
                f"{size:,}",
                str(len(targets)),
                *(f"{100 * each:.0f} %" for each in shares),
                *(f"{each:.2f}" for each in ratios),
            ]
        )
    heading = ["m", "targets", "held", "least", "widest third", "inside", "outside", "width", "score"]
    return _table(heading, lines)


def _table(heading: list[str], rows: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in [heading, ["---"] * len(heading), *rows])


if __name__ == "__main__":
    PAGE.write_text(page())
