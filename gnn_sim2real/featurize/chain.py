"""Reading SMILES, and the closed polymer chain that a repeat unit stands for.

Everything about an atom or a bond of a repeat unit (aromatic, conjugated, sp2 ...) is a matter of the endless
chain, not of the place where someone cut it. It is therefore read from the middle copy of an open oligomer
that is long enough for its ends not to be felt. An oligomer, unlike a macrocycle, adds no artificial ring.
"""

from dataclasses import dataclass

from rdkit import Chem, rdBase

MIN_BACKBONE = 4
"""Backbone atoms needed on either side of the middle copy; what rdkit calls conjugated or sp2
depends on atoms at most three bonds away, what it calls aromatic on a ring system, which no cut can split."""


_STAR = Chem.MolFromSmarts("[#0]")


@dataclass(frozen=True)
class Chain:
    """A sanitized oligomer and where its middle copy lies.

    Attributes:
        mol: The oligomer, with aromaticity and all else perceived.
        atoms: Indices of the atoms of the middle copy.
        bonds: Indices of the bonds within the middle copy.
        crossing: Index of the bond from the middle copy to the next.
        backbone: Atoms on the shortest path through the middle copy, first to last; a single one for `*C*`.
    """

    mol: Chem.Mol
    atoms: range
    bonds: range
    crossing: int
    backbone: tuple[int, ...]


def read_smiles(smiles: str) -> Chem.Mol:
    """Read a SMILES without its stereo marks and without the hydrogens that need no atom of their own.

    Args:
        smiles: SMILES; `*` is allowed. Isotopes are kept: `[2H]` stays an atom.

    Returns:
        An rdkit `Mol` that is not yet sanitized.

    Raises:
        ValueError: If the text is empty or no SMILES.
    """
    text = smiles.strip()
    if not text:
        raise ValueError(f"got an empty SMILES ({smiles!r}); leave out rows without one")
    if len(text.split()) > 1:
        raise ValueError(f"cannot read {smiles!r}: a SMILES has no blanks; remove what follows the first")
    with rdBase.BlockLogs():
        # As plain single bonds, since rdkit keeps hydrogens that take part in cis/trans marks.
        mol = Chem.MolFromSmiles(text.replace("/", "-").replace("\\", "-"), sanitize=False)
        if mol is None:
            raise ValueError(f"cannot read {smiles!r}: it is no valid SMILES")
        if "@" in text:
            Chem.RemoveStereochemistry(mol)
        if "[H" in text:
            mol = Chem.RemoveHs(mol, updateExplicitCount=True, sanitize=False)
    return mol


def sanitize(mol: Chem.Mol, smiles: str) -> None:
    """Perceive rings, aromaticity, conjugation and hybridization in place.

    Args:
        mol: An rdkit `Mol` from `read_smiles`, or made of such.
        smiles: The text it came from, for the error sentence.

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
    # A query, since to look at each atom from Python takes ten times as long.
    return sorted(index for (index,) in mol.GetSubstructMatches(_STAR, maxMatches=mol.GetNumAtoms() + 1))


def build_chain(psmiles: str) -> Chain:
    """Build the oligomer in whose middle a repeat unit looks as it does in the endless chain.

    Args:
        psmiles: Repeat-unit SMILES with exactly two `*`; stereo marks are ignored.

    Returns:
        The oligomer. Both its ends keep a `*`, which saturates any kind of bond.

    Raises:
        ValueError: If the text is no connected repeat unit with two `*` that are bonded alike.
    """
    if "." in psmiles:
        raise ValueError(f"{psmiles!r} has several parts; one connected repeat unit is accepted, without counterions")
    unit = Chem.RWMol(read_smiles(psmiles))
    stars = find_stars(unit)
    head, tail, order = _open_ends(unit, stars, psmiles)
    path = [head] if head == tail else list(Chem.GetShortestPath(unit, head, tail))
    unit.BeginBatchEdit()
    for star in stars:
        unit.RemoveAtom(star)
    unit.CommitBatchEdit()
    # Removal of the two `*` shifts the atoms behind them.
    one, other = stars
    path = [index - (index > one) - (index > other) for index in path]

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
        backbone=tuple(first + index for index in path),
    )


def _open_ends(unit: Chem.Mol, stars: list[int], psmiles: str) -> tuple[int, int, Chem.BondType]:
    """First and last backbone atom of a unit that still has its `*`, and the bond order at both."""
    if len(stars) != 2:
        raise ValueError(
            f"a repeat unit has exactly two `*`, got {len(stars)} in {psmiles!r}: "
            "ladder polymers, networks and end groups are not supported"
        )
    bonds = [list(unit.GetAtomWithIdx(star).GetBonds()) for star in stars]
    if any(len(at_star) != 1 for at_star in bonds):
        raise ValueError(f"each `*` must have exactly one bond, as in '*CC*'; that is not so in {psmiles!r}")
    ends = [bond.GetOtherAtomIdx(star) for star, (bond,) in zip(stars, bonds, strict=True)]
    if ends[0] in stars:
        raise ValueError(f"the two `*` of {psmiles!r} are bonded to each other; put at least one atom between them")
    accepted = (Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE)
    orders = [bond.GetBondType() for (bond,) in bonds]
    if any(order not in accepted for order in orders):
        raise ValueError(f"a bond to `*` must be single, double or triple; it is another one in {psmiles!r}")
    if orders[0] != orders[1]:
        raise ValueError(
            f"the bonds to both `*` become one bond of the chain and must have the same order, "
            f"got {orders[0].name.lower()} and {orders[1].name.lower()} in {psmiles!r}"
        )
    return ends[0], ends[1], orders[0]
