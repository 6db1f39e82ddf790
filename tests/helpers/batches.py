"""Batches of graphs from spellings."""

import torch

from gnn_sim2real.featurize.repeat_unit import featurize_molecule, featurize_repeat_unit
from gnn_sim2real.graph import Graph, GraphBatch
from gnn_sim2real.store import GraphStore


def batch_of(*graphs: Graph) -> GraphBatch:
    return GraphStore.from_graphs(graphs).select(torch.arange(len(graphs)))


def units(*spellings: str) -> GraphBatch:
    return batch_of(*(featurize_repeat_unit(each) for each in spellings))


def molecules(*spellings: str) -> GraphBatch:
    return batch_of(*(featurize_molecule(each) for each in spellings))
