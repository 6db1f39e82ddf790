"""Make the page of the starter library, of what `benchmarks/starter_library.py` found: `python docs/starter.py`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks/results/starter_library.json"
PAGE = ROOT / "docs/starter.md"


def make_page(result: Mapping[str, Any]) -> str:
    """The page as Markdown.

    Args:
        result: Content of the results file.
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

Not trained: crystals with their structures; copolymers other than alternating ones, which need an encoder that sees the
linkage; energies of molecules that grow with their size, of which the descriptors of the trees count the atoms; an
encoder pretrained without labels on SMiPoly's units. Licenses and citations are on the cards and in
`gnn_sim2real/library/starter_models/NOTICE.md`. This page is made by `python docs/starter.py`.
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


if __name__ == "__main__":
    PAGE.write_text(make_page(json.loads(RESULT.read_text(encoding="utf-8"))), encoding="utf-8")
