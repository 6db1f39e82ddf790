"""Polymers (repeat-unit SMILES) and molecules (SMILES) as graphs."""

from collections.abc import Iterable

import numpy as np
from rdkit import Chem

from gnn_sim2real.featurize.chain import Chain, bond_ends, build_short_chain, find_stars, read_smiles, sanitize
from gnn_sim2real.graph import ATOM_CODES, BOND_CODES, Graph

FEATURIZER_VERSION = 1
"""Version of the numbers: raised by hand whenever the graphs of this module change."""

_HYBRIDIZATIONS = {
    Chem.HybridizationType.S: 1,
    Chem.HybridizationType.SP: 2,
    Chem.HybridizationType.SP2: 3,
    Chem.HybridizationType.SP3: 4,
    Chem.HybridizationType.SP2D: 5,
    Chem.HybridizationType.SP3D: 6,
    Chem.HybridizationType.SP3D2: 7,
}
"""Codes of the hybridizations, 0 for any other."""

_BOND_ORDERS = {
    Chem.BondType.SINGLE: 1,
    Chem.BondType.DOUBLE: 2,
    Chem.BondType.TRIPLE: 3,
    Chem.BondType.AROMATIC: 4,
    Chem.BondType.DATIVE: 5,
}
"""Codes of the bond orders, 0 for any other."""

_MAX_CHARGE = 3

_MAX_CODES = np.array(list(ATOM_CODES.values())) - 1


def featurize_repeat_unit(psmiles: str) -> Graph:
    """Turn a repeat unit into the graph of its infinite chain, folded into one unit.

    The two `*` are not atoms of the graph: the atoms they are bonded to share one bond that crosses the
    cell. For `*C*` that is a loop at the only atom, for `*CC*` a second bond between the same two atoms. All
    features are those of the infinite chain, so they do not depend on where it is cut. Stereo marks are
    ignored; `[2H]` stays an atom, other isotopes look like the natural element.

    Args:
        psmiles: Repeat-unit SMILES with exactly two `*`, as in `*CC(*)c1ccccc1`.

    Returns:
        The periodic graph; the atoms keep the order of the SMILES, the bond that crosses the cell comes last.

    Raises:
        ValueError: If the text is not a SMILES, has several parts, or does not have two `*` that are bonded alike.
    """
    return chain_graph(build_short_chain(psmiles))


def chain_graph(chain: Chain) -> Graph:
    """The graph of an infinite chain, see `featurize_repeat_unit`.

    Args:
        chain: Chain from `build_chain` or `build_short_chain`.
    """
    # The bond to the next copy ends, in the folded chain, at the first atom of the same.
    ends = [*chain.bond_ends, *(chain.backbone[end] - chain.atoms.start for end in (-1, 0))]
    codes = _bond_codes(chain.mol, [*chain.bonds, chain.crossing])
    return _build_graph(chain.mol, chain.atoms, ends, codes, crosses_cell=True)


def featurize_molecule(smiles: str) -> Graph:
    """Turn a molecule, or several parts of one substance such as a salt, into a graph.

    Args:
        smiles: SMILES without `*`. Stereo marks are ignored; `[2H]` stays an atom.

    Returns:
        The graph of the heavy atoms, in the order of the SMILES.

    Raises:
        ValueError: If the text is empty, is not a SMILES, or has a `*`.
    """
    return molecule_graph(read_molecule(smiles))


def molecule_graph(mol: Chem.Mol) -> Graph:
    """The graph of a molecule, see `featurize_molecule`.

    Args:
        mol: Molecule from `read_molecule`.
    """
    codes = _bond_codes(mol, range(mol.GetNumBonds()))
    return _build_graph(mol, range(mol.GetNumAtoms()), bond_ends(mol), codes, crosses_cell=False)


def read_molecule(smiles: str) -> Chem.Mol:
    """Read and sanitize a molecule, without its stereo marks.

    Args:
        smiles: SMILES without `*`.

    Returns:
        An rdkit `Mol`.

    Raises:
        ValueError: If the text is empty, is not a SMILES, or has a `*`.
    """
    mol = read_smiles(smiles)
    if find_stars(mol):
        raise ValueError(f"a molecule has no `*`, got {smiles!r}; read a repeat unit as a polymer instead")
    sanitize(mol, smiles)
    return mol


def _build_graph(mol: Chem.Mol, atoms: range, ends: list[int], codes: list[int], *, crosses_cell: bool) -> Graph:
    """Convert whole lists to arrays: a repeat unit is small, so the time goes into the number of numpy calls."""
    numbers, atom_codes = _read_atoms(mol, atoms)
    num_atoms, num_edges = len(numbers), len(ends)
    edge_index = np.empty((2, num_edges), np.int32)
    # Both directions of a bond follow each other.
    edge_index[0] = ends
    edge_index[1, ::2], edge_index[1, 1::2] = edge_index[0, 1::2], edge_index[0, ::2]
    crosses = np.zeros(num_edges, np.bool_)
    if crosses_cell:
        crosses[-2:] = True
    uncut = np.array(atom_codes, np.int64).reshape(num_atoms, len(ATOM_CODES))
    return Graph(
        atomic_number=np.array(numbers, np.uint8),
        atom_codes=np.minimum(np.maximum(uncut, 0), _MAX_CODES).astype(np.uint8),
        edge_index=edge_index,
        bond_codes=np.array(codes, np.uint8).reshape(-1, len(BOND_CODES)).repeat(2, axis=0),
        crosses_cell=crosses,
        node_weight=np.ones(num_atoms, np.float32),
        component=np.zeros(num_atoms, np.uint8),
    )


def _read_atoms(mol: Chem.Mol, indices: Iterable[int]) -> tuple[list[int], list[int]]:
    """Atomic numbers, and the codes of one atom after the other, not yet clipped."""
    ring_size, atom_at, hybridization_code = mol.GetRingInfo().MinAtomRingSize, mol.GetAtomWithIdx, _HYBRIDIZATIONS.get
    numbers: list[int] = []
    codes: list[int] = []
    for index in indices:
        atom = atom_at(index)
        numbers.append(atom.GetAtomicNum())
        codes += (
            atom.GetDegree(),
            atom.GetTotalNumHs(),
            atom.GetFormalCharge() + _MAX_CHARGE,
            hybridization_code(atom.GetHybridization(), 0),
            atom.GetIsAromatic(),
            ring_size(index),
        )
    return numbers, codes


def _bond_codes(mol: Chem.Mol, indices: Iterable[int]) -> list[int]:
    """Codes of one bond after the other."""
    bond_at, order_code = mol.GetBondWithIdx, _BOND_ORDERS.get
    codes: list[int] = []
    for index in indices:
        bond = bond_at(index)
        codes += (order_code(bond.GetBondType(), 0), bond.GetIsConjugated(), bond.IsInRing())
    return codes
