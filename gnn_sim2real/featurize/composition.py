"""Chemical compositions: formulas read and reduced, their graph, and statistics of their elements."""

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.featurize.letters import name_letter
from gnn_sim2real.graph import NUM_ELEMENTS, Graph

if TYPE_CHECKING:
    from pymatgen.core.composition import Composition
    from pymatgen.core.periodic_table import Element

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


_ADDED = (
    "H2O|OH2|D2O|H2O2|NH3|ND3|HF|HCl|HBr|HI|HNO3|H2SO4|CO2|SO2|CH4O|CH3OH|C2H6O|C2H5OH|CH3CN|C6H6|NaOH|KOH|NaCl|KCl"
)
"""What crystals hold beside their salt, as it is written after a dot: water, ammonia, acids, alcohols."""

_AMOUNT = r"\d+(?:\.\d+)?|\.\d+"

_DOT = re.compile(
    r"\s*(?:[\u00b7\u0387\u2022\u2219\u22c5\u30fb\u00d7]|\.(?=\s*[A-Z(\[])"
    rf"|\*(?=\s*(?:{_AMOUNT}|\(?(?:{_ADDED})\)?\s*$)))\s*"
)
"""What can only divide the parts of a formula: a middle dot, a full stop before a letter, an asterisk before an amount
(between letters it can mark a vacancy or a footnote)."""


_HYDRATE = re.compile(rf"(.*?[A-Za-z)\]].*?)\s*\.\s*((?:{_AMOUNT})\s*\(?(?:{_ADDED})\)?\s*)")
"""A full stop that divides though a number follows, since what comes next is water or the like, and nothing else."""

_OXIDES = re.compile(r"O[1-9]\d*\.\d+[A-Z][a-z]?\d*O(?![a-z])")
"""A decimal amount of oxygen before another oxide, as in `Al2O3.2SiO2`: most likely two parts."""

_PART = re.compile(rf"\s*({_AMOUNT})?\s*([A-Z(\[].*?)\s*")


def _join_parts(formula: str) -> str:
    """Write a formula of several parts with brackets: `CuSO4.5H2O` becomes `CuSO4(H2O)5`; one part stays as it is."""
    parts, divided = [], False
    for whole in _DOT.split(formula):
        text, added = whole, []
        while (found := _HYDRATE.fullmatch(text)) is not None:
            text, divided = found[1], True
            added.append(found[2])
            if re.search(r"[A-Za-z)\]]0$", text):
                raise ValueError(f"the dot before {found[2]} can be a decimal point: write brackets, as in CuSO4(H2O)5")
        parts += [text, *reversed(added)]
    if len(parts) < 2:
        if found := _OXIDES.search(formula):
            raise ValueError(f"the dot in {found[0]} can be a decimal point or divide two parts: write brackets")
        return formula
    joined = ""
    for part in parts:
        found = _PART.fullmatch(part)
        if found is None:
            raise ValueError(f"{part!r} is not a part of a formula, such as 5H2O")
        amount, text = found.groups()
        # Beside the full stop of a hydrate another one can be either: `Al2O3.2SiO2.2H2O`.
        if divided and re.search(r"[A-Za-z)\]][1-9]\d*\.\d", text):
            raise ValueError(f"a dot in {text} can be a decimal point or divide two parts: write brackets")
        joined += f"({text}){amount}" if amount else f"({text})" if joined else text
    return joined


def _parse(formula: str) -> "Composition":
    from pymatgen.core.composition import Composition

    if not formula.isascii() and (foreign := [each for each in formula if not each.isascii() and not _DOT.match(each)]):
        raise ValueError(f"it holds {name_letter(foreign[0])}, but elements and amounts are ASCII")
    if re.search(r"(?<!\de)-", formula):
        raise ValueError("a minus can divide two parts or be one: write brackets, as in (NaCl)0.5(KCl)0.5")
    if "@" in formula:  # pymatgen drops it
        raise ValueError("it holds '@', which is one thing within another: write the formula of the whole")
    joined = _join_parts(formula)
    return Composition(joined, strict=True) if joined.strip() else Composition()


def read_formula(formula: str) -> dict[int, float]:
    """Read a chemical formula, which may have brackets and fractions.

    Args:
        formula: For example `Al2O3`, `Ca(OH)2`, `Ag0.5Ba1Si1.5`, `CuSO4.5H2O`.

    Returns:
        Amount of each element by atomic number, as written, sorted.

    Raises:
        ValueError: If it is not a formula of known elements with positive amounts.
    """
    from pymatgen.core.periodic_table import Element

    try:
        parsed = _parse(formula)
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
    read_formula(formula)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # noble gases have no known electronegativity
        return str(_parse(formula).get_integer_formula_and_factor()[0])


def formula_of_counts(counts: Mapping[int, int]) -> str:
    """The reduced formula of numbers of atoms.

    Args:
        counts: Number of atoms by atomic number.
    """
    from pymatgen.core.periodic_table import Element

    return reduced_formula("".join(f"{Element.from_Z(number)}{count}" for number, count in sorted(counts.items())))


def formula_of_amounts(amounts: Mapping[int, int | float]) -> str:
    """The reduced formula of fractional amounts, as of the cell of a disordered crystal.

    The smallest whole numbers, up to 100 atoms, that all amounts are within 0.01 of: occupancies are rounded, and three
    sites of 0.333 are one atom. If there are none, the amounts are reduced as they are, to 3 digits after the point.

    Args:
        amounts: Amount by atomic number.
    """
    from pymatgen.core.periodic_table import Element

    values = np.array([*amounts.values()], np.float64)
    units = np.arange(1, _MOST_ATOMS + 1)[:, None] * (values / values.sum())
    whole = np.rint(units)
    fits = (np.abs(units - whole) <= _NEARLY_WHOLE).all(axis=1) & (whole > 0).all(axis=1)
    if fits.any():
        return formula_of_counts(dict(zip(amounts, whole[fits.argmax()].astype(int).tolist(), strict=True)))
    spelled = [f"{Element.from_Z(number)}{amount:.3f}" for number, amount in sorted(amounts.items()) if amount >= 1e-3]
    return reduced_formula("".join(spelled))


_MOST_ATOMS, _NEARLY_WHOLE = 100, 0.01
"""See `formula_of_amounts`."""


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


def describe_formulas(
    formulas: Sequence[str], statistics: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Statistics of the elements of formulas, some thousands at a time.

    Args:
        formulas: Chemical formulas.
        statistics: Makes them from the amount of each element, (num_formulas, NUM_ELEMENTS): `element_statistics`, or
            `composition_statistics.composition_statistics`.

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
        parts.append(statistics(amounts))
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
    """(NUM_ELEMENTS, num_properties); gaps are filled as in `fill_gaps`."""
    elements = [element_of(number) for number in range(1, NUM_ELEMENTS)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some elements lack a property
        rows = [
            [number_of(getattr(each, name)) for name in ELEMENT_PROPERTIES] + outer_electrons(each) for each in elements
        ]
    table = np.array([rows[0], *rows])  # atomic number 0 is not in use
    return fill_gaps(table, table[:, ELEMENT_PROPERTIES.index("mendeleev_no")])


def element_of(number: int) -> "Element":
    """An element as pymatgen knows it; those beyond lawrencium, of which no crystals exist, are treated as lawrencium.

    Args:
        number: Atomic number.
    """
    from pymatgen.core.periodic_table import Element

    return Element.from_Z(min(number, _LAST_ELEMENT))


def fill_gaps(table: NDArray[np.float64], order: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate what is missing in a table of elements along their Mendeleev numbers.

    These order the elements by chemical similarity (D. Pettifor, Solid State Commun. 51, 31 (1984)).

    Args:
        table: (NUM_ELEMENTS, num_properties); NaN where a value is missing. It is changed, and then read-only.
        order: (NUM_ELEMENTS,); Mendeleev numbers.

    Returns:
        The table.
    """
    for column in table.T:
        known = np.isfinite(column)
        rank = np.argsort(order[known], kind="stable")
        column[~known] = np.interp(order[~known], order[known][rank], column[known][rank])
    table.flags.writeable = False
    return table


def number_of(value: object) -> float:
    """A number that pymatgen has; NaN for None.

    Args:
        value: The number or None.
    """
    return np.nan if value is None else float(value)  # type: ignore[arg-type]


def outer_electrons(element: "Element") -> list[float]:
    """Electrons in s, p, d and f orbitals outside the noble-gas core.

    Args:
        element: An element of pymatgen.
    """
    _, _, outer = str(element.electronic_structure).rpartition("]")
    counts = dict.fromkeys(_SHELLS, 0.0)
    for orbital in outer.lstrip(".").split("."):
        if len(orbital) > 2 and orbital[1] in counts:
            counts[orbital[1]] += float(orbital[2:])
    return [counts[shell] for shell in _SHELLS]
