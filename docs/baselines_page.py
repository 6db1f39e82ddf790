"""Writes the page of networks beside simple baselines, from the results: `python docs/baselines_page.py`."""

import json
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd

from gnn_sim2real.baselines import BASELINES
from gnn_sim2real.ensemble.weights import DEFAULT, RULE_VERSION
from gnn_sim2real.foundation import ENCODERS
from gnn_sim2real.metrics import correct_by_holm, log_ratio

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

FIRST_JUDGED = 10
"""First draw of `ensemble_targets.json` that no setting was chosen on."""

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
error is that on the test materials that have a simulated value, where it is known; the ensemble, here by the rule of
before, which expected the same of all members, answers for the others without one.

"""

_ENSEMBLE = """
## An ensemble of simple members

`benchmarks/ensemble_targets.py` learns the weights of trees, Gaussian processes, lines and ridge regressions, by the
default rule, on folds of the measurements; no network is trained. Test mean absolute errors, in the mean of the draws.
The best member is chosen by them, in hindsight. What the rule expects of members is from other targets than the judged
one. All settings were chosen on draws 0 to 2, and an earlier rule was judged on 3 to 9; the draws shown here, from 10
on, were computed once, after that. "Expecting nothing" is the same rule without that. "Asked for" is the error that was
asked for before anything was measured.

"""

_RIVALS_TEXT = """
Against each method that a user could have chosen instead, on the same draws: the mean over targets and sizes of the
logarithm of the ratio of the errors (below zero the ensemble is better), and in how many of them the ensemble won,
lost, or neither, by a t-test of this logarithm over draws at a level of 5 %, corrected by Holm for all comparisons of
the table (S. Holm, Scand. J. Stat. 6, 65 (1979)). The draws share a test part, whose choice this does not cover.

"""

_EARLIER = """
Other targets and sizes were computed by the rule of before, which expected the same of all members, on draws from 0 on:

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
        + _ensembles(judged_rows())
        + _RIVALS_TEXT
        + _rivals()
        + _EARLIER
        + _ensembles(earlier_rows())
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


RIVALS = (
    "extra trees",
    "median trees",
    "Gaussian process",
    "Gaussian process with library predictions",
    "Gaussian process on features",
    "Gaussian process on features and all else",
    "calibrated source",
)
"""What a user could have chosen instead of the ensemble; features are those of the foundation encoder of the target."""

WANTED = {
    ("boiling point", 20): 22.0,
    ("boiling point", 50): 18.0,
    ("boiling point", 100): 14.8,
    ("liquid density", 20): 0.0192,
    ("liquid density", 50): 0.0172,
    ("liquid density", 100): 0.0157,
    ("thermal conductivity of crystals", 20): 0.455,
    ("thermal conductivity of crystals", 50): 0.365,
    ("thermal conductivity of crystals", 100): 0.30,
    ("band gap study", 100): 0.385,
    ("band gap study", 500): 0.335,
    ("formation enthalpy study", 100): 0.112,
    ("formation enthalpy study", 500): 0.086,
}
"""Errors that were asked for."""


def judged_rows() -> list[dict[str, Any]]:
    """Rows of today's rule on draws that were computed once."""
    return [row for row in _rows() if row.get("rule_version") == RULE_VERSION and row["draw"] >= FIRST_JUDGED]


def earlier_rows() -> list[dict[str, Any]]:
    """Rows by the rule of before, on targets and sizes that today's has not been judged on."""
    judged = _by_cell(judged_rows())
    return [row for row in _rows() if "rule_version" not in row and (row["target"], row["size"]) not in judged]


def _rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((RESULTS / "ensemble_targets.json").read_text())["rows"]
    return rows


def _ensembles(rows: list[dict[str, Any]]) -> str:
    """Table of the ensemble of simple members beside the best of them."""
    lines = []
    for (target, size), own in _by_cell(rows).items():
        members = pd.DataFrame([row["members"] for row in own]).mean()
        ensemble = float(np.mean([row["rules"][DEFAULT] for row in own]))
        best, wanted = float(members.min()), WANTED.get((target, size))
        lines.append(
            [
                f"{target} [{own[0]['unit']}]",
                str(size),
                f"{ensemble:.3g}",
                f"{np.mean([row['expecting_nothing'] for row in own]):.3g}" if "expecting_nothing" in own[0] else "",
                "" if wanted is None else f"{wanted:.3g}, {'reached' if ensemble <= wanted else 'not reached'}",
                f"{best:.3g}",
                str(members.idxmin()),
                f"{100 * (ensemble / best - 1):+.0f} %",
                str(len(own)),
            ]
        )
    heading = [
        "target",
        "m",
        "ensemble",
        "expecting nothing",
        "asked for",
        "best member",
        "which",
        "to the best",
        "draws",
    ]
    return _table(heading, lines)


def _rivals() -> str:
    """Table of the comparisons with each rival, and the list of those lost."""
    found = compare_rivals(judged_rows())
    lines = []
    for rival, own in found.groupby("rival", sort=False):
        won, lost = (int(((own["p"] < 0.05) & (own["ratio"] * sign > 0)).sum()) for sign in (-1, 1))
        lines.append([rival, f"{own['ratio'].mean():+.3f}", str(won), str(lost), str(len(own) - won - lost)])
    worse = found[found["ratio"] > np.log(1.05)]
    told = [
        f"{row.target} at {row.size} against {row.rival} ({100 * np.expm1(row.ratio):.0f} %)"
        for row in worse.itertuples()
    ]
    listed = f"More than 5 % above a rival in the mean: {', '.join(told) if told else 'nowhere'}."
    return _table(["rival", "mean log ratio", "won", "lost", "neither"], lines) + f"\n{fill(listed, 120)}\n"


def compare_rivals(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """For each rival, target and size: mean log ratio of the errors, and its p-value corrected by Holm.

    Args:
        rows: Of `ensemble_targets.json`.
    """
    found = []
    for rival in RIVALS:
        for (target, size), own in _by_cell(rows).items():
            pairs = [(row["rules"][DEFAULT], _error_of(row, rival)) for row in own]
            if all(error is not None for _, error in pairs):
                ratio, p = log_ratio(*np.array(pairs, np.float64).T)
                found.append({"rival": rival, "target": target, "size": size, "ratio": ratio, "p": p})
    table = pd.DataFrame(found)
    return table.assign(p=correct_by_holm(table["p"].to_numpy()))


def _error_of(row: dict[str, Any], rival: str) -> float | None:
    """Error of a rival, whatever the encoder of its features is."""
    for encoder in ENCODERS.classes():
        if (named := rival.replace("features", encoder)) in row["members"]:
            return float(row["members"][named])
    return None


def _by_cell(rows: list[dict[str, Any]]) -> dict[tuple[str, int], list[dict[str, Any]]]:
    cells: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in rows:
        cells.setdefault((row["target"], row["size"]), []).append(row)
    return cells


def _intervals() -> str:
    """Table of what the intervals of the ensemble hold, by the number of measurements."""
    judged = judged_rows()
    sizes = {row["size"] for row in judged}
    kinds = ("shotgun", "constant")
    table = pd.DataFrame(
        [
            {"target": row["target"], "size": row["size"], "kind": kind} | row["intervals"][kind]
            for row in [*judged, *(row for row in earlier_rows() if row["size"] not in sizes)]
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
                "today's" if size in sizes else "before",
                str(len(targets)),
                *(f"{100 * each:.0f} %" for each in shares),
                *(f"{each:.2f}" for each in ratios),
            ]
        )
    heading = ["m", "rule", "targets", "held", "least", "widest third", "inside", "outside", "width", "score"]
    return _table(heading, lines)


def _table(heading: list[str], rows: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in [heading, ["---"] * len(heading), *rows])


if __name__ == "__main__":
    PAGE.write_text(page())
