"""Which crystals of a store are averages: sites of several elements, or vacant in part."""

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.store.graphs import GraphStore


def find_averages(store: GraphStore, rows: NDArray[np.int64] | None = None) -> NDArray[np.bool_]:
    """Find the graphs of disordered crystals; ordered approximants are ordered.

    Args:
        store: The graphs.
        rows: (num_materials,); rows of the store, all unless given.

    Returns:
        (num_materials,).
    """
    rows = np.arange(len(store)) if rows is None else rows
    found = np.zeros(len(rows), np.bool_)
    if "species_share" in store.tensors:
        share, owner = store.gather("species_share", rows)
        found[owner[share != 1]] = True
    return found
