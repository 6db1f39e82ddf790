"""Does an encoder that was pretrained without labels help where few polymers are measured?

Repeat units of SMiPoly (Ohno et al., J. Chem. Inf. Model. 2023, 63, 5539, doi 10.1021/acs.jcim.3c00329; BSD-3), as many
of each class as there are, up to a limit, without those of the targets. Predicted are the elements of masked atoms (Hu
et al., Strategies for Pre-training Graph Neural Networks, arXiv 1905.12265) and RDKit's descriptors of the polymer, of
one scale. The encoder then learns measured densities and glass transitions of SimPoly, which come with the package,
beside the same encoder from scratch: five test parts, 25 and 50 polymers, the settings of
configs/polymer/density_open/scratch.yaml, for the pretrained one with a tenth of the learning rate in the encoder. It
would join the starter library if its error were lower by more than two standard errors in one of the four cases, and
higher in none. What is done is found in `runs/unlabelled.json`.

    GNN_SIM2REAL_DATA=... python benchmarks/unlabelled.py
"""

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import torch
from lightning.pytorch import seed_everything
from machine import processor, publish, versions
from numpy.typing import NDArray
from rdkit.Chem import rdMolDescriptors
from torch import Tensor, nn

from datamodules import PolymerTable
from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.featurize.physical_descriptors import capped_oligomer
from gnn_sim2real.graph import NUM_ELEMENTS, GraphBatch
from gnn_sim2real.library import TrainedModel, save_model
from gnn_sim2real.nn import GINE, PropertyModel
from gnn_sim2real.nn.model import PropertySpec
from gnn_sim2real.store.graphs import GraphStore
from gnn_sim2real.tasks import TargetFineTuning
from gnn_sim2real.tasks.small_training import train_small

_RESULT = Path(__file__).parent / "results" / "unlabelled.json"
_DONE, _MODEL = Path("runs/unlabelled.json"), Path("runs/unlabelled")

TARGETS = {"density": ("density_g_cm3", "g/cm3"), "glass_transition": ("tg_K", "K")}
SIZES, SPLITS = (25, 50), range(5)
MASKED = 0.15
"""Share of atoms whose element is hidden."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-class", type=int, default=600)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    done = json.loads(_DONE.read_text()) if _DONE.exists() else {}
    if not _MODEL.exists():
        units = choose_units(arguments.per_class)
        done["pretraining"] = pretrain(units, arguments.steps)
        _write(done)
    for prop, size, split, start in cells():
        name = f"{prop} {size} {split} {start}"
        if name not in done:
            done[name] = fine_tune(prop, size, split, start)
            _write(done)
            print(name, done[name], flush=True)
    publish(summarize(done), arguments.output)


def _write(done: dict[str, Any]) -> None:
    _DONE.parent.mkdir(exist_ok=True)
    _DONE.write_text(json.dumps(done, indent=1))


def cells() -> list[tuple[str, int, int, str]]:
    starts = ("scratch", "pretrained")
    return [(prop, size, split, start) for prop in TARGETS for size in SIZES for split in SPLITS for start in starts]


def target(prop: str, **settings: Any) -> PolymerTable:
    column, unit = TARGETS[prop]
    return PolymerTable(prop, column, unit, name="simpoly", test_fraction=0.2, validation_fraction=0, **settings)


def choose_units(per_class: int) -> pd.DataFrame:
    """So many repeat units of each class, drawn at random, without those of the targets."""
    path = Path(os.environ["GNN_SIM2REAL_DATA"]) / "polymer/smipoly_unlabelled/smipoly.parquet"
    frame = pd.read_parquet(path).sample(frac=1, random_state=0)
    frame = frame.groupby("polymer_class", sort=True).head(per_class)
    measured = {name for prop in TARGETS for name in target(prop).table.identities}
    identity = get_featurizer("repeat_unit").identity
    return frame[[identity(unit) not in measured for unit in frame["smiles"]]].reset_index(drop=True)


def describe(units: list[str]) -> Tensor:
    """RDKit's quick descriptors of a capped oligomer of each, standardized; those that are the same for all are out."""
    properties = rdMolDescriptors.Properties()
    columns = np.array([list(properties.ComputeProperties(capped_oligomer(unit))) for unit in units])
    spread = columns.std(axis=0)
    columns = (columns - columns.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    return torch.from_numpy(np.clip(columns, -5, 5)).float()


def mask(batch: GraphBatch, generator: torch.Generator) -> tuple[GraphBatch, Tensor]:
    """A batch in which nothing is known of some atoms but their bonds, and which atoms these are."""
    hidden = torch.rand(len(batch.atomic_number), generator=generator) < MASKED
    codes = batch.need("atom_codes")
    masked = replace(
        batch,
        atomic_number=batch.atomic_number.masked_fill(hidden, 0),
        atom_codes=codes.masked_fill(hidden[:, None], 0),
    )
    return masked, hidden


def pretrain(units: pd.DataFrame, steps: int) -> dict[str, Any]:
    """Pretrain the encoder and save it."""
    start, featurizer = time.process_time(), get_featurizer("repeat_unit")
    spellings = units["smiles"].tolist()
    store, wanted = GraphStore.from_graphs(list(map(featurizer.featurize, spellings))), describe(spellings)
    seed_everything(0, verbose=False)
    encoder = GINE(hidden_dim=64, num_layers=3, dropout=0.1)
    elements, columns = (
        nn.Linear(64, NUM_ELEMENTS),
        nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, wanted.shape[1])),
    )
    vectors: list[Tensor] = []
    encoder.convolutions[-1].register_forward_hook(lambda module, given, made: vectors.append(made))
    network = nn.ModuleList([encoder, elements, columns])
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-5)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    generator = torch.Generator().manual_seed(0)
    losses: list[list[float]] = []
    for _ in range(steps):
        rows = torch.randperm(len(store), generator=generator)[:64]
        batch, hidden = mask(store.select(rows), generator)
        described = columns(encoder(batch))
        atoms = elements(vectors.pop()[hidden])
        of_atoms = nn.functional.cross_entropy(atoms, store.select(rows).atomic_number[hidden].long())
        of_descriptors = nn.functional.mse_loss(described, wanted[rows])
        optimizer.zero_grad()
        (of_atoms + of_descriptors).backward()
        optimizer.step()
        schedule.step()
        losses.append([float(of_atoms.detach()), float(of_descriptors.detach())])
    encoder.convolutions[-1]._forward_hooks.clear()
    model = PropertyModel(encoder, [PropertySpec("nothing", "")])
    save_model(TrainedModel(model.eval(), featurizer, {}), _MODEL)
    last = np.mean(losses[-100:], axis=0).tolist()
    return {
        "units": len(units),
        "classes": units["polymer_class"].value_counts().to_dict(),
        "descriptors": wanted.shape[1],
        "steps": steps,
        "cross_entropy_of_masked_atoms": round(last[0], 4),
        "squared_error_of_descriptors": round(last[1], 4),
        "seconds": round(time.process_time() - start),
    }


def fine_tune(prop: str, size: int, split: int, start: str) -> dict[str, Any]:
    """Mean absolute error on the test part."""
    data = target(prop, size=size, split=split, batch_size=16)
    seed_everything(0, verbose=False)
    settings: dict[str, Any] = {"optimizer": lambda given: torch.optim.AdamW(given, lr=1e-3, weight_decay=1e-5)}
    if start == "pretrained":
        settings |= {"pretrained": str(_MODEL), "encoder_rate": 0.1}
    task = TargetFineTuning(GINE(hidden_dim=64, num_layers=3, dropout=0.1), **settings)
    train_small(task, data, 50)
    network, rows = task.network.eval(), data.parts.test
    with torch.no_grad():
        predicted: NDArray[np.float64] = network.predict(data.store.select(torch.from_numpy(rows))).double().numpy()
    error = float(np.abs(predicted[:, 0] - data.table.values[rows, 0]).mean())
    return {"property": prop, "size": size, "split": split, "start": start, "mae": float(f"{error:.4g}")}


def summarize(done: dict[str, Any]) -> dict[str, Any]:
    """Means over the test parts, and of the difference between the two starts with its standard error."""
    rows = [row for name, row in done.items() if name != "pretraining"]
    means = []
    for prop in TARGETS:
        for size in SIZES:
            error = {
                start: np.array(
                    [row["mae"] for row in rows if (row["property"], row["size"], row["start"]) == (prop, size, start)]
                )
                for start in ("scratch", "pretrained")
            }
            if not len(error["pretrained"]) or len(error["pretrained"]) != len(error["scratch"]):
                continue
            gain = error["scratch"] - error["pretrained"]
            deviation = gain.std(ddof=1) / len(gain) ** 0.5 if len(gain) > 1 else float("nan")
            numbers = {
                "scratch": error["scratch"].mean(),
                "pretrained": error["pretrained"].mean(),
                "gain": gain.mean(),
                "standard_error": deviation,
            }
            means.append(
                {"property": prop, "unit": TARGETS[prop][1], "size": size, "test_parts": len(gain)}
                | {name: float(f"{value:.3g}") for name, value in numbers.items()}
            )
    return {
        "pretraining": done["pretraining"],
        "means": means,
        "rows": rows,
        "processor": processor(),
        "versions": versions("torch", "lightning", "rdkit"),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
