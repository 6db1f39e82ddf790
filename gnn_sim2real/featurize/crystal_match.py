"""When two crystals are the same structure: the finer identity, for the few that share a formula."""

from typing import TYPE_CHECKING

from gnn_sim2real.featurize.crystal import Crystal
from gnn_sim2real.featurize.crystal_objects import to_pymatgen

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure


def reduced_structure(crystal: Crystal) -> "Structure":
    """The crystal as a pymatgen `Structure` in its Niggli-reduced primitive cell."""
    return to_pymatgen(crystal).get_primitive_structure().get_reduced_structure(reduction_algo="niggli")


def same_structure(first: "Structure", second: "Structure") -> bool:
    """Whether two crystals are the same structure, in any cell and at any volume.

    By pymatgen's `StructureMatcher` with its default tolerances: scaled to the same volume, sites within 0.3 of the
    mean free length.

    Args:
        first: A crystal from `reduced_structure`.
        second: Another crystal.

    References:
        S. P. Ong et al., Comput. Mater. Sci. 68, 314 (2013), https://doi.org/10.1016/j.commatsci.2012.10.028
    """
    from pymatgen.analysis.structure_matcher import StructureMatcher

    if len(first) != len(second):
        return False
    return bool(StructureMatcher().fit(first, second, skip_structure_reduction=True))
