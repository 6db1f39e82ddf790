"""How does the package answer inputs that are wrong, damaged or hostile?

Every input is a mutation of a sound one, of which it is known beforehand what it means: the same, something else, or
nothing. An input is accepted (and understood as what it means), refused in a sentence, ends in a traceback, or is
silently changed: taken for what it does not mean. The last two are faults, as is a sound input that is refused.
"""

import argparse
import logging
import os
import random
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from machine import processor, publish, versions
from mutated.configurations import read_settings, yaml_trials
from mutated.crystals import cif_trials, extxyz_trials, json_trials, poscar_trials, read_crystal
from mutated.servers import read_answer, server_trials
from mutated.spellings import formula_trials, read_spelling, spelling_trials
from mutated.stored import Stored, read_archive, read_checkpoint, read_model, read_stored, record_trials
from mutated.tables import read_values, table_trials
from mutated.trial import COUNTS, Trial, try_all

from gnn_sim2real.featurize.composition import reduced_formula

RESULT = Path(__file__).parent / "results" / "robustness.json"
SEED = 2026
WANTED = 1500

Kind = tuple[Callable[[Any], Any], Iterator[Trial]]


def kinds(folder: Path) -> Iterator[tuple[str, Kind]]:
    """What is tried, by name: how it is read, and the inputs."""
    rng = random.Random(SEED)  # noqa: S311 (no secret)
    for kind in ("repeat_unit", "molecule"):
        yield f"SMILES ({kind})", (partial(read_spelling, kind), spelling_trials(kind, rng, 3))
    yield "formulas", (reduced_formula, formula_trials(rng, 3))
    yield "CIF", (read_crystal, cif_trials(folder, rng, 4))
    yield "POSCAR", (read_crystal, poscar_trials(folder, rng, 4))
    yield "extxyz", (read_crystal, extxyz_trials(folder, rng, 4))
    yield "JSON", (read_crystal, json_trials(folder, rng, 3))
    yield "CSV", (read_values, table_trials(folder, rng, 8))
    yield "YAML", (read_settings, yaml_trials(folder, rng, 8))
    stored = Stored(folder / "stored")
    yield "models", (read_model, stored.model_trials(rng, 20))
    yield "checkpoints", (read_checkpoint, stored.checkpoint_trials(rng, 30))
    yield "archives", (read_archive, stored.archive_trials(rng, 20))
    yield "records", (read_stored, record_trials(folder / "records", rng, 30))
    yield "server answers", (read_answer, server_trials(folder))


def main() -> int:
    """Try all kinds, print and write the counts.

    Returns:
        0 if there was no fault, and enough were tried.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=RESULT)
    parser.add_argument("--only", help="try only kinds whose name starts with this; writes nothing")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    started, found = time.process_time(), {}
    with tempfile.TemporaryDirectory() as name:
        os.environ["GNN_SIM2REAL_CACHE"] = f"{name}/cache"
        for kind, (read, trials) in kinds(Path(name)):
            if options.only and not kind.startswith(options.only):
                continue
            found[kind] = try_all(read, trials)
            counts = {each: found[kind][each] for each in COUNTS}
            print(f"{kind}: {counts}", flush=True)
            if options.only:
                for fault in found[kind]["faults"]:
                    print("  ", fault)
    total = {name: sum(each[name] for each in found.values()) for name in COUNTS}
    print(total)
    if options.only:
        return 0
    about = {"seed": SEED, "processor": processor(), "versions": versions("rdkit", "pymatgen", "ase", "torch")}
    publish(
        {"total": total, "kinds": found, "processor_seconds": round(time.process_time() - started), **about},
        options.output,
    )
    return int(
        total["tried"] < WANTED or any(total[name] for name in ("tracebacks", "silently_changed", "sound_refused"))
    )


if __name__ == "__main__":
    raise SystemExit(main())
