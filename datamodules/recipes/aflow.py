"""Thermal and elastic properties by AFLOW's AGL and AEL, with the crystals they were computed for.

Equal to the table of the published results but for 112 of the guessed ids of the Materials Project, which point there
to crystals that `mp_structures` does not hold.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from datamodules.recipes.crystals import CELL_UNITS, read_p1_cif
from datamodules.recipes.mp_labels import reduced
from gnn_sim2real.databases.recipe import Files, RawFile, TableRecipe

_PARTS = ("train", "val", "test")

_COLUMNS = {
    "thermal_conductivity": "agl_thermal_conductivity_300K",
    "thermal_expansion": "agl_thermal_expansion_300K",
    "debye_temperature": "ael_debye_temperature",
    "bulk_modulus": "ael_bulk_modulus_vrh",
    "shear_modulus": "ael_shear_modulus_vrh",
}

MAX_VOLUME_DIFFERENCE = 0.08
"""Relative difference of the volume per atom up to which a crystal of the Materials Project may be the same one."""


def _read(files: Files, name: str) -> pd.DataFrame:
    """All values of a property with the CIF, the row of the source, and the part, in the order of the parts."""
    parts = []
    for part in _PARTS:
        table = pd.read_csv(files[f"{name}/{part}"], compression="gzip", dtype=str, keep_default_na=False)
        value = next(column for column in table if column not in ("Unnamed: 0", "cif", ""))
        row = next(column for column in table if column in ("Unnamed: 0", ""))
        found = {"cif": table["cif"], "row_in_source": table[row].astype(int), "value": table[value].astype(float)}
        parts.append(pd.DataFrame(found).assign(part=part))
    return pd.concat(parts).set_index("cif")


def _build(files: Files) -> pd.DataFrame:
    found = {name: _read(files, name) for name in _COLUMNS}
    first = found["thermal_expansion"].index
    cifs = [*first, *(cif for cif in found["debye_temperature"].index if cif not in first)]
    crystals = [read_p1_cif(cif) for cif in cifs]
    rows = found["thermal_expansion"]["row_in_source"].reindex(cifs)
    table = pd.DataFrame(crystals).drop(columns="formula_pretty")
    table.insert(0, "row_in_source", rows.fillna(found["debye_temperature"]["row_in_source"].reindex(cifs)).to_numpy())
    table["row_in_source"] = table["row_in_source"].astype(int)
    table.insert(2, "reduced_formula", [reduced(formula) for formula in table["formula_sum"]])
    for name, column in _COLUMNS.items():
        table[column] = found[name]["value"].reindex(cifs).to_numpy()
    parts = found["debye_temperature"]["part"].reindex(cifs)
    table["split_source"] = parts.fillna(found["thermal_conductivity"]["part"].reindex(cifs)).to_numpy()
    table["mp_id_guess"] = list(_guess_ids(table, pd.read_parquet(files["mp_structures"], columns=_OF_STRUCTURES)))
    return table


_OF_STRUCTURES = ["material_id", "reduced_formula", "nsites", "volume"]


def _guess_ids(table: pd.DataFrame, structures: pd.DataFrame) -> Iterator[str | None]:
    """The crystal of the same formula with the nearest volume per atom."""
    per_atom = (structures["volume"] / structures["nsites"]).to_numpy()
    groups = structures.groupby("reduced_formula").indices
    for formula, volume, number in zip(table["reduced_formula"], table["volume"], table["nsites"], strict=True):
        rows = groups.get(formula, np.array([], dtype=int))
        difference = np.abs(per_atom[rows] / (volume / number) - 1)
        best = int(difference.argmin()) if len(rows) else 0
        is_same = len(rows) and difference[best] <= MAX_VOLUME_DIFFERENCE
        yield str(structures["material_id"].iloc[rows[best]]) if is_same else None


_FILES = {
    "bulk_modulus/test": (108_227, "dd3544d6285018a1bb28098d032be95bd2a21aeab76abf316cacf14f80bb25fe"),
    "bulk_modulus/train": (499_752, "57ff2e370d555f31be5e4c9d0d89ac8c879c165ffbf118e27649e940dd1f8abe"),
    "bulk_modulus/val": (111_110, "e158c4f3810e14317a80f10ea3b348f12410399fe4942a2440f09a63153a2f75"),
    "debye_temperature/test": (108_295, "bae7e403a83eda9a48624f9825fd0403dfce5f2e4795bbd6118faaf4a19cbda3"),
    "debye_temperature/train": (500_077, "726c9bc244a2ac992ae9637dfda247e9c5b9a4d6cedfb3e96f99bce31fbf5d1b"),
    "debye_temperature/val": (111_204, "e1c5d2f33c521ec66f0406b2861ec7cbd283f6414247b3d9746a43b55555c9d1"),
    "shear_modulus/test": (108_291, "08aafe7c79444397cd6c21d811e625136ceee41f74d66b2607fd83f0bb78f218"),
    "shear_modulus/train": (500_242, "5d20bbde467f84ea2aee3b4de97f0dc3fa835b7a6098801364cca0ed2d1c15ea"),
    "shear_modulus/val": (111_221, "caae0448dc2db1566a1955d585f301a25675a55bbd050a4274c3f4da79b0525b"),
    "thermal_conductivity/test": (110_353, "988e2b08b5d00b452fc8c5db2bab32ca4fadf64748b63969781c8bcbea9816f1"),
    "thermal_conductivity/train": (495_250, "e76390d925500f0a9a2d423f527674fe72d8bdf94077721acaf1bd5b3f93f3b0"),
    "thermal_conductivity/val": (111_378, "d2a9b920acb59f512dcbb90104fefcf59e80f4b975bdf9c4fa89cf6a3040e89e"),
    "thermal_expansion/test": (110_360, "5acf0730108bccf28be6bb089b956f378666ebef5ff90e2c7be968858a610cc2"),
    "thermal_expansion/train": (495_049, "726f0aef6c0f2ca42145198e8feecd5e2b598c9e9cafc8ac750e0007886318be"),
    "thermal_expansion/val": (111_444, "b08805d9574ac728eb66b589358ea14eab5620111d7a774fbcd5702b14f5e2b1"),
}
"""Size [bytes] and SHA-256."""

AFLOW_AGL_AEL = TableRecipe(
    name="aflow_agl_ael",
    relative_path="crystal/aflow_agl_ael/aflow_agl_ael.parquet",
    columns={
        "row_in_source": None,
        "formula_sum": None,
        "reduced_formula": None,
        "nsites": "dimensionless",
        **CELL_UNITS,
        "agl_thermal_conductivity_300K": "W/(m K)",
        "agl_thermal_expansion_300K": "1/K",
        "ael_debye_temperature": "K",
        "ael_bulk_modulus_vrh": "GPa",
        "ael_shear_modulus_vrh": "GPa",
        "split_source": None,
        "mp_id_guess": None,
    },
    raw={
        f"{name}/{part}": RawFile(
            "SymmetryAdvantage/WyckoffTransformer",
            "1b7d0d133d2bf5fefcaec05c1bb4861f42b81ae3",
            f"data/aflow/{name}/{part}.csv.gz",
            *_FILES[f"{name}/{part}"],
            license="Apache-2.0 (the copy); AFLOW: free for academic use, cite",
        )
        for name in _COLUMNS
        for part in _PARTS
    },
    build=_build,
    num_rows=4_905,
    sha256="3df4c2db3cf29ca303797b9d103a2009132be0ed3dd715aea644a6e20c610183",
    description="thermal conductivity and expansion at 300 K, Debye temperature and moduli of crystals, quasi-harmonic",
    license="Apache-2.0 (the copy); AFLOW: free for academic use, cite",
    citation=(
        "Toher et al., Phys. Rev. B 90, 174107 (2014), doi 10.1103/PhysRevB.90.174107; Phys. Rev. Materials 1, 015401 "
        "(2017), doi 10.1103/PhysRevMaterials.1.015401"
    ),
    seconds=10,
    kind="crystal",
    tables={"mp_structures": "crystal/mp_structures/mp_structures.parquet"},
    note="mp_id_guess is a guess, by formula and volume.",
)
