"""Chemical compositions: formulas read and reduced, their graph, and statistics of their elements."""

import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.graph import NUM_ELEMENTS, Graph

FEATURIZER_VERSION = 1
"""Version of the graphs: raised by hand whenever they change."""

DESCRIPTOR_VERSION = 1
"""Version of the element statistics: raised by hand whenever they change."""

ELEMENT_PROPERTIES = (
    "Z",
    "atomic_mass",
    "X",
    "row",
    "group",
    "mendeleev_no",
    "atomic_radius",
    "van_der_waals_radius",
    "average_ionic_radius",
    "molar_volume",
    "melting_point",
    "boiling_point",
    "thermal_conductivity",
    "ionization_energy",
    "electron_affinity",
    "max_oxidation_state",
    "min_oxidation_state",
)
"""Properties that pymatgen has for all or nearly all elements; outer electrons are added to them."""

_SHELLS = "spdf"
_LAST_ELEMENT = 103
_CHUNK = 8192
"""Number of materials processed at a time, so that their tables by element stay small."""


def read_formula(formula: str) -> dict[int, float]:
    """Read a chemical formula, which may have brackets and fractions.

    Args:
        formula: For example `Al2O3`, `Ca(OH)2`, `Ag0.5Ba1Si1.5`.

    Returns:
        Amount of each element by atomic number, as written, sorted.

    Raises:
        ValueError: If it is not a formula of known elements with positive amounts.
    """
    from pymatgen.core.composition import Composition
    from pymatgen.core.periodic_table import Element

    try:
        parsed = Composition(formula, strict=True) if formula.strip() else Composition()
        amounts = {Element(each.symbol).Z: float(amount) for each, amount in parsed.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"cannot read the formula {formula!r}: {' '.join(str(error).split())}") from error
    if not amounts or min(amounts.values()) <= 0:
        raise ValueError(f"the formula {formula!r} has no element with a positive amount; write e.g. 'Al2O3'")
    return dict(sorted(amounts.items()))


@lru_cache(maxsize=2**17)
def reduced_formula(formula: str) -> str:
    """The formula in its smallest whole numbers, as pymatgen and the Materials Project spell it: `O4Si2` is `SiO2`.

    Args:
        formula: A chemical formula.

    Raises:
        ValueError: If it cannot be read.
    """
    from pymatgen.core.composition import Composition

    read_formula(formula)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # noble gases have no known electronegativity
        return str(Composition(formula).get_integer_formula_and_factor()[0])


def formula_of_counts(counts: Mapping[int, int]) -> str:
    """The reduced formula of numbers of atoms.

    Args:
        counts: Number of atoms by atomic number.
    """
    from pymatgen.core.periodic_table import Element

    return reduced_formula("".join(f"{Element.from_Z(number)}{count}" for number, count in sorted(counts.items())))


def composition_graph(formula: str) -> Graph:
    """Turn a formula into a graph of its elements without edges; pairs of elements are left to the encoder.

    Args:
        formula: A chemical formula.

    Returns:
        One node per element, sorted by atomic number; `node_weight` is its share of the atoms.

    Raises:
        ValueError: If it cannot be read.
    """
    amounts = read_formula(formula)
    share = np.array(list(amounts.values())) / sum(amounts.values())
    return Graph(
        atomic_number=np.array(list(amounts), np.uint8),
        edge_index=np.empty((2, 0), np.int32),
        node_weight=share.astype(np.float32),
        component=np.zeros(len(amounts), np.uint8),
    )


def formula_descriptors(formulas: Sequence[str]) -> NDArray[np.float64]:
    """Describe compositions by statistics of their elements; see `element_statistics`.

    Args:
        formulas: Chemical formulas.

    Raises:
        ValueError: If there is none, or one cannot be read.
    """
    if not len(formulas):
        raise ValueError("there are no formulas to describe")
    parts = []
    for first in range(0, len(formulas), _CHUNK):
        amounts = np.zeros((len(formulas[first : first + _CHUNK]), NUM_ELEMENTS))
        for row, formula in enumerate(formulas[first : first + _CHUNK]):
            for number, amount in read_formula(formula).items():
                amounts[row, number] = amount
        parts.append(element_statistics(amounts))
    return np.concatenate(parts)


def element_statistics(amounts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean, standard deviation, least, greatest and range of each elemental property, weighted by the amounts.

    After L. Ward et al., npj Comput. Mater. 2, 16028 (2016), arXiv 1606.09551, with the elemental properties that
    pymatgen holds (`ELEMENT_PROPERTIES`, and the numbers of s, p, d and f electrons outside the noble-gas core). The
    number of elements and the norm of their shares come last.

    Args:
        amounts: (num_materials, NUM_ELEMENTS); amount of each element, by atomic number.

    Returns:
        (num_materials, num_features), all finite.
    """
    values = element_table()
    share = amounts / amounts.sum(axis=1, keepdims=True)
    mean = share @ values
    # The mean of squares minus the square of the mean loses all digits for a pure element; centered values do not.
    present = share > 0
    row, number = np.nonzero(present)
    deviation = (values[number] - mean[row]) ** 2 * share[row, number][:, None]
    first = np.flatnonzero(np.diff(row, prepend=-1))
    spread = np.sqrt(np.add.reduceat(deviation, first, axis=0))
    least = np.minimum.reduceat(values[number], first, axis=0)
    greatest = np.maximum.reduceat(values[number], first, axis=0)
    count, norm = present.sum(axis=1), np.sqrt((share**2).sum(axis=1))
    return np.column_stack([mean, spread, least, greatest, greatest - least, count, norm])


@lru_cache(maxsize=1)
def element_table() -> NDArray[np.float64]:
    """(NUM_ELEMENTS, num_properties); values missing in pymatgen are interpolated along Mendeleev numbers.

    These order the elements by chemical similarity (D. Pettifor, Solid State Commun. 51, 31 (1984)). Elements beyond
    lawrencium, of which no crystals exist, are treated as lawrencium.
    """
    from pymatgen.core.periodic_table import Element

    elements = [Element.from_Z(min(number, _LAST_ELEMENT)) for number in range(1, NUM_ELEMENTS)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some elements lack a property
        rows = [
            [_number(getattr(each, name)) for name in ELEMENT_PROPERTIES] + _outer_electrons(each) for each in elements
        ]
    table = np.array([rows[0], *rows])  # atomic number 0 is not in use
    order = table[:, ELEMENT_PROPERTIES.index("mendeleev_no")]
    for column in table.T:
        known = np.isfinite(column)
        rank = np.argsort(order[known], kind="stable")
        column[~known] = np.interp(order[~known], order[known][rank], column[known][rank])
    table.flags.writeable = False
    return table


def _number(value: object) -> float:
    return np.nan if value is None else float(value)  # type: ignore[arg-type]


def _outer_electrons(element: object) -> list[float]:
    """Electrons in s, p, d and f orbitals outside the noble-gas core."""
    _, _, outer = str(element.electronic_structure).rpartition("]")  # type: ignore[attr-defined]
    counts = dict.fromkeys(_SHELLS, 0.0)
    for orbital in outer.lstrip(".").split("."):
        if len(orbital) > 2 and orbital[1] in counts:
            counts[orbital[1]] += float(orbital[2:])
    return [counts[shell] for shell in _SHELLS]
