"""Does an encoder that sees how units are linked predict copolymers better, and how near is it to wD-MPNN?

The protocol of Aldeghi and Coley, Chem. Sci. 2022, 13, 10486 (doi 10.1039/D2SC02839E): electron affinity and ionization
potential of 42,966 copolymers, in ten random folds, and in nine which each test all copolymers of one unit A. Of the
rest, a tenth of the pairs of units is for validation, by which nothing is chosen here. One network predicts both
properties. `Blend(GINE)` is trained with linkage and without; extra trees learn the descriptors of the project,
which have the linkage. A fold that is done is found in `runs/copolymers.json` and is not trained again, so that
`--folds` can be done one after the other; the result says how many there are.

    GNN_SIM2REAL_DATA=... python benchmarks/copolymers.py --split monomer --folds 0 1 2 3 4 5 6 7 8
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from lightning.pytorch import Trainer, seed_everything
from machine import processor, publish, versions
from numpy.typing import NDArray

from datamodules import Copolymers
from gnn_sim2real.baselines.extra_trees import SETTINGS
from gnn_sim2real.featurize.mixture import component_identity
from gnn_sim2real.nn import GINE, Blend
from gnn_sim2real.splits.file import write_split
from gnn_sim2real.splits.parts import Parts
from gnn_sim2real.tasks import SourcePretraining

_RESULT = Path(__file__).parent / "results" / "copolymers.json"
_DONE = Path("runs/copolymers.json")

PROPERTIES = ["electron_affinity", "ionization_potential"]
NUM_FOLDS = {"random": 10, "monomer": 9}
PUBLISHED = {
    "random": {"wD-MPNN": [0.03, 0.03], "D-MPNN": [0.17, 0.16], "random forest, counts": [0.09, 0.08]},
    "monomer": {"wD-MPNN": [0.10, 0.09], "D-MPNN": [0.20, 0.20], "random forest, counts": [0.25, 0.27]},
}
"""Mean RMSE [eV] over all folds in table 1 of the paper, of the two properties."""
FEW_TREES = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=NUM_FOLDS, default="monomer")
    parser.add_argument("--folds", type=int, nargs="*", help="all unless given")
    parser.add_argument("--methods", nargs="+", default=["linkage", "shares", "trees"])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--rows", type=int, help="so many rows train, drawn at random; all unless given")
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    data = Copolymers(PROPERTIES, batch_size=256, validation_fraction=0.1)
    done = json.loads(_DONE.read_text()) if _DONE.exists() else {}
    folds = range(NUM_FOLDS[arguments.split]) if arguments.folds is None else arguments.folds
    for fold in folds:
        for method in arguments.methods:
            name = f"{arguments.split} {fold} {method} {arguments.steps} {arguments.rows or 'all'}"
            if name not in done:
                parts = split(data, arguments.split, fold, arguments.rows)
                done[name] = {
                    "split": arguments.split,
                    "fold": fold,
                    "method": method,
                    "steps": 0 if method == "trees" else arguments.steps,
                    **measure(data, parts, method, arguments.steps),
                }
                _DONE.parent.mkdir(exist_ok=True)
                _DONE.write_text(json.dumps(done, indent=1))
                print(name, done[name], flush=True)
    publish(summarize(list(done.values())), arguments.output)


def first_units(data: Copolymers) -> NDArray[np.str_]:
    """Unit A of each row: that of the nine which are in the most pairs."""
    names = np.array([component_identity(each) for each in data.data_set.mixtures.components])
    members = data.data_set.mixtures.members
    counts = np.bincount(members[members >= 0], minlength=len(names))
    nine = np.argsort(-counts, kind="stable")[:9]
    first = np.isin(members[:, 0], nine)
    return np.where(first, names[members[:, 0]], names[members[:, -1]])


def split(data: Copolymers, kind: str, fold: int, rows: int | None) -> Parts:
    """One fold: its test part, a tenth of the other pairs of units for validation, and the rest, or so many of it."""
    generator = np.random.default_rng(fold)
    groups = np.array(data.table.groups)
    if kind == "monomer":
        units = first_units(data)
        tested = units == np.unique(units)[fold]
    else:
        order = np.random.default_rng(0).permutation(len(groups))
        tested = np.isin(np.arange(len(groups)), np.array_split(order, NUM_FOLDS[kind])[fold])
    others = np.unique(groups[~tested])
    held = set(generator.permutation(others)[: len(others) // 10].tolist())
    validation = ~tested & np.array([group in held for group in groups])
    train = generator.permutation(np.flatnonzero(~tested & ~validation))[:rows]
    return Parts(np.sort(train), np.flatnonzero(validation), np.flatnonzero(tested))


def measure(data: Copolymers, parts: Parts, method: str, steps: int) -> dict[str, Any]:
    """RMSE [eV] of each property on the test part."""
    start = time.process_time()
    values = data.table.values
    predicted = grow_trees(data, parts) if method == "trees" else train(data, parts, method == "linkage", steps)
    error = np.sqrt(((predicted - values[parts.test]) ** 2).mean(axis=0))
    return {
        "rmse": [round(each, 4) for each in error.tolist()],
        "train": len(parts.train),
        "test": len(parts.test),
        "seconds": round(time.process_time() - start),
    }


def grow_trees(data: Copolymers, parts: Parts) -> NDArray[np.float64]:
    from sklearn.ensemble import ExtraTreesRegressor

    columns = data.featurizer.descriptors(data.table.materials)
    trees = ExtraTreesRegressor(**(SETTINGS | {"n_estimators": FEW_TREES}), random_state=0)
    found: NDArray[np.float64] = trees.fit(columns[parts.train], data.table.values[parts.train]).predict(
        columns[parts.test]
    )
    return found


def train(data: Copolymers, parts: Parts, linkage: bool, steps: int) -> NDArray[np.float64]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "split.json"
        write_split(file, data.table, parts, {"split": 0})
        fold = data.variant(split_file=str(file))
        seed_everything(0, verbose=False)
        task = SourcePretraining(
            Blend(GINE(hidden_dim=64, num_layers=3), linkage=linkage),
            optimizer=lambda given: torch.optim.AdamW(given, lr=2e-3, weight_decay=1e-5),
        )
        trainer = Trainer(
            accelerator="cpu",
            max_steps=steps,
            max_epochs=-1,
            gradient_clip_val=1.0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            limit_val_batches=0,
        )
        trainer.fit(task, datamodule=fold)
    network, store = task.network.eval(), fold.store
    with torch.no_grad():
        batches = torch.from_numpy(parts.test).split(2048)
        return torch.cat([network.predict(store.select(rows)) for rows in batches]).double().numpy()


def summarize(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over the folds that are done of each method, beside those published."""
    means: dict[str, Any] = {}
    for kind, number in NUM_FOLDS.items():
        for method, size in sorted({(row["method"], row["train"] // 1000) for row in rows if row["split"] == kind}):
            found = [r for r in rows if (r["split"], r["method"], r["train"] // 1000) == (kind, method, size)]
            errors = np.array([row["rmse"] for row in found])
            means[f"{kind}, {method}, {size},000 rows"] = {
                "rmse": [float(f"{each:.3g}") for each in errors.mean(axis=0)],
                "folds": len(found),
                "of": number,
            }
    return {
        "properties": PROPERTIES,
        "unit": "eV",
        "published": PUBLISHED,
        "means": means,
        "rows": rows,
        "processor": processor(),
        "versions": versions("torch", "lightning", "scikit-learn", "rdkit"),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
