"""How recipes read crystals in the CIFs that pymatgen writes; no recipe."""

from typing import Any

import numpy as np

CELL_UNITS: dict[str, str | None] = {
    **dict.fromkeys(("a", "b", "c"), "angstrom"),
    **dict.fromkeys(("alpha", "beta", "gamma"), "degree"),
    "volume": "angstrom^3",
    "species": None,
    "frac_e8": "dimensionless",
}
"""Columns of a cell and its sites with their units, see `gnn_sim2real.featurize.crystal_table.CELL_COLUMNS`."""

_CELL = {
    "_cell_length_a": "a",
    "_cell_length_b": "b",
    "_cell_length_c": "c",
    "_cell_angle_alpha": "alpha",
    "_cell_angle_beta": "beta",
    "_cell_angle_gamma": "gamma",
    "_cell_volume": "volume",
}

_FORMULAS = {"_chemical_formula_sum": "formula_sum", "_chemical_formula_structural": "formula_pretty"}

_OF_ATOM = 7
"""Symbol, label, multiplicity, three coordinates, occupancy."""


def read_p1_cif(text: str) -> dict[str, Any]:
    """Read a CIF that lists every atom: cell, species in order, coordinates times 1e8 as whole numbers.

    Args:
        text: The CIF.

    Raises:
        ValueError: If it is another kind of CIF, an atom is missing, or a site is not full.
    """
    lines = iter(text.splitlines())
    found: dict[str, Any] = {}
    atoms: list[list[str]] = []
    for line in lines:
        name, _, value = line.strip().partition(" ")
        if name in _FORMULAS:
            found[_FORMULAS[name]] = value.strip().strip("'")
        elif name in _CELL:
            found[_CELL[name]] = float(value)
        elif name == "_atom_site_occupancy":
            for row in lines:
                words = row.split()
                if len(words) != _OF_ATOM:
                    break
                atoms.append(words)
            break
    if not atoms or found.keys() != {*_FORMULAS.values(), *_CELL.values()}:
        raise ValueError("this is not a CIF of pymatgen without symmetry")
    if any(words[2] != "1" or float(words[6]) != 1 for words in atoms):
        raise ValueError("a site of the CIF is not full, or stands for several")
    fractions = np.array([words[3:6] for words in atoms], dtype=np.float64)
    cell = {name: found[name] for name in _CELL.values()}
    return {
        **{name: found[name] for name in _FORMULAS.values()},
        "nsites": len(atoms),
        **cell,
        "species": " ".join(words[0] for words in atoms),
        "frac_e8": np.rint(fractions * 1e8).astype(np.int32).ravel(),
    }
