"""What a CIF says of its atoms by a formula and the number of formula units."""

import math
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

from gnn_sim2real.featurize.cif.tags import positive, text_of
from gnn_sim2real.featurize.crystal import Crystal

_FORMULA_TOLERANCE = 0.002
"""Share of the atoms that a formula may differ by: so much is lost where 0.999 of a site counts as all of it."""

_FRACTIONAL_TOLERANCE = 0.01
"""The same where sites are filled in part: occupancies have an uncertainty, and formulas are rounded."""

_FORMULAS = tuple(f"_chemical_formula_{kind}" for kind in ("sum", "moiety", "structural", "iupac"))


class Formula(NamedTuple):
    """What a CIF says about its atoms.

    Attributes:
        text: The formula as written.
        amounts: Atoms of each element in it, by atomic number.
        units: Formula units in the cell; None if they are not given.
    """

    text: str
    amounts: Mapping[int, float]
    units: float | None

    def agrees(self, counts: Mapping[int, int | float], bare: bool) -> bool:
        """Whether the atoms of the cell are those of the formula.

        Args:
            counts: Atoms in the cell, by atomic number.
            bare: Whether the file says nothing of symmetry; pymatgen, which gives the formula of the whole cell
                besides the number of units, always does.
        """
        total = sum(counts.values())
        if self.units is None:
            return self._is(counts, total / sum(self.amounts.values()))
        numbers = [*counts.values()]
        times = math.gcd(*map(int, numbers)) if all(isinstance(each, int) for each in numbers) else 0
        whole = times % max(self.units, 1) == 0 and not bare
        return (whole and self._is(counts, 1.0)) or self._is(counts, self.units)

    def _is(self, counts: Mapping[int, int | float], factor: float) -> bool:
        if factor == 1 and counts == self.amounts:
            return True
        total = sum(counts.values())
        allowed = min(_FORMULA_TOLERANCE * total, 0.3)
        if not all(isinstance(each, int) for each in counts.values()):
            allowed = _FRACTIONAL_TOLERANCE * total
        return all(
            abs(counts.get(number, 0) - factor * self.amounts.get(number, 0.0)) <= allowed
            for number in {*self.amounts, *counts}
        )


def read_formula(block: Any) -> Formula | None:
    """The first formula that can be read, if there is one.

    Args:
        block: Block of gemmi.
    """
    units = positive(block, "_cell_formula_units_Z")
    for tag in _FORMULAS:
        text = text_of(block, tag)
        if text and (amounts := _amounts(text) or _amounts(_without_parentheses(text))):
            return Formula(text, amounts, units or None)
    return None


def _without_parentheses(formula: str) -> str:
    """A formula such as `Ca (O H)2` or `Ca S O4 . 2(H2 O)` without parentheses and dots; empty if it is none."""
    from gemmi import Element

    text = formula.translate(str.maketrans("[]{}", "()()"))
    parts = re.split(r"\s*[\u00b7\u2022*]\s*|\s+\.\s+|,\s+", text)
    told = [re.fullmatch(r"(\d+\.?\d*|\.\d+)?\s*(.*)", part.strip(), re.DOTALL) for part in parts]
    text = " ".join(f"({part[2]}){part[1] or 1}" for part in told if part)
    while found := re.search(r"\(([^()]*)\)\s*(\d+\.?\d*|\.\d+)?", text):
        amounts, times = _amounts(found[1]), float(found[2] or 1)
        if not amounts:
            return ""
        inner = " ".join(f"{Element(number).name}{amount * times:f}" for number, amount in amounts.items())
        text = f"{text[: found.start()]} {inner} {text[found.end() :]}"
    return text


def _amounts(formula: str) -> dict[int, float]:
    """Amounts by atomic number, deuterium as hydrogen; empty if it is not a plain formula of elements."""
    amounts: dict[int, float] = {}
    for part in formula.replace(",", " ").split():
        pieces = _pieces(part)
        if not pieces:
            return {}
        for number, amount in pieces:
            amounts[number] = amounts.get(number, 0.0) + amount
    return amounts if sum(amounts.values()) > 0 else {}


@lru_cache(maxsize=2**14)
def _pieces(part: str) -> list[tuple[int, float]]:
    """Atomic number and amount of each element in a word of a formula; none if it holds anything else."""
    found = re.findall(r"([A-Z][a-z]?)(\d+\.?\d*|\.\d+)?", part)
    known = {symbol for symbol, _ in found} <= elements().keys()
    if not known or "".join(map("".join, found)) != part:
        return []
    return [(elements()[symbol], float(amount or 1)) for symbol, amount in found]


@cache
def elements() -> dict[str, int]:
    """Atomic numbers by symbol, that of deuterium too."""
    import gemmi

    symbols = [gemmi.Element(number).name for number in range(1, 119)]
    return {symbol: number for number, symbol in enumerate(symbols, start=1)} | {"D": 1}


def counts_of(crystal: Crystal) -> Mapping[int, int | float]:
    """Atoms of each element in the cell, by atomic number; fractions in a disordered crystal.

    Args:
        crystal: The crystal.
    """
    if crystal.species is not None:
        return crystal.species.amounts
    numbers = crystal.atomic_number.tobytes()  # one byte each
    return {number: numbers.count(number) for number in set(numbers)}


def difference(counts: Mapping[int, int | float], formula: Formula) -> str:
    """How the atoms of a cell differ from a formula, as a sentence.

    Args:
        counts: Atoms in the cell, by atomic number.
        formula: The formula.
    """
    from gemmi import Element

    listed = " ".join(sorted(f"{Element(number).name}{count:.6g}" for number, count in counts.items()))
    told = formula.text if formula.units is None else f"{formula.text}, Z = {formula.units:g}"
    cause = "atoms or symmetry are missing, or some sites are alternatives of others"
    if 1 in formula.amounts and 1 not in counts:
        cause = "its hydrogen has no coordinates"
    return f"its cell has the atoms {listed}, which are not those of its formula ({told}): {cause}"
