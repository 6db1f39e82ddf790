"""Atoms of one color are computed once, and the layers are still those of torch-geometric."""

import copy
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from batches import batch_of, molecules, units
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch_geometric.nn import GATConv, GATv2Conv, GINEConv, GPSConv
from torch_geometric.nn.models.attentive_fp import GATEConv

from gnn_sim2real.explain.masking import keep_atoms
from gnn_sim2real.featurize.atom_descriptors import describe_molecule
from gnn_sim2real.featurize.repeat_unit import featurize_molecule
from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn import DMPNN, GINE, GPS, AttentiveFP, GATv2
from gnn_sim2real.nn.attentive_fp import Attention, BondAttention
from gnn_sim2real.nn.coloring import (
    ColoredBatchNorm,
    ColoredLayer,
    color_all,
    color_by,
    color_kinds,
    color_layers,
    scatter_bits,
)
from gnn_sim2real.nn.gatv2 import DynamicAttention
from gnn_sim2real.nn.gine import GINEConvolution
from gnn_sim2real.nn.gps import GPSBlock, Rows
from gnn_sim2real.store.graphs import GraphStore

DIM = 8
UNITS = ("*C*", "*CC(*)c1ccccc1", "*CC(*)C(=O)OC", "*NCCCCCC(=O)*", "*S*")


def perceptron(width: int, *norm: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(DIM, width), *norm, nn.ReLU(), nn.Linear(width, DIM))


def run_attention(attention: nn.Module, atoms: Tensor, _bonds: Tensor, layer: ColoredLayer) -> Tensor:
    return attention(atoms[layer.before], atoms, layer.edge_index)


def run_bond_attention(attention: nn.Module, atoms: Tensor, bonds: Tensor, layer: ColoredLayer) -> Tensor:
    return attention(atoms[layer.before], atoms, bonds, layer.edge_index, layer.bond)


PAIRS = {
    "GINE": (
        lambda: GINEConvolution(DIM),
        lambda: GINEConv(perceptron(2 * DIM, nn.BatchNorm1d(2 * DIM)), train_eps=True),
        GINEConvolution.__call__,
    ),
    "GATv2": (
        lambda: DynamicAttention(DIM, 2),
        lambda: GATv2Conv(DIM, DIM // 2, 2, edge_dim=DIM, add_self_loops=False),
        DynamicAttention.__call__,
    ),
    "GAT": (
        lambda: Attention(DIM, 0.0),
        lambda: GATConv(DIM, DIM, add_self_loops=False, negative_slope=0.01),
        run_attention,
    ),
    "GATE": (lambda: BondAttention(DIM, 0.0), lambda: GATEConv(DIM, DIM, DIM), run_bond_attention),
}


@pytest.mark.parametrize("name", PAIRS)
def test_layers_of_torch_geometric(name):
    """From the same seed the same weights; the same function, of which colors are no part."""
    make, make_theirs, run = PAIRS[name]
    ours, theirs = from_seed(make), from_seed(make_theirs)
    assert_same_weights(ours, theirs)
    batch = units(*UNITS, *UNITS[:2])
    kinds, bond_kinds = color_kinds(batch)
    (layer,) = color_layers(batch, kinds, bond_kinds, 1, distinct=False)
    assert layer.num_atoms < len(batch.atomic_number) / 2
    atoms, bonds = (
        torch.randn(len(each), DIM, dtype=torch.float64, requires_grad=True) for each in (kinds, bond_kinds)
    )
    found = layer.coloring.spread(run(ours, atoms, bonds, layer))
    edges = () if name == "GAT" else (bond_kinds.spread(bonds),)
    expected = theirs(kinds.spread(atoms), batch.edge_index, *edges)
    assert_same_slopes(found, expected, [atoms, bonds], ours, theirs)
    assert_same_weights(ours, theirs)  # among them the running statistics


def test_blocks_of_torch_geometric():
    ours = from_seed(lambda: GPSBlock(DIM, 2, 0.0))
    theirs = from_seed(lambda: GPSConv(DIM, GINEConv(perceptron(DIM)), 2))
    assert_same_weights(ours, theirs)
    batch = molecules("C", "CC(=O)Oc1ccccc1C(=O)O", "CCO", "C" * 40)
    _, bond_kinds = color_kinds(batch)
    atoms = torch.randn(len(batch.atomic_number), DIM, dtype=torch.float64, requires_grad=True)
    bonds = torch.randn(len(bond_kinds), DIM, dtype=torch.float64, requires_grad=True)
    found = ours(atoms, bonds, batch.edge_index, bond_kinds.color, Rows.of(batch))
    expected = theirs(atoms, batch.edge_index, batch.batch_index, edge_attr=bond_kinds.spread(bonds))
    assert_same_slopes(found, expected, [atoms, bonds], ours, theirs)


def from_seed(make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(5)
    return make().double()


def assert_same_weights(ours: nn.Module, theirs: nn.Module) -> None:
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, rtol=1e-12, atol=1e-12)


def assert_same_slopes(
    found: Tensor, expected: Tensor, inputs: list[Tensor], ours: nn.Module, theirs: nn.Module
) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    weight = torch.rand_like(found)
    named = dict(theirs.named_parameters())
    order = [name for name, _ in ours.named_parameters()]
    got = torch.autograd.grad((found * weight).sum(), [*inputs, *ours.parameters()], allow_unused=True)
    wanted = torch.autograd.grad(
        (expected * weight).sum(), [*inputs, *(named[name] for name in order)], allow_unused=True
    )
    for ours_slope, their_slope in zip(got, wanted, strict=True):
        assert (ours_slope is None) == (their_slope is None)
        if ours_slope is not None:
            torch.testing.assert_close(ours_slope, their_slope, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("make", [lambda: GINE(DIM), lambda: GATv2(DIM), lambda: AttentiveFP(DIM), lambda: DMPNN(DIM)])
def test_colors_change_no_number(make, monkeypatch):
    """In training too, where normalizations see all atoms of the batch."""
    batch = units(*UNITS, "*CC(*)c1ccc(C)cc1", *UNITS)
    encoder = make().double().train()
    found = slopes_of(encoder, batch)
    for module in ("coloring", "dmpnn"):
        monkeypatch.setattr(f"gnn_sim2real.nn.{module}.color_by", color_all)
    for one, other in zip(found, slopes_of(encoder, batch), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-10)


FEW = [
    ("*C*",),
    ("*S*", "*CC*"),
    ("*CCO*", "*CC*"),
    ("*CC*", "*S*", "*CC(*)C#N"),
    ("*C*", "*CC(*)C#N"),
    ("*CO*", "*C*"),
]


@pytest.mark.parametrize("spellings", FEW)
def test_the_first_kind_is_heard(spellings, monkeypatch):
    """Kinds are numbered from zero, which a sum would not show."""
    encoders = [each.double().eval() for each in (DMPNN(DIM), GINE(DIM), GATv2(DIM), AttentiveFP(DIM))]
    batch = units(*spellings)
    found = [encoder(batch) for encoder in encoders]
    for module in ("coloring", "dmpnn"):
        monkeypatch.setattr(f"gnn_sim2real.nn.{module}.color_by", color_all)
    for encoder, output in zip(encoders, found, strict=True):
        torch.testing.assert_close(output, encoder(batch), rtol=1e-9, atol=1e-10)


def test_bits_of_one_to_many_differ_from_zero():
    numbers = torch.arange(1, 1000)
    bits = scatter_bits(torch.cat([numbers, numbers << 40]))
    assert len(bits.unique()) == 2 * 999
    assert (bits != 0).all()


@pytest.mark.parametrize(
    "make", [lambda: GINE(DIM), lambda: GATv2(DIM), lambda: AttentiveFP(DIM), lambda: DMPNN(DIM), lambda: GPS(DIM)]
)
@pytest.mark.parametrize("spelling", ["CCC", "c1ccccc1", "CC(=O)O"])
def test_atoms_without_all_their_neighbors(make, spelling):
    """What an atom is does not tell how many neighbors it has left: as in explanations, which leave atoms out."""
    graph = describe_molecule(spelling)
    subsets = [np.array(each, np.bool_) for each in product([False, True], repeat=graph.num_nodes) if any(each)]
    graphs = [keep_atoms(graph, kept) for kept in subsets]
    torch.manual_seed(1)
    encoder = make().double().eval()
    alone = torch.cat([encoder(batch_of(each)) for each in graphs])
    torch.testing.assert_close(encoder(batch_of(*graphs)), alone, rtol=1e-9, atol=1e-9)


@given(st.integers(2, 6).flatmap(lambda size: st.lists(st.tuples(*[st.integers(0, size - 1)] * 2), max_size=8)))
def test_colors_are_those_of_exact_refinement(bonds):
    """For any graph whatever, of atoms of one kind."""
    edges = sorted({pair for first, second in bonds for pair in ((first, second), (second, first))})
    edge_index, none = torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).T, torch.zeros(len(edges))
    codes = none.long().unsqueeze(1).expand(-1, 3)
    batch = replace(units("*CCCCCC*"), edge_index=edge_index, bond_codes=codes, crosses_cell=none.bool())
    kinds = color_by(torch.zeros(6, dtype=torch.int64))
    of_bonds = color_by(torch.zeros(len(edges), dtype=torch.int64))
    exact = [0] * 6
    for layer in color_layers(batch, kinds, of_bonds, 3, distinct=False):
        heard = [(exact[atom], *sorted(exact[a] for a, b in edges if b == atom)) for atom in range(6)]
        exact = [sorted(set(heard)).index(each) for each in heard]
        pairs = set(zip(exact, layer.coloring.color.tolist(), strict=True))
        assert len(pairs) == len(set(exact)) == len(layer.coloring)


def slopes_of(encoder: nn.Module, batch: GraphBatch) -> list[Tensor]:
    encoder.zero_grad()
    output = encoder(batch)
    (output * torch.arange(output.numel()).view_as(output).sin()).sum().backward()
    return [output.detach(), *(each.grad.clone() for each in encoder.parameters())]


def test_colors_tell_apart_what_is_heard():
    """What an atom is and what its neighbors are may not change places."""
    batch = molecules("CO", "OC", "CCO", "COC", "OCCO")
    kinds, bonds = color_kinds(batch)
    after = [layer.coloring.color for layer in color_layers(batch, kinds, bonds, 3, distinct=False)]
    methanol, again, ethanol, ether, glycol = (batch.batch_index == number for number in range(5))
    for color in after:
        assert sorted(color[methanol]) == sorted(color[again])
        assert len(color[ether].unique()) == len(color[glycol].unique()) == 2
        assert not set(color[ethanol].tolist()) & set(color[ether].tolist())


@pytest.mark.parametrize("make", [lambda: GINE(DIM), lambda: GATv2(DIM), lambda: AttentiveFP(DIM), lambda: DMPNN(DIM)])
def test_colors_count_neighbors_of_the_first_kind(make, monkeypatch):
    """Of a masked material the codes do not tell how many neighbors are left, so that the colors must."""
    propane = featurize_molecule("CCC")
    graphs = [propane, *(keep_atoms(propane, np.array(kept, bool)) for kept in ([1, 1, 0], [0, 1, 0], [1, 0, 1]))]
    graphs = [replace(graph, atom_codes=np.zeros_like(graph.atom_codes)) for graph in graphs]
    encoder = make().eval()
    batch = GraphStore.from_graphs(graphs).select(torch.arange(len(graphs)))
    found = encoder(batch)
    for module in ("coloring", "dmpnn"):
        monkeypatch.setattr(f"gnn_sim2real.nn.{module}.color_by", color_all)
    torch.testing.assert_close(found, encoder(batch), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("key", [[], [4], [7, 3, 7, 7, -1, 3]])
def test_the_first_of_each_color(key):
    coloring = color_by(torch.tensor(key, dtype=torch.int64))
    assert len(coloring) == len(set(key))
    assert [key[first] for first in coloring.first.tolist()] == sorted(set(key))
    assert [key[coloring.first[color]] for color in coloring.color.tolist()] == key


def test_dropout_gives_each_atom_a_vector_of_its_own():
    batch = units("*CC(*)c1ccccc1")
    torch.manual_seed(0)
    trained = GINE(DIM, num_layers=2, dropout=0.5).train()
    seen = []
    trained.convolutions[1].register_forward_hook(lambda _module, _inputs, output: seen.append(len(output)))
    trained(batch)
    trained.eval()(batch)
    assert seen == [len(batch.atomic_number), 6]  # the two ortho and the two meta atoms are alike


def test_slopes_of_the_normalization_by_finite_differences():
    coloring = color_by(torch.tensor([0, 1, 1, 2, 1, 0]))
    empty = torch.empty(2, 0, dtype=torch.int64)
    layer = ColoredLayer(coloring, coloring.first, empty, empty[0], torch.tensor([2, 3, 1]))
    norm = ColoredBatchNorm(4).double()
    values = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(lambda each: norm(each, layer), values)


@pytest.mark.parametrize("make", [GINE, GATv2])
def test_statistics_shared_between_processes_are_those_of_all_atoms(make):
    """Of one process here; Lightning's `sync_batchnorm` replaces the modules as this does."""
    torch.manual_seed(0)
    encoder = make(hidden_dim=DIM, num_layers=2)
    shared = nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(encoder))
    assert [each for each in shared.modules() if isinstance(each, nn.SyncBatchNorm)]
    batch = units(*UNITS)
    torch.testing.assert_close(shared(batch), encoder(batch))
    for name, buffer in encoder.named_buffers():
        torch.testing.assert_close(dict(shared.named_buffers())[name], buffer)


@pytest.mark.parametrize("make", [lambda: GINE(DIM), lambda: GATv2(DIM)])
def test_mixed_precision_trains_with_statistics_of_all_atoms(make):
    """As `nn.BatchNorm1d`, which has them in single precision."""
    torch.manual_seed(0)
    encoder, batch = make().train(), units(*UNITS, *UNITS)
    whole = copy.deepcopy(encoder)
    with torch.autocast("cpu", torch.bfloat16):
        found = encoder(batch)
    expected = whole(batch)
    found.sum().backward()
    torch.testing.assert_close(found.float(), expected, rtol=0.05, atol=0.05)
    for own, other in zip(encoder.buffers(), whole.buffers(), strict=True):
        torch.testing.assert_close(own, other, rtol=0.02, atol=0.02)


def test_normalization_in_mixed_precision_is_not_rounded():
    coloring = color_by(torch.tensor([0, 1, 1, 2, 1, 0]))
    empty = torch.empty(2, 0, dtype=torch.int64)
    layer = ColoredLayer(coloring, coloring.first, empty, empty[0], torch.tensor([2, 3, 1]))
    ours, theirs = ColoredBatchNorm(4), nn.BatchNorm1d(4)
    values = (100 + torch.randn(3, 4)).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found, expected = coloring.spread(ours(values, layer)), theirs(coloring.spread(values).float())
    torch.testing.assert_close(found.float(), expected, rtol=0.01, atol=0.01)
    for own, other in zip(ours.buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(own, other)
