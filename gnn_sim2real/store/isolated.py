"""Atoms without a neighbor within the cutoff: a model sees nothing of where they are."""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.store.graphs import GraphStore
from gnn_sim2real.store.mixtures import AnyStore, MixtureStore

logger = logging.getLogger(__name__)

_CHUNK = 8192


def count_isolated(store: GraphStore) -> NDArray[np.int64]:
    """Count the atoms of each material that have no edge.

    Args:
        store: The graphs.

    Returns:
        (num_materials,); 0 for a material without a graph.
    """
    found = []
    for first in range(0, len(store), _CHUNK):
        rows = np.arange(first, min(first + _CHUNK, len(store)))
        count = store.num_nodes[rows]
        edges, owner = store.gather("edge_index", rows)
        isolated = np.ones(int(count.sum()), np.bool_)
        isolated[edges[:, 1] + (np.cumsum(count) - count)[owner]] = False
        found.append(np.bincount(np.repeat(np.arange(len(rows)), count)[isolated], minlength=len(rows)))
    return np.concatenate([np.zeros(0, np.int64), *found])


def warn_of_isolated(store: AnyStore, names: Sequence[str], source: str) -> None:
    """Warn of crystals some of whose atoms have no neighbor; one in which no atom has any is refused before.

    Args:
        store: The graphs; those of molecules and repeat units, which have bonds, are not looked at.
        names: Name of each material.
        source: Where they are from, for the message.
    """
    if isinstance(store, MixtureStore) or "edge_vector" not in store.tensors:
        return
    count = count_isolated(store)
    if not count.any():
        return
    worst = np.argsort(-count, kind="stable")[: min(5, np.count_nonzero(count))].tolist()
    listed = ", ".join(f"{names[row]}: {count[row]} of {store.num_nodes[row]}" for row in worst)
    logger.warning(
        "%s: in %s of %s crystals some atoms have no neighbor within the cutoff, so that the model does not see where "
        "they are (%s); is the cell in angstrom, and the cutoff large enough?",
        *(source, f"{np.count_nonzero(count):,}", f"{len(count):,}", listed),
    )
