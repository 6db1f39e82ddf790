"""Graphs are made once, by one or several processes, and never read half."""

import errno
import logging
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from crystals import COPPER, ROCK_SALT, crystal, random_crystal
from graph_builds import FEATURIZER, build_in_parts, build_until_killed
from processes import running, wait_until

from gnn_sim2real.featurize.crystal import crystal_graph
from gnn_sim2real.featurize.crystal_table import CrystalTable
from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.store import cache as graph_cache
from gnn_sim2real.store.cache import content_key, open_or_build
from gnn_sim2real.store.graphs import GraphStore


@pytest.fixture
def toy(random_graph):
    """Makes a graph from a number as text; counts how often."""

    def featurize(material):
        featurize.calls.append(material)
        return random_graph(int(material), 2 * int(material), 0)

    featurize.calls = []
    return featurize


def test_graphs_are_made_once(toy, tmp_path, caplog):
    first = open_or_build(["3", "1"], toy, FEATURIZER, tmp_path)
    second = open_or_build(["3", "1"], toy, FEATURIZER, tmp_path)
    assert toy.calls == ["3", "1"]
    assert torch.equal(first.select(torch.tensor([1, 0])).edge_index, second.select(torch.tensor([1, 0])).edge_index)
    assert not caplog.records


@pytest.mark.parametrize("damage", [lambda content: content[:-3], lambda content: content[:-1] + b"?"])
def test_a_damaged_cache_is_built_again_with_a_warning(toy, tmp_path, caplog, damage):
    whole = open_or_build(["3", "1"], toy, FEATURIZER, tmp_path).select(torch.arange(2))
    (path,) = tmp_path.glob("*.safetensors")
    path.write_bytes(damage(path.read_bytes()))
    again = open_or_build(["3", "1"], toy, FEATURIZER, tmp_path)
    assert torch.equal(again.select(torch.arange(2)).edge_index, whole.edge_index)
    (warning,) = caplog.records
    assert warning.levelno == logging.WARNING
    assert str(path) in warning.getMessage()
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
    monkeypatch.setattr(graph_cache, "STORE_FORMAT", "another")
    assert content_key(["*CC*"], FEATURIZER) != before


def test_a_folder_that_cannot_be_written(toy, tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    store = open_or_build(["3", "1"], toy, FEATURIZER, blocked / "graphs")
    assert len(store) == 2
    assert str(blocked) in caplog.text
    assert torch.equal(store.select(torch.tensor([1])).row, torch.tensor([1]))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_read_only_folder(toy, tmp_path, caplog):
    tmp_path.chmod(0o500)
    assert len(open_or_build(["3", "1"], toy, FEATURIZER, tmp_path)) == 2
    assert str(tmp_path) in caplog.text


def test_the_user_says_where_the_cache_is(toy, tmp_path, monkeypatch):
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path))
    open_or_build(["2"], toy, FEATURIZER)
    assert [path.stem for path in (tmp_path / "graphs").iterdir()] == [content_key(["2"], FEATURIZER)]


def test_nothing_to_make(toy, tmp_path):
    with pytest.raises(ValueError, match="materials"):
        open_or_build([], toy, FEATURIZER, tmp_path)


CRYSTALS = [
    COPPER,
    crystal(np.eye(3), [1, 1], [[0, 0, 0], [0, 0, 0.01]], 3.0),
    ROCK_SALT,
    *map(random_crystal, range(4)),
]


@pytest.fixture
def featurizer():
    return get_featurizer("crystal")


@pytest.fixture(scope="module")
def crystals():
    """The second one is refused."""
    return CrystalTable.from_crystals(CRYSTALS)


def graphs_of(made):
    rows = [0, *range(2, len(CRYSTALS))]
    return made.select(torch.tensor(rows)), GraphStore.from_graphs([crystal_graph(CRYSTALS[row]) for row in rows])


def check(made):
    batch, wanted = graphs_of(made)
    wanted = wanted.select(torch.arange(len(CRYSTALS) - 1))
    assert torch.equal(batch.edge_index, wanted.edge_index)
    assert torch.equal(batch.edge_vector, wanted.edge_vector)
    assert list(made.refused) == [1]
    assert "0.030 angstrom" in made.refused[1]


def test_refused_materials_are_remembered(crystals, featurizer, tmp_path):
    for _ in range(2):
        check(open_or_build(crystals, featurizer.featurize, featurizer.describe(), tmp_path))


def test_all_materials_refused(crystals, featurizer, tmp_path):
    with pytest.raises(ValueError, match=r"\b1 materials\b.*\b0\.030 angstrom"):
        open_or_build(crystals[1:2], featurizer.featurize, featurizer.describe(), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_several_processes_make_the_same_file(crystals, featurizer, tmp_path, monkeypatch):
    check(open_or_build(crystals, featurizer.featurize, featurizer.describe(), tmp_path / "one"))
    monkeypatch.setattr(graph_cache, "PART_SIZE", 2)
    check(open_or_build(crystals, featurizer.featurize, featurizer.describe(), tmp_path / "several"))
    (one,), (several,) = ((tmp_path / name).glob("*.safetensors") for name in ("one", "several"))
    assert one.read_bytes() == several.read_bytes()
    assert one.name == several.name


@pytest.mark.slow
def test_a_worker_that_makes_graphs_in_several_processes_ends_with_nothing_to_say(tmp_path):
    """Idle processes live for a while, and joblib's `Parallel` would leave a folder that another process warns of."""

    def is_over():
        try:
            os.killpg(worker.pid, 0)
        except ProcessLookupError:
            return True
        return False

    with running(tmp_path / "prints", build_in_parts, tmp_path / "graphs") as worker:
        assert worker.wait(200) == 0
        wait_until(is_over, "its processes do not end")
        assert worker.said == ""
    assert len(list((tmp_path / "graphs").glob("*.safetensors"))) == 1


def test_settings_have_stores_of_their_own(crystals, featurizer, tmp_path):
    wide = get_featurizer("crystal", cutoff=7.0)
    keys = {
        content_key(crystals, each.describe())
        for each in (featurizer, wide, get_featurizer("crystal", max_neighbors=8))
    }
    keys |= {content_key(each, featurizer.describe()) for each in (crystals[1:], crystals[::-1])}
    assert len(keys) == 5
    stores = [open_or_build(crystals, each.featurize, each.describe(), tmp_path) for each in (featurizer, wide)]
    assert len(list(tmp_path.glob("*.safetensors"))) == 2
    assert len(graphs_of(stores[1])[0].edge_vector) >= len(graphs_of(stores[0])[0].edge_vector)


def test_two_at_once(crystals, featurizer, tmp_path):
    def build(_):
        return open_or_build(crystals, featurizer.featurize, featurizer.describe(), tmp_path)

    with ThreadPoolExecutor(4) as pool:
        for made in pool.map(build, range(4)):
            check(made)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.slow
def test_a_killed_build_leaves_nothing_that_is_read(tmp_path):
    """It ends in the middle of the second material, as a killed process does, without any clean-up."""
    folder = tmp_path / "graphs"
    with running(tmp_path / "prints", build_until_killed, folder) as process:
        assert process.wait() == -signal.SIGKILL
    (left,) = folder.iterdir()
    assert left.is_dir()
    made = open_or_build(["first", "second"], lambda _: crystal_graph(COPPER), FEATURIZER, folder)
    assert len(made) == 2
    os.utime(left, (0, 0))  # long ago
    open_or_build(["third"], lambda _: crystal_graph(COPPER), FEATURIZER, folder)
    assert not left.exists()


def test_joined_graphs_are_there_though_the_cache_is_full(toy, tmp_path, monkeypatch, caplog):
    stores = [open_or_build(each, toy, FEATURIZER, tmp_path / "parts") for each in (["3", "1"], ["4"])]
    written = graph_cache.write_joined

    def full(path, *given, **named):
        if path.parent == tmp_path / "joined":
            raise OSError(errno.ENOSPC, "no space left", str(path))
        written(path, *given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(graph_cache, "write_joined", full)
        found = graph_cache.open_or_join(stores, tmp_path / "joined").select(torch.arange(3))
    assert len(caplog.records) == 1
    wanted = graph_cache.open_or_join(stores, tmp_path / "joined").select(torch.arange(3))
    assert torch.equal(found.edge_index, wanted.edge_index)
