"""One side of `dmpnn.py`: trains a D-MPNN for an epoch each time it is asked to, and answers with the seconds.

    python dmpnn_worker.py gnn_sim2real|chemprop SMILES_FILE THREADS

It is run by the interpreter that has the library, and imports no other. Both sides: hidden width 300, depth 3, ReLU,
mean over atoms, one hidden layer of 300 in the head, squared error, fused Adam, shuffled batches of 64, graphs made
before.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import torch

Batches = Callable[[], Iterator[tuple[torch.Tensor, torch.Tensor]]]
"""Pairs of prediction and truth of one epoch."""

Prepared = tuple[dict[str, int], torch.nn.Module, Batches]

HIDDEN_DIM, DEPTH, BATCH_SIZE, RATE = 300, 3, 64, 1e-4


def main() -> None:
    library, file, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    smiles = Path(file).read_text().split()
    labels = torch.randn(len(smiles), 1)
    size, model, batches = {"gnn_sim2real": prepare_own, "chemprop": prepare_chemprop}[library](smiles, labels)
    versions = {name: version(name) for name in (library, "torch", "rdkit", "numpy")}
    answer(size | {"parameters": sum(each.numel() for each in model.parameters()), "versions": versions})
    epoch = trainer(model, batches)
    for _ in sys.stdin:
        start = time.perf_counter()
        loss = epoch()
        answer({"seconds": time.perf_counter() - start, "loss": loss})


def answer(content: object) -> None:
    print(json.dumps(content), flush=True)


def trainer(model: torch.nn.Module, batches: Batches) -> Callable[[], float]:
    """What trains an epoch and gives its loss."""
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
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


def prepare_own(smiles: list[str], labels: torch.Tensor) -> Prepared:
    from gnn_sim2real.featurize.featurizer import get_featurizer
    from gnn_sim2real.nn import DMPNN, PropertyModel
    from gnn_sim2real.nn.model import PropertySpec
    from gnn_sim2real.store.graphs import GraphStore
    from gnn_sim2real.store.loader import MaterialSet, make_loader

    graphs = [get_featurizer("molecule").featurize(each) for each in smiles]
    size = {"atoms": sum(graph.num_nodes for graph in graphs), "edges": sum(graph.num_edges for graph in graphs)}
    materials = MaterialSet(GraphStore.from_graphs(graphs), torch.arange(len(smiles)), labels)
    loader = make_loader(materials, BATCH_SIZE, seed=0)
    model = PropertyModel(DMPNN(hidden_dim=HIDDEN_DIM, num_layers=DEPTH), [PropertySpec("label", "")])
    return size, model, lambda: ((model(batch), batch.targets) for batch in loader)


def prepare_chemprop(smiles: list[str], labels: torch.Tensor) -> Prepared:
    from chemprop import data, models, nn

    points = [data.MoleculeDatapoint.from_smi(each, label) for each, label in zip(smiles, labels.numpy(), strict=True)]
    dataset = data.MoleculeDataset(points)
    dataset.cache = True
    graphs = [datum.mg for datum in dataset]
    size = {"atoms": sum(len(graph.V) for graph in graphs), "edges": sum(len(graph.E) for graph in graphs)}
    loader = data.build_dataloader(dataset, batch_size=BATCH_SIZE, num_workers=0, seed=0)
    model = models.MPNN(
        nn.BondMessagePassing(d_h=HIDDEN_DIM, depth=DEPTH),
        nn.MeanAggregation(),
        nn.RegressionFFN(input_dim=HIDDEN_DIM, hidden_dim=HIDDEN_DIM),
        batch_norm=False,
    )
    return size, model, lambda: ((model(batch.bmg, batch.V_d, batch.X_d), batch.Y) for batch in loader)


if __name__ == "__main__":
    main()
