"""Values of a material of which only some atoms are left, for any encoder."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from gnn_sim2real.graph import EDGE_FIELDS, NODE_FIELDS, SPECIES_FIELDS, Graph, GraphBatch
from gnn_sim2real.library import TrainedModel
from gnn_sim2real.store.graphs import GraphStore

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_BATCH = 512


def keep_atoms(graph: Graph, kept: Bools) -> Graph:
    """A graph of which some atoms, with all their bonds or neighbors, are taken away.

    What is known of the other atoms, such as their number of neighbors, stays as it was in the whole material.

    Args:
        graph: The graph.
        kept: Whether an atom is left, (num_nodes,).
    """
    edges = kept[graph.edge_index].all(axis=0)
    number = np.cumsum(kept) - 1
    rows = [(NODE_FIELDS, kept), (EDGE_FIELDS[1:], edges)]  # but for the edges themselves, whose nodes are renumbered
    if graph.species_count is not None:
        rows.append((SPECIES_FIELDS, np.repeat(kept, graph.species_count)))
    left = {name: value[some] for names, some in rows for name in names if (value := getattr(graph, name)) is not None}
    return replace(graph, edge_index=number[graph.edge_index[:, edges]].astype(np.int32), **left)


def values_of_subsets(models: Sequence[TrainedModel], graph: Graph, subsets: Bools, column: int = 0) -> Floats:
    """Predict a material of which only some atoms are left.

    Args:
        models: Models of one property, on the same graphs.
        graph: The material.
        subsets: Whether an atom is left, (num_subsets, num_nodes), at least one in each.
        column: Number of the property.

    Returns:
        (num_models, num_subsets), physical units.
    """
    found = np.empty((len(models), len(subsets)))
    for start in range(0, len(subsets), _BATCH):
        some = slice(start, start + _BATCH)
        store = GraphStore.from_graphs([keep_atoms(graph, kept) for kept in subsets[some]])
        batch = store.select(torch.arange(len(store)))
        for row, model in enumerate(models):
            with torch.inference_mode():
                found[row, some] = model.network.predict(batch)[:, column].double().numpy()
    return found


def values_of_nothing(models: Sequence[TrainedModel], batch: GraphBatch, column: int = 0) -> Floats:
    """What models predict where the network says nothing: the mean, or typical, value of their training materials.

    Args:
        models: The models.
        batch: One material.
        column: Number of the property.

    Returns:
        (num_models,), physical units.
    """
    found = []
    for model in models:
        with torch.inference_mode():
            outputs = torch.zeros_like(model.network(batch))
            found.append(float(model.network.values(outputs, batch)[0, column]))
    return np.array(found)
