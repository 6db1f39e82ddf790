import logging
import os
import sys
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch_geometric.data import Batch

from gnn_sim2real import store as store_module
from gnn_sim2real.errors import CacheDamagedError
from gnn_sim2real.graph import GraphBatch, to_pyg
from gnn_sim2real.store import GraphStore, content_key, open_or_build

SHAPES = [(1, 0), (3, 4), (2, 2), (7, 0), (1, 3), (5, 12), (4, 1), (2, 0)]
FEATURIZER = {"name": "toy", "version": 1}


@pytest.fixture(scope="module")
def graphs(random_graph):
    """Some with and some without edges, one of a lone atom."""
    return [random_graph(*shape, seed) for seed, shape in enumerate(SHAPES)]


@pytest.fixture
def toy(random_graph):
    """Makes a graph from a number as text; counts how often."""

    def featurize(material):
        featurize.calls.append(material)
        return random_graph(int(material), 2 * int(material), 0)

    featurize.calls = []
    return featurize


def assert_same(first: GraphBatch, second: GraphBatch) -> None:
    for field in fields(GraphBatch):
        left, right = getattr(first, field.name), getattr(second, field.name)
        assert (left is None) == (right is None), field.name
        if left is not None:
            assert left.dtype == right.dtype, field.name
            assert torch.equal(left, right), field.name


def collate(graphs, rows) -> GraphBatch:
    """The same batch by torch-geometric, graph by graph."""
    batch = Batch.from_data_list([to_pyg(graphs[row]) for row in rows])
    names = [field.name for field in fields(GraphBatch) if field.name not in ("batch_index", "row", "targets")]
    return GraphBatch(**{name: batch[name] for name in names}, batch_index=batch.batch, row=torch.tensor(rows))


rows_with_repeats = st.lists(st.integers(0, len(SHAPES) - 1), min_size=1, max_size=20)


@given(rows=rows_with_repeats)
def test_a_selection_is_the_graphs_put_in(graphs, rows):
    assert_same(GraphStore.from_graphs(graphs).select(torch.tensor(rows)), collate(graphs, rows))


@given(rows=rows_with_repeats, cuts=st.lists(st.integers(1, len(SHAPES) - 1), max_size=3, unique=True))
def test_several_shards_are_as_one(graphs, rows, cuts):
    edges = [0, *sorted(cuts), len(graphs)]
    pieces = [GraphStore.from_graphs(graphs[low:high]) for low, high in pairwise(edges)]
    store = GraphStore(*(piece.shards[0] for piece in pieces))
    assert len(store) == len(graphs)
    targets = torch.rand(len(rows), 2)
    expected = GraphStore.from_graphs(graphs).select(torch.tensor(rows), targets)
    assert_same(store.select(torch.tensor(rows), targets), expected)


def test_no_graph_at_all():
    with pytest.raises(ValueError, match="needs at least one graph, got none"):
        GraphStore.from_graphs([])


@pytest.mark.parametrize("row", [-1, len(SHAPES)])
def test_a_row_that_is_not_there(graphs, row):
    with pytest.raises(IndexError):
        GraphStore.from_graphs(graphs).select(torch.tensor([row]))


def test_saved_and_opened(graphs, tmp_path):
    paths = [tmp_path / "first.safetensors", tmp_path / "folder" / "second.safetensors"]
    GraphStore.from_graphs(graphs[:3]).save(paths[0])
    GraphStore.from_graphs(graphs[3:]).save(paths[1])
    store = GraphStore.open(*paths)
    rows = list(range(len(graphs)))[::-1]
    assert_same(store.select(torch.tensor(rows)), collate(graphs, rows))
    store.save(tmp_path / "joined.safetensors")
    joined = GraphStore.open(tmp_path / "joined.safetensors")
    assert len(joined.shards) == 1
    assert_same(joined.select(torch.tensor(rows)), collate(graphs, rows))


def test_shards_without_any_edge(random_graph, tmp_path):
    lone = [random_graph(size, 0, size) for size in (1, 2)]
    GraphStore.from_graphs(lone).save(tmp_path / "s.safetensors")
    batch = GraphStore.open(tmp_path / "s.safetensors").select(torch.tensor([1, 0, 1]))
    assert_same(batch, collate(lone, [1, 0, 1]))
    assert batch.edge_index.shape == (2, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists what is mapped into memory")
def test_an_open_store_is_memory_mapped(graphs, tmp_path):
    path = tmp_path / "mapped.safetensors"
    GraphStore.from_graphs(graphs).save(path)
    maps = Path("/proc/self/maps")
    assert str(path) not in maps.read_text()
    store = GraphStore.open(path)
    mapped = [line.split()[0].split("-") for line in maps.read_text().splitlines() if str(path) in line]
    ranges = [(int(low, 16), int(high, 16)) for low, high in mapped]
    for name, tensor in store.shards[0].items():
        assert any(low <= tensor.data_ptr() < high for low, high in ranges), name


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255))
def test_a_changed_byte_is_never_read_as_other_graphs(graphs, tmp_path, place, change):
    path = tmp_path / "flipped.safetensors"
    whole = GraphStore.from_graphs(graphs)
    whole.save(path)
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= change
    path.write_bytes(content)
    try:
        store = GraphStore.open(path)
    except CacheDamagedError as error:
        assert str(path) in str(error)  # noqa: PT017
    else:  # a blank of the header that became another blank
        rows = torch.arange(len(graphs))
        assert_same(store.select(rows), whole.select(rows))


@pytest.mark.parametrize(("old", "new"), [(b'"dtype":"F32"', b'"dtype":"I32"'), (b'"shape":[25,6]', b'"shape":[6,25]')])
def test_a_changed_kind_or_shape_is_damage(graphs, tmp_path, old, new):
    path = tmp_path / "header.safetensors"
    GraphStore.from_graphs(graphs).save(path)
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    with pytest.raises(CacheDamagedError, match="was altered: its checksum does not agree"):
        GraphStore.open(path)


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_file(graphs, tmp_path, kept):
    path = tmp_path / "cut.safetensors"
    GraphStore.from_graphs(graphs).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(CacheDamagedError, match=rf"{path} cannot be read"):
        GraphStore.open(path)


def test_files_of_something_else(graphs, tmp_path):
    text, tensors, missing = tmp_path / "text", tmp_path / "tensors", tmp_path / "missing"
    text.write_text("smiles,density\n*CC*,0.9\n")
    save_file({"weight": torch.ones(3)}, tensors)
    for path in (text, missing, tmp_path):
        with pytest.raises(CacheDamagedError, match=rf"{path} cannot be read"):
            GraphStore.open(path)
    with pytest.raises(CacheDamagedError, match=rf"{tensors} has format None, not {store_module.STORE_FORMAT}"):
        GraphStore.open(tensors)


def test_graphs_are_made_once(toy, tmp_path, caplog):
    first = open_or_build(["3", "1"], toy, FEATURIZER, tmp_path)
    second = open_or_build(["3", "1"], toy, FEATURIZER, tmp_path)
    assert toy.calls == ["3", "1"]
    assert_same(first.select(torch.tensor([1, 0])), second.select(torch.tensor([1, 0])))
    assert not caplog.records


@pytest.mark.parametrize("damage", [lambda content: content[:-3], lambda content: content[:-1] + b"?"])
def test_a_damaged_cache_is_built_again_with_a_warning(toy, tmp_path, caplog, damage):
    whole = open_or_build(["3", "1"], toy, FEATURIZER, tmp_path).select(torch.arange(2))
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    again = open_or_build(["3", "1"], toy, FEATURIZER, tmp_path)
    assert_same(again.select(torch.arange(2)), whole)
    (warning,) = caplog.records
    assert warning.levelno == logging.WARNING
    assert str(path) in warning.getMessage()
    assert warning.getMessage().endswith("it is built again")
    assert len(GraphStore.open(path)) == 2


def test_the_key_is_the_content():
    materials = ["*CC*", "*C*"]
    keys = [
        content_key(materials, FEATURIZER),
        content_key(materials[::-1], FEATURIZER),
        content_key(["*CC*"], FEATURIZER),
        content_key(["*CC**C*"], FEATURIZER),
        content_key(["*CC*", "*C*", ""], FEATURIZER),
        content_key(materials, FEATURIZER | {"version": 2}),
        content_key(materials, FEATURIZER | {"name": "other"}),
    ]
    assert len(set(keys)) == len(keys)
    assert content_key(list(materials), dict(reversed(FEATURIZER.items()))) == keys[0]


def test_the_key_knows_the_format(monkeypatch):
    before = content_key(["*CC*"], FEATURIZER)
    monkeypatch.setattr(store_module, "STORE_FORMAT", "another")
    assert content_key(["*CC*"], FEATURIZER) != before


def test_a_folder_that_cannot_be_written(toy, tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    store = open_or_build(["3", "1"], toy, FEATURIZER, blocked / "graphs")
    assert len(store) == 2
    assert "the graphs could not be kept in" in caplog.text


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_read_only_folder(toy, tmp_path, caplog):
    tmp_path.chmod(0o500)
    assert len(open_or_build(["3", "1"], toy, FEATURIZER, tmp_path)) == 2
    assert "the graphs could not be kept in" in caplog.text


def test_the_user_says_where_the_cache_is(toy, tmp_path, monkeypatch):
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path))
    open_or_build(["2"], toy, FEATURIZER)
    assert [path.stem for path in (tmp_path / "graphs").iterdir()] == [content_key(["2"], FEATURIZER)]
