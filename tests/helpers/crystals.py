"""Crystals of known geometry, other descriptions of the same crystal, and what must not depend on the description."""

import numpy as np
from pymatgen.core.lattice import Lattice
from pymatgen.core.periodic_table import Element

from gnn_sim2real.featurize.crystal import Crystal

FCC = [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
BCC = [[-0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.5, 0.5, -0.5]]
CUBIC = np.eye(3)


def crystal(cell, numbers, fractional, scale=1.0):
    return Crystal(
        np.array(cell, float) * scale, np.array(numbers, np.uint8), np.array(fractional, float).reshape(-1, 3)
    )


COPPER = crystal(FCC, [29], [[0, 0, 0]], 3.615)
IRON = crystal(BCC, [26], [[0, 0, 0]], 2.866)
SILICON = crystal(FCC, [14, 14], [[0, 0, 0], [0.25, 0.25, 0.25]], 5.431)
ROCK_SALT = crystal(FCC, [11, 17], [[0, 0, 0], [0.5, 0.5, 0.5]], 5.640)
CESIUM_CHLORIDE = crystal(CUBIC, [55, 17], [[0, 0, 0], [0.5, 0.5, 0.5]], 4.123)
PEROVSKITE = crystal(
    CUBIC, [38, 22, 8, 8, 8], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]], 3.905
)
LONE = crystal(CUBIC, [54], [[0.2, 0.4, 0.6]], 20.0)
"""No neighbor within any sensible cutoff."""


def random_crystal(seed, num_sites=4):
    """No symmetry; about 15 angstrom^3 a site, no two sites closer than 1.2 angstrom."""
    rng = np.random.default_rng(seed)
    while True:
        lattice = np.eye(3) + 0.2 * rng.standard_normal((3, 3))
        lattice *= (15 * num_sites / abs(np.linalg.det(lattice))) ** (1 / 3)
        made = crystal(lattice, rng.integers(1, 90, num_sites), rng.random((num_sites, 3)))
        if np.linalg.norm(images(made, 3), axis=-1).min() > 1.2:
            return made


def images(made, span):
    """Vectors from all images of the second site to the first, by brute force; (sites, sites, images, 3)."""
    cells = np.stack(np.meshgrid(*[np.arange(-span, span + 1)] * 3, indexing="ij"), -1).reshape(-1, 3)
    position = made.fractional % 1 @ made.lattice
    vectors = position[:, None, None] - position[None, :, None] - (cells @ made.lattice)[None, None]
    itself = (cells == 0).all(1)
    for site in range(made.num_sites):
        vectors[site, site, itself] = np.inf
    return vectors


def other_cell(made, change):
    """The same crystal in another lattice basis; `change` holds whole numbers, its determinant the number of cells."""
    change = np.array(change)
    count = round(abs(np.linalg.det(change)))
    span = np.abs(change).sum() if count > 1 else 0
    cells = np.stack(np.meshgrid(*[np.arange(-span, span + 1)] * 3, indexing="ij"), -1).reshape(-1, 3)
    inside = np.linalg.solve(change.T, cells.T).T
    inside = inside[((inside > -1e-9) & (inside < 1 - 1e-9)).all(1)]
    assert len(inside) == count
    start = np.linalg.solve(change.T.astype(float), made.fractional.T).T
    fractional = (start[:, None] + inside[None]).reshape(-1, 3)
    return crystal(change @ made.lattice, np.repeat(made.atomic_number, count), fractional)


def surroundings(graph):
    """What each atom sees: its element, elements and distances of its neighbors, and sums over the angles between them.

    Sums and sorted values, so that neither the order of edges nor a tie matters.
    """
    seen = []
    for site in range(graph.num_nodes):
        here = graph.edge_index[1] == site
        vectors = graph.edge_vector[here].astype(float)
        lengths = np.linalg.norm(vectors, axis=1)
        around = np.sort(1000 * graph.atomic_number[graph.edge_index[0][here]].astype(float) + lengths)
        angles = vectors @ vectors.T / np.outer(lengths, lengths)
        sums = [(angles**power * lengths[:, None]).mean() if len(vectors) else 0.0 for power in (1, 2, 3)]
        seen.append(np.array([graph.atomic_number[site], *sums, *around]))
    return seen


def assert_same_surroundings(first, second, owner):
    """Each site of the second graph sees what site `owner` of the first does."""
    ours, theirs = surroundings(first), surroundings(second)
    for here, there in zip(owner, theirs, strict=True):
        assert len(ours[here]) == len(there)
        np.testing.assert_allclose(there, ours[here], atol=2e-3)


def cell_row(made, name):
    """A row of a table of cells."""
    a, b, c, alpha, beta, gamma = Lattice(made.lattice).parameters
    symbols = " ".join(str(Element.from_Z(int(number))) for number in made.atomic_number)
    frac = np.round(made.fractional.ravel() * 1e8).astype(np.int32)
    return {"material_id": name, "a": a, "b": b, "c": c, "alpha": alpha, "beta": beta, "gamma": gamma} | {
        "species": symbols,
        "frac_e8": frac,
    }
