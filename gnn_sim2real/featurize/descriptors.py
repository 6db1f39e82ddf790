"""Rows of numbers for the tabular baselines: fingerprint counts and a few summed atom contributions.

A repeat unit has no start, no end and no size: `*CCO*`, `*COC*` and `*CCOCCO*` are the same polymer. Its row
is therefore read from the middle copy of an oligomer, whose atoms have the surroundings they would have in an
infinite chain, and divided by the number of atoms of that copy. A molecule has a size, so its row has sums as
well. Atoms are those of the graphs: hydrogens belong to the atom that carries them, except `[2H]`.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from rdkit.Chem import AddHs, Atom, HybridizationType, Lipinski, Mol, rdMolDescriptors
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator

from gnn_sim2real.featurize.chain import build_chain
from gnn_sim2real.featurize.repeat_unit import read_molecule
from gnn_sim2real.featurize.whole_search import whole

DESCRIPTOR_VERSION = 1
"""Version of the numbers: raised by hand whenever the rows of this module change."""

_RADIUS = 2
_NUM_COUNTS = 1024
_MAX_MATCHES = 1000  # where rdkit's Crippen silently stops looking for atoms of one type


def repeat_unit_descriptors(psmiles: Sequence[str]) -> NDArray[np.float64]:
    """Describe polymers by their repeat units.

    The columns are counts of atom environments (Morgan, up to radius 2, hashed into 1024 columns), then the
    sums of `atom_contributions`; all are divided by the number of atoms of the repeat unit. A row does not
    depend on where the chain is cut, in which direction it is written, or how many repeats are written.
    Stereo marks are ignored.

    Args:
        psmiles: Repeat-unit SMILES, each with exactly two `*`.

    Returns:
        One row for each repeat unit, shape `(num, num_features)`.

    Raises:
        ValueError: If there is no repeat unit, or one cannot be read.

    References:
        D. Rogers, M. Hahn, J. Chem. Inf. Model. 50, 742 (2010), https://doi.org/10.1021/ci100050t
    """
    return _rows(psmiles, _repeat_unit_row)


def molecule_descriptors(smiles: Sequence[str]) -> NDArray[np.float64]:
    """Describe molecules.

    The columns are the environment counts of `repeat_unit_descriptors`, not divided, the sums of
    `atom_contributions`, their means over the atoms, and the number of atoms: a density follows the means, a
    boiling point the sums. Stereo marks are ignored.

    Args:
        smiles: SMILES without `*`.

    Returns:
        One row for each molecule, shape `(num, num_features)`.

    Raises:
        ValueError: If there is no molecule, or one cannot be read.
    """
    return _rows(smiles, _molecule_row)


def per_atom_descriptors(smiles: Sequence[str]) -> NDArray[np.float64]:
    """Describe polymers and molecules together, all by the columns of `repeat_unit_descriptors`: means over the atoms.

    Args:
        smiles: Repeat-unit SMILES with two `*`, or SMILES without.

    Returns:
        One row each, shape `(num, num_features)`.

    Raises:
        ValueError: If there is none, or one cannot be read.
    """
    return _rows(smiles, lambda text: _repeat_unit_row(text) if "*" in text else _molecule_per_atom_row(text))


def atom_contributions(mol: Mol, atoms: range) -> NDArray[np.float64]:
    """Contribution of each atom, with its hydrogens, to common molecular descriptors.

    Args:
        mol: A sanitized molecule with implicit hydrogens.
        atoms: Indices of the atoms that are wanted; the others are their surroundings.

    Returns:
        Shape `(len(atoms), 14)`, the columns being: mass [g/mol], number of hydrogens, aromatic, sp3, in a
        ring, halogen, heteroatom, hydrogen-bond donor, acceptor, rotatable bonds (half to each end), polar
        surface [Å^2], Crippen's logP and molar refractivity [cm3/mol], Labute's surface [Å^2].

    Raises:
        ValueError: If there are more than 1000 atoms, or as many hydrogens on the wanted atoms.

    References:
        Polar surface: P. Ertl, B. Rohde, P. Selzer, J. Med. Chem. 43, 3714 (2000),
        https://doi.org/10.1021/jm000942e
        logP and refractivity: S. Wildman, G. Crippen, J. Chem. Inf. Comput. Sci. 39, 868 (1999),
        https://doi.org/10.1021/ci990307l
        Surface: P. Labute, J. Mol. Graph. Model. 18, 464 (2000), https://doi.org/10.1016/S1093-3263(00)00068-1
    """
    hydrogen = Atom(1).GetMass()
    counts = [
        (
            atom.GetMass() + hydrogen * atom.GetTotalNumHs(),
            atom.GetTotalNumHs(),
            atom.GetIsAromatic(),
            atom.GetHybridization() == HybridizationType.SP3,
            atom.IsInRing(),
            atom.GetAtomicNum() in {9, 17, 35, 53, 85},
            atom.GetAtomicNum() not in {1, 6},
        )
        for atom in map(mol.GetAtomWithIdx, atoms)
    ]
    surface, _ = rdMolDescriptors._CalcLabuteASAContribs(mol)
    return np.column_stack(
        [
            np.array(counts, dtype=np.float64),
            _matches(mol, Lipinski.HDonorSmarts)[atoms],
            _matches(mol, Lipinski.HAcceptorSmarts)[atoms],
            _matches(mol, Lipinski.RotatableBondSmarts)[atoms] / 2,
            np.array(rdMolDescriptors._CalcTPSAContribs(mol))[atoms],
            _crippen_contributions(mol, atoms),
            np.array(list(surface))[atoms],
        ]
    )


def _repeat_unit_row(psmiles: str) -> NDArray[np.float64]:
    chain = build_chain(psmiles)
    sums = atom_contributions(chain.mol, chain.atoms).sum(axis=0)
    return np.concatenate([_environment_counts(chain.mol, chain.atoms), sums]) / len(chain.atoms)


def _molecule_row(smiles: str) -> NDArray[np.float64]:
    mol = read_molecule(smiles)
    atoms = range(mol.GetNumAtoms())
    sums = atom_contributions(mol, atoms).sum(axis=0)
    return np.concatenate([_environment_counts(mol, atoms), sums, sums / len(atoms), [len(atoms)]])


def _molecule_per_atom_row(smiles: str) -> NDArray[np.float64]:
    mol = read_molecule(smiles)
    atoms = range(mol.GetNumAtoms())
    sums = atom_contributions(mol, atoms).sum(axis=0)
    return np.concatenate([_environment_counts(mol, atoms), sums]) / len(atoms)


def _environment_counts(mol: Mol, atoms: range) -> NDArray[np.float64]:
    """Count the environments of radius 0, 1 and 2 around these atoms, shape `(_NUM_COUNTS,)`."""
    # With redundant environments every atom counts once at each radius, by what is around it alone; without
    # them, the numbering of the atoms would decide which of two equal ones goes.
    generator = GetMorganGenerator(radius=_RADIUS, fpSize=_NUM_COUNTS, includeRedundantEnvironments=True)
    counts = np.zeros(_NUM_COUNTS)
    fingerprint = generator.GetCountFingerprint(mol, fromAtoms=list(atoms))
    for column, count in fingerprint.GetNonzeroElements().items():
        counts[column] = count
    return counts


def _crippen_contributions(mol: Mol, atoms: range) -> NDArray[np.float64]:
    """Contributions to logP and molar refractivity, shape `(len(atoms), 2)`."""
    # Crippen's hydrogens have values of their own; rdkit appends them after the other atoms.
    complete, num_atoms = AddHs(mol, onlyOnAtoms=list(atoms)), mol.GetNumAtoms()
    num_hydrogens = complete.GetNumAtoms() - num_atoms
    if max(num_atoms, num_hydrogens) > _MAX_MATCHES:
        raise ValueError(
            f"{num_atoms} atoms and {num_hydrogens} hydrogens are too many: at most {_MAX_MATCHES} of each "
            "can be described (the atoms of a repeat unit count at least three times); leave such molecules out"
        )
    # Of a copy, since rdkit keeps the contributions with the molecule.
    contributions = np.array(whole(lambda: list(rdMolDescriptors._CalcCrippenContribs(Mol(complete)))))
    carriers = [
        complete.GetAtomWithIdx(index).GetNeighbors()[0].GetIdx() for index in range(num_atoms, complete.GetNumAtoms())
    ]
    np.add.at(contributions, carriers, contributions[num_atoms:])
    return contributions[atoms]


def _matches(mol: Mol, pattern: Mol) -> NDArray[np.float64]:
    """Count for each atom the matches of a pattern of one atom or one bond, shape `(num_atoms,)`."""
    most = mol.GetNumAtoms() + mol.GetNumBonds()  # rdkit's default stops at 1000
    matches = whole(lambda: mol.GetSubstructMatches(pattern, maxMatches=most))
    atoms = [atom for match in matches for atom in match]
    return np.bincount(np.array(atoms, dtype=np.int64), minlength=mol.GetNumAtoms()).astype(np.float64)


def _rows(texts: Sequence[str], describe: Callable[[str], NDArray[np.float64]]) -> NDArray[np.float64]:
    if not len(texts):
        raise ValueError("there is nothing to describe; give at least one SMILES")
    rows = []
    for index, text in enumerate(texts):
        try:
            rows.append(describe(text))
        except ValueError as error:
            raise ValueError(f"row {index}: {error}") from error
    return np.stack(rows)
