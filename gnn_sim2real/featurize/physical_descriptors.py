"""RDKit's two-dimensional descriptors of molecules and polymers: few and smooth, for distances between materials.

Counts of fragments are left out: most are zero for most molecules, and a kernel of distances reads them as noise. The
counts that trees can use are in `descriptors`.
"""

import re
from collections.abc import Sequence
from functools import cache, partial
from math import isnan

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase

from gnn_sim2real.featurize.chain import sanitize
from gnn_sim2real.featurize.identity import repeat_unit_identity
from gnn_sim2real.featurize.repeat_unit import read_molecule
from gnn_sim2real.featurize.whole_search import whole

PHYSICAL_VERSION = 1
"""Version of the numbers: raised by hand whenever the rows of this module change."""

RING_FRAGMENTS = 12
"""Least number of pieces of backbone, between bonds that are in no ring, of a closed ring."""

_COPIES = 3
_SHARED = re.compile("EState|BCUT2D")
_WITHOUT_SEARCH = re.compile(r"AvgIpc|BertzCT|BalabanJ|\w*EState\w*")
"""Descriptors by the graph and its distances alone, the slowest ones: nothing in them can be cut short unseen."""

_LARGEST = 1e6  # a few descriptors grow without bound, and one such number would hide all others


@cache
def physical_names() -> tuple[str, ...]:
    """Names of the columns: RDKit's descriptors without counts of fragments and without `Ipc`, which overflows."""
    from rdkit.Chem import Descriptors

    return tuple(name for name, _ in Descriptors.descList if not name.startswith("fr_") and name != "Ipc")


def physical_descriptors(spellings: Sequence[str]) -> NDArray[np.float64]:
    """Describe molecules and polymers by `physical_names`, a polymer by `capped_oligomer`. Stereo marks are ignored.

    Args:
        spellings: SMILES of molecules, and repeat-unit SMILES with two `*`.

    Returns:
        (num_materials, num_descriptors); 0 where RDKit has no value, as for charges of elements without parameters.

    Raises:
        ValueError: If there is none, or one cannot be read.
    """
    if not len(spellings):
        raise ValueError("there is nothing to describe; give at least one SMILES")
    rows = []
    for index, spelling in enumerate(spellings):
        try:
            rows.append(_describe(capped_oligomer(spelling) if "*" in spelling else read_molecule(spelling)))
        except ValueError as error:
            raise ValueError(f"row {index}: {error}") from error
    return np.asarray(np.clip(np.array(rows), -_LARGEST, _LARGEST))


def capped_oligomer(psmiles: str) -> Chem.Mol:
    """Three copies of the smallest repeat unit in a row, closed by a methyl group at each end.

    It is built from the identity of the polymer, so that all spellings of one have the same oligomer.

    Args:
        psmiles: Repeat-unit SMILES with exactly two `*`.

    Raises:
        ValueError: If it cannot be read.
    """
    fragments = repeat_unit_identity(psmiles).split(".") * _COPIES
    chain = _join(fragments, [(place + 1, place + 2) for place in range(len(fragments))])
    for atom in chain.GetAtoms():
        if not atom.GetAtomicNum():
            atom.SetAtomicNum(6)
            atom.SetIsotope(0)
            atom.SetNoImplicit(False)
    sanitize(chain, psmiles)
    return chain


def closed_ring(psmiles: str) -> Chem.Mol:
    """Copies of the smallest repeat unit in a ring of `RING_FRAGMENTS` fragments or more: a chain without ends.

    Like `capped_oligomer`, it is the same for all spellings of a polymer.

    Args:
        psmiles: Repeat-unit SMILES with exactly two `*`.

    Raises:
        ValueError: If it cannot be read.
    """
    unit = repeat_unit_identity(psmiles).split(".")
    fragments = unit * max(2, -(-RING_FRAGMENTS // len(unit)))
    count = len(fragments)
    ring = _join(fragments, [(place + 1, (place + 1) % count + 1) for place in range(count)])
    sanitize(ring, psmiles)
    return ring


def _join(fragments: Sequence[str], ends: Sequence[tuple[int, int]]) -> Chem.Mol:
    """Bonds between the fragments of a chain: an exit and an entry that have the same number are joined."""
    numbered = [
        re.sub(r"\[([12])\*\]", partial(_renumber, own), fragment)
        for own, fragment in zip(ends, fragments, strict=True)
    ]
    joints = Chem.MolzipParams()
    joints.label = Chem.MolzipLabel.Isotope
    parts = Chem.MolFromSmiles(".".join(numbered), sanitize=False)
    parts.UpdatePropertyCache(strict=False)
    with rdBase.BlockLogs():  # of an open chain the first entry and the last exit stay
        return Chem.molzip(parts, joints)


def _renumber(ends: tuple[int, int], end: re.Match[str]) -> str:
    return f"[{ends[int(end[1]) - 1]}*]"


def _describe(mol: Chem.Mol) -> list[float]:
    from rdkit.Chem import Descriptors

    functions = dict(Descriptors.descList)

    def describe(names: Sequence[str]) -> dict[str, float]:
        # Of a copy each time, since RDKit keeps what it has found with the molecule. Only what several descriptors
        # read is kept for them, the E-state indices of the atoms and the eight eigenvalues of BCUT2D: most of the time
        # would go into finding these again.
        shared = Chem.Mol(mol)
        found = {}
        for name in names:
            kept = (0,) if name.endswith("EStateIndex") else ()  # else it finds the indices anew
            try:
                value = float(functions[name](shared if _SHARED.search(name) else Chem.Mol(mol), *kept))
            except ZeroDivisionError:  # an average over heavy atoms, of which hydrogen has none
                value = 0.0
            found[name] = 0.0 if isnan(value) else value  # NaN would differ from itself
        return found

    searching = [name for name in physical_names() if not _WITHOUT_SEARCH.fullmatch(name)]
    others = [name for name in physical_names() if _WITHOUT_SEARCH.fullmatch(name)]
    found = whole(lambda: describe(searching)) | describe(others)
    return [found[name] for name in physical_names()]
