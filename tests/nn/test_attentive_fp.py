import torch
from batches import molecules
from torch.nn.functional import one_hot
from torch_geometric.nn import AttentiveFP as Reference

from gnn_sim2real.nn import AttentiveFP
from gnn_sim2real.nn.embedding import ATOM_SIZES, atom_table


def test_with_sums_it_is_the_model_of_torch_geometric():
    dim, batch = 6, molecules("CC(=O)Oc1ccccc1", "C[N+](C)(C)C", "[Na+]")
    own = AttentiveFP(hidden_dim=dim, num_layers=3, num_timesteps=2, readout="sum").double()
    theirs = Reference(sum(ATOM_SIZES), dim, dim, edge_dim=dim, num_layers=3, num_timesteps=2).double()
    with torch.no_grad():
        theirs.lin1.weight.copy_(torch.cat([table.weight for table in own.atom_embedding.tables]).T)
        theirs.lin1.bias.zero_()
        theirs.lin2.weight.copy_(torch.eye(dim))
        theirs.lin2.bias.zero_()
    first, *others = own.steps
    for step, convolution, gate in (
        (first, theirs.gate_conv, theirs.gru),
        *zip(others, theirs.atom_convs, theirs.atom_grus, strict=True),
        (own.material_step, theirs.mol_conv, theirs.mol_gru),
    ):
        convolution.load_state_dict(step.convolution.state_dict())
        gate.load_state_dict(step.gate.state_dict())
    columns = zip(atom_table(batch).T, ATOM_SIZES, strict=True)
    atoms = torch.cat([one_hot(column, size) for column, size in columns], dim=1).double()
    expected = theirs(atoms, batch.edge_index, own.bond_embedding(batch.bond_codes), batch.batch_index)
    torch.testing.assert_close(own(batch), expected)
