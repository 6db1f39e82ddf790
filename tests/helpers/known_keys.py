"""Data modules whose keys, cards and parts must never change, and how they are told.

`python known_keys.py FILE.json` writes what the code at hand gives. The committed `known_keys.json` was written by the
code of commit fb245bd.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datamodules

POLYMERS = {"test_fraction": 0.3, "split_version": 1, "validation_fraction": 0.2}
DEMO_CHANGES: tuple[dict[str, Any], ...] = (
    {},
    {"size": 12, "seed": 3, "split": 1},
    {"development_fraction": 0.2, "seed": 1},
    {"split_by": "polymer_class", "size": 9, "seed": 2},
    {"split_by": "scaffold", "split": 1},
    {"split_by": "above_range", "seed": 4},
    {"split_by": "below_range"},
    {"split_by": "outside_range", "size": 10, "validation_fraction": 0.0},
    {"grow_by": "diversity", "size": 11, "seed": 5},
    {"grow_by": "family", "size": 11, "seed": 5},
    {"grow_by": "cheapest", "cost": "num_atoms^2", "size": 11, "seed": 5},
    {"grow_by": "family", "split_by": "scaffold", "size": 7},
    {"atom_descriptors": True, "batch_size": 7},
)


def fact(data: Any) -> dict[str, str]:
    """Hashes of the key, the card and the parts of a data module."""

    def digest(content: Any) -> str:
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    return {"key": digest(data.key_content()), "card": digest(data.card()), "parts": data.splitter.parts_hash[:16]}


def demo() -> Iterator[tuple[str, Any]]:
    """Data modules of the demos, by name."""
    target, source = datamodules.DemoMeasured(**POLYMERS), datamodules.DemoSimulated()
    for changes in DEMO_CHANGES:
        yield f"target {changes}", target.variant(**changes)
    for changes in DEMO_CHANGES[1:2] + DEMO_CHANGES[8:11]:
        for remove in ("test", "all"):
            yield f"source {changes} {remove}", source.variant(exclude=target, remove=remove, **changes)
    yield "source of two", source.variant(exclude=[target, target.variant(split=1)], size=50)
    crystals = datamodules.DemoMeasuredCrystals(test_fraction=0.2)
    for changes in ({}, {"grow_by": "cheapest", "cost": "num_atoms^3", "size": 20}, {"grow_by": "family", "size": 20}):
        yield f"crystals {changes}", crystals.variant(**changes)
    simulated = datamodules.DemoSimulatedCrystals(exclude=crystals, size=100)
    yield "simulated crystals", simulated
    yield "simulated crystals, grown", simulated.variant(grow_by="cheapest", cost="num_atoms", seed=2)
    yield "same structure", datamodules.DemoSimulatedCrystals(exclude=crystals, size=100, same="structure")
    formulas = {"representation": "composition", "max_sites": 20}
    yield "compositions", datamodules.DemoMeasuredCrystals(test_fraction=0.2, **formulas)


def real() -> Iterator[tuple[str, Any]]:
    """Data modules of real files, by name."""
    target = datamodules.PolymerTable("density", "density_g_cm3", "g/cm3", name="measured_density", test_fraction=0.2)
    source = datamodules.RadonPy(["density", "Cp"], exclude=target)
    yield "density", target
    for changes in ({}, {"size": 100, "seed": 1}, {"grow_by": "family", "size": 100}, {"remove": "all", "size": 200}):
        yield f"radonpy {changes}", source.variant(**changes)
    pairs = datamodules.MeasuredChi(test_fraction=0.2, group_by="polymer")
    for changes in ({}, {"size_by": "groups", "size": 15, "split": 1}, {"size": 300, "seed": 2}):
        yield f"chi {changes}", pairs.variant(**changes)
    yield "cosmo chi", datamodules.CosmoChi(exclude=pairs, size=200)
    yield "cosmo chi, all", datamodules.CosmoChi(exclude=[pairs, target], size=20, size_by="groups")
    aflow = datamodules.AflowAGL(["thermal_conductivity"], representation="composition", max_sites=30, size=500)
    yield "aflow", aflow


if __name__ == "__main__":
    content = {kind.__name__: {name: fact(data) for name, data in kind()} for kind in (demo, real)}
    Path(sys.argv[1]).write_text(json.dumps(content, indent=1) + "\n")
