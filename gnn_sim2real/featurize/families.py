"""Chemical families of materials: polymer classes, scaffolds, and anions of crystals.

A split can reserve whole families for the test, and a database can grow family by family.
"""

from functools import lru_cache, partial

from rdkit import Chem
from rdkit.Chem.rdmolops import MurckoDecompose

from gnn_sim2real.featurize.chain import Chain, build_chain, read_smiles, sanitize
from gnn_sim2real.featurize.identity import repeat_unit_identity
from gnn_sim2real.featurize.repeat_unit import read_molecule
from gnn_sim2real.featurize.whole_search import whole

OTHER = "other"
"""Class of a polymer that matches no pattern of `POLYMER_CLASSES`."""

ACYCLIC = "acyclic"
"""Scaffold of a molecule without a ring."""

POLYMER_CLASSES = (
    ("polyimides", "[#6:1](=O)[#7:1][#6]=O"),
    ("polyphosphazenes", "[#7:1]~[#15:1]"),
    ("polysiloxanes and polysilanes", "[Si:1]"),
    ("polyamides", "[#6,#1][CX3:1](=O)[NX3:1]"),
    ("polyurethanes", "[OX2:1][CX3:1](=O)[NX3:1]"),
    ("polyureas", "[NX3:1][CX3:1](=[O,S])[NX3:1]"),
    ("polyanhydrides", "[#6][CX3:1](=O)[OX2:1][CX3:1](=O)[#6]"),
    ("polycarbonates", "[OX2,SX2:1][CX3:1](=[O,S])[OX2,SX2:1]"),
    ("polyesters", "[#6,#1][CX3:1](=O)[OX2,SX2:1]"),
    ("polyimines and polyamines", "[#6:1]=,:[NX2:1]"),
    ("polyimines and polyamines", "[NX3:1]"),
    ("polysulfones", "[#16:1](=O)(=O)"),
    ("polyketones", "[#6][CX3:1](=O)[#6]"),
    ("polyethers", "[OX2:1]"),
    ("polysulfides", "[SX2:1]"),
    ("polyarylenes", "[c,n,s,o:1]"),
    ("polydienes", "[CX3:1]=[CX3:1]"),
    ("polyhaloolefins", "[CX4:1][F,Cl,Br,I:2]"),
    ("polystyrenes", "[CX4:1]-!@[c:2]1[c:2][c:2][c:2][c:2][c:2]1"),
    ("polyacrylics", "[CX4:1][CX3:2](=O)[O,N,S:2]"),
    ("polyacrylics", "[CX4:1][CX2:2]#N"),
    ("polyvinyls", "[!#6;!#1;!#0:2]"),
    ("polyvinyls", "[c:2]"),
    ("polyolefins", "[CX4:1]"),
)
"""Classes and their patterns (SMARTS); the first match counts. Atoms numbered 1 must be in the main chain, those
numbered 2 beside it, others anywhere. Links of the main chain come before side groups."""

_MAX_MATCHES = 100_000  # rdkit's default stops at 1000


def polymer_class(psmiles: str) -> str:
    """Class of a polymer by the links of its main chain, or by the side groups of a carbon chain.

    The main chain consists of the atoms on a shortest path along the chain, on all such paths if there are several. The
    class belongs to the infinite chain: it does not depend on where that is cut, or how many repeats are written.

    Args:
        psmiles: Repeat-unit SMILES with exactly two `*`.

    Returns:
        A name in `POLYMER_CLASSES`, or `OTHER`.

    Raises:
        ValueError: If the text is not a repeat unit.
    """
    chain = build_chain(psmiles)
    main = _main_chain(chain)
    for name, pattern, places in _patterns():
        anchor = (places[1] + places[2])[0]
        search = partial(chain.mol.GetSubstructMatches, pattern, uniquify=False, maxMatches=_MAX_MATCHES)
        for match in whole(search):
            inside, beside = ({match[position] for position in places[number]} for number in (1, 2))
            if match[anchor] in chain.atoms and inside <= main and not beside & main:
                return name
    return OTHER


def repeat_unit_scaffold(psmiles: str) -> str:
    """Main chain and ring systems of a polymer, with their links: its Murcko scaffold.

    Polymers that differ in side chains without a ring share it. It is an identity, as of
    `featurize.identity.repeat_unit_identity`, hence the same for every spelling.

    Args:
        psmiles: Repeat-unit SMILES with exactly two `*`.

    Raises:
        ValueError: If the text is not a repeat unit.

    References:
        G. W. Bemis, M. A. Murcko, J. Med. Chem. 39, 2887 (1996), https://doi.org/10.1021/jm9602928
    """
    build_chain(psmiles)  # refuses a text that is not a repeat unit
    unit = Chem.RWMol(read_smiles(psmiles))
    sanitize(unit, psmiles)
    first, last = _stars(unit)
    # Closed to a ring, the main chain is not a dead end, which would be cut off.
    unit.AddBond(first, last, Chem.BondType.SINGLE)
    Chem.FastFindRings(unit)
    scaffold = Chem.RWMol(MurckoDecompose(unit))
    scaffold.RemoveBond(*_stars(scaffold))
    return repeat_unit_identity(Chem.MolToSmiles(scaffold))


def molecule_scaffold(smiles: str) -> str:
    """Ring systems of a molecule with their links: its Murcko scaffold.

    Args:
        smiles: SMILES without `*`.

    Returns:
        The canonical SMILES of the scaffold, `ACYCLIC` without a ring.

    Raises:
        ValueError: If the text is not a molecule.

    References:
        G. W. Bemis, M. A. Murcko, J. Med. Chem. 39, 2887 (1996), https://doi.org/10.1021/jm9602928
    """
    return str(Chem.MolToSmiles(MurckoDecompose(read_molecule(smiles)))) or ACYCLIC


ANION_CLASSES: dict[str, tuple[str, ...]] = {
    "oxides": ("O",),
    "halides": ("F", "Cl", "Br", "I", "At"),
    "chalcogenides": ("S", "Se", "Te", "Po"),
    "pnictides": ("N", "P", "As", "Sb", "Bi"),
    "tetrelides and borides": ("C", "Si", "Ge", "Sn", "Pb", "B"),
    "hydrides": ("H",),
}
"""Classes of crystals, by their most electronegative element."""

INTERMETALLICS = "intermetallics"
"""Class of a crystal whose most electronegative element is in no other class."""


def anion_class(formula: str) -> str:
    """Class of a crystal by its most electronegative element (Pauling's scale); an oxyfluoride is a halide.

    Args:
        formula: Chemical formula, e.g. Al2O3.

    Raises:
        ValueError: If the text is not a formula.
    """
    from gnn_sim2real.featurize.composition import read_formula

    return _anion_classes()[max(read_formula(formula), key=lambda number: (_electronegativities()[number], number))]


@lru_cache(maxsize=1)
def _electronegativities() -> list[float]:
    """By atomic number."""
    from gnn_sim2real.featurize.composition import ELEMENT_PROPERTIES, element_table

    column: list[float] = element_table()[:, list(ELEMENT_PROPERTIES).index("X")].tolist()
    return column


@lru_cache(maxsize=1)
def _anion_classes() -> list[str]:
    """Class by atomic number."""
    named = {symbol: name for name, symbols in ANION_CLASSES.items() for symbol in symbols}
    table = Chem.GetPeriodicTable()
    return ["", *(named.get(table.GetElementSymbol(number), INTERMETALLICS) for number in range(1, 119))]


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, Chem.Mol, dict[int, list[int]]], ...]:
    """Name and pattern of each class, and which of its atoms are in the main chain (1) and beside it (2)."""
    found = []
    for name, smarts in POLYMER_CLASSES:
        pattern = Chem.MolFromSmarts(smarts)
        places: dict[int, list[int]] = {0: [], 1: [], 2: []}
        for atom in pattern.GetAtoms():
            places[atom.GetAtomMapNum()].append(atom.GetIdx())
        found.append((name, pattern, places))
    return tuple(found)


def _stars(mol: Chem.Mol) -> list[int]:
    return [atom.GetIdx() for atom in mol.GetAtoms() if not atom.GetAtomicNum()]


def _main_chain(chain: Chain) -> frozenset[int]:
    """Atoms of the oligomer on a shortest path from end to end."""
    first, last = _stars(chain.mol)
    distance = Chem.GetDistanceMatrix(chain.mol)
    return frozenset(
        index
        for index in range(chain.mol.GetNumAtoms())
        if distance[first, index] + distance[index, last] == distance[first, last]
    )
