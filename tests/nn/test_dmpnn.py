import pytest
import torch
from batches import molecules, units
from hypothesis import given
from hypothesis import strategies as st

from gnn_sim2real.nn import DMPNN
from gnn_sim2real.nn.dmpnn import reverse_edges
from gnn_sim2real.nn.embedding import BOND_SIZES, atom_table


def test_the_equations_of_the_docstring():
    """Bond by bond, with the neighbors of a molecule that has no parallel bonds."""
    encoder = DMPNN(hidden_dim=6, num_layers=4).double()
    batch = molecules("CC(=O)Oc1ccccc1[N+](=O)[O-]")
    pairs = list(zip(*batch.edge_index.tolist(), strict=True))
    start = encoder.source_embedding(atom_table(batch))[batch.edge_index[0]] + encoder.bond_embedding(batch.bond_codes)
    vectors = {pair: vector.relu() for pair, vector in zip(pairs, start, strict=True)}
    first = dict(zip(pairs, start, strict=True))
    zero = torch.zeros(6, dtype=torch.float64)
    for _ in range(3):
        heard = {(v, w): sum((vectors[k, x] for k, x in pairs if x == v and k != w), start=zero) for v, w in pairs}
        vectors = {pair: (first[pair] + encoder.step.weight @ heard[pair]).relu() for pair in pairs}
    own = encoder.atom_embedding(atom_table(batch))
    atoms = [
        (own[v] + encoder.collect(sum((vectors[k, x] for k, x in pairs if x == v), start=zero))).relu()
        for v in range(len(own))
    ]
    torch.testing.assert_close(encoder(batch)[0], torch.stack(atoms).mean(0))


@given(st.data())
def test_reverse_of_every_edge(data):
    """Also of parallel bonds and of loops, in any order."""
    num_atoms = data.draw(st.integers(1, 4))
    atom, code = st.integers(0, num_atoms - 1), st.tuples(*(st.integers(0, 1) for _ in BOND_SIZES))
    bonds = data.draw(st.lists(st.tuples(atom, atom, code), max_size=8))
    edges = data.draw(st.permutations([*bonds, *((w, v, kind) for v, w, kind in bonds)]))
    edge_index = torch.tensor([edge[:2] for edge in edges], dtype=torch.int64).reshape(-1, 2).T
    codes = torch.tensor([edge[2] for edge in edges], dtype=torch.int64).reshape(-1, len(BOND_SIZES))
    reverse = reverse_edges(edge_index, codes, num_atoms)
    assert torch.equal(reverse[reverse], torch.arange(len(edges)))
    assert torch.equal(edge_index[:, reverse], edge_index.flip(0))
    assert torch.equal(codes[reverse], codes)


def test_parallel_bonds_of_other_kinds_are_not_confused():
    """The chain of `*C=C*`: a double bond within the unit, a single one across."""
    batch = units("*C=C*")
    reverse = reverse_edges(batch.edge_index, batch.bond_codes, 2)
    assert reverse.tolist() == [1, 0, 3, 2]
    assert torch.equal(batch.crosses_cell[reverse], batch.crosses_cell)


@pytest.mark.parametrize("kept", [[0], [0, 1, 2]])
def test_a_bond_of_one_direction(kept):
    batch = units("*CC*")
    with pytest.raises(ValueError, match="every bond must stand in `edge_index` twice"):
        reverse_edges(batch.edge_index[:, kept], batch.bond_codes[kept], 2)


def test_a_bond_with_two_kinds():
    batch = units("*C=C*")
    with pytest.raises(ValueError, match="with the same codes"):
        reverse_edges(batch.edge_index, batch.bond_codes[[0, 2, 2, 3]], 2)
