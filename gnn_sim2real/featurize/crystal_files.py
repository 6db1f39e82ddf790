"""Crystals from common formats: CIF, POSCAR, extxyz, ASE databases, JSON and objects of pymatgen and ASE.

Every reader either gives a crystal or tells in one sentence why not; nothing is repaired silently.
"""

import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from gnn_sim2real.console import track
from gnn_sim2real.featurize.composition import formula_of_counts
from gnn_sim2real.featurize.crystal import Crystal, crystal_graph
from gnn_sim2real.featurize.crystal_objects import from_ase, from_block, from_dictionary, from_pymatgen
from gnn_sim2real.featurize.crystal_table import CELL_COLUMNS, CrystalFile
from gnn_sim2real.graph import Graph

ACCEPTED = (
    "a CIF, a POSCAR or CONTCAR, .extxyz or .xyz, an ASE .db, a .json of pymatgen structures, a .parquet with "
    f"{', '.join(CELL_COLUMNS)}, or a folder of such files"
)


class Entry(NamedTuple):
    """A crystal, or the reason why it cannot be read; with the values that the file has for it."""

    name: str
    crystal: Crystal | None
    reason: str | None = None
    values: Mapping[str, Any] = MappingProxyType({})


def as_crystal(material: Any) -> Crystal:
    """Convert a material of any accepted type to a crystal.

    Args:
        material: A `Crystal`, a pymatgen `Structure` or its dictionary, an ASE `Atoms`, or the text of a CIF.

    Raises:
        ValueError: If it is none of them, is disordered, or is not periodic in all directions.
    """
    if isinstance(material, Crystal):
        return material
    if isinstance(material, str):
        return _sole_crystal(read_cif(material))
    if isinstance(material, dict):
        return from_dictionary(material)
    if hasattr(material, "is_ordered") and hasattr(material, "lattice"):
        return from_pymatgen(material)
    if hasattr(material, "get_scaled_positions"):
        return from_ase(material)
    raise ValueError(
        f"{type(material).__name__} is not a type of crystal: give a Crystal, a pymatgen Structure or its dictionary, "
        "an ASE Atoms or the text of a CIF"
    )


def featurize_crystal(material: Any, cutoff: float, max_neighbors: int | None) -> Graph:
    """The graph of a material that `as_crystal` accepts; see `featurize.crystal.crystal_graph`."""
    return crystal_graph(as_crystal(material), cutoff, max_neighbors)


def crystal_formula(material: Any) -> str:
    """Reduced formula of a material that `as_crystal` accepts: the coarse identity, which all polymorphs share."""
    counts = np.bincount(as_crystal(material).atomic_number).tolist()
    return formula_of_counts({number: count for number, count in enumerate(counts) if count})


def read_crystals(path: Path) -> list[Entry]:
    """Read all crystals of a file or folder.

    Args:
        path: See `ACCEPTED`; of a folder, all files of a known kind, in the order of their names.

    Returns:
        One entry per crystal. Its name is that of the file, plus a number or name if the file holds several; a file
        that cannot be read is one entry with the reason.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If the file is of an unknown kind, or the folder has no file of a known kind.
    """
    path = Path(path)
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file() and _reader(file))
        if not files:
            raise ValueError(f"the folder {path} has no files of crystals; accepted are {ACCEPTED}")
        return [entry for file in track(files, "Reading crystals") for entry in _read_file(file)]
    if not path.is_file():
        raise FileNotFoundError(f"there is no file or folder {path}: check the path")
    if _reader(path) is None:
        raise ValueError(f"{path} does not have the name of a file of crystals; accepted are {ACCEPTED}")
    return _read_file(path)


def is_crystal_path(path: Path) -> bool:
    """Whether a path is a folder, or has the name of a file of crystals."""
    return path.is_dir() or _reader(path) is not None


def read_cif(text: str) -> list[Entry]:
    """Read the crystals of a CIF; the symmetry operations are applied.

    Args:
        text: The content of the file.

    Returns:
        One entry for each block that has sites, by the name of the block.

    Raises:
        ValueError: If the text is not a CIF, or no block has sites.
    """
    import gemmi

    try:
        document = gemmi.cif.read_string(text)
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"it is not a valid CIF ({' '.join(str(error).split())})") from error
    blocks = [block for block in document if block.find_loop("_atom_site_fract_x")]
    if not blocks:
        raise ValueError("it has no crystal: no block lists fractional coordinates (_atom_site_fract_x)")
    return [_attempt(block.name, lambda block=block: from_block(block)) for block in blocks]  # type: ignore[misc]


def _read_file(path: Path) -> list[Entry]:
    read = _reader(path)
    if read is None:
        raise ValueError(f"{path} does not have the name of a file of crystals; accepted are {ACCEPTED}")
    if not path.stat().st_size:
        return [Entry(path.name, None, f"{path.name}: it is empty")]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # readers guess; wrong guesses show in the sites
            entries = list(read(path))
    except Exception as error:  # each reader has its own exceptions
        cause = " ".join(str(error).split()) or type(error).__name__
        return [Entry(path.name, None, f"{path.name}: it cannot be read: {cause}")]
    if not entries:
        return [Entry(path.name, None, f"{path.name}: it has no crystal")]
    several = len(entries) > 1
    named = [entry._replace(name=f"{path.name}#{entry.name}" if several else path.name) for entry in entries]
    return [each._replace(reason=f"{each.name}: {each.reason}") if each.reason else each for each in named]


def _reader(path: Path) -> Callable[[Path], Iterator[Entry]] | None:
    name, suffix = path.name.lower(), path.suffix.lower()
    if suffix in (".vasp", ".poscar") or re.match(r"(poscar|contcar)([._-]|$)", name):
        return _read_poscar
    return {
        ".cif": _read_cif_file,
        ".json": _read_json,
        ".extxyz": _read_ase,
        ".xyz": _read_ase,
        ".db": _read_ase_database,
        ".parquet": _read_parquet,
    }.get(suffix)


def _read_cif_file(path: Path) -> Iterator[Entry]:
    yield from read_cif(path.read_text(encoding="utf-8", errors="replace"))


def _read_poscar(path: Path) -> Iterator[Entry]:
    from pymatgen.io.vasp.inputs import Poscar

    yield _attempt(path.name, lambda: from_pymatgen(Poscar.from_str(path.read_text()).structure))


def _read_json(path: Path) -> Iterator[Entry]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(content, dict) and "lattice" in content:
        content = [content]
    named = content.items() if isinstance(content, dict) else enumerate(content, start=1)
    for name, each in named:
        inner = each.get("structure", each) if isinstance(each, dict) else each
        text = str(each.get("material_id", name)) if isinstance(each, dict) else str(name)
        values = (
            {} if inner is each or not isinstance(each, dict) else {k: v for k, v in each.items() if k != "structure"}
        )
        yield _attempt(text, lambda inner=inner: as_crystal(inner), values)  # type: ignore[misc]


def _read_ase(path: Path) -> Iterator[Entry]:
    from ase.io import iread

    for number, atoms in enumerate(iread(path, index=":", format="extxyz"), start=1):
        values = atoms.info | (atoms.calc.results if atoms.calc else {})
        yield _attempt(str(number), lambda atoms=atoms: from_ase(atoms), values)  # type: ignore[misc]


def _read_ase_database(path: Path) -> Iterator[Entry]:
    from ase.db import connect

    with connect(path) as database:
        for row in database.select():
            values = {key: row[key] for key in ("energy",) if key in row} | dict(row.data) | row.key_value_pairs
            yield _attempt(str(row.id), lambda row=row: from_ase(row.toatoms()), values)  # type: ignore[misc]


def _read_parquet(path: Path) -> Iterator[Entry]:
    crystals = CrystalFile(path)
    for row, name in enumerate(crystals.names):
        yield _attempt(name, lambda row=row: crystals[row])  # type: ignore[misc]


def _attempt(name: str, read: Callable[[], Crystal], values: Mapping[str, Any] | None = None) -> Entry:
    try:
        return Entry(name, read(), None, values or {})
    except ValueError as error:
        return Entry(name, None, str(error), values or {})


def _sole_crystal(entries: list[Entry]) -> Crystal:
    if len(entries) > 1:
        raise ValueError(f"the CIF must have one crystal, got {len(entries)}")
    if entries[0].crystal is None:
        raise ValueError(entries[0].reason)
    return entries[0].crystal
