from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import Data

from gnn_sim2real.featurize.repeat_unit import featurize_repeat_unit
from gnn_sim2real.graph import Graph, from_pyg, to_pyg
from gnn_sim2real.store.graphs import GraphStore


def assert_same(first: Graph, second: Graph) -> None:
    for field in fields(Graph):
        left, right = getattr(first, field.name), getattr(second, field.name)
        if left is None or right is None:
            assert left is right, field.name
            continue
        assert left.dtype == right.dtype, field.name
        np.testing.assert_array_equal(left, right, err_msg=field.name)


@given(num_nodes=st.integers(1, 9), num_edges=st.integers(0, 20), seed=st.integers(0, 99))
def test_round_trip_through_torch_geometric(random_graph, num_nodes, num_edges, seed):
    graph = random_graph(num_nodes, num_edges, seed)
    data = to_pyg(graph)
    assert_same(from_pyg(data), graph)
    assert data.edge_index.dtype == torch.int64
    assert (data.num_nodes, data.num_edges) == (num_nodes, num_edges) == (graph.num_nodes, graph.num_edges)


def test_polymers_through_torch_geometric(repeat_units):
    for unit in repeat_units:
        graph = featurize_repeat_unit(unit)
        assert_same(from_pyg(to_pyg(graph)), graph)
        assert not to_pyg(graph).is_directed()


def test_changing_the_data_leaves_the_graph_alone(random_graph):
    graph, again = random_graph(4, 6, 0), random_graph(4, 6, 0)
    data = to_pyg(graph)
    for name in ("atomic_number", "edge_index", "bond_codes"):
        data[name].zero_()
    assert_same(graph, again)


def test_fields_that_are_not_given_get_defaults():
    graph = from_pyg(Data(atomic_number=torch.tensor([6, 8]), edge_index=torch.tensor([[0, 1], [1, 0]])))
    for name in ("atom_codes", "bond_codes", "crosses_cell", "edge_vector", "atom_descriptors"):
        assert getattr(graph, name) is None
    assert not graph.component.any()
    np.testing.assert_array_equal(graph.node_weight, np.ones(2, np.float32))


def test_an_encoder_of_bonds_is_refused_to_materials_without(random_graph):
    bare = from_pyg(Data(atomic_number=torch.tensor([6, 8]), edge_index=torch.tensor([[0, 1], [1, 0]])))
    batch = GraphStore.from_graphs([bare]).select(torch.tensor([0]))
    with pytest.raises(ValueError, match=r"`bond_codes`.*\bbonds\b"):
        batch.need("bond_codes")
    with pytest.raises(ValueError, match=r"`edge_vector`.*\bgeometry\b"):
        batch.need("edge_vector")
    whole = GraphStore.from_graphs([random_graph(3, 4, 0)]).select(torch.tensor([0]))
    assert whole.need("edge_vector").shape == (4, 3)


def test_kinds_of_graphs_are_kept_apart(random_graph):
    graph = random_graph(3, 4, 0)
    with pytest.raises(ValueError, match="`edge_vector`"):
        GraphStore.from_graphs([graph, replace(graph, edge_vector=None)])


@pytest.mark.parametrize("absent", ["atomic_number", "edge_index"])
def test_what_must_be_given(absent):
    content = {"atomic_number": torch.tensor([6]), "edge_index": torch.empty(2, 0, dtype=torch.int64)}
    present = next(name for name in content if name != absent)
    with pytest.raises(ValueError, match=rf"`{absent}` .*\['{present}'\]"):
        from_pyg(Data(**{present: content[present]}))


@pytest.mark.parametrize("edge", [[[0], [2]], [[2], [0]], [[-1], [0]]])
def test_edges_must_name_atoms(edge):
    with pytest.raises(ValueError, match=r"`edge_index` .*\b0\b.*\b1\b"):
        from_pyg(Data(atomic_number=torch.tensor([6, 8]), edge_index=torch.tensor(edge)))


def test_a_batch_moves_whole(random_graph):
    batch = GraphStore.from_graphs([random_graph(3, 4, 0)]).select(torch.tensor([0, 0]), torch.ones(2, 1))
    moved = batch.to("meta")
    there = [field.name for field in fields(batch) if getattr(batch, field.name) is not None]
    assert {"atomic_number", "edge_index", "edge_vector", "targets", "row"} <= set(there)
    assert all(getattr(moved, name).is_meta for name in there)
    assert moved.num_graphs == 2
    without = GraphStore.from_graphs([random_graph(3, 4, 0)]).select(torch.tensor([0]))
    assert without.to("meta").targets is None
