"""Other spellings of a repeat unit, made without the code under test."""

from collections.abc import Callable

import pytest
from rdkit import Chem


def _respell(mol: Chem.Mol, seed: int) -> str:
    return Chem.MolToRandomSmilesVect(mol, 1, randomSeed=seed + 1)[0]


def _oligomer(psmiles: str, count: int) -> tuple[Chem.Mol, list[int], list[int]]:
    """Chain of `count` units, first atoms and last atoms of the units (indices)."""
    unit = Chem.MolFromSmiles(psmiles)
    Chem.Kekulize(unit, clearAromaticFlags=True)
    stars = [atom.GetIdx() for atom in unit.GetAtoms() if atom.GetAtomicNum() == 0]
    head, tail = (unit.GetAtomWithIdx(star).GetNeighbors()[0].GetIdx() for star in stars)
    order = unit.GetBondBetweenAtoms(stars[0], head).GetBondType()
    size = unit.GetNumAtoms()
    chain = Chem.RWMol(unit)
    for _ in range(count - 1):
        chain.InsertMol(unit)
    chain.BeginBatchEdit()
    for copy in range(count - 1):
        chain.AddBond(copy * size + tail, (copy + 1) * size + head, order)
        chain.RemoveAtom(copy * size + stars[1])
        chain.RemoveAtom((copy + 1) * size + stars[0])
    for atom in chain.GetAtoms():
        atom.SetIntProp("label", atom.GetIdx())
    chain.CommitBatchEdit()
    Chem.SanitizeMol(chain)
    index = {atom.GetIntProp("label"): atom.GetIdx() for atom in chain.GetAtoms()}
    heads = [index[copy * size + head] for copy in range(count)]
    tails = [index[copy * size + tail] for copy in range(count)]
    return chain.GetMol(), heads, tails


@pytest.fixture(scope="session")
def respell() -> Callable[[str, int], str]:
    """The same SMILES with the atoms in a random order: `respell(smiles, seed)`."""
    return lambda smiles, seed: _respell(Chem.MolFromSmiles(smiles), seed)


@pytest.fixture(scope="session")
def multiply() -> Callable[[str, int], str]:
    """A multiple of a repeat unit as one unit: `multiply(psmiles, count)`."""
    return lambda psmiles, count: Chem.MolToSmiles(_oligomer(psmiles, count)[0])


@pytest.fixture(scope="session")
def cut_everywhere() -> Callable[[str], list[str]]:
    """Every spelling of a repeat unit that cuts the chain at another bond: `cut_everywhere(psmiles)`."""

    def cut(psmiles: str) -> list[str]:
        chain, heads, tails = _oligomer(psmiles, 3)

        def path(copy: int) -> list[int]:
            if heads[copy] == tails[copy]:
                return [heads[copy]]
            return list(Chem.GetShortestPath(chain, heads[copy], tails[copy]))

        spellings = [psmiles]
        first, second = ([*path(copy), heads[copy + 1]] for copy in (0, 1))
        for here, there in zip(range(len(first) - 1), range(len(second) - 1), strict=True):
            bonds = [
                chain.GetBondBetweenAtoms(*pair)
                for pair in ((first[here], first[here + 1]), (second[there], second[there + 1]))
            ]
            if bonds[0].IsInRing():
                continue
            pieces = Chem.FragmentOnBonds(chain, [bond.GetIdx() for bond in bonds], dummyLabels=[(0, 0)] * 2)
            fragment_of: list[int] = []
            fragments = Chem.GetMolFrags(pieces, asMols=True, frags=fragment_of)
            spellings.append(_respell(fragments[fragment_of[first[here + 1]]], here))
        return spellings

    return cut
