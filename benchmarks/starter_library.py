"""The starter library: each model beside extra trees on its validation part, and those that are level packed to ship.

`gnn-sim2real models build -c configs/library/starter.yaml` trains the models first, into `runs/starter`. Extra trees
learn the same training part from the project's descriptors, and answer the same validation part; a model whose mean
absolute error is larger is left out and named. Matrices of weights are stored with half precision where that moves the
predictions of the validation part by less than 1 % of their error. What a simulation lies above or below measurement
is computed from tables that come with the package. What is done is found in `runs/starter_trees.json` and
`runs/starter_rows.json`; with `--add`, models that ship already stay as they are, and need not be trained again.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from machine import processor, publish, versions

from gnn_sim2real.baselines.extra_trees import SETTINGS
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.featurize.mixture import Mixture, linkage_of
from gnn_sim2real.library import ModelLibrary, TrainedModel, load_model
from gnn_sim2real.library.card import CARD_FILE, Card
from gnn_sim2real.library.content import CONFIG_FILE, MODEL_FILES, WEIGHTS_FILE, hash_model
from gnn_sim2real.library.identities import FOLDER, identities_path
from gnn_sim2real.library.starter import NAMES_FILE, name_model, starter_folder
from gnn_sim2real.study.library_config import read_library
from gnn_sim2real.study.pretrainings import LibraryResolver

_RESULT = Path(__file__).parent / "results" / "starter_library.json"
_TREES, _ROWS = Path("runs/starter_trees.json"), Path("runs/starter_rows.json")
MANY, FEW_TREES, MARGIN = 2000, 30, 0.95
"""Of more training materials than the first, only so many trees are grown, which is what time allows. More trees are
better by some percent at most, so that a model ships only if its error is below this share of that of the few trees."""
MOVED = 0.01
"""Share of the error by which half precision may move predictions."""

METHODS = {
    "radonpy_pi1070": "RadonPy MD",
    "copolymer_ea_ip": "xTB calibrated to DFT, against the hydrogen electrode",
    "htpmd_conductivity": "MD at 353 K with LiTFSI, HTP-MD",
    "mp_formulas": "PBE, Materials Project",
    "mp_labels": "PBE, Materials Project",
    "mp_structures": "PBE, Materials Project",
    "qm9": "B3LYP, QM9",
    "vitrimer_md_tg": "MD of vitrimers",
    "chi_cosmo": "COSMO-RS",
}
"""What the values of a source were simulated with."""

MATERIALS: dict[str, list[Any]] = {
    "repeat_unit": ["*CC(*)c1ccccc1", "*CC(*)(C)C(=O)OC", "*CCO*"],
    "molecule": ["CCO", "c1ccccc1", "CC(=O)OC"],
    "composition": ["NaCl", "TiO2", "SrTiO3"],
    "mixture": [["*CC(*)c1ccccc1", "Cc1ccccc1"], ["*CC(*)(C)C(=O)OC", "CC(C)=O"], ["*CCO*", "O"]],
}
"""Materials whose predictions are stored, for the test that loads each model; pairs at 298.15 K."""
COPOLYMERS = [("*c1ccc(*)s1", "*c1ccc(*)cc1", each) for each in ("alternating", "random", "block")]
"""Two units in equal shares, and how they are linked, likewise."""
CELLS = [("NaCl", 225, 5.64), ("MgO", 225, 4.21), ("CsCl", 221, 4.12)]
"""Formula, space group and edge [angstrom] of crystals, likewise."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="configs/library/starter.yaml")
    parser.add_argument("--wait", action="store_true", help="compare models while they are trained, and pack nothing")
    parser.add_argument("--pack", action="store_true", help="pack what was compared already")
    parser.add_argument("--add", action="store_true", help="to what ships and what was left out, only add what is new")
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    config, _ = read_library([arguments.config], [])
    library = ModelLibrary(config.models)
    if not arguments.pack:
        compare_all(LibraryResolver(config), library, arguments.wait)
    if not arguments.wait:
        known = json.loads(arguments.output.read_text())["rows"] if arguments.add else []
        publish(pack(library, list(_read(_ROWS).values()), known), arguments.output)


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def compare_all(resolver: LibraryResolver, library: ModelLibrary, wait: bool) -> None:
    """Compare each model that is trained with extra trees, and keep that in a file."""
    points = resolver.points()
    while True:
        trained, rows = {card.pretraining: card for card in library.cards()}, _read(_ROWS)
        for point in points:
            job = resolver.job(point)
            if (card := trained.get(job.key)) is not None and job.key not in rows:
                rows[job.key] = compare_one(library, card, resolver.data(job))
                _ROWS.write_text(json.dumps(rows, indent=1))
        if not wait or len(rows) >= len(points):
            return
        time.sleep(20)


def compare_one(library: ModelLibrary, card: Card, data: PropertyDataModule) -> dict[str, Any]:
    """A model beside extra trees."""
    known, name = _read(_TREES), " ".join([data.splitter.parts_hash, *card.properties])
    log, number = is_log(library, card), FEW_TREES if len(data.parts.train) > MANY else SETTINGS["n_estimators"]
    model = load_model(library.folder / card.key)
    if name not in known:
        known[name] = grow_trees(data, log, number)
        _TREES.write_text(json.dumps(known, indent=1))
    row = compare(library, card, model, data, known[name])
    print(row["name"], f"{row['mae']:.4g} trees {row['trees_mae']:.4g}", flush=True)
    return row


def is_log(library: ModelLibrary, card: Card) -> bool:
    """Whether a model learns the logarithm of its property, so that errors are compared on that scale."""
    return bool(library.content(card.key)["network"]["properties"][0]["form"] == "exponential")


def to_scale(values: Any, log: bool) -> Any:
    return np.log10(np.maximum(values, 1e-300)) if log else values


def grow_trees(data: PropertyDataModule, log: bool, number: int) -> dict[str, Any]:
    """Errors of so many extra trees on the validation part of a model."""
    from sklearn.ensemble import ExtraTreesRegressor

    start = time.perf_counter()
    describe, materials = data.featurizer.descriptors, data.table.materials
    train, validation = data.parts.train, data.parts.validation
    if hasattr(materials, "take"):  # a table of crystals or mixtures
        columns, asked = (describe(materials.take(rows)) for rows in (train, validation))
    else:
        columns, asked = (describe([materials[row] for row in rows]) for rows in (train, validation))
    values = to_scale(data.table.values[:, 0], log)
    trees = ExtraTreesRegressor(**(SETTINGS | {"n_estimators": number}), random_state=0).fit(columns, values[train])
    error = trees.predict(asked) - values[validation]
    return {
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "trees": number,
        "train": len(train),
        "validation": len(validation),
        "seconds": round(time.perf_counter() - start, 1),
    }


def half_weights(content: bytes) -> bytes:
    """Weights with their matrices in half precision; vectors and statistics, of any scale, stay as they are."""
    from safetensors.torch import load, save

    found = load(content)
    safe = {name: each for name, each in found.items() if each.ndim >= 2 and each.is_floating_point()}
    safe = {name: each for name, each in safe.items() if each.abs().max() < 6e4}
    made: bytes = save(found | {name: each.half().contiguous() for name, each in safe.items()})
    return made


def with_weights(model: TrainedModel, content: bytes) -> TrainedModel:
    """The same network with other weights."""
    import copy
    from dataclasses import replace

    from safetensors.torch import load

    network = copy.deepcopy(model.network)
    network.load_state_dict(load(content), strict=True)
    return replace(model, network=network.eval())


def compare(
    library: ModelLibrary, card: Card, model: TrainedModel, data: PropertyDataModule, trees: dict[str, Any]
) -> dict[str, Any]:
    """A model beside extra trees, and what half precision changes."""
    log, validation = is_log(library, card), data.parts.validation
    store, values = data.store.take(validation), to_scale(data.table.values[validation, 0], is_log(library, card))
    weights = (library.folder / card.key / WEIGHTS_FILE).read_bytes()
    whole = to_scale(model.predict_graphs(store)[:, 0], log)
    half = to_scale(with_weights(model, half_weights(weights)).predict_graphs(store)[:, 0], log)
    mae = float(np.abs(whole - values).mean())
    moved = float(np.abs(half - whole).mean()) / mae
    encoder = library.content(card.key)["network"]["encoder"]
    return {
        "name": name_model(card.domain, card.properties[0], encoder),
        "key": card.key,
        "source": card.source,
        "materials": card.size,
        "validation": len(validation),
        "unit": card.units[0],
        "scale": "log10" if log else "",
        "mae": mae,
        "trees_mae": trees["mae"],
        "rmse": float(np.sqrt(((whole - values) ** 2).mean())),
        "trees_rmse": trees["rmse"],
        "trees": trees["trees"],
        "half_moves": moved,
        "half": moved < MOVED,
        "level": mae <= trees["mae"] * (1 if trees["trees"] >= SETTINGS["n_estimators"] else MARGIN),
    }


def pack(library: ModelLibrary, compared: list[dict[str, Any]], known: list[dict[str, Any]]) -> dict[str, Any]:
    """Write the models that are level into the package, and say what was left out.

    Args:
        library: The models that were trained.
        compared: What was found of each.
        known: Rows of an earlier result. Its models are in the package and stay, unless they were compared again.
    """
    target, offsets = starter_folder(), measured_offsets()
    before = Path(tempfile.mkdtemp(dir=target.parent, prefix=".before_"))
    shutil.copytree(target, before, dirs_exist_ok=True)
    again = {library.card(row["key"]).pretraining for row in compared}
    there = {card.key: card.pretraining for card in ModelLibrary(before).cards()}
    rows = [row for row in known if there.get(row.get("shipped", "")) not in again] + compared
    shutil.rmtree(target, ignore_errors=True)
    (target / FOLDER).mkdir(parents=True)
    names, stored, notices = dict[str, str](), dict[str, Any](), dict[str, str]()
    for row in sorted(rows, key=lambda each: (each["name"].rpartition("/")[0], each["mae"])):
        if not row["level"]:
            continue
        name = next(each for each in numbered(row["name"]) if each not in names)
        key = pack_one(library, row, offsets, target) if "key" in row else keep_one(before, row["shipped"], target)
        names[name], row["name"], row["shipped"] = key, name, key
        stored[name] = store_predictions(load_model(target / key))
        content = json.loads((target / key / CARD_FILE).read_text())
        notices[content["source"]] = f"{content['license']}. {content['notice']} Cite: {content['citation']}."
    (target / NAMES_FILE).write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")
    (target / "predictions.json").write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    lines = ["# Data behind the models of the starter library\n"]
    lines += [f"## {source}\n\n{METHODS[source]}. License: {text}\n" for source, text in sorted(notices.items())]
    (target / "NOTICE.md").write_text("\n".join(lines), encoding="utf-8")
    shutil.rmtree(before)
    size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    shipped = [row for row in rows if row["level"]]
    left_out = [row for row in rows if not row["level"]]
    properties = sorted({row["name"].rpartition("/")[0] for row in shipped})
    return {
        "models": len(shipped),
        "properties": len(properties),
        "megabytes": round(size / 1e6, 2),
        "left_out": [
            f"{row['name']}: {row['mae'] / row['trees_mae']:.2f} times the error of trees" for row in left_out
        ],
        "left_out_wholly": sorted({row["name"].rpartition("/")[0] for row in left_out} - set(properties)),
        "offsets": offsets,
        "rows": [{name: _round(value) for name, value in row.items() if name != "key"} for row in rows],
        "processor": processor(),
        "versions": versions("torch", "scikit-learn", "rdkit"),
    }


def _round(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def numbered(name: str) -> Iterator[str]:
    """A name, and the same with a number from 2 on."""
    yield name
    for number in range(2, 100):
        yield f"{name}-{number}"


def keep_one(before: Path, key: str, target: Path) -> str:
    """Keep a model of the package as it is; its key."""
    seen = ModelLibrary(before).card(key).identities
    shutil.copytree(before / key, target / key)
    shutil.copyfile(identities_path(before, seen), identities_path(target, seen))
    return key


def pack_one(library: ModelLibrary, row: dict[str, Any], offsets: dict[str, Any], target: Path) -> str:
    """Copy a model into the package with a card that says what was simulated; its key."""
    folder = library.folder / row["key"]
    content = json.loads((folder / CARD_FILE).read_text())
    weights = (folder / WEIGHTS_FILE).read_bytes()
    simulated: dict[str, Any] = {"method": METHODS[row["source"]]}
    if (offset := offsets.get(f"{row['source']} {content['network']['properties'][0]['name']}")) is not None:
        simulated["offset"] = {name: offset[name] for name in ("bias", "unit", "of")}
    content |= {"simulated": simulated, "notice": NOTICES[row["source"]]}
    content["provenance"] = {"versions": content["provenance"]["versions"]}  # not of whose machine
    fresh = Path(tempfile.mkdtemp(dir=target, prefix=".adding_"))
    (fresh / CARD_FILE).write_text(json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")
    (fresh / WEIGHTS_FILE).write_bytes(half_weights(weights) if row["half"] else weights)
    shutil.copyfile(folder / CONFIG_FILE, fresh / CONFIG_FILE)
    assert {each.name for each in fresh.iterdir()} == set(MODEL_FILES)
    key = hash_model(fresh)
    fresh.chmod(0o755)
    fresh.rename(target / key)
    seen = content["identities"]
    shutil.copyfile(identities_path(library.folder, seen), identities_path(target, seen))
    return key


def store_predictions(model: TrainedModel) -> dict[str, Any]:
    """Three materials and their predictions; pairs and CIFs as a test reads them."""
    kind = model.featurizer.name
    materials = [_cif(*each) for each in CELLS] if kind == "crystal" else MATERIALS[kind]
    given = materials
    if kind == "mixture" and not model.featurizer.settings["roles"]:
        kind, materials = "copolymer", [list(each) for each in COPOLYMERS]
        given = [Mixture((one, other), linkage=linkage_of(word, (1, 1))) for one, other, word in COPOLYMERS]
    elif kind == "mixture":
        given = [Mixture(tuple(each), conditions={"temperature": 298.15}) for each in materials]
    values = model.predict(given).values[:, 0]
    return {"kind": kind, "materials": materials, "values": [float(f"{value:.6g}") for value in values.tolist()]}


def _cif(formula: str, group: int, edge: float) -> str:
    from pymatgen.core import Composition, Lattice, Structure

    elements, places = [str(each) for each in Composition(formula)], [[0, 0, 0], [0.5, 0.5, 0.5]]
    return str(Structure.from_spacegroup(group, Lattice.cubic(edge), elements, places).to(fmt="cif"))


def measured_offsets() -> dict[str, Any]:
    """Mean of simulated minus measured value, over materials that stand in both of two tables of the package."""
    import datamodules as tables

    def table(reader: Any, **settings: Any) -> dict[str, float]:
        found = reader(validation_fraction=0, **settings).table
        return dict(zip(found.identities, found.values[:, 0].tolist(), strict=True))

    def polymers(name: str, prop: str, column: str, unit: str) -> dict[str, float]:
        return table(tables.PolymerTable, name=name, property=prop, column=column, unit=unit)

    density = polymers("simpoly", "density", "density_g_cm3", "g/cm3")
    index = polymers("refractive_index_open", "refractive_index", "refractive_index", "")
    glass = polymers("simpoly", "glass_transition", "tg_K", "K")
    homopolymers = polymers("homopolymer_md_tg", "glass_transition", "tg_md_K", "K")
    gaps = table(tables.Matbench, dataset="matbench_expt_gap")
    mp_gaps = table(tables.MaterialsProjectFormulas, properties=["band_gap"])
    chi, cosmo = table(tables.MeasuredChi), table(tables.CosmoChi)
    radonpy = {name: table(tables.RadonPy, properties=[name]) for name in ("density", "refractive_index")}
    pairs = {
        "radonpy_pi1070 density": (radonpy["density"], density, "g/cm3", "{n} polymers of SimPoly"),
        "radonpy_pi1070 refractive_index": (radonpy["refractive_index"], index, "", "{n} polymers, Spacier and others"),
        "vitrimer_md_tg glass_transition": (
            homopolymers,
            glass,
            "K",
            "{n} homopolymers by the same protocol, against SimPoly",
        ),
        "chi_cosmo chi": (cosmo, chi, "", "{n} pairs at their temperatures"),
        "mp_formulas band_gap": (mp_gaps, gaps, "eV", "{n} formulas of Matbench"),
        "mp_labels band_gap": (mp_gaps, gaps, "eV", "{n} formulas of Matbench"),
    }
    found = {}
    for name, (simulated, measured, unit, text) in pairs.items():
        shared = sorted(simulated.keys() & measured.keys())
        first, second = (np.array([each[one] for one in shared]) for each in (simulated, measured))
        found[name] = {
            "bias": float(f"{(first - second).mean():.3g}"),
            "unit": unit,
            "of": text.format(n=len(shared)),
            "correlation": float(f"{np.corrcoef(first, second)[0, 1]:.3g}"),
            "mean_absolute_difference": float(f"{np.abs(first - second).mean():.3g}"),
        }
    return found


_MIT = (
    "MIT License, whose text is in datamodules/open_data/NOTICE.md: free of charge and without restriction, provided "
    "that this notice and that text are included; as is, without warranty."
)
NOTICES = {
    "radonpy_pi1070": (
        "Copyright (c) 2022 RadonPy developers. BSD 3-Clause License, whose conditions and disclaimer are in "
        "datamodules/open_data/NOTICE.md and are kept with every copy."
    ),
    "copolymer_ea_ip": f"Copyright (c) the authors of coleygroup/polymer-chemprop-data. {_MIT}",
    "htpmd_conductivity": "Dedicated to the public domain (CC0 1.0).",
    "mp_formulas": "Data of the Materials Project, CC BY 4.0, from which a network was trained.",
    "mp_labels": "Data of the Materials Project, CC BY 4.0, from which a network was trained.",
    "mp_structures": "Data of the Materials Project, CC BY 4.0, from which a network was trained.",
    "qm9": (
        "Labels as published by NIST (JARVIS leaderboard), provided as a public service and expressly as is; the list "
        "of SMILES states no license, and nothing of it ships."
    ),
    "vitrimer_md_tg": f"Copyright (c) 2024 Yiwen Zheng. {_MIT}",
    "chi_cosmo": f"Copyright (c) 2022 yoshida-lab. {_MIT}",
}
"""What the license of each source asks for, beside the citation on the card."""

if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
