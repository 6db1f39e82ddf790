"""Reading SMILES, and the closed polymer chain that a repeat unit stands for.

Everything about an atom or a bond of a repeat unit (aromatic, conjugated, sp2 ...) is a matter of the infinite
chain, not of the place where it was cut. It is therefore read from the middle copy of an open oligomer
that is long enough for its ends to have no effect. An oligomer, unlike a macrocycle, adds no artificial ring.
What is perceived at single atoms and bonds does not extend beyond a saturated carbon, so a chain cut there needs
only one copy.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rdkit import Chem, rdBase

from gnn_sim2real.featurize.letters import plain_text
from gnn_sim2real.featurize.whole_search import whole

MIN_BACKBONE = 4
"""Backbone atoms needed on either side of the middle copy: what rdkit calls conjugated or sp2
depends on atoms at most three bonds away, what it calls aromatic on a ring system, which is never cut."""

MAX_ATOMS = 2_000
"""Largest number of heavy atoms of a SMILES: rdkit writes a molecule recursively, and a process whose stack has 1 MiB
(the usual size on Windows) crashes between 2,000 and 3,000 atoms."""

_MAX_LETTERS = 50_000
"""Longest SMILES that is read at all; its parser is recursive as well."""

_STAR = Chem.MolFromSmarts("[#0]")


@dataclass(frozen=True)
class Chain:
    """A sanitized piece of the chain, and where one copy of the repeat unit lies in it.

    Attributes:
        mol: The piece, with aromaticity and everything else perceived.
        atoms: Indices of the atoms of the copy.
        bonds: Indices of the bonds within the copy.
        crossing: Index of the bond from the copy to the next.
        bond_ends: First and last atom of each of `bonds`, one after the other, counted within the copy.
        backbone: Atoms on the shortest path through the copy, first to last; a single one for `*C*`.
    """

    mol: Chem.Mol
    atoms: range
    bonds: Sequence[int]
    crossing: int
    bond_ends: list[int]
    backbone: tuple[int, ...]


def read_smiles(smiles: str) -> Chem.Mol:
    """Read a SMILES without its stereo marks and without hydrogens that need no atom of their own.

    Args:
        smiles: SMILES; `*` is allowed. Isotopes are kept: `[2H]` stays an atom.

    Returns:
        An rdkit `Mol` that is not yet sanitized.

    Raises:
        ValueError: If the text is empty, not a SMILES, too long, or holds a letter that is not ASCII.
    """
    text = plain_text(smiles)
    if not text:
        raise ValueError(f"got an empty SMILES ({smiles!r}); leave out rows without one")
    if len(text.split()) > 1:
        raise ValueError(f"cannot read {smiles!r}: a SMILES has no spaces; remove what follows the first")
    if len(text) > _MAX_LETTERS:
        raise ValueError(f"the SMILES {text[:20]}... has {len(text):,} letters, {_MAX_LETTERS:,} are the most accepted")
    with rdBase.BlockLogs():
        # As plain single bonds, since rdkit keeps hydrogens that take part in cis/trans marks.
        mol = Chem.MolFromSmiles(text.replace("/", "-").replace("\\", "-"), sanitize=False)
        if mol is None:
            raise ValueError(f"cannot read {smiles!r}: it is not a valid SMILES{_write_instead(text)}")
        if "~" in text or ":" in text:
            _refuse_open_bonds(mol, smiles)
        if mol.GetNumHeavyAtoms() > MAX_ATOMS:
            raise ValueError(
                f"the SMILES {text[:20]}... has {mol.GetNumHeavyAtoms():,} atoms, {MAX_ATOMS:,} are the most accepted; "
                "write one repeat unit instead of a whole chain"
            )
        if "@" in text:
            Chem.RemoveStereochemistry(mol)
        if "[H" in text:
            mol = Chem.RemoveHs(mol, updateExplicitCount=True, sanitize=False)
    return mol


def _refuse_open_bonds(mol: Chem.Mol, smiles: str) -> None:
    """Refuse bonds whose order is not told, as in the pattern of a search: `C~C` is any bond, `C:C` no ring."""
    for bond in mol.GetBonds():
        aromatic = bond.GetBondType() == Chem.BondType.AROMATIC
        # A `*` is told of where repeat units are read.
        ends = all(each.GetIsAromatic() or not each.GetAtomicNum() for each in (bond.GetBeginAtom(), bond.GetEndAtom()))
        if bond.GetBondType() == Chem.BondType.UNSPECIFIED or (aromatic and not ends):
            mark = ":" if aromatic else "~"
            raise ValueError(
                f"cannot read {smiles!r}: the bond `{mark}` has no order: write `-`, `=` or `#`, aromatic atoms in "
                "small letters, and a bond to a metal as `->`"
            )


_INSTEAD = (
    (r"\[[A-Z]?R[a-z]?\d*\]|^R-|-R$|\[[QXYZ]\d*\]", "write a `*` where the chain goes on, as in '*CC*'"),
    (r"^InChI=", "it is an InChI; write its SMILES"),
    (r"\{.*\}", "it is a BigSMILES; write one repeat unit with two `*`, as in '*CC*'"),
    (r"\)n\d*$|\]n\d*$", "write the repeat unit with a `*` at both ends, as in '*CC*'"),
)
"""What other notations look like, and what to write instead."""


def _write_instead(text: str) -> str:
    return next((f": {hint}" for pattern, hint in _INSTEAD if re.search(pattern, text)), "")


def sanitize(mol: Chem.Mol, smiles: str) -> None:
    """Perceive rings, aromaticity, conjugation and hybridization in place.

    Args:
        mol: An rdkit `Mol` from `read_smiles`, or built from such.
        smiles: The text it came from, for the error message.

    Raises:
        ValueError: If an atom has too many bonds, or the aromatic atoms have no Kekulé structure.
    """
    try:
        with rdBase.BlockLogs():
            Chem.SanitizeMol(mol)
    except (Chem.KekulizeException, Chem.AtomKekulizeException) as error:
        raise ValueError(f"cannot read {smiles!r}: its aromatic atoms have no Kekulé structure") from error
    except Chem.MolSanitizeException as error:
        raise ValueError(f"cannot read {smiles!r}: an atom has more bonds than its valence allows") from error


def find_stars(mol: Chem.Mol) -> list[int]:
    """Indices of the `*` of a molecule, in order.

    Args:
        mol: An rdkit `Mol`, sanitized or not.
    """
    # A query, since a loop over the atoms in Python takes ten times as long.
    most = mol.GetNumAtoms() + 1
    return sorted(index for (index,) in whole(lambda: mol.GetSubstructMatches(_STAR, maxMatches=most)))


def build_chain(psmiles: str) -> Chain:
    """Build the oligomer in whose middle a repeat unit looks as it does in the infinite chain.

    Args:
        psmiles: Repeat-unit SMILES with exactly two `*`; stereo marks are ignored.

    Returns:
        The oligomer with its middle copy. Both ends keep a `*`, which saturates any kind of bond.

    Raises:
        ValueError: If the text is not a connected repeat unit with two `*` that are bonded alike.
    """
    return _oligomer(*_open_unit(psmiles), psmiles)


def build_short_chain(psmiles: str) -> Chain:
    """Like `build_chain`, but with one copy wherever that is enough, which takes half the time.

    All that rdkit perceives of the atoms and bonds of the copy is as in the infinite chain: degree, hydrogens, charge,
    hybridization, aromaticity, conjugation and rings. What looks farther, such as a descriptor, needs `build_chain`.

    Args:
        psmiles: Repeat-unit SMILES with exactly two `*`; stereo marks are ignored.

    Returns:
        A copy that is closed at its `*` and cut open at a saturated carbon instead, the cut ends capped by
        saturated carbons; the chain of `build_chain` if the backbone has no such place.

    Raises:
        ValueError: If the text is not a connected repeat unit with two `*` that are bonded alike.
    """
    unit, path, order = _open_unit(psmiles)
    cut = _find_cut(unit, path, order)
    if cut is None:
        return _oligomer(unit, path, order, psmiles)
    num_atoms, num_bonds, ends = unit.GetNumAtoms(), unit.GetNumBonds(), bond_ends(unit)
    bonds = list(range(num_bonds + 1))
    if cut != (path[-1], path[0]):
        removed = unit.GetBondBetweenAtoms(*cut).GetIdx()
        unit.RemoveBond(*cut)
        unit.AddBond(path[-1], path[0], order)
        # Bonds after it move up; a bond to a cap looks like the one that was cut.
        bonds = [*range(removed), num_bonds, *range(removed, num_bonds)]
    for end in cut:
        unit.AddBond(end, unit.AddAtom(Chem.Atom(6)), order)
    sanitize(unit, psmiles)
    return Chain(unit, range(num_atoms), bonds[:-1], bonds[-1], ends, tuple(path))


def _open_unit(psmiles: str) -> tuple[Chem.RWMol, list[int], Chem.BondType]:
    """A unit without its `*`, its backbone, and the bond order between one unit and the next."""
    if "." in psmiles:
        units = sum("*" in part for part in psmiles.split("."))
        instead = (
            "for a blend or copolymer use datamodules.BlendTable, with a column for each repeat unit"
            if units > 1
            else "give one connected repeat unit, without counterions"
        )
        raise ValueError(f"{psmiles!r} has several parts; {instead}")
    unit = Chem.RWMol(read_smiles(psmiles))
    stars = find_stars(unit)
    head, tail, order = _open_ends(unit, stars, psmiles)
    path = [head] if head == tail else list(Chem.GetShortestPath(unit, head, tail))
    unit.BeginBatchEdit()
    for star in stars:
        unit.RemoveAtom(star)
    unit.CommitBatchEdit()
    # Removal of the two `*` shifts the atoms after them.
    one, other = stars
    return unit, [index - (index > one) - (index > other) for index in path], order


def _oligomer(unit: Chem.RWMol, path: list[int], order: Chem.BondType, psmiles: str) -> Chain:
    sides = -(-MIN_BACKBONE // len(path))
    num_copies, num_atoms, num_bonds = 2 * sides + 1, unit.GetNumAtoms(), unit.GetNumBonds()
    oligomer = Chem.RWMol(unit)
    for _ in range(num_copies - 1):
        oligomer.InsertMol(unit)
    for copy in range(num_copies - 1):
        oligomer.AddBond(copy * num_atoms + path[-1], (copy + 1) * num_atoms + path[0], order)
    for end in (path[0], (num_copies - 1) * num_atoms + path[-1]):
        oligomer.AddBond(end, oligomer.AddAtom(Chem.Atom(0)), order)
    sanitize(oligomer, psmiles)
    first = sides * num_atoms
    return Chain(
        mol=oligomer,
        atoms=range(first, first + num_atoms),
        bonds=range(sides * num_bonds, (sides + 1) * num_bonds),
        crossing=num_copies * num_bonds + sides,
        bond_ends=bond_ends(unit),
        backbone=tuple(first + index for index in path),
    )


def _find_cut(unit: Chem.RWMol, path: list[int], order: Chem.BondType) -> tuple[int, int] | None:
    """A single bond of the backbone, in no ring, at a saturated carbon; the bond to the next copy if that is one."""
    # An end bonded to `*` by a double bond would look saturated without the `*`.
    if order != Chem.BondType.SINGLE:
        return None
    next_copy = (path[-1], path[0])
    if _has_saturated_carbon(unit, next_copy):
        return next_copy
    Chem.FastFindRings(unit)
    for bonded in pairwise(path):
        # All bonds of a saturated carbon are single.
        if _has_saturated_carbon(unit, bonded) and not unit.GetBondBetweenAtoms(*bonded).IsInRing():
            return bonded
    return None


def _has_saturated_carbon(unit: Chem.RWMol, atoms: tuple[int, int]) -> bool:
    return any(_is_saturated_carbon(unit.GetAtomWithIdx(index)) for index in atoms)


def _is_saturated_carbon(atom: Chem.Atom) -> bool:
    """Whether an unsanitized atom is a carbon with single bonds only; one in brackets is never taken for one."""
    return (
        atom.GetAtomicNum() == 6
        and not atom.GetNoImplicit()
        and not atom.GetIsAromatic()
        and all(bond.GetBondType() == Chem.BondType.SINGLE for bond in atom.GetBonds())
    )


def bond_ends(mol: Chem.Mol) -> list[int]:
    """First and last atom of each bond, one after the other.

    Args:
        mol: An rdkit `Mol`.
    """
    bond_at = mol.GetBondWithIdx
    ends: list[int] = []
    for index in range(mol.GetNumBonds()):
        bond = bond_at(index)
        ends += (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
    return ends


def _open_ends(unit: Chem.Mol, stars: list[int], psmiles: str) -> tuple[int, int, Chem.BondType]:
    """First and last backbone atom of a unit that still has its `*`, and the bond order at both."""
    if not stars:
        raise ValueError(
            f"a repeat unit has exactly two `*`, got 0 in {psmiles!r}: it is a molecule, such as the monomer; write "
            "the unit that it becomes in the chain ('*CC*' for 'C=C'), or set `material: molecule`"
        )
    if len(stars) != 2:
        raise ValueError(
            f"a repeat unit has exactly two `*`, got {len(stars)} in {psmiles!r}: "
            "ladder polymers, networks and end groups are not supported"
        )
    bonds = [list(unit.GetAtomWithIdx(star).GetBonds()) for star in stars]
    if any(len(at_star) != 1 for at_star in bonds):
        raise ValueError(f"each `*` must have exactly one bond, as in '*CC*', got {psmiles!r}")
    ends = [bond.GetOtherAtomIdx(star) for star, (bond,) in zip(stars, bonds, strict=True)]
    if ends[0] in stars:
        raise ValueError(f"the two `*` of {psmiles!r} are bonded to each other; put at least one atom between them")
    accepted = (Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE)
    orders = [bond.GetBondType() for (bond,) in bonds]
    if any(order not in accepted for order in orders):
        raise ValueError(f"the bonds to `*` must be single, double or triple, got {psmiles!r}")
    if orders[0] != orders[1]:
        raise ValueError(
            f"the bonds to both `*` become one bond of the chain and must have the same order, "
            f"got {orders[0].name.lower()} and {orders[1].name.lower()} in {psmiles!r}"
        )
    return ends[0], ends[1], orders[0]
