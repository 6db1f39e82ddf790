"""PBE labels of the Materials Project by its ids, from the files of several published benchmarks."""

import warnings
from functools import cache

import numpy as np
import pandas as pd

from datamodules.recipes.raw_table import read_raw_csv
from gnn_sim2real.databases.recipe import Files, RawFile, TableRecipe

_ROOST = "MIT; values of the Materials Project CC BY 4.0"
_WYCKOFF = "Apache-2.0; values of the Materials Project CC BY 4.0"

_STABILITY = ("mp_20_test", "mp_20_val", "pilot_test", "pilot_train", "mpts_52_test", "mpts_52_val")
"""Files with energies above the hull; of an id in several, the first."""


@cache
def reduced(formula: str) -> str:
    """The reduced formula as pymatgen writes it.

    Args:
        formula: Any formula.
    """
    from pymatgen.core.composition import Composition

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # noble gases have no electronegativity, by which it sorts
        return str(Composition(formula).reduced_formula)


def read_pairs(files: Files, name: str) -> pd.DataFrame:
    """Read a table of formulas and energies [eV/atom] that are separated by blanks.

    Args:
        files: Files of the recipe.
        name: Which one.
    """
    rows = [line.split() for line in files[name].read_text(encoding="utf-8").splitlines() if line.strip()]
    return pd.DataFrame({"formula": [row[0] for row in rows], "value": [float(row[1]) for row in rows]})


def _stability(files: Files) -> pd.DataFrame:
    columns = ["material_id", "e_above_hull", "formation_energy_per_atom"]
    parts = []
    for name in _STABILITY:
        part = pd.read_csv(files[name], compression="gzip", dtype=str, keep_default_na=False, na_values=[""])
        parts.append(part.rename(columns={"energy_above_hull": "e_above_hull"})[columns])
    found = pd.concat(parts).drop_duplicates("material_id").set_index("material_id")
    numbers = {name: found[name].to_numpy(dtype=object, na_value="nan").astype(np.float64) for name in columns[1:]}
    return pd.DataFrame(numbers, index=found.index)


def read_label_ids(files: Files) -> set[str]:
    """Ids that have a label in any of the files.

    Args:
        files: Files of the recipe.
    """
    names = ("gaps", "formation_energies", "lowest_gaps")
    return {each for name in names for each in read_raw_csv(files[name])["task_id"]} | {*_stability(files).index}


def _build(files: Files) -> pd.DataFrame:
    structures = pd.read_parquet(files["mp_structures"], columns=["material_id", "reduced_formula"])
    formulas = structures.set_index("material_id")["reduced_formula"]
    gap = read_raw_csv(files["gaps"], ("band_gap",)).set_index("task_id")
    energy = read_raw_csv(files["formation_energies"], ("formation_energy_per_atom",)).set_index("task_id")
    lowest = read_raw_csv(files["lowest_gaps"], ("band_gap",)).set_index("task_id")
    stability = _stability(files)

    own = sorted({*gap.index, *energy.index, *lowest.index})
    added = stability.index[~stability.index.isin(own)]
    table = pd.DataFrame(index=pd.Index([*own, *added], name="material_id"))
    written = gap["pretty_formula"].reindex(own)
    written = written.fillna(energy["composition"].reindex(own)).fillna(lowest["pretty_formula"].reindex(own))
    table["reduced_formula"] = [*map(reduced, written), *formulas.reindex(added)]
    table["band_gap_pbe"] = gap["band_gap"].reindex(table.index)
    is_lowest = table.index.isin(energy.index) | table.index.isin(lowest.index)

    computed = read_pairs(files, "mat_proj")
    by_formula = computed["value"].groupby([reduced(each) for each in computed["formula"]]).median()
    of_lowest = table["reduced_formula"].map(by_formula).where(is_lowest)
    sources = {
        "roost": energy["formation_energy_per_atom"].reindex(table.index),
        "mp20_mpts52": stability["formation_energy_per_atom"].reindex(table.index),
        "qmpy_mat_proj": of_lowest,
    }
    table["e_form"], table["e_form_src"] = np.nan, None
    for name, values in sources.items():
        fills = table["e_form"].isna() & values.notna()
        table.loc[fills, "e_form"] = values[fills]
        table.loc[fills, "e_form_src"] = name
    table["is_lowest_polymorph"] = is_lowest
    table["e_above_hull_mp_part"] = stability["e_above_hull"].reindex(table.index)
    table["has_structure"] = table.index.isin(formulas.index)
    return table[table["has_structure"] | table["band_gap_pbe"].notna()].sort_index().reset_index()


def _wyckoff(path: str, commit: str, size: int, sha256: str) -> RawFile:
    return RawFile("SymmetryAdvantage/WyckoffTransformer", commit, path, size, sha256, _WYCKOFF)


_RAW = {
    "gaps": RawFile(
        "CompRhys/roost",
        "b5e89a4dbd341889acc93fd4b9876e22acd31569",
        "data/datasets/MP-bandgap.csv",
        3_457_740,
        "d63942a704503d1e2cca16a3b60c58ab7c35221c54283b68db7a35f8d5e57a67",
        _ROOST,
    ),
    "formation_energies": RawFile(
        "CompRhys/roost",
        "553aeb3883508e26bf1972faaed23fba8a5d8907",
        "data/datasets/mp-formation.csv",
        3_307_303,
        "92ba6fd2a0777261ba78bf72a0244875a78f05a5902993d9440c18255802a644",
        _ROOST,
    ),
    "lowest_gaps": RawFile(
        "CompRhys/roost",
        "4673714fd615b4752fcfaccb257895ec482202e6",
        "data/datasets/mp-irbandgaps.csv",
        2_426_411,
        "eae69b24759ac0b46b96f4a2a59cea5b0691c4cd478820b219c5cf956546c0e6",
        _ROOST,
    ),
    "mat_proj": RawFile(
        "wolverton-research-group/qmpy",
        "dede5bdf4aa3ea1187a7bc273e86336c24aadb25",
        "qmpy/data/thermodata/mat_proj.dat",
        33_318,
        "aaab966e346868b8ed6182a3dd07e9072624194492796cf34f7153c1127173ad",
        _ROOST,
    ),
    "mp_20_test": _wyckoff(
        "data/mp_20_biternary/test.csv.gz",
        "507e8f147a0e87905c2574ebfbbfc9fa21c2fb09",
        1_452_762,
        "e96144ffbad7fc61b0012456ead22d2c8f6993282a4fef584fbf906581086e02",
    ),
    "mp_20_val": _wyckoff(
        "data/mp_20_biternary/val.csv.gz",
        "507e8f147a0e87905c2574ebfbbfc9fa21c2fb09",
        1_460_439,
        "f0a1743241ade50592ce24dd3efc8b5e4d4d84c6a72e827c16699e83ce254f07",
    ),
    "pilot_test": _wyckoff(
        "data/mp_20_pilot/test.csv.gz",
        "85bd47b33a7b55d418b1de10dad297fcf73b9b44",
        212_469,
        "c0b5922164322338d0e282d4429b2dc8ab31ffa39d456d05e102b6ec88ea7262",
    ),
    "pilot_train": _wyckoff(
        "data/mp_20_pilot/train.csv.gz",
        "85bd47b33a7b55d418b1de10dad297fcf73b9b44",
        215_380,
        "a89a708d16d80401fe256d6742680f2e02ed5746f1a685cfea1b509754fe728e",
    ),
    "mpts_52_test": _wyckoff(
        "data/mpts_52/test.csv.gz",
        "507e8f147a0e87905c2574ebfbbfc9fa21c2fb09",
        3_197_100,
        "5c082d8cd8b5398bb9971f076e2f459771e01b45b1a2d206f665bd99a1369feb",
    ),
    "mpts_52_val": _wyckoff(
        "data/mpts_52/val.csv.gz",
        "507e8f147a0e87905c2574ebfbbfc9fa21c2fb09",
        1_930_984,
        "af56fcaa2ed7f36e9ec0ce95ae409c73f4c909644153c3d441c76f87a4d1c11d",
    ),
}

MP_LABELS = TableRecipe(
    name="mp_labels",
    relative_path="crystal/mp_labels/mp_labels.parquet",
    columns={
        "material_id": None,
        "reduced_formula": None,
        "band_gap_pbe": "eV",
        "e_form": "eV/atom",
        "e_form_src": None,
        "is_lowest_polymorph": None,
        "e_above_hull_mp_part": "eV/atom",
        "has_structure": None,
    },
    raw=_RAW,
    build=_build,
    num_rows=124_058,
    sha256="99e69f4783fa0ea14fe6c3892fe4f7db1777286598824e8d216f70d05570cd12",
    description="PBE band gap and formation energy of the Materials Project of 2019 and 2020, one row per id",
    license="CC BY 4.0 (Materials Project)",
    citation=(
        "Jain et al., APL Mater. 1, 011002 (2013), doi 10.1063/1.4812323; Goodall and Lee, Nat. Commun. 11, 6280 "
        "(2020), doi 10.1038/s41467-020-19964-7; Kirklin et al., npj Comput. Mater. 1, 15010 (2015)"
    ),
    seconds=60,
    kind="crystal",
    tables={"mp_structures": "crystal/mp_structures/mp_structures.parquet"},
)
