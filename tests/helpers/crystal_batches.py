"""Crystals in double precision, with neighbors by pymatgen: for what an encoder must hold to."""

from functools import cache

import numpy as np
import torch
from pymatgen.core import Lattice, Structure

from gnn_sim2real.graph import GraphBatch

CUTOFF = 4.0


@cache
def random_crystal(seed: int, num_atoms: int) -> Structure:
    """A skewed cell of atoms at least 1.3 angstrom apart, without any symmetry."""
    rng = np.random.default_rng([seed, num_atoms])
    lengths = rng.uniform(2.2, 3.2, 3) * num_atoms ** (1 / 3)
    lattice = Lattice.from_parameters(*lengths, *rng.uniform(70, 110, 3))
    elements = rng.choice(["Na", "Cl", "Si", "O", "Fe"], num_atoms)
    while True:
        crystal = Structure(lattice, elements, rng.random((num_atoms, 3)))
        if num_atoms == 1 or (crystal.distance_matrix + 9 * np.eye(num_atoms)).min() > 1.3:
            return crystal


@cache
def copper() -> Structure:
    """One atom a cell, whose neighbors are nothing but its own images."""
    return Structure(Lattice([[0, 1.8, 1.8], [1.8, 0, 1.8], [1.8, 1.8, 0]]), ["Cu"], [[0.3, 0.1, 0.2]])


CRYSTALS = [random_crystal(seed, 1 + seed) for seed in range(5)] + [copper()]


def batch_of(*crystals: Structure, nearest: int | None = None) -> GraphBatch:
    """Double precision, neighbors by pymatgen: all within the cutoff, or whole shells with the `nearest` of them."""
    vectors, edges, first = [], [np.zeros((2, 0), int)], 0
    for crystal in crystals:
        center, neighbor, image, distance = crystal.get_neighbor_list(CUTOFF)
        if nearest is not None:
            farthest = [np.sort(distance[center == atom])[:nearest].max(initial=0) for atom in range(len(crystal))]
            keep = distance <= np.array(farthest)[center] + 1e-6
            center, neighbor, image = center[keep], neighbor[keep], image[keep]
        to_neighbor = (crystal.frac_coords[neighbor] + image - crystal.frac_coords[center]) @ crystal.lattice.matrix
        vectors.append(-to_neighbor.reshape(-1, 3))
        edges.append(np.stack([neighbor, center]) + first)
        first += len(crystal)
    sizes = torch.tensor([len(crystal) for crystal in crystals])
    return GraphBatch(
        atomic_number=torch.tensor([site.specie.Z for crystal in crystals for site in crystal]),
        edge_index=torch.from_numpy(np.concatenate(edges, axis=1)),
        node_weight=torch.ones(first, dtype=torch.float64),
        component=torch.zeros(first, dtype=torch.int64),
        batch_index=torch.repeat_interleave(torch.arange(len(crystals)), sizes),
        row=torch.arange(len(crystals)),
        edge_vector=torch.from_numpy(np.concatenate(vectors)),
    )
