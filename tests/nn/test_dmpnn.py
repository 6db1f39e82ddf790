import torch
from batches import molecules

from gnn_sim2real.nn import DMPNN
from gnn_sim2real.nn.embedding import atom_table


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
