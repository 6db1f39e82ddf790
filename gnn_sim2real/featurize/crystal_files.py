"""Crystals from common formats: CIF, POSCAR, extxyz, ASE databases, JSON and objects of pymatgen and ASE.

Every reader either gives a crystal or tells in one sentence why not; nothing is repaired silently.
"""

import ast
import json
import logging
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from gnn_sim2real.console import track
from gnn_sim2real.featurize.cif.block import from_block
from gnn_sim2real.featurize.composition import formula_of_amounts, formula_of_counts
from gnn_sim2real.featurize.crystal import Crystal, crystal_graph, require_ordered
from gnn_sim2real.featurize.crystal_ase import read_ase_database, read_extxyz
from gnn_sim2real.featurize.crystal_entries import COMPRESSIONS, Entry, attempt, cause_of, read_text, require_room
from gnn_sim2real.featurize.crystal_objects import (
    from_ase,
    from_dictionary,
    from_pymatgen,
)
from gnn_sim2real.featurize.crystal_poscar import read_poscar
from gnn_sim2real.featurize.crystal_table import CELL_COLUMNS, CrystalFile
from gnn_sim2real.featurize.ordering import join_graphs, order
from gnn_sim2real.files import parse_json
from gnn_sim2real.graph import Graph

logger = logging.getLogger(__name__)

ACCEPTED = (
    "a CIF, a POSCAR or CONTCAR, .extxyz or .xyz, a .json of structures (each of these also with .gz, .bz2 or .xz), an "
    f"ASE .db, a .parquet with {', '.join(CELL_COLUMNS)}, or a folder of such files or of folders of VASP"
)

STRUCTURE_KEYS = ("structure", "atoms", "cif")
"""Names under which records and tables keep the crystal itself."""

_NAME_KEYS = ("material_id", "jid", "id")
_PREPARED = "atom_init.json"
"""Vectors of the elements for CGCNN, in every folder prepared for it."""

_TABLES = (".csv", ".tsv", ".jsonl", ".xlsx", ".yaml", ".yml")
"""What lies beside crystals and is no crystal: tables of values, and settings."""


def as_crystal(material: Any, disordered: bool = False) -> Crystal:
    """Convert a material of any accepted type to a crystal.

    Args:
        material: A `Crystal`, a pymatgen `Structure` or its dictionary, that of JARVIS `Atoms`, an ASE `Atoms`, or the
            text of a CIF or of such a dictionary as JSON.
        disordered: Whether it may be disordered.

    Raises:
        ValueError: If it is none of them, is disordered and may not be, or is not periodic in all directions.
    """
    crystal = _convert(material)
    if not disordered:
        require_ordered(crystal)
    return crystal


def _convert(material: Any) -> Crystal:
    if isinstance(material, Crystal):
        return material
    if isinstance(material, str):
        return _of_text(material)
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


Disorder = Literal["refuse", "average", "order"]
"""What becomes of disordered crystals: see `featurize_crystal`."""


def featurize_crystal(
    material: Any,
    cutoff: float,
    max_neighbors: int | None,
    disorder: Disorder = "refuse",
    approximants: int = 3,
    max_ordered_sites: int = 200,
) -> Graph:
    """The graph of a material that `as_crystal` accepts; see `featurize.crystal.crystal_graph`.

    Args:
        material: The crystal.
        cutoff: Neighbors closer than this count [angstrom].
        max_neighbors: Nearest neighbors of an atom, by whole shells; None for all within the cutoff.
        disorder: A disordered crystal is refused; or each of its sites is the mean of what it holds; or the graph is
            that of several ordered approximants side by side, each its own `component`, see `ordering.order`. Without
            any it is an average.
        approximants: Their number.
        max_ordered_sites: Cells with more sites are not ordered.

    Raises:
        ValueError: If it is not a crystal, is disordered and may not be, or none of its atoms has a neighbor.
    """
    crystal = as_crystal(material, disordered=disorder != "refuse")
    if crystal.note and crystal is not material:  # else its reader has said so
        logger.warning("a crystal of %s: %s", crystal_formula(crystal), crystal.note)
    if disorder == "order" and not crystal.is_ordered:
        try:
            ordered = order(crystal, approximants, max_ordered_sites)
            return join_graphs([_graph_of(each, cutoff, max_neighbors) for each in ordered])
        except ValueError as error:
            logger.debug("a crystal of %s is read as an average: %s", crystal_formula(crystal), error)
    return _graph_of(crystal, cutoff, max_neighbors)


def _graph_of(crystal: Crystal, cutoff: float, max_neighbors: int | None) -> Graph:
    graph = crystal_graph(crystal, cutoff, max_neighbors)
    if not graph.num_edges:
        raise ValueError(
            f"none of its {graph.num_nodes} atoms has a neighbor within {cutoff:g} angstrom: it is not a solid, or its "
            "cell is not in angstrom"
        )
    return graph


def crystal_formula(material: Any) -> str:
    """Reduced formula of a material that `as_crystal` accepts: the coarse identity, which all polymorphs share."""
    crystal = as_crystal(material, disordered=True)
    if crystal is not material:  # else its reader has looked; of a graph the search for neighbors does
        require_room(crystal)
    if not crystal.is_ordered:
        return formula_of_amounts(crystal.amounts)
    return formula_of_counts({number: int(amount) for number, amount in crystal.amounts.items()})


def read_crystals(path: Path, disordered: bool = False) -> list[Entry]:
    """Read all crystals of a file or folder.

    Args:
        path: See `ACCEPTED`; of a folder, all files of a known kind, in the order of their names.
        disordered: Whether they may be disordered; else such a crystal is an entry with the reason.

    Returns:
        One entry per crystal. Its name is that of the file, plus a number or name if the file holds several; a file
        that cannot be read is one entry with the reason.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If the file is of an unknown kind, or the folder has no file of a known kind.
    """
    path = Path(path)
    if path.is_dir():
        files = {name: file for name, file in _files_of(path).items() if file is not None}
        if not files:
            raise ValueError(f"the folder {path} has no files of crystals; accepted are {ACCEPTED}")
        if unread := unread_files(path):
            listed = ", ".join(unread[:10]) + (" ..." if len(unread) > 10 else "")
            count = f"{len(unread):,} files are" if len(unread) > 1 else "1 file is"
            logger.warning("%s: %s of no known kind and not read: %s", path, count, listed)
        tracked = track(files.items(), "Reading crystals")
        entries = refuse_disordered([entry for name, file in tracked for entry in _read_file(file, name)], disordered)
        warn_of_notes(entries, path)
        return entries
    if not path.is_file():
        raise FileNotFoundError(f"there is no file or folder {path}: check the path")
    if _reader(path) is None:
        raise ValueError(f"{path} does not have the name of a file of crystals; accepted are {ACCEPTED}")
    entries = refuse_disordered(_read_file(path, path.name), disordered)
    warn_of_notes(entries, path)
    return entries


def refuse_disordered(entries: list[Entry], disordered: bool, named: bool = True) -> list[Entry]:
    """Entries whose disordered crystals are refused, with the reason.

    Args:
        entries: The crystals.
        disordered: Whether they may be disordered; then nothing is refused.
        named: Whether the reason begins with the name of the crystal.
    """
    return entries if disordered else [_refuse(each, named) for each in entries]


def _refuse(entry: Entry, named: bool) -> Entry:
    try:
        if entry.crystal is not None:
            require_ordered(entry.crystal)
    except ValueError as error:
        return entry._replace(crystal=None, reason=f"{entry.name}: {error}" if named else str(error))
    return entry


def warn_of_notes(entries: Iterable[Entry], source: Path) -> None:
    """Say what is to be known of crystals that were read, a line for each kind of note.

    Args:
        entries: The crystals.
        source: Their file or folder, for messages.
    """
    noted: dict[str, list[tuple[str, str]]] = {}
    for name, crystal, *_ in entries:
        if crystal is not None and crystal.note:
            noted.setdefault(crystal.note.partition(":")[0], []).append((name, crystal.note))
    for found in noted.values():
        listed = ", ".join(name for name, _ in found[:5]) + (" ..." if len(found) > 5 else "")
        count = f"{len(found):,} crystals" if len(found) > 1 else "1 crystal"
        logger.warning("%s: of %s, %s", source, f"{count} ({listed})", found[0][1])


def unread_files(folder: Path) -> list[str]:
    """Names of what lies in a folder of crystals and is neither a crystal nor a table.

    Args:
        folder: The folder.
    """
    return [name for name, file in _files_of(folder).items() if file is None]


def _files_of(folder: Path) -> dict[str, Path | None]:
    """Files of crystals in a folder by name, in order; None for what is not read. Tables and hidden files are left out.

    A folder in it with a calculation of VASP is one crystal: as relaxed, if there is a CONTCAR.
    """
    found: dict[str, Path | None] = {}
    for each in sorted(folder.iterdir()):
        if each.is_dir():
            found[f"{each.name}/"] = _relaxed(each)
        elif _reader(each) and each.name != _PREPARED:
            found[each.name] = each
        elif not (each.name.startswith(".") or each.name == _PREPARED or _kind(each) in _TABLES):
            found[each.name] = None
    return {name.removesuffix("/") if file else name: file for name, file in found.items() if not name.startswith(".")}


def _relaxed(folder: Path) -> Path | None:
    """The crystal of a calculation by VASP."""
    for name in ("CONTCAR", "POSCAR"):
        for suffix in ("", *COMPRESSIONS):
            if (file := folder / f"{name}{suffix}").is_file() and file.stat().st_size:
                return file
    return None


def is_crystal_path(path: Path) -> bool:
    """Whether a path is a folder, or has the name of a file of crystals."""
    return path.is_dir() or _reader(path) is not None


def read_cif(text: str, apart: bool = True, disordered: bool = False) -> list[Entry]:
    """Read the crystals of a CIF; the symmetry operations are applied.

    Args:
        text: The content of the file.
        apart: Whether crystals with two sites at one place are refused.
        disordered: Whether they may be disordered.

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
    blocks = [block for block in document if block.find_values("_atom_site_fract_x")]
    if not blocks:
        raise ValueError("it has no crystal: no block lists fractional coordinates (_atom_site_fract_x)")
    entries = [attempt(each.name, partial(from_block, each), apart=apart) for each in blocks]
    return refuse_disordered(entries, disordered, named=False)


def _read_file(path: Path, name: str) -> list[Entry]:
    """All crystals of a file, with the name that is given; only a file that cannot be read at all is a single entry."""
    read = _reader(path)
    if read is None:
        raise ValueError(f"{path} does not have the name of a file of crystals; accepted are {ACCEPTED}")
    if not path.is_file():  # a link to nowhere, or a pipe, from which nobody could read
        return [Entry(name, None, f"{name}: it is not a file")]
    if not path.stat().st_size:
        return [Entry(name, None, f"{name}: it is empty")]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # readers guess; wrong guesses show in the sites
            entries = list(read(path))
    except Exception as error:  # each reader has its own exceptions
        return [Entry(name, None, f"{name}: it cannot be read: {cause_of(error)}")]
    if not entries:
        return [Entry(name, None, f"{name}: it has no crystal")]
    several = len(entries) > 1
    named = [entry._replace(name=f"{name}#{entry.name}" if several else name) for entry in entries]
    return [each._replace(reason=f"{each.name}: {each.reason}") if each.reason else each for each in named]


def _kind(path: Path) -> str:
    """Suffix of a file in lower case, or that of what it holds compressed."""
    suffix = path.suffix.lower()
    return path.with_suffix("").suffix.lower() if suffix in COMPRESSIONS else suffix


def _reader(path: Path) -> Callable[[Path], Iterator[Entry]] | None:
    name, kind = path.name.lower(), _kind(path)
    compressed = path.suffix.lower() in COMPRESSIONS
    if kind in _READERS:
        return None if compressed and kind in (".db", ".parquet") else _READERS[kind]
    poscar = kind in (".vasp", ".poscar") or re.search(r"(^|[._-])(poscar|contcar)([._-]|$)", name)
    return _read_poscar_file if poscar and kind not in _TABLES else None


def _read_cif_file(path: Path) -> Iterator[Entry]:
    yield from read_cif(read_text(path), disordered=True)


def _read_poscar_file(path: Path) -> Iterator[Entry]:
    text = read_text(path)
    yield attempt(path.name, lambda: read_poscar(text))


def _read_json(path: Path) -> Iterator[Entry]:
    for name, record in _records(parse_json(read_text(path))):
        key = next((key for key in STRUCTURE_KEYS if isinstance(record, dict) and key in record), None)
        inner = record if key is None else record[key]
        values = {} if key is None else {name: value for name, value in record.items() if name != key}
        named = (record.get(each) for each in _NAME_KEYS) if isinstance(record, dict) else ()
        text = next((str(each) for each in named if each is not None), str(name))
        yield attempt(text, lambda inner=inner: _convert(inner), values)  # type: ignore[misc]


def _records(content: Any) -> Iterable[tuple[Any, Any]]:
    """Name and content of each crystal: one, a list, a dictionary of them, or a table as pandas writes it."""
    if isinstance(content, list):
        return enumerate(content, start=1)
    if not isinstance(content, dict):
        told = json.dumps(content)[:80]
        raise ValueError(f"its JSON is only {told}: accepted are a structure, or a list or dictionary of them")
    if "lattice" in content or "lattice_mat" in content or any(_is_record(content, key) for key in STRUCTURE_KEYS):
        return [(1, content)]
    columns, rows = content.get("columns"), content.get("data")
    if isinstance(columns, list) and isinstance(rows, list):  # orient="split"; Matbench's files are so
        return enumerate((dict(zip(columns, row, strict=True)) for row in rows), start=1)
    if "schema" in content and isinstance(rows, list):  # orient="table"
        return enumerate(rows, start=1)
    if any(isinstance(content.get(key), dict) for key in STRUCTURE_KEYS):  # orient="columns"
        index = list(dict.fromkeys(name for column in content.values() for name in column))
        return [(name, {key: column[name] for key, column in content.items() if name in column}) for name in index]
    return content.items()


def _is_record(content: dict[str, Any], key: str) -> bool:
    """Whether a dictionary holds one crystal under a key, and not a column of them."""
    inner = content.get(key)
    return isinstance(inner, str) or (isinstance(inner, dict) and ("lattice" in inner or "lattice_mat" in inner))


def _read_parquet(path: Path) -> Iterator[Entry]:
    crystals = CrystalFile(path)
    for row, name in enumerate(crystals.names):
        yield attempt(name, lambda row=row: crystals[row])  # type: ignore[misc]


_READERS: Mapping[str, Callable[[Path], Iterator[Entry]]] = MappingProxyType(
    {
        ".cif": _read_cif_file,
        ".json": _read_json,
        ".extxyz": read_extxyz,
        ".xyz": read_extxyz,
        ".db": read_ase_database,
        ".parquet": _read_parquet,
    }
)


def _of_text(text: str) -> Crystal:
    if text.lstrip().startswith("{"):
        try:
            content = parse_json(text)
        except json.JSONDecodeError:
            try:
                content = ast.literal_eval(text.strip())  # as pandas writes a dictionary into a CSV
            except (ValueError, SyntaxError) as error:
                raise ValueError(f"it is not valid JSON ({error})") from error
        return from_dictionary(content)
    return _sole_crystal(read_cif(text, apart=False, disordered=True))


def _sole_crystal(entries: list[Entry]) -> Crystal:
    if len(entries) > 1:
        raise ValueError(f"the CIF must have one crystal, got {len(entries)}")
    if entries[0].crystal is None:
        raise ValueError(entries[0].reason)
    return entries[0].crystal
