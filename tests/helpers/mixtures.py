"""Batches of mixtures from spellings."""

import torch

from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.featurize.mixture import Mixture
from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.store.mixtures import store_of

PAIRS = (
    ("*CC(*)c1ccccc1", "Cc1ccccc1"),
    ("*CCO*", "O"),
    ("*CC(*)c1ccccc1", "O"),
    ("*CCO*", "Cc1ccccc1"),
    ("*O[Si](*)(C)C", "CCCCCC"),
)


def pairs(*spellings: tuple[str, str], temperature: list[float] | None = None) -> GraphBatch:
    """Pairs of polymer and solvent, at temperatures [K] where given."""
    names = [] if temperature is None else ["temperature"]
    given = [{}] * len(spellings) if temperature is None else [{"temperature": each} for each in temperature]
    featurizer = get_featurizer("mixture", roles=["polymer", "solvent"], conditions=names)
    mixtures = [Mixture(pair, None, at) for pair, at in zip(spellings, given, strict=True)]
    return store_of(mixtures, featurizer).select(torch.arange(len(mixtures)))


def blends(*mixtures: dict[str, int | float], linkage: list[float | None] | None = None) -> GraphBatch:
    """Blends given as weight by spelling; copolymers where their linkage is given."""
    linkage = [None] * len(mixtures) if linkage is None else linkage
    made = [Mixture(tuple(e), tuple(e.values()), linkage=q) for e, q in zip(mixtures, linkage, strict=True)]
    return store_of(made, get_featurizer("mixture")).select(torch.arange(len(made)))
