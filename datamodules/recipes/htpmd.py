"""Lithium conductivity of polymer electrolytes by molecular dynamics (HTP-MD)."""

import pandas as pd

from datamodules.recipes.raw_table import read_raw_csv
from gnn_sim2real.databases.recipe import Files, RawFile, TableRecipe


def _build(files: Files) -> pd.DataFrame:
    raw = read_raw_csv(files["data"], ("conductivity",))
    # Copper and gold mark the two ends of the repeat unit.
    smiles = raw["mol_smiles"].str.replace("[Cu]", "*", regex=False).str.replace("[Au]", "*", regex=False)
    values = {"sample_id": raw["sample_id"].astype(int), "smiles": smiles, "conductivity_S_cm": raw["conductivity"]}
    return pd.DataFrame(values)


HTPMD_CONDUCTIVITY = TableRecipe(
    name="htpmd_conductivity",
    relative_path="polymer/htpmd_conductivity/htpmd_conductivity.csv",
    columns={"sample_id": None, "smiles": None, "conductivity_S_cm": "S/cm"},
    raw={
        "data": RawFile(
            "TRI-AMDD/PolyGen",
            "5584a574f846e2daa0b576a675f6cd8fceafd083",
            "PolyGen-train-set-from-HTP-MD.csv",
            385_686,
            "d93e0644cb9ef627d407054ae5d2fe249a7bbcc60dfd95a7fee38c2e9d987707",
            "CC0 1.0",
        )
    },
    build=_build,
    num_rows=6_024,
    sha256="408ae959376e432c1f42987a115e8a6346d62e23285190412fb71f378b0c288c",
    description="Li conductivity of polymer electrolytes with LiTFSI at 353 K by molecular dynamics",
    license="CC0 1.0",
    citation=(
        "Xie et al., Nat. Commun. 13, 3415 (2022), doi 10.1038/s41467-022-30994-1; Khajeh et al., arXiv 2312.04013"
    ),
    note="The values span two decades: use their logarithm.",
)
