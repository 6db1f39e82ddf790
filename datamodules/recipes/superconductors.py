"""Critical temperatures of superconductors, by the crystals of the Materials Project that 3DSC found for them.

Which crystals those are is said by the names of its files, FORMULA-MP-ID.cif; those of undoped crystals are in
`superconductors_names.txt.xz` (3DSC_MP, CC BY 4.0), so that 10,904 files need not be downloaded for their names.
"""

import lzma
from pathlib import Path

import pandas as pd

from datamodules.recipes.raw_table import read_raw_csv
from gnn_sim2real.databases.recipe import Files, RawFile, TableRecipe

_NAMES = Path(__file__).with_name("superconductors_names.txt.xz")

_DIGITS = 3
"""Decimals up to which two compositions are the same."""


def read_names() -> list[tuple[str, str]]:
    """Formula as SuperCon writes it and id of the Materials Project, of each undoped crystal of 3DSC_MP."""
    with lzma.open(_NAMES, "rt", encoding="utf-8") as file:
        names = [line.strip().removesuffix(".cif").split("-MP-") for line in file if not line.startswith("#")]
    return [(formula, name) for formula, name in names]


def composition_of(formula: str) -> str | None:
    """Elements with their fractions, rounded, in order; None if it is no formula, such as `YBa2Cu3O7-z`.

    Args:
        formula: Any formula.
    """
    from pymatgen.core.composition import Composition

    try:
        amounts = Composition(formula).get_el_amt_dict()
    except ValueError:
        return None
    total = sum(amounts.values())
    return " ".join(f"{symbol}{round(amounts[symbol] / total, _DIGITS)}" for symbol in sorted(amounts))


def _build(files: Files) -> pd.DataFrame:
    structures = pd.read_parquet(files["mp_structures"], columns=["material_id", "nsites"]).set_index("material_id")
    labels = pd.read_parquet(files["mp_labels"]).set_index("material_id")
    measured = read_raw_csv(files["supercon"], ("Tc",)).dropna(subset=["Tc"])
    measured["composition"] = [composition_of(formula) for formula in measured["name"]]
    by_composition = measured.groupby("composition")["Tc"]
    found = pd.DataFrame(
        {"expt_Tc_K_median": by_composition.median(), "tc_min": by_composition.min(), "tc_max": by_composition.max()}
    ).to_dict("index")
    rows = [
        {"formula": formula, "material_id": name} | found[key]
        for formula, name in read_names()
        if name in structures.index and (key := composition_of(formula)) in found
    ]
    table = pd.DataFrame(rows)
    own = labels.reindex(table["material_id"])
    table["dft_gap_pbe_eV"] = own["band_gap_pbe"].to_numpy()
    table["dft_e_form_eV_atom"] = own["e_form"].to_numpy()
    table["is_lowest_polymorph"] = own["is_lowest_polymorph"].eq(True).to_numpy()  # not where there is no label
    return table.assign(nsites=structures["nsites"].reindex(table["material_id"]).to_numpy())


MEASURED_TC = TableRecipe(
    name="measured_tc",
    relative_path="crystal/measured/expt_Tc_3dsc_exact__mp.csv",
    columns={
        "formula": None,
        "material_id": None,
        "expt_Tc_K_median": "K",
        "tc_min": "K",
        "tc_max": "K",
        "dft_gap_pbe_eV": "eV",
        "dft_e_form_eV_atom": "eV/atom",
        "is_lowest_polymorph": None,
        "nsites": "dimensionless",
    },
    raw={
        "supercon": RawFile(
            "aimat-lab/3DSC",
            "8d69ca9c94b83d387378549225d3b7c3af85ca42",
            "superconductors_3D/data/source/SuperCon/raw/Supercon_data_by_2018_Stanev.csv",
            357_918,
            "b34a955cc59f7a1556bc92c4b9db559bfd634c03227b7e95337a2e5d69227dd6",
            "MIT (code), CC BY 4.0 (3DSC_MP)",
        )
    },
    build=_build,
    num_rows=4_181,
    sha256="aff247d63414cb3f6d23193ef2f96e487b053592e0f3139cd6d906d5d303140a",
    description="measured critical temperatures of undoped superconductors, 0 where none was found, on every polymorph",
    license="CC BY 4.0",
    citation=(
        "Sommer et al., Sci. Data 10, 816 (2023), doi 10.1038/s41597-023-02721-y; Stanev et al., npj Comput. Mater. 4, "
        "29 (2018), doi 10.1038/s41524-018-0085-8"
    ),
    seconds=15,
    kind="crystal",
    tables={name: f"crystal/{name}/{name}.parquet" for name in ("mp_structures", "mp_labels")},
    note="The temperature of a formula stands on each of its polymorphs: is_lowest_polymorph leaves one.",
)
