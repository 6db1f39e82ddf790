"""How much longer disordered crystals take than ordered ones, from CIF text to graph: `disordered_reading.py`.

Each disordered CIF of OBELiX (Therrien et al., arXiv 2502.14234, CC BY 4.0) is compared with its ordered twin: the same
file with the same symmetry, whose places are full of the first element that the file lists there. Of split sites that
exclude each other the twin has both, too near to each other for atoms: such files are left out, and counted.

Twins are read one after the other, disordered and ordered, so that what else runs on the machine slows both; the median
of the rounds counts, in time of one core. `$GNN_SIM2REAL_DATA` names the folder of the real data.
"""

import argparse
import os
import statistics
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import gemmi
import numpy as np
from machine import processor, publish, versions

from datamodules.registry import find_table
from gnn_sim2real.featurize.crystal_files import as_crystal, featurize_crystal
from gnn_sim2real.featurize.featurizer import get_featurizer

CUTOFF, MAX_NEIGHBORS = 6.0, 12
ALLOWED = {"ratio": 1.5}
"""At most."""
_RESULT = Path(__file__).parent / "results" / "disordered_reading.json"
_FORMULA = ("_chemical_formula_sum", "_chemical_formula_structural")


def ordered_twin(text: str) -> str | None:
    """The CIF with one full site at each place; None if none of its sites is partial.

    Args:
        text: The CIF of a disordered crystal.
    """
    document = gemmi.cif.read_string(text)
    block = document.sole_block()
    names = ("_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z", "_atom_site_occupancy")
    table = block.find(names)
    if all(float(row[3]) == 1 for row in table):
        return None
    seen: set[tuple[str, str, str]] = set()
    for number in reversed([number for number, row in enumerate(table) if _is_new(row, seen) is False]):
        table.remove_row(number)
    for row in block.find(names):
        row[3] = "1.0"
    for tag in _FORMULA:
        if (item := block.find_pair_item(tag)) is not None:
            item.erase()
    return str(document.as_string())


def _is_new(row: Any, seen: set[tuple[str, str, str]]) -> bool:
    place = (row[0], row[1], row[2])
    if place in seen:
        return False
    seen.add(place)
    return True


def pairs_of(texts: Sequence[str]) -> tuple[list[tuple[str, str]], int]:
    """Disordered CIFs with their ordered twins, and how many have none that is a crystal.

    Args:
        texts: All CIFs.
    """
    featurize = get_featurizer("crystal", cutoff=CUTOFF, max_neighbors=MAX_NEIGHBORS, disorder="average").featurize
    found, left_out = [], 0
    for text in texts:
        twin = ordered_twin(text)
        if twin is None:
            continue
        try:
            disordered, ordered = featurize(text), featurize(twin)
        except ValueError:
            left_out += 1
            continue
        if disordered.num_nodes == ordered.num_nodes:
            found.append((text, twin))
        else:
            left_out += 1
    return found, left_out


def main() -> None:
    """Compare, and write the result."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", type=Path, default=_RESULT)
    options = parser.parse_args()
    with tarfile.open(find_table("crystal/obelix/obelix.csv").with_name("all_cifs.tar.gz")) as archive:
        files = sorted((each for each in archive if each.name.endswith(".cif")), key=lambda each: each.name)
        texts = [file.read().decode() for each in files if (file := archive.extractfile(each)) is not None]
    pairs, left_out = pairs_of(texts)
    seconds = [measure(pairs) for _ in range(options.rounds + 1)][1:]
    median = {name: statistics.median(each[name] for each in seconds) for name in seconds[0]}
    result = {
        "what": "time of one core [s] for disordered CIFs and their ordered twins: reading, graphs, and both",
        "processor": processor(),
        "versions": versions("gemmi", "pymatgen", "numpy"),
        "num_pairs": len(pairs),
        "num_without_twin": left_out,
        "mean_sites": round(float(np.mean([as_crystal(text, True).num_sites for text, _ in pairs])), 1),
        "rounds": options.rounds,
        "seconds": {name: round(value, 4) for name, value in median.items()},
    } | {
        name: round(statistics.median(_ratio(each, parts) for each in seconds), 3)
        for name, parts in (("reading_ratio", ["read"]), ("graphs_ratio", ["graphs"]), ("ratio", ["read", "graphs"]))
    }
    publish(result, options.output)
    if missed := [name for name, allowed in ALLOWED.items() if result[name] > allowed]:
        raise SystemExit(f"not as fast as wanted: {', '.join(missed)}")


def _ratio(seconds: dict[str, float], parts: Sequence[str]) -> float:
    disordered, ordered = (sum(seconds[f"{part} {kind}"] for part in parts) for kind in ("disordered", "ordered"))
    return disordered / ordered


def measure(pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Seconds of one round.

    Args:
        pairs: Disordered CIFs and their twins.
    """
    total = dict.fromkeys((f"{part} {kind}" for part in ("read", "graphs") for kind in ("disordered", "ordered")), 0.0)
    for pair in pairs:
        for kind, text in zip(("disordered", "ordered"), pair, strict=True):
            start = time.process_time()
            crystal = as_crystal(text, disordered=True)
            read = time.process_time()
            featurize_crystal(crystal, CUTOFF, MAX_NEIGHBORS, "average")
            total[f"read {kind}"] += read - start
            total[f"graphs {kind}"] += time.process_time() - read
    return total


if __name__ == "__main__":
    main()
