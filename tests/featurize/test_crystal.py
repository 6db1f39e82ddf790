"""The graph of a crystal is a matter of the infinite crystal, not of how it was written down."""

import numpy as np
import pytest
from crystals import (
    BCC,
    CESIUM_CHLORIDE,
    COPPER,
    CUBIC,
    FCC,
    IRON,
    LONE,
    PEROVSKITE,
    ROCK_SALT,
    SILICON,
    assert_same_surroundings,
    crystal,
    images,
    other_cell,
    random_crystal,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_sim2real.featurize.crystal import Crystal, crystal_graph

ALL = [COPPER, IRON, SILICON, ROCK_SALT, CESIUM_CHLORIDE, PEROVSKITE]
SETTINGS = [(6.0, 12), (6.0, 1), (4.0, None), (3.1, 12)]


def degrees(graph):
    return np.bincount(graph.edge_index[1], minlength=graph.num_nodes)


def lengths(graph):
    return np.linalg.norm(graph.edge_vector.astype(float), axis=1)


@pytest.mark.parametrize(
    ("made", "shells"),
    [
        (COPPER, {12: 3.615 / 2**0.5}),
        (IRON, {8: 2.866 * 0.75**0.5, 6: 2.866}),
        (SILICON, {4: 5.431 * 3**0.5 / 4, 12: 5.431 / 2**0.5}),
        (ROCK_SALT, {6: 2.82, 12: 5.64 / 2**0.5}),
        (CESIUM_CHLORIDE, {8: 4.123 * 0.75**0.5, 6: 4.123}),
    ],
)
def test_shells_of_simple_crystals_are_whole(made, shells):
    graph = crystal_graph(made)
    wanted = sorted(radius for count, radius in shells.items() for _ in range(count))
    for site in range(made.num_sites):
        found = np.sort(lengths(graph)[graph.edge_index[1] == site])
        np.testing.assert_allclose(found, wanted, atol=1e-6)


@given(seed=st.integers(0, 10**6), cutoff=st.floats(1.5, 5.0))
@settings(max_examples=30)
def test_all_within_the_cutoff_as_by_brute_force(seed, cutoff):
    made = random_crystal(seed)
    graph = crystal_graph(made, cutoff, None)
    vectors = images(made, 8)
    distances = np.linalg.norm(vectors, axis=-1)
    for here in range(made.num_sites):
        for there in range(made.num_sites):
            wanted = np.sort(distances[here, there][distances[here, there] < cutoff])
            edges = (graph.edge_index[1] == here) & (graph.edge_index[0] == there)
            np.testing.assert_allclose(np.sort(lengths(graph)[edges]), wanted, atol=1e-5)
            # From the source to the destination, in the image that is meant.
            for vector in graph.edge_vector[edges]:
                assert np.abs(vectors[here, there] - vector).sum(-1).min() < 1e-4


@given(seed=st.integers(0, 10**6), max_neighbors=st.integers(1, 20))
@settings(max_examples=30)
def test_an_edge_stands_where_either_end_counts_the_other(seed, max_neighbors):
    made = random_crystal(seed)
    distances = np.linalg.norm(images(made, 5), axis=-1)
    reach = np.sort(distances.reshape(made.num_sites, -1), axis=1)[:, max_neighbors - 1] + 0.0107
    near = np.minimum(np.maximum(reach[:, None], reach[None, :]), 6.0)
    wanted = (distances <= near[..., None]).sum(-1)
    graph = crystal_graph(made, 6.0, max_neighbors)
    found = np.zeros_like(wanted)
    np.add.at(found, (graph.edge_index[1], graph.edge_index[0]), 1)
    assert (found == wanted).all()


@pytest.mark.parametrize("made", [*ALL, random_crystal(1), random_crystal(2, 9)])
def test_every_edge_stands_in_both_directions_once(made):
    for cutoff, max_neighbors in SETTINGS:
        graph = crystal_graph(made, cutoff, max_neighbors)
        there = np.column_stack([graph.edge_index.T, graph.edge_vector])
        back = np.column_stack([graph.edge_index[::-1].T, -graph.edge_vector])
        rounded = {tuple(row) for row in there.tolist()}
        assert rounded == {tuple((row + 0.0).tolist()) for row in back}
        assert len(rounded) == graph.num_edges
        assert (np.diff(graph.edge_index[1]) >= 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_a_pair_at_the_very_cutoff_stands_in_both_directions_or_not_at_all(seed):
    """The rounding of a distance is another one in each direction."""
    made = random_crystal(seed, 6)
    for distance in np.sort(np.linalg.norm(images(made, 1), axis=-1), axis=None)[:120:2].tolist():
        graph = crystal_graph(made, distance + 1e-5, None)
        there = {tuple(row) for row in np.column_stack([graph.edge_index.T, graph.edge_vector]).tolist()}
        back = np.column_stack([graph.edge_index[::-1].T, -graph.edge_vector]) + 0.0
        assert there == {tuple(row) for row in back.tolist()}


UNIMODULAR = [
    [[1, 1, 0], [0, 1, 0], [0, 0, 1]],
    [[0, 1, 0], [0, 0, 1], [1, 0, 0]],
    [[1, 0, 0], [3, 1, 0], [-2, 5, 1]],
    [[1, 40, 0], [0, 1, 0], [0, -30, 1]],  # angles below 3 degrees, an edge of more than 100 angstrom
]
SUPERCELLS = [
    [[2, 0, 0], [0, 1, 0], [0, 0, 1]],
    [[1, 0, 0], [0, 3, 0], [1, 0, 1]],
    [[-1, 1, 1], [1, -1, 1], [1, 1, -1]],  # the conventional cell of fcc
    [[2, 1, 0], [0, 2, 1], [1, 0, -2]],  # left-handed
]


@pytest.mark.parametrize("made", [*ALL, random_crystal(3), random_crystal(4, 7), LONE])
@pytest.mark.parametrize(("cutoff", "max_neighbors"), [(6.0, 12), (4.0, None)])
def test_another_cell_of_the_same_crystal(made, cutoff, max_neighbors):
    first = crystal_graph(made, cutoff, max_neighbors)
    for change in UNIMODULAR + SUPERCELLS:
        other = other_cell(made, change)
        owner = np.repeat(np.arange(made.num_sites), other.num_sites // made.num_sites)
        assert_same_surroundings(first, crystal_graph(other, cutoff, max_neighbors), owner)


@pytest.mark.parametrize("made", [SILICON, PEROVSKITE, random_crystal(5, 6)])
def test_the_niggli_and_the_lll_cell(made):
    from pymatgen.core import Structure

    structure = Structure(made.lattice, made.atomic_number.tolist(), made.fractional)
    for kind in ("niggli", "LLL"):
        reduced = structure.get_reduced_structure(kind)
        other = Crystal(np.array(reduced.lattice.matrix), made.atomic_number, np.array(reduced.frac_coords))
        assert_same_surroundings(crystal_graph(made), crystal_graph(other), range(made.num_sites))


@given(seed=st.integers(0, 10**6))
@settings(max_examples=25)
def test_order_place_image_rotation_and_handedness(seed):
    made = random_crystal(seed, 5)
    rng = np.random.default_rng(seed)
    order = rng.permutation(5)
    rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0] * rng.choice([-1, 1])
    fractional = made.fractional[order] + rng.random(3) + rng.integers(-3, 4, (5, 3))
    other = crystal(made.lattice @ rotation, made.atomic_number[order], fractional)
    for cutoff, max_neighbors in SETTINGS:
        first, second = (crystal_graph(each, cutoff, max_neighbors) for each in (made, other))
        assert_same_surroundings(first, second, order)


def test_vectors_turn_with_the_crystal():
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    turned = Crystal(PEROVSKITE.lattice @ rotation, PEROVSKITE.atomic_number, PEROVSKITE.fractional)
    first, second = crystal_graph(PEROVSKITE), crystal_graph(turned)
    assert (first.edge_index == second.edge_index).all()
    np.testing.assert_allclose(first.edge_vector @ rotation, second.edge_vector, atol=1e-5)


def test_an_atom_on_the_border_of_the_cell():
    """A tiny negative coordinate wraps to 1, which is 0 again."""
    near = [crystal(CUBIC, [11, 17], [[shift, 0, 0], [0.5, 0.5, 0.5]], 4.0) for shift in (0.0, -1e-18, 1 - 1e-12)]
    graphs = [crystal_graph(each) for each in near]
    for graph in graphs[1:]:
        assert_same_surroundings(graphs[0], graph, range(2))


def test_one_atom_joined_to_its_own_images():
    graph = crystal_graph(COPPER)
    assert graph.num_nodes == 1
    assert not graph.edge_index.any()
    np.testing.assert_allclose(graph.edge_vector.sum(0), 0, atol=1e-5)


def test_atoms_without_neighbors():
    graph = crystal_graph(LONE)
    assert (graph.num_nodes, graph.num_edges) == (1, 0)
    assert graph.edge_vector.shape == (0, 3)
    # One lone atom beside a molecule.
    graph = crystal_graph(crystal(CUBIC, [8, 8, 54], [[0, 0, 0], [0.06, 0, 0], [0.5, 0.5, 0.5]], 20.0))
    assert degrees(graph).tolist() == [1, 1, 0]


def test_a_shell_at_the_cutoff_is_in_or_out_as_a_whole():
    made = crystal(CUBIC, [84], [[0, 0, 0]], 3.0)
    for cell in (made, other_cell(made, UNIMODULAR[2]), other_cell(made, SUPERCELLS[3])):
        assert set(degrees(crystal_graph(cell, 3.0, None))) == {0}
        assert set(degrees(crystal_graph(cell, 3.0001, None))) == {6}


def test_distances_that_differ_by_the_rounding_of_a_file_are_one_shell():
    fractional = [[0.0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    exact = crystal(CUBIC, [29] * 4, fractional, 3.615)
    rough = crystal(
        CUBIC, [29] * 4, np.array(fractional) + np.random.default_rng(0).uniform(-5e-5, 5e-5, (4, 3)), 3.615
    )
    assert degrees(crystal_graph(exact)).tolist() == degrees(crystal_graph(rough)).tolist() == [12] * 4


@pytest.mark.parametrize("max_neighbors", [1, 2])
def test_no_sphere_that_is_searched_cuts_through_a_shell(max_neighbors):
    """Two neighbors at 3, and two at 3.005 angstrom, which is one shell. The volume says how far the search reaches."""
    for length in np.arange(3.05, 9.0, 0.01):
        made = crystal(np.diag([3.0, 3.005, length]), [29], [[0, 0, 0]])
        assert crystal_graph(made, 6.0, max_neighbors).num_edges == 4


@pytest.mark.parametrize("distance", [0.0, 0.03, 0.4])
def test_a_site_written_twice(distance):
    made = crystal(CUBIC, [11, 17, 17], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5 + distance / 4]], 4.0)
    for settings_of in SETTINGS:
        with pytest.raises(ValueError, match=rf"{distance:.3f} angstrom"):
            crystal_graph(made, *settings_of)


def test_a_cell_in_nanometers():
    with pytest.raises(ValueError, match=r"0\.256 angstrom.* 0\.5\b"):
        crystal_graph(crystal(FCC, [29], [[0, 0, 0]], 0.3615))


@pytest.mark.parametrize(
    ("cell", "numbers", "fractional", "values"),
    [
        (CUBIC, [], [], r"\bsite\b"),
        (CUBIC, [0], [[0, 0, 0]], r"\b1\b.*\b118\b.*\b0\b"),
        (CUBIC, [119], [[0, 0, 0]], r"\b1\b.*\b118\b.*\b119\b"),
        ([[1, 0, 0], [2, 0, 0], [0, 0, 1]], [1], [[0, 0, 0]], r"volume .*\b0 angstrom\^3"),
        (CUBIC * np.nan, [1], [[0, 0, 0]], "finite"),
        (CUBIC, [1], [[0, np.inf, 0]], "finite"),
        (CUBIC, [1, 2], [[0, 0, 0]], r"\(1, 3\).*\b2 sites"),
    ],
)
def test_what_is_not_a_crystal(cell, numbers, fractional, values):
    with pytest.raises(ValueError, match=values):
        crystal(cell, numbers, fractional, 4.0)


def test_a_crystal_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        random_crystal(0).fractional[0, 0] = 0.5


def test_the_fields_of_a_graph_with_geometry():
    graph = crystal_graph(ROCK_SALT)
    assert graph.atomic_number.tolist() == [11, 17]
    assert graph.node_weight.tolist() == [1, 1]
    assert graph.atom_codes is graph.bond_codes is graph.crosses_cell is None
    assert (graph.edge_index.dtype, graph.edge_vector.dtype) == (np.int32, np.float32)


def test_volume():
    assert pytest.approx(3.615**3 / 4) == COPPER.volume
    assert crystal(BCC, [26], [[0, 0, 0]], 2.866).volume == pytest.approx(2.866**3 / 2)
