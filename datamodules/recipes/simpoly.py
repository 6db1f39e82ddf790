"""Densities and glass transitions of polymers, collected by hand by the authors of SimPoly."""

import pandas as pd

from datamodules.recipes.raw_table import read_raw_csv
from gnn_sim2real.databases.recipe import Files, RawFile, TableRecipe


def _build(files: Files) -> pd.DataFrame:
    raw = read_raw_csv(files["data"], ("density", "tg"), missing=("NaN",), comment="%")
    return raw[["id", "name", "smiles", "density", "tg"]].rename(columns={"density": "density_g_cm3", "tg": "tg_K"})


SIMPOLY = TableRecipe(
    name="simpoly",
    relative_path="polymer/simpoly_measured/simpoly_measured.csv",
    columns={"id": None, "name": None, "smiles": None, "density_g_cm3": "g/cm^3", "tg_K": "K"},
    raw={
        "data": RawFile(
            "microsoft/simpoly",
            "da100ad32d971214cf9343d9d853e8ce61604dc0",
            "src/simpoly/poly_arena/experiment/resources/data.csv",
            10_637,
            "a6ac40dbf07213227cea242d112b56dfa0f4158f0b9ebbf667baa446fdfbf621",
            "MIT",
        )
    },
    build=_build,
    num_rows=130,
    sha256="a95232152ca13f4baab299ddd51a91f88249c1764422a026929f634f00a2bdbb",
    description="measured amorphous densities at room temperature (130) and glass transition temperatures (86)",
    license="MIT",
    citation="SimPoly, arXiv 2510.13696 (2025), doi 10.48550/arXiv.2510.13696",
)
