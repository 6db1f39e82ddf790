"""Atoms without a neighbor are counted and said."""

import re

import numpy as np
import pytest
from crystals import CUBIC, ROCK_SALT, crystal

from gnn_sim2real.featurize.crystal_files import featurize_crystal
from gnn_sim2real.featurize.repeat_unit import featurize_molecule
from gnn_sim2real.store.graphs import GraphStore
from gnn_sim2real.store.isolated import count_isolated, warn_of_isolated

PAIR_AND_TWO = crystal(CUBIC, [11, 17, 54, 54], [[0, 0, 0], [0.15, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.1, 0.5]], 17)
"""Two atoms 2.6 angstrom apart, and two with nothing within 6."""


def store():
    graphs = GraphStore.from_graphs(featurize_crystal(each, 6.0, 12) for each in (ROCK_SALT, PAIR_AND_TWO))
    return GraphStore(graphs.tensors, np.array([1, -1, 0, 1]), {1: "disordered"})


def test_they_are_counted(monkeypatch):
    assert count_isolated(store()).tolist() == [2, 0, 0, 2]
    monkeypatch.setattr("gnn_sim2real.store.isolated._CHUNK", 1)
    assert count_isolated(store()).tolist() == [2, 0, 0, 2]


def test_they_are_said(caplog):
    warn_of_isolated(store(), list("abcd"), "my cells")
    assert re.search(r"my cells\b.*\b2\b.*\b4 crystals", caplog.text)
    assert "(a: 2 of 4, d: 2 of 4)" in caplog.text


@pytest.mark.parametrize("graph", [featurize_crystal(ROCK_SALT, 6.0, 12), featurize_molecule("C")])
def test_nothing_is_said_of_bonds_and_of_crystals_that_are_whole(graph, caplog):
    warn_of_isolated(GraphStore.from_graphs([graph]), ["a"], "mine")
    assert not caplog.text
