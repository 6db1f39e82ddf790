"""Crystals: CIF, POSCAR, extxyz and JSON."""

import gzip
import io
import json
import random
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.io.cif import CifWriter
from pymatgen.io.vasp import Poscar

from gnn_sim2real.featurize.crystal_files import read_crystals
from mutated.trial import NOTHING, Trial

STRUCTURES = (
    Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
    Structure.from_spacegroup(
        "P4_2/mnm", Lattice.tetragonal(4.594, 2.959), ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]]
    ),
    Structure.from_spacegroup("Pm-3m", Lattice.cubic(3.905), ["Sr", "Ti", "O"], [[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0]]),
    Structure.from_spacegroup("P6_3mc", Lattice.hexagonal(3.25, 5.207), ["Zn", "O"],
                              [[1 / 3, 2 / 3, 0], [1 / 3, 2 / 3, 0.3817]]),
    Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.463), ["Ca", "F"], [[0, 0, 0], [0.25] * 3]),
)  # fmt: skip


def signature(structure: Structure) -> tuple[Any, ...]:
    """What a crystal is, in whatever cell: atoms and volume by formula unit, and all distances below 4.5 angstrom."""
    primitive = structure.get_primitive_structure()
    elements = sorted(primitive.composition.get_el_amt_dict().items())
    near = primitive.get_all_neighbors(4.5)
    distances = np.sort([each.nn_distance for of_site in near for each in of_site])
    return dict(elements), primitive.volume, distances


def read_crystal(content: tuple[Path, bytes]) -> Any:
    """The signature of the one crystal of a file."""
    path, text = content
    path.write_bytes(text)
    (entry,) = read_crystals(path)
    if entry.crystal is None:
        raise ValueError(entry.reason)
    crystal = entry.crystal
    return signature(Structure(crystal.lattice, crystal.atomic_number.tolist(), crystal.fractional))


def cif_trials(folder: Path, rng: random.Random, rounds: int) -> Iterator[Trial]:
    """Mutated CIFs with symmetry, formula and Z."""
    for structure in STRUCTURES:
        meaning = signature(structure)
        text = str(CifWriter(structure, symprec=0.01))
        lines = text.splitlines()
        atoms = _rows(lines, "_atom_site_occupancy")
        operations = _rows(lines, "_symmetry_equiv_pos_as_xyz")

        def trial(
            how: str, given: str | bytes, means: Any = meaning, name: str = "a.cif", sound: bool = False
        ) -> Trial:
            content = given if isinstance(given, bytes) else given.encode()
            return Trial(how, (folder / name, content), means, sound)

        def without(*gone: int, lines: list[str] = lines) -> str:
            return "\n".join(line for number, line in enumerate(lines) if number not in gone) + "\n"

        for _ in range(rounds):
            atom, operation = rng.choice(atoms), rng.choice(operations)
            yield trial("as it is", text, sound=True)
            yield trial("line ends of Windows", text.replace("\n", "\r\n"), sound=True)
            yield trial("byte order mark", b"\xef\xbb\xbf" + text.encode(), sound=True)
            yield trial("UTF-16", text.encode("utf-16"))
            yield trial("gzip", gzip.compress(text.encode()), name="a.cif.gz", sound=True)
            place = rng.randrange(len(lines))
            yield trial("comment", "\n".join([*lines[:place], "# a comment", *lines[place:]]) + "\n")
            yield trial("uncertainties", re.sub(r"(_cell_length_a\s+[\d.]+)", r"\1(2)", text))
            yield trial("cut", text[: rng.randrange(len(text))])
            yield trial("an atom left out", without(atom), NOTHING)
            yield trial("an operation left out", without(operation))
            half = re.sub(r"\s1(\.0)?\s*$", "  0.5", lines[atom])
            yield trial("half an atom", "\n".join([*lines[:atom], half, *lines[atom + 1 :]]) + "\n", NOTHING)
            share = rng.choice(("1.6", "2", "-1", "-0.01", "nan", "1e3"))
            odd = re.sub(r"\s1(\.0)?\s*$", f"  {share}", lines[atom])
            yield trial("impossible occupancy", "\n".join([*lines[:atom], odd, *lines[atom + 1 :]]) + "\n", NOTHING)
            yield trial("an atom twice", "\n".join([*lines[:atom], lines[atom], *lines[atom:]]) + "\n", NOTHING)
            foreign = lines[atom].replace(lines[atom].split()[0], "Xq", 1)
            yield trial("unknown element", "\n".join([*lines[:atom], foreign, *lines[atom + 1 :]]) + "\n", NOTHING)
            bad = rng.choice(("nan", "-5.0", "0", "?", "5,6", "1e400", "abc"))
            yield trial("impossible cell", re.sub(r"(_cell_length_a\s+)[\d.]+", rf"\g<1>{bad}", text), NOTHING)
            angle = rng.choice(("0", "180", "nan", "-90", "200"))
            yield trial("impossible angle", re.sub(r"(_cell_angle_alpha\s+)[\d.]+", rf"\g<1>{angle}", text), NOTHING)
            other = re.sub(r"_chemical_formula_sum\s+.*", f"_chemical_formula_sum 'Xe{rng.randint(1, 9)}'", text)
            yield trial("another formula", other, NOTHING)
            bare = [
                i for i, line in enumerate(lines) if "space_group" in line or "Int_Tables" in line or i in operations
            ]
            yield trial("no symmetry", without(*bare, *_heading(lines, "_symmetry_equiv")), NOTHING)


def _rows(lines: list[str], last: str) -> list[int]:
    """Numbers of the rows of the loop whose last heading this is."""
    start = next(i for i, line in enumerate(lines) if line.strip().startswith(last)) + 1
    rows = []
    for number in range(start, len(lines)):
        if not lines[number].strip() or lines[number].strip().startswith(("_", "loop_", "data_")):
            break
        rows.append(number)
    return rows


def _heading(lines: list[str], name: str) -> list[int]:
    """Numbers of the lines of a loop's heading, `loop_` included."""
    headings = [i for i, line in enumerate(lines) if line.strip().startswith(name)]
    return [headings[0] - 1, *headings]


def _trial(path: Path, meaning: Any, how: str, text: str, means: Any = None, sound: bool = False) -> Trial:
    """A file whose text means the original, unless another meaning is given."""
    return Trial(how, (path, text.encode()), meaning if means is None else means, sound)


def poscar_trials(folder: Path, rng: random.Random, rounds: int) -> Iterator[Trial]:
    """Mutated POSCARs of VASP 5."""
    path = folder / "POSCAR"
    for structure in STRUCTURES:
        meaning = signature(structure)
        text = Poscar(structure).get_str()
        lines = text.splitlines()
        cartesian = Poscar(structure).get_str(direct=False)
        trial = partial(_trial, path, meaning)
        for _ in range(rounds):
            atom = rng.randrange(8, len(lines))
            yield trial("as it is", text, sound=True)
            yield trial("line ends of Windows", text.replace("\n", "\r\n"), sound=True)
            yield trial("another title", "\n".join(["my crystal 12 3", *lines[1:]]) + "\n")
            yield trial("Cartesian", cartesian)
            yield trial("volume as scale", "\n".join([lines[0], f"-{structure.volume:.10f}", *lines[2:]]) + "\n")
            yield trial("symbols beside the places alone", "\n".join(["my crystal", *lines[1:5], *lines[6:]]) + "\n")
            bare = [re.sub(r"\s[A-Z][a-z]?$", "", line) for line in lines]
            yield trial("no symbols", "\n".join(["my crystal", *bare[1:5], *bare[6:]]) + "\n", NOTHING)
            yield trial("an atom left out", "\n".join([*lines[:atom], *lines[atom + 1 :]]) + "\n", NOTHING)
            more = " ".join(str(int(each) + 1) for each in lines[6].split())
            yield trial("more atoms than rows", "\n".join([*lines[:6], more, *lines[7:]]) + "\n", NOTHING)
            yield trial("unknown element", "\n".join([*lines[:5], "Xq " * len(lines[5].split()), *lines[6:]]), NOTHING)
            word = rng.choice(("nan", "inf", "x", "1e999", "0.5.5"))
            broken = re.sub(r"^\s*\S+", f"  {word}", lines[atom])
            yield trial("no number", "\n".join([*lines[:atom], broken, *lines[atom + 1 :]]) + "\n", NOTHING)
            yield trial("cut", "\n".join(lines)[: rng.randrange(len("\n".join(lines[:-1])))], NOTHING)
            yield trial("flat cell", "\n".join([*lines[:4], lines[3], *lines[5:]]) + "\n", NOTHING)


def extxyz_trials(folder: Path, rng: random.Random, rounds: int) -> Iterator[Trial]:
    """Mutated extended XYZ."""
    path = folder / "a.extxyz"
    for structure in STRUCTURES:
        meaning = signature(structure)
        buffer = io.StringIO()
        ase.io.write(buffer, AseAtomsAdaptor.get_atoms(structure, msonable=False), format="extxyz")
        text = buffer.getvalue()
        lines = text.splitlines()
        trial = partial(_trial, path, meaning)
        for _ in range(rounds):
            atom = rng.randrange(2, len(lines))
            yield trial("as it is", text, sound=True)
            yield trial("line ends of Windows", text.replace("\n", "\r\n"), sound=True)
            yield trial("an atom left out", "\n".join([*lines[:atom], *lines[atom + 1 :]]) + "\n", NOTHING)
            yield trial("fewer atoms than rows", "\n".join([str(len(lines) - 3), *lines[1:]]) + "\n", NOTHING)
            yield trial("no cell", "\n".join([lines[0], "", *lines[2:]]) + "\n", NOTHING)
            yield trial("not periodic", text.replace('pbc="T T T"', 'pbc="T T F"'), NOTHING)
            yield trial("unknown element", "\n".join([*lines[:atom], re.sub(r"^\S+", "Xq", lines[atom]),
                                                      *lines[atom + 1 :]]) + "\n", NOTHING)  # fmt: skip
            number = re.sub(r"\s\S+$", f" {rng.choice(('nan', 'inf', 'x'))}", lines[atom])
            yield trial("no number", "\n".join([*lines[:atom], number, *lines[atom + 1 :]]) + "\n", NOTHING)
            yield trial("cut", text[: rng.randrange(len("\n".join(lines[:-1])))], NOTHING)


def json_trials(folder: Path, rng: random.Random, rounds: int) -> Iterator[Trial]:
    """Mutated dictionaries of pymatgen."""
    path = folder / "a.json"
    for structure in STRUCTURES:
        meaning = signature(structure)
        text = json.dumps([structure.as_dict()])
        for _ in range(rounds):

            def trial(how: str, change: Any, means: Any = NOTHING, text: str = text) -> Trial:
                content = json.loads(text)
                change(content[0])
                return Trial(how, (path, json.dumps(content).encode()), means)

            site = rng.randrange(len(structure))
            yield Trial("as it is", (path, text.encode()), meaning, sound=True)
            yield trial("no difference", lambda content: None, meaning)
            yield trial("no cell", lambda content: content.pop("lattice"))
            yield trial("no atoms", lambda content: content.update(sites=[]))
            yield trial("no place", lambda content, site=site: content["sites"][site].pop("abc"))
            yield trial(
                "half an atom", lambda content, site=site: content["sites"][site]["species"][0].update(occu=0.5)
            )
            full = lambda content, site=site: content["sites"][site]["species"][0].update(occu=0.9995)  # noqa: E731
            yield trial("nearly a whole atom", full, meaning)
            strange = lambda content, site=site: content["sites"][site]["species"][0].update(element="Xq")  # noqa: E731
            yield trial("unknown element", strange)
            yield trial("no number", lambda content, site=site: content["sites"][site].update(abc=[float("nan"), 0, 0]))
            wrong = rng.choice((None, 7, "text", [], {"a": 1}))
            yield trial("another type", lambda content, wrong=wrong: content.update(lattice=wrong))
            yield trial("atoms of another type", lambda content, wrong=wrong: content.update(sites=wrong))
            yield Trial("cut", (path, text[: rng.randrange(len(text) - 1)].encode()), NOTHING)
            depth = 10 ** rng.randint(3, 6)
            yield Trial("deep", (path, b"[" * depth + b"]" * depth), NOTHING)
