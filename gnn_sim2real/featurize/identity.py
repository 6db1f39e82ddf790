"""Canonical identities: one string per polymer or molecule, however it is written.

A plain canonical SMILES distinguishes `*CCO*` from `*COC*`, although both are poly(ethylene oxide); test
materials would then stay in the source set unnoticed. The identity of a repeat unit is instead the smallest
period of the infinite chain.
"""

import hashlib
from functools import lru_cache
from itertools import pairwise

from rdkit import Chem
from rdkit.Chem import rdqueries

from gnn_sim2real.featurize.chain import Chain, build_chain, find_stars
from gnn_sim2real.featurize.repeat_unit import read_molecule

IDENTITY_VERSION = 1
"""Raised by hand whenever the strings of this module change."""

_ENTRY, _EXIT = 1, 2
_NUMBERED = rdqueries.HasPropQueryAtom("molAtomMapNumber")


def repeat_unit_identity(psmiles: str) -> str:
    """Name the polymer of a repeat unit, whatever its cut, direction, multiple or Kekulé form.

    The chain is split at every bond of its backbone that is in no ring. Each fragment between two such bonds
    gets the canonical SMILES in which its entry is `[1*]` and its exit `[2*]`. The chain is then a cyclic
    word of fragments, and two repeat units give the same infinite chain if, and only if, their words have the
    same primitive root up to rotation and reversal. Head-to-head and head-to-tail are different polymers.

    Args:
        psmiles: Repeat-unit SMILES with exactly two `*`. Stereo marks are ignored, isotopes are not.

    Returns:
        The fragments of the smallest period, joined by dots; a valid SMILES, but not a repeat unit.

    Raises:
        ValueError: If the text is not a SMILES, has several parts, or does not have two `*` that are bonded alike.
    """
    fragments = _split_backbone(build_chain(psmiles))
    forward = [_label(fragment) for fragment in fragments]
    for fragment in fragments:
        _swap_ends(fragment)
    backward = [_label(fragment) for fragment in reversed(fragments)]
    # A word and its reverse have periods of the same length.
    period = _primitive_period(forward)
    return ".".join(min(_least_rotation(word[:period]) for word in (forward, backward)))


@lru_cache(maxsize=2**17)  # a library has one source of a large table for each of its properties
def molecule_identity(smiles: str) -> str:
    """Name a molecule by its canonical SMILES without stereo marks.

    Args:
        smiles: SMILES without `*`. Isotopes are kept.

    Returns:
        The canonical SMILES.

    Raises:
        ValueError: If the text is empty, is not a SMILES, or has a `*`.
    """
    return _label(read_molecule(smiles))


def identity_hash(identity: str) -> str:
    """Shorten an identity for files that must not show the SMILES itself.

    Args:
        identity: Identity from `repeat_unit_identity` or `molecule_identity`.

    Returns:
        The first 16 hexadecimal digits of its SHA-256.
    """
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def _split_backbone(chain: Chain) -> list[Chem.Mol]:
    """Fragments of the middle copy between the bridges of its backbone, in order, with marked ends."""
    mol, path, first = chain.mol, chain.backbone, chain.atoms.start
    cuts = [(path[-1], path[0], mol.GetBondWithIdx(chain.crossing))]
    for here, there in pairwise(path):
        bond = mol.GetBondBetweenAtoms(here, there)
        if not bond.IsInRing():
            cuts.append((here, there, bond))
    cut = {bond.GetIdx() for _, _, bond in cuts}
    # Built atom by atom: rdkit's own removal and division take a time that grows with the square of the size.
    pieces = Chem.RWMol()
    for index in chain.atoms:
        pieces.AddAtom(mol.GetAtomWithIdx(index))
    for index in chain.bonds:
        if index not in cut:
            bond = mol.GetBondWithIdx(index)
            _add_bond(pieces, bond.GetBeginAtomIdx() - first, bond.GetEndAtomIdx() - first, bond)
    for here, there, bond in cuts:
        for atom, mark in ((here, _EXIT), (there, _ENTRY)):
            _add_bond(pieces, atom - first, pieces.AddAtom(_star(mark)), bond)
    fragment_of = _divide(pieces)
    # A dict as an ordered set: the order in which the backbone meets the fragments.
    return list(dict.fromkeys(fragment_of[atom - first] for atom in path))


def _divide(pieces: Chem.RWMol) -> dict[int, Chem.RWMol]:
    """The fragment of each atom; not sanitized again, so that it keeps the aromaticity that it has in the chain."""
    fragment_of: dict[int, Chem.RWMol] = {}
    place: dict[int, int] = {}
    for members in Chem.GetMolFrags(pieces):
        fragment = Chem.RWMol()
        for atom in members:
            fragment_of[atom], place[atom] = fragment, fragment.AddAtom(pieces.GetAtomWithIdx(atom))
    for index in range(pieces.GetNumBonds()):
        bond = pieces.GetBondWithIdx(index)
        here, there = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        _add_bond(fragment_of[here], place[here], place[there], bond)
    return fragment_of


def _add_bond(mol: Chem.RWMol, here: int, there: int, like: Chem.Bond) -> None:
    mol.AddBond(here, there, like.GetBondType())
    if like.GetIsAromatic():
        mol.GetBondBetweenAtoms(here, there).SetIsAromatic(True)


def _star(mark: int) -> Chem.Atom:
    star = Chem.Atom(0)
    star.SetIsotope(mark)
    return star


def _swap_ends(fragment: Chem.Mol) -> None:
    for star in find_stars(fragment):
        atom = fragment.GetAtomWithIdx(star)
        atom.SetIsotope(_ENTRY + _EXIT - atom.GetIsotope())


def _label(mol: Chem.Mol) -> str:
    for atom in mol.GetAtomsMatchingQuery(_NUMBERED):
        atom.SetAtomMapNum(0)
    return str(Chem.MolToSmiles(mol))


def _primitive_period(word: list[str]) -> int:
    """Length of the shortest word of which this one is a power."""
    return next(size for size in range(1, len(word) + 1) if len(word) % size == 0 and word[size:] == word[:-size])


def _least_rotation(word: list[str]) -> list[str]:
    """The smallest of the rotations of a word, in a time that grows with its length.

    Of two candidates for the start, the one with a larger letter is dropped, with all starts up to that letter.
    """
    best, other, same = 0, 1, 0
    while max(best, other) < len(word) and same < len(word):
        here, there = (word[(start + same) % len(word)] for start in (best, other))
        if here == there:
            same += 1
            continue
        if here > there:
            best += same + 1
        else:
            other += same + 1
        other += best == other
        same = 0
    start = min(best, other)
    return word[start:] + word[:start]
