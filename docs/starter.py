"""Make the page of the starter library, of what `benchmarks/starter_library.py` found: `python docs/starter.py`.

What `benchmarks/copolymers.py` and `benchmarks/unlabelled.py` found is on it as well.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks/results/starter_library.json"
COPOLYMERS = ROOT / "benchmarks/results/copolymers.json"
UNLABELLED = ROOT / "benchmarks/results/unlabelled.json"
PAGE = ROOT / "docs/starter.md"


def make_page(result: Mapping[str, Any], copolymers: Mapping[str, Any], unlabelled: Mapping[str, Any]) -> str:
    """The page as Markdown.

    Args:
        result: Content of the results file.
        copolymers: That of the comparison with published errors of copolymers.
        unlabelled: That of the encoder pretrained without labels.
    """
    rows: Sequence[dict[str, Any]] = result["rows"]
    level = [row for row in rows if row["level"]]
    shipped = sorted(level, key=lambda row: (row["name"].rpartition("/")[0], row["mae"]))
    out = sorted((row for row in rows if not row["level"]), key=lambda row: row["name"])
    count = f"{result['models']} pretrained models of {result['properties']} properties"
    lost = [f"`{name}`" for name in result["left_out_wholly"]]
    return f"""# Starter library

{count} come with the package ({result["megabytes"]:.1f} MB), for use without a
network. They are small, of one seed each, and trained on simulations only.

```console
gnn-sim2real predict starter:polymer/density '*CC(*)c1ccccc1'
gnn-sim2real predict starter:polymer/density polymers.csv
gnn-sim2real models list --library starter:
gnn-sim2real models show starter:polymer/density
```

```console {{ data-run="tests/newcomer.sh" }}
gnn-sim2real shotgun my_polymers.csv --property tg --unit K
```

`starter:DOMAIN/PROPERTY` is the model of the smallest error among its encoders, `starter:DOMAIN/PROPERTY/ENCODER` a
certain one; `load_model("starter:polymer/density")` and `--model.pretrained starter:polymer/density` take the same.
`shotgun` ranks these models beside those of `--library`, and says so; `--starter false` leaves them out.

Each model is at least level with extra trees that learn the same materials from the project's descriptors: its mean
absolute error on the validation part, a tenth of its materials at random, is not larger. 300 trees are grown, or 30 on
more than 2,000 materials, and then the model must be better by 5 %, which is more than further trees would gain. With
some 70 materials of RadonPy and 21 pairs of chi in that part, a difference of a few percent means nothing.
That part was used to choose
what ships and for nothing else, so the better of two encoders looks a little better than it is. Of one polymer or
formula, no other row is in the training part. What the published targets test (`configs/library/held_out.yaml`, and
`held_out_open.yaml` for the tables in the package) is in no part. Matrices are stored with half precision where that
moves predictions by less than 1 % of the error. `gnn-sim2real models build -c configs:library/starter.yaml` trains the
models again, and `python benchmarks/starter_library.py` packs them.

## Models

Errors are mean absolute ones on the validation part, in the unit, or in decades where that is said.

| name | source | materials | error | of extra trees | unit |
|---|---|---|---|---|---|
{_table(shipped)}

## Above or below measurement

Mean of simulated minus measured value, over the materials that two tables of the package share. Of other properties no
open table tells it, so that it is not known.

| source and property | lies | r | mean absolute difference | over |
|---|---|---|---|---|
{_offsets(result["offsets"])}

## Left out

{len(out)} models that were trained have a larger error than the trees, and do not ship.{
        f" Of {', '.join(lost)} there is thus no model." if lost else ""
    }

| name | source | materials | error | of extra trees | unit |
|---|---|---|---|---|---|
{_table(out)}

Not trained: {_not_trained(rows)}.

Licenses and citations are on the cards and in `gnn_sim2real/library/starter_models/NOTICE.md`. This page is made by
`python docs/starter.py`.

{_copolymers(copolymers) if copolymers else ""}{_unlabelled(unlabelled) if unlabelled else ""}"""


def _not_trained(rows: Sequence[Mapping[str, Any]]) -> str:
    names = [row["name"] for row in rows]
    reasons = [
        "volume and density of crystals with their structures, whose cells say them",
        "the extent of the electrons of molecules, which is one of their conformer",
    ]
    if not any(name.startswith("crystal/") for name in names):
        reasons.append("other properties of crystals with their structures")
    if not any(name.startswith("mixture/") and "Blend" in name for name in names):
        reasons.append("copolymers other than alternating ones")
    energies = ("zero_point_energy", "atomization_energy", "atomization_energy_0K", "atomization_enthalpy")
    lacking = [
        e for e in (*energies, "atomization_gibbs_energy") if not any(f"molecule/{e}/" in name for name in names)
    ]
    if lacking:
        reasons.append(f"of molecules {', '.join(lacking)}")
    return "; ".join(reasons)


def _copolymers(result: Mapping[str, Any]) -> str:
    words = {"random": "random folds", "monomer": "folds of a unit A that is not in training"}
    methods = {
        "linkage": "`Blend(GINE)` with `linkage: true`",
        "shares": "`Blend(GINE)`, shares alone",
        "trees": "extra trees",
    }
    lines = []
    for kind, published in result["published"].items():
        for name, each in result["means"].items():
            split, method, rows = name.split(", ")
            if split == kind:
                folds = f"{each['folds']} of {each['of']}"
                lines.append(f"| {words[kind]} | {methods[method]}, {rows} | {_errors(each['rmse'])} | {folds} |")
        lines += [
            f"| {words[kind]} | {name}, published | {_errors(errors)} | all |" for name, errors in published.items()
        ]
    table = "\n".join(lines)
    return f"""
## Copolymers and how their units are linked

Root-mean-square errors [eV] of the electron affinity and the ionization potential of alternating, random and block
copolymers, in the folds of Aldeghi and Coley, Chem. Sci. 2022, 13, 10486 (doi 10.1039/D2SC02839E), whose wD-MPNN has
edges between the atoms at the ends of the units, and whose errors are those of their table 1.
{_verdict(result, words)}
Networks here are trained for {result["rows"][0]["steps"]:,} steps of 256 rows. Fewer folds and fewer rows than theirs
are said; `python benchmarks/copolymers.py` does the rest.

| split | method and rows that train | EA, IP | folds |
|---|---|---|---|
{table}
"""


def _verdict(result: Mapping[str, Any], words: Mapping[str, str]) -> str:
    """What the linkage does to the mean error over both properties, and whether wD-MPNN is ahead."""
    said = []
    for kind, text in words.items():
        found = {name.split(", ")[1]: sum(each["rmse"]) for name, each in result["means"].items() if kind in name}
        does = "lowers" if found["linkage"] < found["shares"] else "raises"
        ahead = "ahead of" if min(found.values()) > sum(result["published"][kind]["wD-MPNN"]) else "behind"
        said.append(f"On {text}, `linkage: true` {does} the error, and wD-MPNN is {ahead} all of ours.")
    return "\n".join(said)


def _errors(errors: Sequence[float]) -> str:
    return ", ".join(f"{each:.2g}" for each in errors)


def _unlabelled(result: Mapping[str, Any]) -> str:
    made, rows = result["pretraining"], result["means"]
    helps = any(row["gain"] > 2 * row["standard_error"] for row in rows)
    harms = any(row["gain"] < -2 * row["standard_error"] for row in rows)
    table = "\n".join(
        f"| {row['property']} | {row['size']} | {row['scratch']:.3g} | {row['pretrained']:.3g} | {row['gain']:+.2g} ± "
        f"{row['standard_error']:.1g} | {row['unit']} |"
        for row in rows
    )
    said = "It helped." if helps and not harms else "It was not shown to help, and no such encoder ships."
    return f"""
## An encoder pretrained without labels

{said} A GINE predicted the elements of masked atoms and {made["descriptors"]} of RDKit's descriptors of
{made["units"]:,} repeat units of SMiPoly, as many of each class as there are up to a limit, and was fine-tuned beside
the same one from scratch. Mean absolute errors over {rows[0]["test_parts"]} test parts of SimPoly's measurements, and
the mean difference with its standard error (`python benchmarks/unlabelled.py`):

| property | measured polymers | from scratch | pretrained | lower by | unit |
|---|---|---|---|---|---|
{table}
"""


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(
        f"| `{row['name']}` | {row['source']} | {row['materials']:,} | {row['mae']:.3g} | {row['trees_mae']:.3g} | "
        f"{'decades of ' if row['scale'] else ''}{row['unit'] or '-'} |"
        for row in rows
    )


def _offsets(offsets: Mapping[str, Mapping[str, Any]]) -> str:
    return "\n".join(
        f"| {name} | {each['bias']:+.2g} {each['unit']} | {each['correlation']:.2f} | "
        f"{each['mean_absolute_difference']:.2g} {each['unit']} | {each['of']} |"
        for name, each in offsets.items()
    )


def read_results() -> list[Any]:
    """Content of the three results files; of one that is not there nothing, and nothing is said of it."""
    files = (RESULT, COPOLYMERS, UNLABELLED)
    return [json.loads(file.read_text(encoding="utf-8")) if file.exists() else {} for file in files]


if __name__ == "__main__":
    PAGE.write_text(make_page(*read_results()), encoding="utf-8")
