"""The sites of a CIF: their elements and occupancies."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from gnn_sim2real.featurize.cif.formula import Formula, elements
from gnn_sim2real.featurize.cif.tags import NUMBER, Tags, unquoted
from gnn_sim2real.featurize.crystal_objects import is_occupancy_name, split_symbol
from gnn_sim2real.featurize.site_species import read_species

_ONE = frozenset({"1", "1.0", "1.00", "1.000", "1.0000", "."})
"""How files write that a site is full: `.` is the default of the dictionary of CIF, which is 1; `?` is not known."""


def check_sites(sites: Sequence[Any], block: Any, tags: Tags, formula: Formula | None) -> list[float] | None:
    """Give sites without a type symbol the element of their label; refuse unknown elements and impossible occupancies.

    Args:
        sites: Sites of gemmi.
        block: Their block.
        tags: Its tags.
        formula: The formula, if there is one.

    Returns:
        Occupancy of each site; None if all are full.

    Raises:
        ValueError: If it is not known what a site holds.
    """
    typed = bool(block.find_values("_atom_site_type_symbol"))
    shares = _read_shares(block, tags, len(sites))
    if "_atom_site_calc_flag" in tags.all:
        _refuse_dummies(sites, block)
    if not typed or not {*block.find_values("_atom_site_type_symbol")} <= elements().keys():
        name_elements(sites, typed, formula)
    if formula is not None and formula.units is not None:
        return shares  # the number of atoms tells the rest
    if "_atom_site_disorder_group" in tags.all:
        for site, share in zip(sites, shares or [1.0] * len(sites), strict=True):
            if site.disorder_group and share == 1:  # else its occupancy tells
                raise ValueError(
                    f"it may be disordered: site {site.label} is of a disorder group, and the file has no formula "
                    "with Z (_chemical_formula_sum, _cell_formula_units_Z) that tells what the cell holds"
                )
    if {*block.find_values("_atom_site_attached_hydrogens")} - {"0", ".", "?"}:
        raise ValueError("hydrogen is attached to its sites (_atom_site_attached_hydrogens) without coordinates")
    return shares


def _read_shares(block: Any, tags: Tags, num_sites: int) -> list[float] | None:
    """Occupancy of each site; None if all are full."""
    shares: list[float] | None = None
    for tag in _occupancies(tags):
        found = _read_occupancies(block, tag)
        if shares is not None and found not in (None, shares):
            raise ValueError(f"it has several columns of occupancies, and {tag} differs from another one")
        shares = shares or found
    if shares is not None and len(shares) != num_sites:
        raise ValueError(f"it has {len(shares)} occupancies for {num_sites} sites")
    return shares


def _refuse_dummies(sites: Sequence[Any], block: Any) -> None:
    flags = [unquoted(each).lower() for each in block.find_values("_atom_site_calc_flag")]
    if "dum" in flags:
        site = sites[flags.index("dum")].label
        raise ValueError(f"site {site} is a dummy (_atom_site_calc_flag dum): take out what is not an atom")


@lru_cache(maxsize=2**10)
def _occupancies(tags: Tags) -> tuple[str, ...]:
    """Tags whose names say that they are occupancies."""
    return tuple(tag for tag in tags.ordered if is_occupancy_name(tag.removeprefix("_atom_site_")))


def _read_occupancies(block: Any, tag: str) -> list[float] | None:
    """The column of a tag; None if all are full. gemmi takes what is no number for full."""
    held = [*block.find_values(tag)]
    if _ONE.issuperset(held):
        return None
    import gemmi

    labels = [*block.find_values("_atom_site_label")] or [*block.find_values("_atom_site_type_symbol")]
    symbols = [*block.find_values("_atom_site_type_symbol")] or labels
    shares: list[float] = []
    for number, raw in enumerate(held):
        label = labels[number] if number < len(labels) else str(number + 1)
        if raw == "?":
            raise ValueError(
                f"the occupancy of site {label} is not known (?): write it, or a full stop where the site is full"
            )
        text = gemmi.cif.as_string(raw)
        found = NUMBER.fullmatch(text)
        if found is None and raw not in _ONE:
            raise ValueError(f"the occupancy of site {label} is {text!r}, which is not a number such as 0.5")
        symbol = symbols[number] if number < len(symbols) else label
        read = read_species([(symbol, float(found[1]) if found else 1)], f"site {label}")
        shares.append(read.get(symbol, 0.0))
    return None if all(share == 1 for share in shares) else shares


def name_elements(sites: Iterable[Any], typed: bool, formula: Formula | None) -> None:
    """Give each site the element of its type symbol, or of its label.

    Args:
        sites: Sites of gemmi.
        typed: Whether they have type symbols.
        formula: The formula, if there is one.

    Raises:
        ValueError: If one may be of several elements, or is of none that is known.
    """
    import gemmi

    known = set(formula.amounts) if formula else set[int]()
    for site in sites:
        if typed and site.type_symbol not in ("", ".", "?"):
            site.element = gemmi.Element(_symbol_of_type(site, known))
        else:
            site.element = gemmi.Element(_symbol_of_label(site.label, known))
        if not site.element.atomic_number:
            raise ValueError(f"site {site.label} is of an unknown element ({site.type_symbol or site.label})")


def _symbol_of_type(site: Any, known: set[int]) -> str:
    """Symbol of the element that a type symbol such as `Fe3+` or `7Li` means.

    gemmi looks at the first letters only: of `NH4` it makes nihonium.

    Args:
        site: A site of gemmi.
        known: Atomic numbers in the formula, if there is one, which is compared with the atoms later.

    Returns:
        The symbol; X if there is none.

    Raises:
        ValueError: If it may be that of a group of atoms.
    """
    symbol, rest, alternatives = split_symbol(site.type_symbol)
    if not symbol or elements()[symbol] in known:
        return symbol or "X"
    if rest or alternatives:
        raise ValueError(
            f"site {site.label} has the type symbol {site.type_symbol}, which is that of no element with a charge, "
            "such as Na+ or O2-: write its element (_atom_site_type_symbol), and each atom of a group on its own site"
        )
    return symbol


def _symbol_of_label(label: str, known: set[int]) -> str:
    """Symbol of the element that a label such as `Na1`, `OW2` or `CL1` begins with.

    Args:
        label: The label.
        known: Atomic numbers in the formula, if there is one: it tells `CO1` of carbon from cobalt.

    Returns:
        The symbol; X if there is none.

    Raises:
        ValueError: If two elements are possible.
    """
    found = re.match(r"[A-Za-z]+", label)
    letters, known_symbols = found[0] if found else "", elements()
    first, second = letters[:1].upper(), letters[:2].capitalize()
    one = first if first in known_symbols else ""
    two = second if len(second) == 2 and second in known_symbols else ""
    plausible = [each for each in dict.fromkeys((two, one)) if each and known_symbols[each] in known]
    if len(plausible) == 1:
        return plausible[0]
    if two and ((letters[1].islower() and letters[0].isupper()) or not one):
        return two
    if two:
        raise ValueError(
            f"site {label} could be {two} or {one}: add its element (_atom_site_type_symbol) or the formula "
            "(_chemical_formula_sum)"
        )
    return one if len(letters) == 1 else "X"
