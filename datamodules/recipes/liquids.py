"""Organic liquids: simulated density and cohesive energy, measured density and boiling point."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from datamodules.recipes.raw_table import flat_smiles, read_raw_csv
from gnn_sim2real.databases.recipe import Files, Package, RawFile, TableRecipe

TEMPERATURE = 298.15
"""Where the straight lines are read off [K]."""

MAX_PRESSURE = 250.0
"""Simulated states above this [bar] are left out."""

MIN_RANGE = 20.0
"""Smallest difference of the simulated temperatures of a molecule [K] for a line through them."""

SIMULATED_DENSITY = (0.5, 1.6)
SIMULATED_ENERGY = (-160.0, -5.0)
MEASURED_DENSITY = (0.6, 2.0)
"""Ranges [g/cm3, kJ/mol, g/cm3] outside of which a value is a fault."""

NOT_CREDIBLE = ("COO",)
"""Methyl hydroperoxide is listed with 1.997 g/cm3."""

PACKAGE = Package(
    "chemicals",
    "1.5.2",
    {
        "constants": "chemicals/Misc/Physical Constants of Organic Compounds.csv",
        "identifiers": "chemicals/Identifiers/chemical identifiers pubchem small.tsv",
        "more_identifiers": "chemicals/Identifiers/chemical identifiers example user db.tsv",
    },
    "MIT; values of the CRC Handbook",
    "molecules",
)


def _build_simulated(files: Files) -> pd.DataFrame:
    states = pd.read_csv(files["states"], sep=r"\s+", dtype=str)
    numbers = {name: states[name].to_numpy(dtype=object).astype(float) for name in ("T", "P", "density", "einter")}
    table = pd.DataFrame(numbers).assign(
        smiles=pd.Series([flat_smiles(text) for text in states["SMILES"]], dtype=object)
    )
    table = table[table["P"] <= MAX_PRESSURE]
    rows = []
    for smiles, group in table.groupby("smiles", sort=True):
        temperatures = group["T"].to_numpy()
        if len(group) < 2 or temperatures.max() - temperatures.min() <= MIN_RANGE:
            continue
        density, energy = (_on_line(temperatures, group[name].to_numpy()) for name in ("density", "einter"))
        if _is_within(density, SIMULATED_DENSITY) and _is_within(energy, SIMULATED_ENERGY):
            rows.append((smiles, density, energy, int(temperatures.min()), int(temperatures.max()), len(group)))
    return pd.DataFrame(rows, columns=list(MD_LIQUIDS.columns))


def _on_line(temperatures: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """Value at `TEMPERATURE` of the straight line with the least squares."""
    away = temperatures - temperatures.mean()
    slope = (away * values).sum() / (away**2).sum()
    return float(values.mean() + slope * (TEMPERATURE - temperatures.mean()))


def _is_within(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= value <= limits[1]


def smiles_by_cas(*files: Path) -> dict[str, str]:
    """SMILES by CAS number, of later files and lines rather than of earlier ones; unreadable ones are left out.

    Args:
        files: Tables of identifiers without a heading: CAS number in the second field, SMILES in the fifth.
    """
    found = {}
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            fields = line.split("\t", 5)
            if flat_smiles(fields[4]) is not None:
                found[fields[1]] = fields[4]
    return found


def _constants(files: Files) -> pd.DataFrame:
    """The CRC table, with the SMILES as written and without stereo of each row that has one."""
    table = read_raw_csv(files["constants"], ("Tm", "Tb", "rho"), sep="\t")
    known = smiles_by_cas(files["identifiers"], files["more_identifiers"])
    table = table.assign(smiles=table["CAS"].map(known)).dropna(subset=["smiles"])
    return table.assign(flat=table["smiles"].map(flat_smiles))


def _is_organic(flat: str) -> bool:
    from rdkit import Chem

    elements = {atom.GetSymbol() for atom in Chem.MolFromSmiles(flat).GetAtoms()}
    return "." not in flat and elements <= {"C", "H", "O", "N"}


def _merge(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """One row a molecule: the first spelling, the median."""
    table = table[[_is_organic(flat) for flat in table["flat"]]].dropna(subset=[column])
    return table.groupby("flat", sort=True).agg(smiles=("smiles", "first"), value=(column, "median"))


def _build_density(files: Files) -> pd.DataFrame:
    table = _constants(files)
    density = table["rho"] / 1000
    merged = _merge(table.assign(density=density.where(density.between(*MEASURED_DENSITY))), "density")
    merged = merged[~merged.index.isin(NOT_CREDIBLE)]
    melting = table.groupby("flat")["Tm"].median()  # also of rows without a density
    found = {"smiles": merged["smiles"], "density_g_cm3": merged["value"], "tm_K": melting.reindex(merged.index)}
    return pd.DataFrame(found).reset_index(drop=True)


def _build_boiling_point(files: Files) -> pd.DataFrame:
    return _merge(_constants(files), "Tb").rename(columns={"value": "tb_K"}).reset_index(drop=True)


MD_LIQUIDS = TableRecipe(
    name="md_liquids",
    relative_path="molecule/liquids/md_298K.csv",
    columns={
        "smiles": None,
        "density_g_cm3": "g/cm^3",
        "cohesive_energy_kJ_mol": "kJ/mol",
        "t_min_K": "K",
        "t_max_K": "K",
        "n_states": "dimensionless",
    },
    raw={
        "states": RawFile(
            "z-gong/mdlearn",
            "ab951a3deb163f0d64d80019d841e53048b168cc",
            "data/All-npt_rand.txt",
            2_375_405,
            "2bfd9c99260bce53b2d863c8d102ddf7498820460da8c32e02c8f44f303bc917",
            "LGPL-2.1",
        )
    },
    build=_build_simulated,
    num_rows=6_284,
    sha256="84d5575188a113d2496365b3de2f87b7240164fdc26717e8531afff8a71a241f",
    description=(
        "density and (negative) intermolecular energy of molecules of C, H, N, O at 298.15 K, on a straight line "
        "through states simulated by molecular dynamics"
    ),
    license="LGPL-2.1",
    citation="Gong et al., J. Chem. Inf. Model. 58, 2502 (2018), doi 10.1021/acs.jcim.8b00407",
    seconds=15,
    kind="molecule",
    spelled=("smiles",),
    note="4,338 rows are extrapolated: 298.15 K is not between t_min_K and t_max_K.",
)

_CRC = "CRC Handbook of Chemistry and Physics, by way of: Bell, chemicals, github.com/CalebBell/chemicals"

MEASURED_LIQUID_DENSITY = TableRecipe(
    name="measured_liquid_density",
    relative_path="molecule/liquids/measured_density.csv",
    columns={"smiles": None, "density_g_cm3": "g/cm^3", "tm_K": "K"},
    raw={},
    build=_build_density,
    num_rows=1_124,
    sha256="12a37295fdcfe1832d1a2c803a5077d705e305a08e5fc0ec4a7d6f383c166381",
    description="measured density of molecules of C, H, N, O, with the melting point where it is known",
    license=PACKAGE.license,
    citation=_CRC,
    seconds=15,
    kind="molecule",
    package=PACKAGE,
    note="At least 236 of them are solid at 298 K: leave out those with tm_K above 298.",
)

MEASURED_BOILING_POINT = TableRecipe(
    name="measured_boiling_point",
    relative_path="molecule/liquids/measured_boiling_point.csv",
    columns={"smiles": None, "tb_K": "K"},
    raw={},
    build=_build_boiling_point,
    num_rows=1_114,
    sha256="955dad71ef6e79aa408046122551fc3395e9d657ab50c02604c2e28a2a2def49",
    description="measured boiling point of molecules of C, H, N, O",
    license=PACKAGE.license,
    citation=_CRC,
    seconds=15,
    kind="molecule",
    package=PACKAGE,
)
