"""Gap and formation energy of the Materials Project by formula: those of its lowest polymorph, without structures."""

import pandas as pd

from datamodules.recipes.raw_table import read_raw_csv
from gnn_sim2real.databases.recipe import Files, RawFile, TableRecipe

MAX_FORMATION_ENERGY = 1.0
"""Rows above this [eV/atom] are faults of the database: crystals padded with vacuum, wrong corrections."""

_LICENSE = "MIT; values of the Materials Project CC BY 4.0"

ROOST_GAPS = RawFile(
    "CompRhys/roost",
    "b5e89a4dbd341889acc93fd4b9876e22acd31569",
    "data/datasets/MP-bandgap.csv",
    3_457_740,
    "d63942a704503d1e2cca16a3b60c58ab7c35221c54283b68db7a35f8d5e57a67",
    _LICENSE,
)
ROOST_FORMATION_ENERGIES = RawFile(
    "CompRhys/roost",
    "553aeb3883508e26bf1972faaed23fba8a5d8907",
    "data/datasets/mp-formation.csv",
    3_307_303,
    "92ba6fd2a0777261ba78bf72a0244875a78f05a5902993d9440c18255802a644",
    _LICENSE,
)
ROOST_LOWEST_GAPS = RawFile(
    "CompRhys/roost",
    "4673714fd615b4752fcfaccb257895ec482202e6",
    "data/datasets/mp-irbandgaps.csv",
    2_426_411,
    "eae69b24759ac0b46b96f4a2a59cea5b0691c4cd478820b219c5cf956546c0e6",
    _LICENSE,
)


def _build(files: Files) -> pd.DataFrame:
    gaps, energies = (
        read_raw_csv(files[name], (column,))
        for name, column in (("gaps", "band_gap"), ("formation_energies", "formation_energy_per_atom"))
    )
    table = gaps.merge(energies, on="task_id", how="left", validate="one_to_one")
    names = {
        "task_id": "material_id",
        "pretty_formula": "reduced_formula",
        "band_gap": "band_gap_pbe",
        "formation_energy_per_atom": "e_form",
    }
    table = table.rename(columns=names)[list(names.values())]
    return table[~(table["e_form"] > MAX_FORMATION_ENERGY)].reset_index(drop=True)


MP_BY_FORMULA = TableRecipe(
    name="mp_by_formula",
    relative_path="crystal/mp_labels/mp_by_formula.csv",
    columns={"material_id": None, "reduced_formula": None, "band_gap_pbe": "eV", "e_form": "eV/atom"},
    raw={"gaps": ROOST_LOWEST_GAPS, "formation_energies": ROOST_FORMATION_ENERGIES},
    build=_build,
    num_rows=85_169,
    sha256="39bfe9f8fbc166b958fc527a4662947233cd1338a93acd9db2d03496ea5b155c",
    description=(
        "PBE band gap, and for 82,469 formulas formation energy, of the lowest polymorph of each formula in the "
        "Materials Project of 2019 and 2020"
    ),
    license=_LICENSE,
    citation=(
        "Jain et al., APL Mater. 1, 011002 (2013), doi 10.1063/1.4812323; Goodall and Lee, Nat. Commun. 11, 6280 "
        "(2020), doi 10.1038/s41467-020-19964-7"
    ),
    kind="composition",
)
