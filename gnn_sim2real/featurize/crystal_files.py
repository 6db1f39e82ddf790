"""Crystals from what people have: CIF, POSCAR, extxyz, ASE databases, JSON and objects of pymatgen and ASE.

Every reader either gives a crystal or says in one sentence why not; nothing is repaired in silence.
"""

import json
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gnn_sim2real.featurize.composition import formula_of_counts
from gnn_sim2real.featurize.crystal import Crystal, crystal_graph
from gnn_sim2real.featurize.crystal_table import CELL_COLUMNS, CrystalFile
from gnn_sim2real.graph import Graph
from gnn_sim2real.progress import track

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core.structure import Structure

ACCEPTED = (
    "a CIF, a POSCAR or CONTCAR, .extxyz or .xyz, an ASE .db, a .json of pymatgen structures, a .parquet with "
    f"{', '.join(CELL_COLUMNS)}, or a folder of such files"
)

_FULL = 1 - 1e-3
"""Occupancies from here on are those of a site that is always there."""


class Entry(NamedTuple):
    """A crystal as read, or the reason why it cannot be."""

    name: str
    crystal: Crystal | None
    reason: str | None = None


def as_crystal(material: Any) -> Crystal:
    """Take a crystal from whatever holds one.

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
        return _from_dictionary(material)
    if hasattr(material, "is_ordered") and hasattr(material, "lattice"):
        return _from_pymatgen(material)
    if hasattr(material, "get_scaled_positions"):
        return _from_ase(material)
    raise ValueError(
        f"a {type(material).__name__} is no crystal: accepted are a Crystal, a pymatgen Structure or its dictionary, "
        "an ASE Atoms and the text of a CIF"
    )


def featurize_crystal(material: Any, cutoff: float, max_neighbors: int | None) -> Graph:
    """The graph of whatever holds a crystal; see `as_crystal` and `featurize.crystal.crystal_graph`."""
    return crystal_graph(as_crystal(material), cutoff, max_neighbors)


def crystal_formula(material: Any) -> str:
    """Reduced formula of whatever holds a crystal: the coarse identity, which all polymorphs share."""
    counts = np.bincount(as_crystal(material).atomic_number).tolist()
    return formula_of_counts({number: count for number, count in enumerate(counts) if count})


def read_crystals(path: Path) -> list[Entry]:
    """Read all crystals of a file or folder.

    Args:
        path: See `ACCEPTED`; of a folder, all files of a known kind, in the order of their names.

    Returns:
        One entry a crystal. Its name is that of the file, with a number or name where the file holds several; a file
        that cannot be read is one entry with the reason.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If the file is of no known kind, or the folder holds none.
    """
    path = Path(path)
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file() and _reader(file))
        if not files:
            raise ValueError(f"the folder {path} holds no crystals: accepted is {ACCEPTED}")
        return [entry for file in track(files, "Reading crystals") for entry in _read_file(file)]
    if not path.is_file():
        raise FileNotFoundError(f"there is no file or folder {path}: check the path")
    if _reader(path) is None:
        raise ValueError(f"{path} is no file of crystals by its name: accepted is {ACCEPTED}")
    return _read_file(path)


def is_crystal_path(path: Path) -> bool:
    """Whether a path is a folder, or a file that holds crystals by its name."""
    return path.is_dir() or _reader(path) is not None


def read_cif(text: str) -> list[Entry]:
    """Read the crystals of a CIF; the symmetry operations are applied.

    Args:
        text: The content of the file.

    Returns:
        One entry for each block that has sites, by the name of the block.

    Raises:
        ValueError: If the text is no CIF, or no block has sites.
    """
    import gemmi

    try:
        document = gemmi.cif.read_string(text)
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"it is no valid CIF ({' '.join(str(error).split())})") from error
    blocks = [block for block in document if block.find_loop("_atom_site_fract_x")]
    if not blocks:
        raise ValueError("it holds no crystal: no block lists fractional coordinates (_atom_site_fract_x)")
    return [_attempt(block.name, lambda block=block: _from_block(block)) for block in blocks]  # type: ignore[misc]


def _from_block(block: Any) -> Crystal:
    import gemmi

    small = gemmi.make_small_structure_from_block(block)
    if not small.cell.is_crystal():
        raise ValueError("it has no unit cell (_cell_length_a and so on)")
    if small.spacegroup is None and not small.symops:
        small.determine_and_set_spacegroup("S.H2N")
        named = small.spacegroup_hm or small.spacegroup_hall or small.spacegroup_number
        if small.spacegroup is None and named:
            raise ValueError(f"its space group {named!r} is not known, and it lists no symmetry operations")
        small.setup_cell_images()
    for site in small.sites:
        if site.occ < _FULL:
            raise ValueError(f"it is disordered: site {site.label} has the occupancy {site.occ:g}; {_ORDERED_ONLY}")
        if not site.element.atomic_number:
            raise ValueError(f"site {site.label} is of no known element ({site.type_symbol or site.label})")
    sites = small.get_all_unit_cell_sites()
    numbers = np.array([site.element.atomic_number for site in sites], np.uint8)
    fractional = np.array([site.fract.tolist() for site in sites], np.float64).reshape(-1, 3)
    return Crystal(np.array(small.cell.orth.mat.tolist()).T, numbers, fractional)


_ORDERED_ONLY = "only ordered crystals are accepted, so make an ordered approximant first"


def _from_pymatgen(structure: "Structure") -> Crystal:
    if not structure.is_ordered:
        sites = [site.species_string for site in structure if not site.is_ordered]
        raise ValueError(f"it is disordered: a site holds {sites[0]}; {_ORDERED_ONLY}")
    return Crystal(
        np.array(structure.lattice.matrix, np.float64),
        _numbers([site.specie.symbol for site in structure]),
        np.array(structure.frac_coords, np.float64).reshape(-1, 3),
    )


def _from_dictionary(content: dict[str, Any]) -> Crystal:
    """From a pymatgen `Structure.as_dict`, without making the Structure."""
    try:
        lattice = np.array(content["lattice"]["matrix"], np.float64)
        sites = content["sites"]
        fractional = np.array([site["abc"] for site in sites], np.float64).reshape(-1, 3)
        species = [site["species"] for site in sites]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"it is no pymatgen structure: {type(error).__name__} {error}") from error
    for each in species:
        if len(each) != 1 or each[0].get("occu", 1) < _FULL:
            held = ", ".join(f"{part.get('element')} {part.get('occu', 1):g}" for part in each)
            raise ValueError(f"it is disordered: a site holds {held or 'nothing'}; {_ORDERED_ONLY}")
    return Crystal(lattice, _numbers([each[0]["element"] for each in species]), fractional)


def _from_ase(atoms: "Atoms") -> Crystal:
    if not atoms.pbc.all():
        raise ValueError(f"it is periodic in {int(atoms.pbc.sum())} of 3 directions; a crystal is in all")
    if not atoms.cell.rank == 3:
        raise ValueError("it has no unit cell")
    if any(len(parts) > 1 for parts in (atoms.info.get("occupancy") or {}).values()):
        raise ValueError(f"it is disordered: its `occupancy` names several elements for a site; {_ORDERED_ONLY}")
    return Crystal(
        np.array(atoms.cell.array), atoms.numbers.astype(np.uint8), np.array(atoms.get_scaled_positions(wrap=False))
    )


def _numbers(symbols: list[str]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Atomic numbers; 0 for what is no element, such as pymatgen's dummy species."""
    from pymatgen.core.periodic_table import Element

    known = {symbol: Element(symbol).Z if Element.is_valid_symbol(symbol) else 0 for symbol in set(symbols)}
    return np.array([known[symbol] for symbol in symbols], np.uint8)


def _read_file(path: Path) -> list[Entry]:
    read = _reader(path)
    if read is None:
        raise ValueError(f"{path} is no file of crystals by its name: accepted is {ACCEPTED}")
    if not path.stat().st_size:
        return [Entry(path.name, None, f"{path.name}: it is empty")]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of readers that guess; what they guess wrong shows in the sites
            entries = list(read(path))
    except Exception as error:  # each reader has its own
        cause = " ".join(str(error).split()) or type(error).__name__
        return [Entry(path.name, None, f"{path.name}: it cannot be read: {cause}")]
    if not entries:
        return [Entry(path.name, None, f"{path.name}: it holds no crystal")]
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

    yield _attempt(path.name, lambda: _from_pymatgen(Poscar.from_str(path.read_text()).structure))


def _read_json(path: Path) -> Iterator[Entry]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(content, dict) and "lattice" in content:
        content = [content]
    named = content.items() if isinstance(content, dict) else enumerate(content, start=1)
    for name, each in named:
        inner = each.get("structure", each) if isinstance(each, dict) else each
        text = str(each.get("material_id", name)) if isinstance(each, dict) else str(name)
        yield _attempt(text, lambda inner=inner: as_crystal(inner))  # type: ignore[misc]


def _read_ase(path: Path) -> Iterator[Entry]:
    from ase.io import iread

    for number, atoms in enumerate(iread(path, index=":", format="extxyz"), start=1):
        yield _attempt(str(number), lambda atoms=atoms: _from_ase(atoms))  # type: ignore[misc]


def _read_ase_database(path: Path) -> Iterator[Entry]:
    from ase.db import connect

    with connect(path) as database:
        for row in database.select():
            yield _attempt(str(row.id), lambda row=row: _from_ase(row.toatoms()))  # type: ignore[misc]


def _read_parquet(path: Path) -> Iterator[Entry]:
    crystals = CrystalFile(path)
    for row, name in enumerate(crystals.names):
        yield _attempt(name, lambda row=row: crystals[row])  # type: ignore[misc]


def _attempt(name: str, read: Callable[[], Crystal]) -> Entry:
    try:
        return Entry(name, read())
    except ValueError as error:
        return Entry(name, None, str(error))


def _sole_crystal(entries: list[Entry]) -> Crystal:
    if len(entries) > 1:
        raise ValueError(f"the CIF holds {len(entries)} crystals, wanted is one")
    if entries[0].crystal is None:
        raise ValueError(entries[0].reason)
    return entries[0].crystal
