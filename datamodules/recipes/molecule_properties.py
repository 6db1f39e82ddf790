"""Measured properties of organic molecules, from the tables of the package `chemicals`.

Sources that only estimate, or may not be passed on, are left out. Of several sources the first in the list is taken; a
molecule whose rows differ by more than a tolerance has no value: some are of stereo isomers.

An earlier table of the same sources has the same 35,996 values up to the fifth digit, and 2 others; it has 5 more,
whose rows differ by more than the tolerance, and 20 fewer, 18 of them formation enthalpies of ATcT.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from datamodules.recipes.liquids import smiles_by_cas
from datamodules.recipes.raw_table import flat_smiles, read_raw_csv
from gnn_sim2real.databases.recipe import Files, Package, TableRecipe


class _Column(NamedTuple):
    """Where a source has a property: its file, the column, and what a value is multiplied by."""

    file: str
    name: str
    scale: float = 1.0


class _Quantity(NamedTuple):
    """A property: its unit, sources in order, the largest difference of two rows, and the range that is credible."""

    unit: str
    sources: Sequence[_Column]
    tolerance: float
    low: float
    high: float


TEMPERATURE = 298.15
"""Of surface tensions [K]."""

_REACH = 5.0
"""How far beyond the temperatures of the measurements the line of a surface tension is read [K]."""

PERMITTIVITY_AT = (290.0, 303.0)
"""Temperatures [K] at which a permittivity counts."""

QUANTITIES: Mapping[str, _Quantity] = {
    "hf_gas_kJ_mol": _Quantity(
        "kJ/mol",
        [_Column("atct", "Hfg", 1e-3), _Column("crc_energies", "Hfg", 1e-3), _Column("webbook", "Hfg", 1e-3)],
        *(12.0, -3500, 1000),
    ),
    "hf_liquid_kJ_mol": _Quantity(
        "kJ/mol", [_Column("crc_energies", "Hfl", 1e-3), _Column("webbook", "Hfl", 1e-3)], 12.0, -3500, 700
    ),
    "dipole_D": _Quantity(
        "debye", [_Column(name, "dipole_moment") for name in ("cccbdb", "poling_dipoles", "muller")], 0.4, 0, 12
    ),
    "cp_gas_J_molK": _Quantity(
        "J/(mol K)", [_Column("poling_capacities", "Cpg"), _Column("crc_energies", "Cpg")], 3.0, 20, 2000
    ),
    "cp_liquid_J_molK": _Quantity(
        "J/(mol K)", [_Column("crc_energies", "Cpl"), _Column("poling_capacities", "Cpl")], 12.0, 20, 2000
    ),
    "hvap298_kJ_mol": _Quantity(
        "kJ/mol",
        [_Column("crc_boiling", "Hvap298", 1e-3), _Column("gharagheizi_boiling", "Hvap298", 1e-3)],
        4.0,
        1,
        200,
    ),
    "hsub_kJ_mol": _Quantity(
        "kJ/mol", [_Column("webbook", "Hsub", 1e-3), _Column("gharagheizi_sublimation", "Hsub", 1e-3)], 10.0, 10, 250
    ),
    "hfus_kJ_mol": _Quantity(
        "kJ/mol", [_Column("crc_melting", "Hfus", 1e-3), _Column("webbook", "Hfus", 1e-3)], 4.0, 0, 105
    ),
    "surface_tension_mN_m": _Quantity(
        "mN/m", [_Column("jasper", "tension"), _Column("somayajulu", "tension")], 2.0, 1, 100
    ),
    "permittivity": _Quantity("dimensionless", [_Column("permittivity", "Permittivity")], 5.0, 1, 200),
    "flash_point_K": _Quantity(
        "K", [_Column("dippr", "T_flash"), _Column("iec", "T_flash"), _Column("wikidata", "T_flash")], 20.0, 100, 600
    ),
    "logP": _Quantity("dimensionless", [_Column("syrres", "logP"), _Column("crc_logp", "logP")], 0.5, -6, 12),
    "tm_K": _Quantity(
        "K", [_Column("open_notebook", "Tm"), _Column("crc_constants", "Tm"), _Column("webbook", "Tm")], 15.0, 50, 800
    ),
    "tb_K": _Quantity("K", [_Column("crc_constants", "Tb"), _Column("webbook", "Tb")], 15.0, 50, 800),
}
"""What is read; a column each."""

ELEMENTS = frozenset({"C", "H", "O", "N", "Cl", "S", "F", "Br", "P", "I", "Si", "B", "Se"})

_IDENTIFIERS = ("inorganic", "large", "identifiers", "more_identifiers")

PACKAGE = Package(
    "chemicals",
    "1.5.2",
    {
        "inorganic": "chemicals/Identifiers/Inorganic db.tsv",
        "large": "chemicals/Identifiers/chemical identifiers pubchem large.tsv",
        "identifiers": "chemicals/Identifiers/chemical identifiers pubchem small.tsv",
        "more_identifiers": "chemicals/Identifiers/chemical identifiers example user db.tsv",
        "atct": "chemicals/Reactions/ATcT 1.112 (g).tsv",
        "crc_energies": "chemicals/Heat Capacity/CRC Standard Thermodynamic Properties of Chemical Substances.tsv",
        "webbook": "chemicals/Misc/webbook_constants.tsv",
        "cccbdb": "chemicals/Misc/cccbdb.nist.gov Dipoles.csv",
        "poling_dipoles": "chemicals/Misc/Poling Dipole.csv",
        "muller": "chemicals/Misc/Muller Supporting Info Dipoles.csv",
        "poling_capacities": "chemicals/Heat Capacity/PolingDatabank.tsv",
        "crc_boiling": "chemicals/Phase Change/CRC Handbook Heat of Vaporization.tsv",
        "gharagheizi_boiling": "chemicals/Phase Change/Ghazerati Appendix Vaporization Enthalpy.tsv",
        "gharagheizi_sublimation": "chemicals/Phase Change/Ghazerati Appendix Sublimation Enthalpy.tsv",
        "crc_melting": "chemicals/Phase Change/CRC Handbook Heat of Fusion.tsv",
        "jasper": "chemicals/Interface/Jasper-Lange.tsv",
        "somayajulu": "chemicals/Interface/Somayajulu.tsv",
        "permittivity": "chemicals/Electrolytes/Permittivity (Dielectric Constant) of Liquids.tsv",
        "dippr": "chemicals/Safety/DIPPR T_flash Serat.csv",
        "iec": "chemicals/Safety/IS IEC 60079-20-1 2010.tsv",
        "wikidata": "chemicals/Misc/wikidata_properties.tsv",
        "syrres": "chemicals/Environment/Syrres logP data.csv.gz",
        "crc_logp": "chemicals/Environment/CRC logP table.tsv",
        "open_notebook": "chemicals/Phase Change/OpenNotebook Melting Points.tsv",
        "crc_constants": "chemicals/Misc/Physical Constants of Organic Compounds.csv",
    },
    "MIT; values of the CRC Handbook, the NIST WebBook and others",
    "molecules",
)


def _is_organic(flat: str) -> bool:
    """Whether it is one neutral closed-shell molecule with carbon, of main-group elements, none of them an isotope."""
    from rdkit import Chem

    if "." in flat or "[H]" in flat:
        return False
    molecule = Chem.MolFromSmiles(flat)
    atoms = list(molecule.GetAtoms())
    elements = {atom.GetSymbol() for atom in atoms}
    return (
        "C" in elements
        and elements <= ELEMENTS
        and Chem.GetFormalCharge(molecule) == 0
        and not any(atom.GetNumRadicalElectrons() for atom in atoms)
    )


def _with_dashes(number: str) -> str:
    return number if "-" in number else f"{number[:-3]}-{number[-3:-1]}-{number[-1]}"


def _with_tension(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Surface tensions [mN/m] at `TEMPERATURE`, where the equation of the source holds."""
    if name == "jasper":
        low, high, a, b = (table[each].astype(float) for each in ("Tmin", "Tmax", "a", "b"))
        inside = (low <= TEMPERATURE + _REACH) & (high >= TEMPERATURE - _REACH)
        return table.assign(tension=(a - b * (TEMPERATURE - 273.15)).where(inside))
    x = 1 - TEMPERATURE / table["Tc"].astype(float)
    inside = (table["Tt"].astype(float) <= TEMPERATURE) & (x > 0)
    a, b, c = (table[letter].astype(float) for letter in "ABC")
    x = x.where(inside)
    return table.assign(tension=a * x**1.25 + b * x**2.25 + c * x**3.25)


def _read(name: str, files: Files) -> pd.DataFrame:
    table = read_raw_csv(files[name], sep="\t")
    if name in ("jasper", "somayajulu"):
        table = _with_tension(name, table)
    if name == "permittivity":
        table = table[table["T"].astype(float).between(*PERMITTIVITY_AT)]
    return table


def _build(files: Files) -> pd.DataFrame:
    from rdkit import rdBase

    with rdBase.BlockLogs():
        known = {cas: flat_smiles(text) for cas, text in smiles_by_cas(*(files[each] for each in _IDENTIFIERS)).items()}
        organic = {flat for flat in known.values() if flat is not None and _is_organic(flat)}
    tables = {name: _read(name, files) for name in files if name not in _IDENTIFIERS}
    columns = {name: _merge(each, tables, known, organic) for name, each in QUANTITIES.items()}
    return pd.DataFrame(columns).rename_axis("smiles").sort_index().reset_index()


def _merge(
    quantity: _Quantity, tables: Mapping[str, pd.DataFrame], known: Mapping[str, str | None], organic: set[str]
) -> "pd.Series[float]":
    """One value a molecule: the median of its rows in the first source that has it."""
    parts = []
    for rank, column in enumerate(quantity.sources):
        table = tables[column.file].dropna(subset=[column.name])
        smiles = [known.get(_with_dashes(number)) for number in table["CAS"]]
        values = table[column.name].astype(float).to_numpy() * column.scale
        parts.append(pd.DataFrame({"smiles": smiles, "value": values, "rank": rank}))
    rows = pd.concat(parts)
    rows = rows[rows["smiles"].isin(organic) & rows["value"].between(quantity.low, quantity.high)]
    groups = rows.groupby("smiles")["value"]
    credible = groups.max() - groups.min() <= quantity.tolerance
    medians = rows.groupby(["smiles", "rank"])["value"].median().groupby("smiles").first()
    return medians[credible]


MEASURED_PROPERTIES = TableRecipe(
    name="measured_properties",
    relative_path="molecule/measured_properties/measured_wide.csv",
    columns={"smiles": None} | {name: each.unit for name, each in QUANTITIES.items()},
    raw={},
    build=_build,
    num_rows=18_270,
    sha256="74ea30e1d8680f2fbf31e5f299ab9151b7b98dc2b95a94d8a5ab53556c6e0b84",
    description="fourteen measured properties of organic molecules, a column each, 36,000 values in all",
    license=PACKAGE.license,
    citation=(
        "Bell, chemicals, github.com/CalebBell/chemicals; by way of it CRC Handbook of Chemistry and Physics, NIST "
        "Chemistry WebBook, Active Thermochemical Tables 1.112, Poling et al. (2001)"
    ),
    seconds=60,
    kind="molecule",
    package=PACKAGE,
    note="Flash points are of closed and open cups. Permittivities spread over orders of magnitude: take logarithms.",
)
