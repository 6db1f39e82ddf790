import numpy as np
import pytest

from gnn_sim2real.featurize.atom_descriptors import describe_component, describe_molecule, describe_repeat_unit
from gnn_sim2real.featurize.descriptors import molecule_descriptors, repeat_unit_descriptors
from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.graph import ATOM_DESCRIPTORS, GraphBatch
from gnn_sim2real.nn import FingerprintMLP
from gnn_sim2real.store.graphs import GraphStore


def column(name: str) -> int:
    return ATOM_DESCRIPTORS.index(name)


def test_shares_add_up_to_the_molecule():
    graph = describe_molecule("CC(=O)Oc1ccccc1C(=O)O")  # aspirin, known to every table
    total = dict(zip(ATOM_DESCRIPTORS, graph.atom_descriptors.sum(axis=0).tolist(), strict=True))
    assert total["mass"] == pytest.approx(180.159, abs=2e-3)
    assert total["polar_surface"] == pytest.approx(63.60, abs=1e-3)
    assert (total["hydrogen_bond_donor"], total["hydrogens"]) == (1, 8)
    assert total["log_p"] == pytest.approx(1.3101, abs=1e-4)


def test_the_same_numbers_as_in_the_tabular_baseline():
    for describe, rows, spelling in (
        (describe_repeat_unit, repeat_unit_descriptors, "*CC(*)(C)C(=O)OC"),
        (describe_molecule, molecule_descriptors, "CCO"),
    ):
        means = describe(spelling).atom_descriptors.mean(axis=0)
        row = rows([spelling])[0]
        first = 1024 if describe is describe_repeat_unit else 1024 + len(ATOM_DESCRIPTORS)
        np.testing.assert_allclose(means, row[first : first + len(ATOM_DESCRIPTORS)], rtol=1e-6, atol=1e-6)


def test_an_atom_has_what_it_has_in_the_endless_chain():
    """The shares of the only carbon of polymethylene are those of any inner carbon of a long alkane."""
    (alone,) = describe_repeat_unit("*C*").atom_descriptors
    inner = describe_molecule("C" * 12).atom_descriptors[6]
    others = [name != "in_ring" for name in ATOM_DESCRIPTORS]
    np.testing.assert_allclose(alone[others], inner[others], rtol=1e-6)


def test_without_them_the_graphs_are_named_as_before():
    assert get_featurizer("repeat_unit").describe() == {"name": "repeat_unit", "version": 1}
    described = get_featurizer("repeat_unit", atom_descriptors=True).describe()
    assert described["settings"] == {"atom_descriptors": True}
    assert get_featurizer("repeat_unit").featurize("*CC*").atom_descriptors is None


def test_a_component_is_read_as_what_it_is():
    np.testing.assert_array_equal(
        describe_component("*CC*").atom_descriptors, describe_repeat_unit("*CC*").atom_descriptors
    )
    np.testing.assert_array_equal(describe_component("CCO").atom_descriptors, describe_molecule("CCO").atom_descriptors)


def test_an_encoder_that_misses_them_says_what_to_do():
    import torch

    graphs = [get_featurizer("molecule").featurize(each) for each in ("CCO", "CC")]
    batch: GraphBatch = GraphStore.from_graphs(graphs).select(torch.arange(2))
    with pytest.raises(ValueError, match="atom_descriptors: true"):
        FingerprintMLP(8, num_bits=16, descriptors=True)(batch)
