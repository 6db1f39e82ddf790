"""One side of `dmpnn.py`: trains a D-MPNN for an epoch each time it is asked to, and answers with the seconds.

    python dmpnn_worker.py gnn_sim2real|chemprop SMILES_FILE THREADS

It is run by the interpreter that has the library, and imports no other. Both sides: hidden width 300, depth 3, ReLU, mean
over atoms, one hidden layer of 300 in the head, squared error, Adam, shuffled batches of 64, graphs made beforehand.
"""

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import torch

HIDDEN_DIM, DEPTH, BATCH_SIZE, RATE = 300, 3, 64, 1e-4


def main() -> None:
    library, file, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    smiles = Path(file).read_text().split()
    labels = torch.randn(len(smiles), 1)
    model, epoch = {"gnn_sim2real": prepare_own, "chemprop": prepare_chemprop}[library](smiles, labels)
    versions = {name: version(name) for name in (library, "torch", "rdkit", "numpy")}
    answer({"parameters": sum(each.numel() for each in model.parameters()), "versions": versions})
    for _ in sys.stdin:
        start = time.perf_counter()
        loss = epoch()
        answer({"seconds": time.perf_counter() - start, "loss": loss})


def answer(content: object) -> None:
    print(json.dumps(content), flush=True)


def train(model: torch.nn.Module, batches: Callable[[], object]) -> Callable[[], float]:
    """An epoch over pairs of prediction and truth."""
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    model.train()

    def epoch() -> float:
        total = 0.0
        for prediction, truth in batches():
            loss = (prediction - truth).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        return total

    return epoch


def prepare_own(smiles: list[str], labels: torch.Tensor) -> tuple[torch.nn.Module, Callable[[], float]]:
    from gnn_sim2real.featurize.featurizer import get_featurizer
    from gnn_sim2real.loader import MaterialSet, make_loader
    from gnn_sim2real.nn import DMPNN, PropertyModel
    from gnn_sim2real.nn.model import PropertySpec
    from gnn_sim2real.store import GraphStore

    featurize = get_featurizer("molecule").featurize
    store = GraphStore.from_graphs(featurize(each) for each in smiles)
    loader = make_loader(MaterialSet(store, torch.arange(len(smiles)), labels), BATCH_SIZE, seed=0)
    model = PropertyModel(DMPNN(hidden_dim=HIDDEN_DIM, num_layers=DEPTH), [PropertySpec("label", "")])
    return model, train(model, lambda: ((model(batch), batch.targets) for batch in loader))


def prepare_chemprop(smiles: list[str], labels: torch.Tensor) -> tuple[torch.nn.Module, Callable[[], float]]:
    from chemprop import data, models, nn

    points = [data.MoleculeDatapoint.from_smi(each, label) for each, label in zip(smiles, labels.numpy(), strict=True)]
    dataset = data.MoleculeDataset(points)
    dataset.cache = True
    loader = data.build_dataloader(dataset, batch_size=BATCH_SIZE, num_workers=0, seed=0)
    model = models.MPNN(
        nn.BondMessagePassing(d_h=HIDDEN_DIM, depth=DEPTH),
        nn.MeanAggregation(),
        nn.RegressionFFN(input_dim=HIDDEN_DIM, hidden_dim=HIDDEN_DIM),
        batch_norm=False,
    )
    return model, train(model, lambda: ((model(batch.bmg, batch.V_d, batch.X_d), batch.Y) for batch in loader))


if __name__ == "__main__":
    main()
