"""Values of a material of which only some atoms are left, for any encoder."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from gnn_sim2real.graph import EDGE_FIELDS, NODE_FIELDS, SPECIES_FIELDS, Graph, GraphBatch
from gnn_sim2real.library import TrainedModel
from gnn_sim2real.store.graphs import GraphStore
from gnn_sim2real.store.mixtures import AnyStore, MixtureStore

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


def values_of_subsets(
    models: Sequence[TrainedModel], graphs: Sequence[Graph], whole: AnyStore, subsets: Bools, column: int = 0
) -> Floats:
    """Predict a material of which only some atoms are left.

    A component of a blend or copolymer without any atom is not there, and the shares of the others grow. One of a pair,
    which always has two, is an empty graph.

    Args:
        models: Models of one property, on the same graphs.
        graphs: The graph of the material, or of each component of a mixture.
        whole: The material alone.
        subsets: Whether an atom is left, (num_subsets, num_nodes of all graphs), at least one in each.
        column: Number of the property.

    Returns:
        (num_models, num_subsets), physical units.

    Raises:
        ValueError: If an encoder gives no number for a component without atoms.
    """
    found = np.empty((len(models), len(subsets)))
    for start in range(0, len(subsets), _BATCH):
        some = slice(start, start + _BATCH)
        store = _masked(graphs, whole, subsets[some], bool(models[0].featurizer.settings.get("roles")))
        batch = store.select(torch.arange(len(store)))
        for row, model in enumerate(models):
            with torch.inference_mode():
                found[row, some] = model.network.predict(batch)[:, column].double().numpy()
    if not np.isfinite(found).all():
        raise ValueError("an encoder of the model gives no number for a component of which no atom is left")
    return found


def _masked(graphs: Sequence[Graph], whole: AnyStore, subsets: Bools, is_pair: bool) -> AnyStore:
    """A material for each subset of its atoms."""
    if not isinstance(whole, MixtureStore):
        return GraphStore.from_graphs([keep_atoms(graphs[0], kept) for kept in subsets])
    made, number = list[Graph](), dict[tuple[int, bytes], int]()
    members = np.full((len(subsets), len(graphs)), -1, np.int32)
    ends = np.cumsum([each.num_nodes for each in graphs])[:-1]
    for place, (graph, atoms) in enumerate(zip(graphs, np.split(subsets, ends, axis=1), strict=True)):
        for row, kept in enumerate(atoms):
            if not (kept.any() or is_pair):
                continue
            key = (place, kept.tobytes())
            if key not in number:
                number[key] = len(made)
                made.append(keep_atoms(graph, kept))
            members[row, place] = number[key]
    there = members >= 0
    conditions = None if whole.conditions is None else np.repeat(whole.conditions, len(subsets), axis=0)
    linked = None if whole.linkage is None else np.where(there.sum(axis=1) > 1, whole.linkage[0], 0)
    linkage = None if linked is None else linked.astype(np.float32)
    weights = np.where(there, whole.weights[:1], 0).astype(np.float32)
    return MixtureStore(GraphStore.from_graphs(made), members, weights, conditions, linkage)


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
