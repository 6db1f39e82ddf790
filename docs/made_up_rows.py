"""Make the rows that `gnn-sim2real init` puts into a new project: `python docs/made_up_rows.py`.

The materials are real, the values are not: a smooth function of the composition, which the simulated rows know with a
bias, and the measured ones with noise.
"""

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms
from ase.io import write
from pymatgen.core import Composition
from rdkit import Chem
from rdkit.Chem import Descriptors, rdMolDescriptors

from datamodules.demo.crystals import SimulatedCrystal, demo_crystals
from datamodules.demo.polymers import demo_source

FOLDER = Path(__file__).parents[1] / "configs/project"
NUM_SIMULATED, NUM_MEASURED, NUM_SHARED = 240, 60, 40

_ALKYLS = (
    "C", "CC", "CCC", "CC(C)", "CCCC", "CCC(C)", "CCCCC", "CC(C)CC", "CCCCCC", "C1CCCC1", "C1CCCCC1", "c1ccccc1",
)  # fmt: skip
_ENDS = (
    "O", "OC", "N", "NC", "F", "Cl", "Br", "C#N", "C=O", "C(C)=O", "C(=O)O", "C(=O)OC", "S", "C=C", "OCC", "C(N)=O",
)  # fmt: skip
_SOLVENTS = (
    "CCCCCC", "C1CCCCC1", "c1ccccc1", "Cc1ccccc1", "CCO", "CO", "CC(C)=O", "CCOC(C)=O", "C1CCOC1", "ClC(Cl)Cl", "CC#N",
    "CCCCO",
)  # fmt: skip
_METALS = {
    "Li": 1, "Na": 1, "K": 1, "Cu": 1, "Ag": 1, "Mg": 2, "Ca": 2, "Sr": 2, "Ba": 2, "Zn": 2, "Cd": 2, "Al": 3, "Ga": 3,
    "In": 3, "Y": 3, "La": 3, "Sn": 4, "Ti": 4, "Zr": 4,
}  # fmt: skip
"""Metals and their charge."""
_ANIONS = {"O": -2, "S": -2, "Se": -2, "Te": -2, "F": -1, "Cl": -1, "Br": -1, "I": -1, "N": -3, "P": -3}


def rows_of(materials: pd.DataFrame, values: np.ndarray, noise: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Simulated and measured rows of a property.

    Args:
        materials: One a row; some are simulated, some measured, some both.
        values: Their value, above zero, (num_materials,).
        noise: Standard deviation of the measurements, in units of that of the values.

    Returns:
        Rows with a column `value`, in a random order.
    """
    random = np.random.default_rng(0)
    order = random.permutation(len(materials))
    spread = values.std()
    kept = order[:NUM_SIMULATED], order[NUM_SIMULATED - NUM_SHARED :][:NUM_MEASURED]
    simulated, measured = (materials.iloc[each].assign(value=values[each]) for each in kept)
    simulated["value"] = 0.9 * simulated["value"] + 0.3 * spread
    measured["value"] = np.abs(measured["value"] + noise * spread * random.standard_normal(len(measured)))
    return simulated, measured


def _mass_fraction(molecule: Chem.Mol, *symbols: str) -> float:
    atoms = [atom for atom in molecule.GetAtoms() if atom.GetSymbol() in symbols]
    return sum(atom.GetMass() for atom in atoms) / float(Descriptors.MolWt(molecule))


def _density(smiles: str) -> float:
    """Return a density [g/cm3]."""
    molecule = Chem.MolFromSmiles(smiles.replace("*", "[H]"))
    heavy = _mass_fraction(molecule, "F", "Cl", "Br", "I", "S", "Si")
    rings = rdMolDescriptors.CalcNumAromaticRings(molecule) / molecule.GetNumHeavyAtoms()
    return 0.88 + 0.3 * _mass_fraction(molecule, "N", "O") + 0.9 * heavy + 2.0 * rings


def _boiling_point(smiles: str) -> float:
    """Return a boiling point [K]."""
    molecule = Chem.MolFromSmiles(smiles)
    polar = rdMolDescriptors.CalcTPSA(molecule)
    donors = rdMolDescriptors.CalcNumHBD(molecule)
    return 130.0 + 26.0 * float(Descriptors.MolWt(molecule)) ** 0.5 + 0.9 * polar + 35.0 * donors


def _gap(formula: str) -> float:
    """Return a band gap [eV]."""
    composition = Composition(formula)
    elements = [each.X for each in composition]
    return max(0.05, 2.6 * (max(elements) - min(elements)) - 0.03 * composition.weight / composition.num_atoms)


def polymers() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Density of generated repeat units [g/cm3]."""
    smiles = demo_source()["smiles"].iloc[::12]
    return rows_of(pd.DataFrame({"smiles": smiles}), np.array(smiles.map(_density)), 0.1)


def molecules() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Boiling point of small molecules [K]."""
    written = [f"{alkyl}{chain}{end}" for alkyl, chain, end in product(_ALKYLS, ("", "C", "CC"), _ENDS)]
    smiles = pd.Series(list(dict.fromkeys(Chem.CanonSmiles(each) for each in written)))
    return rows_of(pd.DataFrame({"smiles": smiles}), np.array(smiles.map(_boiling_point)), 0.1)


def compositions() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Band gap of binary and ternary compounds [eV]."""
    formulas = []
    for (first, one), (second, other), (anion, charge) in product(_METALS.items(), _METALS.items(), _ANIONS.items()):
        if first == second:
            formulas.append(f"{first}{-charge}{anion}{one}")
        else:
            formulas.append(f"{first}{-charge}{second}{-charge}{anion}{one + other}")
    formula = pd.Series(list(dict.fromkeys(Composition(each).reduced_formula for each in formulas)))
    return rows_of(pd.DataFrame({"formula": formula}), np.array(formula.map(_gap)), 0.1)


def pairs() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Chi of polymers in solvents at a temperature."""
    units = demo_source()["smiles"].iloc[::120]
    table = pd.DataFrame(list(product(units, _SOLVENTS)), columns=["polymer", "solvent"])
    table["temperature [K]"] = 298 + 10 * (np.arange(len(table)) % 8)
    far = [_density(one) - 0.9 * _density(other) for one, other in zip(table["polymer"], table["solvent"], strict=True)]
    return rows_of(table, 0.2 + 300.0 * np.abs(far) / table["temperature [K]"].to_numpy(), 0.1)


def crystals() -> tuple[list[Atoms], list[Atoms]]:
    """Crystals of decorated prototypes with their band gap in `info` [eV]."""
    found = [each for each in demo_crystals() if each.crystal.num_sites <= 5][::4]
    values = np.array([_gap(each.formula) + 0.02 * each.crystal.volume / each.crystal.num_sites for each in found])
    simulated, measured = rows_of(pd.DataFrame({"crystal": pd.Series(found, dtype=object)}), values, 0.1)
    return [_atoms(*row) for row in simulated.to_numpy()], [_atoms(*row) for row in measured.to_numpy()]


def _atoms(found: SimulatedCrystal, value: float) -> Atoms:
    crystal = found.crystal
    atoms = Atoms(crystal.atomic_number, scaled_positions=crystal.fractional, cell=crystal.lattice, pbc=True)
    atoms.info = {"name": found.name.replace(" ", "_"), "band_gap": round(value, 3)}
    return atoms


HEADINGS = {
    "polymer": (polymers, "density [g/cm3]", 4),
    "molecule": (molecules, "boiling_point [K]", 1),
    "composition": (compositions, "band_gap [eV]", 3),
    "pair": (pairs, "chi", 3),
}
"""Rows of each kind, the heading of the values, and their digits."""


def main(folder: Path = FOLDER) -> None:
    """Write all rows.

    Args:
        folder: Where to.
    """
    for kind, (make, heading, digits) in HEADINGS.items():
        for name, rows in zip(("simulated", "measured"), make(), strict=True):
            rows["value"] = rows["value"].round(digits)
            (folder / kind).mkdir(parents=True, exist_ok=True)
            rows.rename(columns={"value": heading}).to_csv(folder / kind / f"{name}.csv", index=False)
    (folder / "crystal").mkdir(parents=True, exist_ok=True)
    for name, atoms in zip(("simulated", "measured"), crystals(), strict=True):
        write(folder / "crystal" / f"{name}.extxyz", atoms, columns=["symbols", "positions"])


if __name__ == "__main__":
    main()
