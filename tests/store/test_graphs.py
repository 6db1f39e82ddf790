import os
import sys
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch_geometric.data import Batch

from gnn_sim2real.errors import CacheDamagedError
from gnn_sim2real.graph import Graph, GraphBatch, to_pyg
from gnn_sim2real.store import graphs as store_module
from gnn_sim2real.store.graphs import GraphStore, checked_file, write_joined

SHAPES = [(1, 0), (3, 4), (2, 2), (7, 0), (1, 3), (5, 12), (4, 1), (2, 0)]


@pytest.fixture(scope="module")
def graphs(random_graph):
    """Some with and some without edges, one of a lone atom."""
    return [random_graph(*shape, seed) for seed, shape in enumerate(SHAPES)]


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
    names = [field.name for field in fields(Graph)]
    return GraphBatch(**{name: batch[name] for name in names}, batch_index=batch.batch, row=torch.tensor(rows))


rows_with_repeats = st.lists(st.integers(0, len(SHAPES) - 1), min_size=1, max_size=20)


@given(rows=rows_with_repeats)
def test_a_selection_is_the_graphs_put_in(graphs, rows):
    assert_same(GraphStore.from_graphs(graphs).select(torch.tensor(rows)), collate(graphs, rows))


@pytest.mark.slow
@given(rows=rows_with_repeats)
def test_targets_come_along(graphs, rows):
    targets = torch.rand(len(rows), 2)
    assert torch.equal(GraphStore.from_graphs(graphs).select(torch.tensor(rows), targets).targets, targets)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, len(SHAPES) - 1), max_size=3, unique=True))
def test_parts_are_joined_to_the_same_file(graphs, tmp_path, cuts):
    edges = [0, *sorted(cuts), len(graphs)]
    parts = [GraphStore.from_graphs(graphs[low:high]).tensors for low, high in pairwise(edges)]
    write_joined(tmp_path / "joined", parts)
    GraphStore.from_graphs(graphs).save(tmp_path / "whole")
    assert (tmp_path / "joined").read_bytes() == (tmp_path / "whole").read_bytes()
    rows = list(range(len(graphs)))[::-1]
    assert_same(GraphStore.open(tmp_path / "joined").select(torch.tensor(rows)), collate(graphs, rows))


def test_the_file_is_one_of_safetensors(graphs, tmp_path):
    store = GraphStore.from_graphs(graphs)
    store.save(tmp_path / "s")
    loaded = load_file(tmp_path / "s")
    assert loaded.keys() == store.tensors.keys()
    for name, tensor in loaded.items():
        assert torch.equal(tensor, store.tensors[name])
        assert tensor.data_ptr() % tensor.element_size() == 0


def test_some_materials_of_a_store(graphs):
    store = GraphStore.from_graphs(graphs)
    some = store.take(np.array([5, 2, 2, 7])).take(np.array([3, 0]))
    assert len(some) == 2
    batch, wanted = some.select(torch.tensor([1, 0])), store.select(torch.tensor([5, 7]))
    assert_same(replace(batch, row=wanted.row), wanted)
    assert batch.row.tolist() == [1, 0]


def test_refused_materials_keep_their_number(graphs, tmp_path):
    refused = {0: "no crystal", 4: "disordered"}
    write_joined(tmp_path / "s", [GraphStore.from_graphs(graphs).tensors], refused)
    store = GraphStore.open(tmp_path / "s")
    assert store.refused == refused
    assert len(store) == len(graphs) + 2
    there = [1, 2, 3, 5, 6, 7, 8, 9]
    batch = store.select(torch.tensor(there))
    assert_same(replace(batch, row=torch.arange(8)), collate(graphs, list(range(8))))
    content = (tmp_path / "s").read_bytes()
    (tmp_path / "other").write_bytes(content.replace(b'\\"4\\"', b'\\"5\\"'))
    with pytest.raises(CacheDamagedError, match=str(tmp_path / "other")):
        GraphStore.open(tmp_path / "other")
    with pytest.raises(IndexError, match=r"material 4 .*: disordered"):
        store.select(torch.tensor([1, 4]))
    some = store.take(np.array([4, 9]))
    assert some.refused == {0: "disordered"}
    with pytest.raises(IndexError, match=r"material 0 .*: disordered"):
        some.select(torch.tensor([0]))


def test_no_graph_at_all():
    with pytest.raises(ValueError, match=r"\bgraph\b"):
        GraphStore.from_graphs([])


@pytest.mark.parametrize("row", [-1, len(SHAPES)])
def test_a_row_that_is_not_there(graphs, row):
    with pytest.raises(IndexError):
        GraphStore.from_graphs(graphs).select(torch.tensor([row]))


def test_saved_and_opened(graphs, tmp_path):
    GraphStore.from_graphs(graphs).save(tmp_path / "folder" / "s.safetensors")
    store = GraphStore.open(tmp_path / "folder" / "s.safetensors")
    rows = list(range(len(graphs)))[::-1]
    assert_same(store.select(torch.tensor(rows)), collate(graphs, rows))


def test_graphs_without_any_edge(random_graph, tmp_path):
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
    for name, tensor in store.tensors.items():
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
    with pytest.raises(CacheDamagedError, match=rf"{path} .*checksum"):
        GraphStore.open(path)


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_file(graphs, tmp_path, kept):
    path = tmp_path / "cut.safetensors"
    GraphStore.from_graphs(graphs).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(CacheDamagedError, match=str(path)):
        GraphStore.open(path)


def test_files_of_something_else(graphs, tmp_path):
    text, tensors, missing = tmp_path / "text", tmp_path / "tensors", tmp_path / "missing"
    text.write_text("smiles,density\n*CC*,0.9\n")
    save_file({"weight": torch.ones(3)}, tensors)
    for path in (text, missing, tmp_path):
        with pytest.raises(CacheDamagedError, match=str(path)):
            GraphStore.open(path)
    with pytest.raises(CacheDamagedError, match=rf"{tensors} .* None.* {store_module.STORE_FORMAT}"):
        GraphStore.open(tensors)


@pytest.fixture
def large(monkeypatch, graphs, tmp_path):
    """A file that counts as large, written long ago, and the number of times it was checked."""
    monkeypatch.setattr(store_module, "_ALWAYS_CHECKED", 0)
    calls = []
    monkeypatch.setattr(
        store_module, "_checksum", lambda *given, once=store_module._checksum: calls.append(1) or once(*given)
    )
    path = tmp_path / "large.safetensors"
    GraphStore.from_graphs(graphs).save(path)
    age(path)
    calls.clear()
    return path, calls


def age(path, seconds=10):
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - seconds * 10**9))


def test_a_large_file_is_checked_once(large, graphs):
    path, calls = large
    rows = torch.arange(len(graphs))
    for _ in range(3):
        assert_same(GraphStore.open(path).select(rows), collate(graphs, rows.tolist()))
    assert len(calls) == 1


def test_a_small_file_is_checked_always(large, monkeypatch):
    path, calls = large
    monkeypatch.setattr(store_module, "_ALWAYS_CHECKED", 2**24)
    for _ in range(3):
        GraphStore.open(path)
    assert len(calls) == 3
    assert not checked_file(path).exists()


@pytest.mark.parametrize("keep_size", [True, False])
def test_a_large_file_that_was_changed_later_is_damage(large, keep_size):
    path, _ = large
    GraphStore.open(path)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"?" if keep_size else content[:-8])
    with pytest.raises(CacheDamagedError, match=str(path)):
        GraphStore.open(path)


def test_a_large_file_that_was_only_just_written_is_checked_again(large):
    """Two changes within one step of the clock look the same."""
    path, calls = large
    age(path, -20)
    stamp = path.stat().st_mtime_ns
    GraphStore.open(path)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"?")
    os.utime(path, ns=(stamp, stamp))
    with pytest.raises(CacheDamagedError, match=str(path)):
        GraphStore.open(path)
    assert len(calls) == 2


@pytest.mark.parametrize("replaced", [True, False])
def test_a_large_file_is_not_trusted_for_its_size_and_time(large, replaced):
    path, calls = large
    GraphStore.open(path)
    status, content = path.stat(), path.read_bytes()
    if replaced:
        path.unlink()
    path.write_bytes(content[:-1] + b"?")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    with pytest.raises(CacheDamagedError, match=str(path)):
        GraphStore.open(path)
    assert len(calls) == 2


def test_a_store_under_the_name_of_another_is_damage(graphs, tmp_path):
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    write_joined(first, [GraphStore.from_graphs(graphs).tensors], own_name="first")
    assert len(GraphStore.open(first)) == len(graphs)
    first.replace(second)
    with pytest.raises(CacheDamagedError, match=r"second\.safetensors .*first"):
        GraphStore.open(second)


@pytest.mark.parametrize("note", ["", "12 34", "\x00"])
def test_a_damaged_note_is_no_proof(large, note):
    path, calls = large
    GraphStore.open(path)
    checked_file(path).write_text(note)
    GraphStore.open(path)
    assert len(calls) == 2


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_large_file_in_a_folder_that_cannot_be_written(large):
    path, calls = large
    path.parent.chmod(0o500)
    for _ in range(2):
        GraphStore.open(path)
    assert len(calls) == 2
