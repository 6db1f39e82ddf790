"""RDKit's two-dimensional descriptors of molecules and polymers: few and smooth, for distances between materials.

Counts of fragments are left out: most are zero for most molecules, and a kernel of distances reads them as noise. The
counts that trees can use are in `descriptors`.
"""

import re
from collections.abc import Sequence
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase

from gnn_sim2real.featurize.chain import sanitize
from gnn_sim2real.featurize.identity import repeat_unit_identity
from gnn_sim2real.featurize.repeat_unit import read_molecule
from gnn_sim2real.featurize.whole_search import whole

PHYSICAL_VERSION = 1
"""Version of the numbers: raised by hand whenever the rows of this module change."""

_COPIES = 3
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
    return np.asarray(np.clip(np.nan_to_num(np.array(rows), nan=0.0), -_LARGEST, _LARGEST))


def capped_oligomer(psmiles: str) -> Chem.Mol:
    """Three copies of the smallest repeat unit in a row, closed by a methyl group at each end.

    It is built from the identity of the polymer, so that all spellings of one have the same oligomer.

    Args:
        psmiles: Repeat-unit SMILES with exactly two `*`.

    Raises:
        ValueError: If it cannot be read.
    """
    fragments = repeat_unit_identity(psmiles).split(".") * _COPIES
    # The exit of each fragment and the entry of the next get the same number, which joins them.
    numbered = [re.sub(r"\[[12]\*\]", partial(_renumber, place), fragment) for place, fragment in enumerate(fragments)]
    joints = Chem.MolzipParams()
    joints.label = Chem.MolzipLabel.Isotope
    parts = Chem.MolFromSmiles(".".join(numbered), sanitize=False)
    parts.UpdatePropertyCache(strict=False)
    with rdBase.BlockLogs():  # the first entry and the last exit stay open
        chain = Chem.molzip(parts, joints)
    for atom in chain.GetAtoms():
        if not atom.GetAtomicNum():
            atom.SetAtomicNum(6)
            atom.SetIsotope(0)
            atom.SetNoImplicit(False)
    sanitize(chain, psmiles)
    return chain


def _renumber(place: int, end: re.Match[str]) -> str:
    return f"[{place + int(end[0][1])}*]"


def _describe(mol: Chem.Mol) -> list[float]:
    from rdkit.Chem import Descriptors

    functions = dict(Descriptors.descList)

    def describe(name: str, shared: Chem.Mol) -> float:
        # Of a copy each time, since RDKit keeps what it has found with the molecule. Only the E-state indices of the
        # atoms are kept for all that read them: half of the time would go into finding them again.
        return float(functions[name](shared if "EState" in name else Chem.Mol(mol)))

    def describe_all() -> list[float]:
        shared = Chem.Mol(mol)
        return [describe(name, shared) for name in physical_names()]

    return whole(describe_all)
