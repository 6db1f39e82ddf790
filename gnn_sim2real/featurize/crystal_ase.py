"""Crystals from the files of ASE: extxyz and its databases."""

import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from gnn_sim2real.featurize.crystal import Crystal
from gnn_sim2real.featurize.crystal_entries import Entry, attempt, cause_of, read_text
from gnn_sim2real.featurize.crystal_objects import atomic_number, from_ase, is_occupancy_name, refuse_open


def read_extxyz(path: Path) -> Iterator[Entry]:
    """Read the structures of an extxyz file, each with its values; they are named by their number.

    Args:
        path: The file.
    """
    for number, frame in enumerate(_frames(read_text(path).splitlines()), start=1):
        values: dict[str, Any] = {}
        yield attempt(str(number), lambda frame=frame, values=values: _of_frame(frame, values), values)  # type: ignore[misc]


def _frames(lines: list[str]) -> Iterator[tuple[list[str], str]]:
    """The lines of each structure, and what is wrong with their number; each begins with a line of one whole number."""
    starts = [at for at, line in enumerate(lines) if re.fullmatch(r"\s*\d+\s*", line)]
    if not starts or any(line.strip() for line in lines[: starts[0]]):
        yield lines, "line 1 is not a number of atoms"
    for at, end in pairwise([*starts, len(lines)]):
        count = int(lines[at])
        atoms = [line for line in lines[at + 2 : end] if line.strip()]
        yield (
            [*lines[at : at + 2], *atoms],
            "" if len(atoms) == count else f"it has coordinates of {len(atoms)} of {count} atoms",
        )


def _of_frame(frame: tuple[list[str], str], values: dict[str, Any]) -> Crystal:
    """Read one structure of an extxyz file, and its values into a dictionary."""
    from ase.io import read
    from ase.io.extxyz import key_val_str_to_dict

    lines, wrong = frame
    if wrong:
        raise ValueError(wrong)
    _refuse_two_values(lines[1])
    told = key_val_str_to_dict(lines[1])
    refuse_open(told)  # ASE takes any text for true
    _refuse_other_lengths(told)
    try:
        atoms = read(io.StringIO("\n".join(lines) + "\n"), format="extxyz")
    except KeyError as error:
        advice = "write H, as which it counts" if error.args == ("D",) else "write its symbol"
        row = next((number for number, line in enumerate(lines[1:]) if error.args[0] in line.split()), 0)
        raise ValueError(f"atom {row} is {error}, which is not an element here: {advice}") from error
    except Exception as error:
        raise ValueError(f"its lines of atoms are not what its `Properties` say: {cause_of(error)}") from error
    _refuse_two_elements(lines[2:], str(told.get("Properties", "")))
    values |= atoms.info | (atoms.calc.results if atoms.calc else {})
    return from_ase(atoms)


_LENGTH_KEY = re.compile(r"(?i)(?:(?:length|lattice|positions?|cell|coordinates?)_?)?units?")
_OTHER_LENGTH = re.compile(
    r"(?i)bohrs?|a\.?u\.?|a0|a_0|atomic(?:[ _]units?)?|nm|nanomet(?:er|re)s?|pm|picomet(?:er|re)s?"
)


def _refuse_other_lengths(told: Mapping[str, Any]) -> None:
    """Refuse a structure that says another unit of length than that of the format."""
    for name, held in told.items():
        if isinstance(held, str) and _LENGTH_KEY.fullmatch(name) and _OTHER_LENGTH.fullmatch(held.strip()):
            raise ValueError(
                f"its second line says {name}={held}, but lengths in extxyz are in angstrom: convert lattice and "
                "positions, and leave it out"
            )


def _refuse_two_values(line: str) -> None:
    """Refuse a second line that has a name twice, of which ASE takes the last."""
    plain = re.sub(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|\{[^{}]*\}", "''", line)
    counts = Counter(re.findall(r"([^\s=]+)\s*=", plain))
    if twice := [name for name, count in counts.items() if count > 1]:
        raise ValueError(f"its second line has the name {twice[0]!r} twice: leave one of its values out")


def _refuse_two_elements(lines: Iterable[str], properties: str) -> None:
    """Refuse atoms whose symbol and atomic number, both columns of an extxyz file, are of two elements."""
    columns, parts, at = {}, properties.split(":"), 0
    for name, width in zip(parts[::3], parts[2::3], strict=False):
        columns[name.lower()] = at
        at += int(width)
    number = next((columns[name] for name in ("z", "numbers", "atomic_numbers") if name in columns), None)
    if number is None or "species" not in columns:
        return
    for row, line in enumerate(lines, start=1):
        symbol, told = line.split()[columns["species"]], line.split()[number]
        if atomic_number(symbol) != int(told):
            raise ValueError(f"atom {row} is {symbol} by its symbol, but of atomic number {told} by another column")


def read_ase_database(path: Path) -> Iterator[Entry]:
    """Read the structures of an ASE database, each with its values.

    Args:
        path: The file.
    """
    from ase.db import connect

    with connect(path) as database:
        for row in database.select():
            values = {key: row[key] for key in ("energy",) if key in row} | dict(row.data) | row.key_value_pairs
            yield attempt(str(row.id), lambda row=row: _of_row(row), values)  # type: ignore[misc]


def _of_row(row: Any) -> Crystal:
    atoms = row.toatoms()
    told = row.key_value_pairs | dict(row.data)
    refuse_open(told)
    atoms.info |= {name: held for name, held in told.items() if is_occupancy_name(name)}
    return from_ase(atoms)
