"""Crystals from POSCAR and CONTCAR files of VASP: pymatgen reads them, once it is sure what they say.

pymatgen makes up elements where a file names none, and passes over what is too much.
"""

import re
import warnings
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from gnn_sim2real.featurize.crystal import Crystal
from gnn_sim2real.featurize.crystal_objects import from_pymatgen, is_element, refuse_angstrom, split_symbol

_FUSED = re.compile(r"(?<=[\d.])-")
"""Where a number follows another without a space, as in columns of fixed width."""

_FORTRAN = re.compile(r"(?<=[\d.])[dD](?=[+-]?\d)")
"""The exponent of a number in double precision."""


def read_poscar(text: str) -> Crystal:
    """Read a POSCAR or CONTCAR.

    Args:
        text: The content of the file.

    Raises:
        ValueError: If it names no elements, or its numbers of atoms, symbols and coordinates do not go together.
    """
    from pymatgen.io.vasp.inputs import BadPoscarWarning, Poscar

    lines = text.rstrip().splitlines()
    if len(lines) < 8:
        raise ValueError(f"it has {len(lines)} lines, a POSCAR at least 8")
    parts = _read_parts(lines)
    groups = [(symbol, len(list(same))) for symbol, same in groupby(_find_elements(parts))]
    names, counts = zip(*groups, strict=True)
    plain = ["crystal", *parts.cell, " ".join(names), " ".join(map(str, counts)), parts.kind, *parts.places]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BadPoscarWarning)
            structure = Poscar.from_str("\n".join(plain), read_velocities=False).structure
    except (ValueError, IndexError, BadPoscarWarning) as error:
        raise ValueError(f"it is not a valid POSCAR ({' '.join(str(error).split())})") from error
    if parts.kind.strip()[:1] not in tuple("cCkK"):
        refuse_angstrom(np.array(structure.frac_coords, np.float64), structure.lattice.abc)
    return from_pymatgen(structure)


class _Parts(NamedTuple):
    """What a POSCAR says; symbols are empty where it has no line of them.

    Attributes:
        title: The first line.
        cell: The lines of the scale and of the lattice vectors, numbers only.
        symbols: Those above the numbers of atoms.
        counts: The numbers of atoms.
        kind: The line before the coordinates.
        places: The lines of coordinates, numbers only.
        beside: What symbol is beside each of them, or nothing.
    """

    title: str
    cell: list[str]
    symbols: list[str]
    counts: list[int]
    kind: str
    places: list[str]
    beside: list[str]


def _read_parts(lines: Sequence[str]) -> _Parts:
    """Cut a file into its parts, and compare their numbers."""
    if len(_numbers(lines[1])) == 3:
        raise ValueError("three scale factors are not supported: write the vectors in angstrom with the scale 1")
    cell = [_numbers(_FUSED.sub(" -", line)) for line in lines[1:5]]
    if [len(numbers) for numbers in cell] != [1, 3, 3, 3]:
        raise ValueError("lines 2 to 5 are not a scale factor and three lattice vectors of three numbers each")
    rest = list(lines[5:])
    symbols: list[str] = []  # of more than 20, VASP writes several lines
    while rest and not _numbers(rest[0]):
        symbols += [_symbol_of_potential(each) for each in rest.pop(0).split()]
    counts: list[int] = []
    while rest and len(counts) < max(len(symbols), 1) and (several := _counts(rest[0])):
        counts += several
        rest.pop(0)
    selective = bool(rest) and rest[0].strip()[:1] in tuple("sS")
    rest = rest[1:] if selective else rest
    if not counts or not rest or _numbers(rest[0]) or not rest[0].strip():
        raise ValueError("it lacks the line of the numbers of atoms, or `Direct` or `Cartesian` before the coordinates")
    whole = [len(_numbers(_FUSED.sub(" -", line))) >= 3 for line in rest[1:]] + [False]
    if whole.index(False) != sum(counts):
        raise ValueError(f"it has coordinates of {whole.index(False)} of {sum(counts)} atoms")
    atoms = [_FUSED.sub(" -", line) for line in rest[1 : 1 + sum(counts)]]
    beside = [_symbol_beside(line, selective) for line in atoms]
    _refuse_occupancies(atoms)
    places = [_text(_numbers(line)[:3]) for line in atoms]
    return _Parts(lines[0], [_text(numbers) for numbers in cell], symbols, counts, rest[0], places, beside)


def _symbol_of_potential(text: str) -> str:
    """The symbol of a potential as VASP writes it: `Na_pv`, and before the hash of its file, `Na/b21e1f`."""
    symbol, _, rest = text.partition("/")
    if is_element(rest.split("_")[0]):
        raise ValueError(f"{text!r} is two elements: a POSCAR has no sites that hold several; write a CIF")
    return symbol.split("_")[0]


def _refuse_occupancies(atoms: Sequence[str]) -> None:
    """Refuse a share beside coordinates, of which VASP reads nothing."""
    for number, line in enumerate(atoms, start=1):
        last = line.split()[3:][-1:]
        if last and re.fullmatch(r"0?\.\d+", last[0]) and 0 < float(last[0]) < 1:
            raise ValueError(
                f"{last[0]} stands after the coordinates of atom {number}: if it is an occupancy, write a CIF, since a "
                "POSCAR has none; else take it out"
            )


def _find_elements(parts: _Parts) -> list[str]:
    """The element of each atom: by the line of symbols, beside all coordinates, or by the title."""
    symbols, counts = [_symbol_above(each) for each in parts.symbols], parts.counts
    if unknown := [each for each in symbols if not is_element(each)]:
        raise ValueError(f"{unknown[0]!r} is not an element: write its symbol")
    if symbols and len(symbols) != len(counts):
        raise ValueError(f"it names {len(symbols)} elements ({' '.join(symbols)}) for {len(counts)} numbers of atoms")
    if not symbols and all(parts.beside):
        return parts.beside
    named = symbols or _symbols_of_title(parts.title, counts)
    if named is None:
        raise ValueError("it names no elements: add a line with their symbols above the numbers of atoms")
    above = [symbol for symbol, count in zip(named, counts, strict=True) for _ in range(count)]
    for number, (symbol, here) in enumerate(zip(above, parts.beside, strict=True), start=1):
        if here and here != symbol:
            raise ValueError(f"atom {number} is {symbol} by the symbols above, but {here} beside its coordinates")
    return above


def _numbers(line: str) -> list[float]:
    """The numbers a line begins with; Fortran writes `1.0D0`."""
    found = []
    for part in line.split():
        try:
            found.append(float(_FORTRAN.sub("e", part)))
        except ValueError:
            break
    return found


def _text(numbers: Sequence[float]) -> str:
    return " ".join(map(repr, numbers))


def _counts(line: str) -> list[int]:
    """Numbers of atoms; none if the line has anything else."""
    parts = line.split()
    return [int(part) for part in parts] if all(re.fullmatch(r"\d+", part) for part in parts) else []


def _symbol_above(text: str) -> str:
    """A symbol as people write it above the numbers: `CL` is chlorine, `CO` could be two elements."""
    symbol, rest, two = split_symbol(text)
    return text if rest or two or not text.isupper() else symbol


def _symbol_beside(line: str, selective: bool) -> str:
    """Symbol of an element after the coordinates, or nothing.

    Three flags of selective dynamics are no fluorine, whether or not the file says that it has them.
    """
    parts = line.split()[3:]
    flags = len(parts) >= 3 and all(part.strip(".").upper() in ("T", "F", "TRUE", "FALSE") for part in parts[:3])
    rest = parts[3:] if flags or selective else parts
    found = (
        re.match(r"[A-Z][A-Za-z]?(?=$|[\d+_/(-])", rest[0]) if rest else None
    )  # `Na`, `K+` and `Fe_pv`, but no words
    symbol = _symbol_above(found[0]) if found else ""
    return symbol if is_element(symbol) else ""


def _symbols_of_title(title: str, counts: Sequence[int]) -> list[str] | None:
    """The elements in the first line, where it names exactly as many as there are numbers: `Na Cl`, or `Na4 Cl4`."""
    found = [re.fullmatch(r"([A-Z][a-z]?)(\d*)", part) for part in title.split()]
    if len(found) != len(counts):
        return None
    symbols = []
    for each, count in zip(found, counts, strict=True):
        if each is None or not is_element(each[1]) or (each[2] and int(each[2]) != count):
            return None
        symbols.append(each[1])
    return symbols
