"""Wide statistics of the elements of a composition, for distances between materials.

`composition.element_statistics` has fewer: those of the tabular baselines of published studies, which stay as they are.
"""

import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.featurize.composition import element_of, fill_gaps, number_of, outer_electrons
from gnn_sim2real.graph import NUM_ELEMENTS

if TYPE_CHECKING:
    from pymatgen.core.periodic_table import Element

STATISTICS_VERSION = 1
"""Version of the statistics: raised by hand whenever they change."""

NUMBERS = (
    "Z",
    "row",
    "group",
    "mendeleev_no",
    "X",
    "atomic_mass",
    "atomic_radius",
    "atomic_radius_calculated",
    "van_der_waals_radius",
    "average_ionic_radius",
    "molar_volume",
    "ionization_energy",
    "electron_affinity",
    "melting_point",
    "boiling_point",
    "thermal_conductivity",
    "bulk_modulus",
    "max_oxidation_state",
    "min_oxidation_state",
)
"""Properties by their name in pymatgen."""

FLAGS = ("is_metal", "is_transition_metal", "is_metalloid")
"""Properties that an element has or has not, by their name in pymatgen."""

SHELLS = {"s": 2, "p": 6, "d": 10, "f": 14}
"""Places for electrons in each shell."""

PROPERTIES = (
    *NUMBERS,
    "second_ionization_energy",
    *(f"{shell} electrons" for shell in SHELLS),
    *(f"{shell} holes" for shell in SHELLS),
    *FLAGS,
)
"""Columns of `property_table`.

Electrons are those outside the noble-gas core, holes the free places of shells that have an electron.
"""

STATISTICS = ("mean", "mean deviation", "least", "greatest", "range", "most frequent element")
"""Statistics of each property."""


def composition_statistics(amounts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Statistics of each elemental property over the atoms of a material, and of the shares of its elements.

    For each of `PROPERTIES` the mean, the mean absolute deviation from it, the least and greatest value, the range, and
    the value of the most frequent element (the mean of several); all properties by one statistic are side by side. Then
    the number of elements, the entropy of their shares, their 2-norm and 3-norm, and the shares by atomic number.
    After L. Ward et al., npj Comput. Mater. 2, 16028 (2016), doi 10.1038/npjcompumats.2016.28.

    Args:
        amounts: (num_materials, NUM_ELEMENTS); amount of each element, by atomic number.

    Returns:
        (num_materials, num_features), all finite.
    """
    values = property_table()
    share = amounts / amounts.sum(axis=1, keepdims=True)
    mean = share @ values
    row, number = np.nonzero(share)
    own, first = share[row, number], np.flatnonzero(np.diff(row, prepend=-1))
    deviation = np.add.reduceat(np.abs(values[number] - mean[row]) * own[:, None], first, axis=0)
    least = np.minimum.reduceat(values[number], first, axis=0)
    greatest = np.maximum.reduceat(values[number], first, axis=0)
    is_most = amounts == amounts.max(axis=1, keepdims=True)
    most = is_most @ values / is_most.sum(axis=1, keepdims=True)
    entropy = np.add.reduceat(-own * np.log(own), first)
    norms = [(share**power).sum(axis=1) ** (1 / power) for power in (2, 3)]
    of_shares = np.column_stack([np.diff(first, append=len(row)), entropy, *norms, share[:, 1:]])
    return np.column_stack([mean, deviation, least, greatest, greatest - least, most, of_shares])


@lru_cache(maxsize=1)
def property_table() -> NDArray[np.float64]:
    """`PROPERTIES` of each element by atomic number, (NUM_ELEMENTS, num_properties); gaps filled as in `fill_gaps`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some elements lack a property
        rows = [_properties(element_of(number)) for number in range(1, NUM_ELEMENTS)]
    table = np.array([rows[0], *rows])  # atomic number 0 is not in use
    return fill_gaps(table, table[:, NUMBERS.index("mendeleev_no")])


def _properties(element: "Element") -> list[float]:
    energies = element.ionization_energies
    second = number_of(energies[1] if len(energies) > 1 else None)
    electrons = outer_electrons(element)
    holes = [places - count if count else 0.0 for places, count in zip(SHELLS.values(), electrons, strict=True)]
    numbers = [number_of(getattr(element, name)) for name in NUMBERS]
    return [*numbers, second, *electrons, *holes, *(float(getattr(element, name)) for name in FLAGS)]
