"""One chemical family after the other."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.console import track
from gnn_sim2real.splits.acquisition.order import Candidates, Order
from gnn_sim2real.splits.parts import Rows


class FamilyAfterFamily(Order):
    """Next comes a material of the same chemical family, until there are no more; the families in random order."""

    name, title = "family", "family by family"

    def find(self, candidates: Candidates) -> NDArray[np.str_]:
        """Family of each material."""
        find = family_of(candidates.kind)
        return np.array([find(each) for each in track(candidates.spellings, "Finding families")], str)

    def order(self, found: NDArray[np.str_], size: int, seed: int) -> Rows:
        """See `grow_by_family`."""
        return grow_by_family(found.tolist(), seed)


def family_of(kind: str) -> Callable[[str], str]:
    """Function from a material to the chemical family by which a database grows.

    Args:
        kind: Kind of material.

    Raises:
        ValueError: If there are no families of this kind.
    """
    from gnn_sim2real.featurize.families import anion_class, molecule_scaffold, polymer_class

    known = {
        "repeat_unit": polymer_class,
        "molecule": molecule_scaffold,
        "crystal": anion_class,
        "composition": anion_class,
    }
    if kind not in known:
        raise ValueError(f"`grow_by: family` is for {', '.join(known)}, not for materials of the kind {kind!r}")
    return known[kind]


def grow_by_family(families: Sequence[str], seed: int) -> Rows:
    """Family after family, in random order of the families and within each.

    Args:
        families: Family of each material.
        seed: Seed of both orders.

    Returns:
        (num_materials,); positions.
    """
    random = np.random.default_rng(seed)
    names, code = np.unique(np.array(families, str), return_inverse=True)
    turn = random.permutation(len(names))[code]
    return np.lexsort((random.random(len(code)), turn))
