"""Batches of graphs from spellings."""

from functools import cache

import torch

from gnn_sim2real.featurize.atom_descriptors import describe_molecule, describe_repeat_unit
from gnn_sim2real.graph import Graph, GraphBatch
from gnn_sim2real.store.graphs import GraphStore

# The same few spellings are described again and again.
_of_unit, _of_molecule = cache(describe_repeat_unit), cache(describe_molecule)


def batch_of(*graphs: Graph) -> GraphBatch:
    return GraphStore.from_graphs(graphs).select(torch.arange(len(graphs)))


def units(*spellings: str) -> GraphBatch:
    return batch_of(*(_of_unit(each) for each in spellings))


def molecules(*spellings: str) -> GraphBatch:
    return batch_of(*(_of_molecule(each) for each in spellings))
