import json
from dataclasses import replace

import jaxtyping
import numpy as np
import pytest
import torch

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.featurize.repeat_unit import featurize_molecule, featurize_repeat_unit
from gnn_sim2real.graph import Graph, GraphBatch
from gnn_sim2real.nn import DMPNN, GINE, GPS, AttentiveFP, Encoder, FingerprintMLP, GATv2
from gnn_sim2real.nn.encoder import build_encoder, encoder_class
from gnn_sim2real.nn.readout import weighted_mean
from gnn_sim2real.store import GraphStore

ENCODERS = {
    "GINE": lambda: GINE(hidden_dim=12, num_layers=3),
    "GINE with dropout": lambda: GINE(hidden_dim=8, num_layers=1, dropout=0.5),
    "GATv2": lambda: GATv2(hidden_dim=12, num_layers=3, num_heads=3),
    "D-MPNN": lambda: DMPNN(hidden_dim=12, num_layers=3),
    "AttentiveFP": lambda: AttentiveFP(hidden_dim=12, num_layers=3),
    "GPS": lambda: GPS(hidden_dim=12, num_layers=2, num_heads=3),
    "fingerprint": lambda: FingerprintMLP(hidden_dim=12, num_bits=64),
}
"""Every encoder of the package, small. A new one needs a line here and nothing else."""

UNITS = ("*C*", "*CC*", "*NCCCCCC(=O)*", "*O[Si](*)(C)C", "*CC(*)c1ccccc1", "*C=CC(C)*", "*CC(*)C#N", "*S(=O)(=O)CC*")


def batch_of(*graphs: Graph) -> GraphBatch:
    return GraphStore.from_graphs(graphs).select(torch.arange(len(graphs)))


def units(*spellings: str) -> GraphBatch:
    return batch_of(*(featurize_repeat_unit(each) for each in spellings))


def relabel(graph: Graph, seed: int) -> Graph:
    """The same graph with its atoms and its edges in another order."""
    rng = np.random.default_rng(seed)
    order, edges = rng.permutation(graph.num_nodes), rng.permutation(graph.num_edges)
    return Graph(
        atomic_number=graph.atomic_number[order],
        atom_codes=graph.atom_codes[order],
        edge_index=np.argsort(order).astype(np.int32)[graph.edge_index][:, edges],
        bond_codes=graph.bond_codes[edges],
        crosses_cell=graph.crosses_cell[edges],
        node_weight=graph.node_weight[order],
        component=graph.component[order],
    )


@pytest.mark.parametrize("name", ENCODERS)
class TestEncoders:
    """What every encoder must hold to."""

    @pytest.fixture
    def fresh(self, name) -> Encoder:
        """In training mode, in double precision: what differs by more than rounding differs."""
        return ENCODERS[name]().double()

    @pytest.fixture
    def encoder(self, fresh) -> Encoder:
        """Ready to predict, with running statistics that are not the initial ones."""
        with torch.no_grad():
            for _ in range(5):
                fresh(units(*UNITS))
        return fresh.eval()

    def test_shape_and_finiteness(self, encoder):
        output = encoder(units(*UNITS))
        assert output.shape == (len(UNITS), encoder.output_dim)
        assert output.isfinite().all()

    def test_other_materials_have_other_vectors(self, encoder):
        """Polymethylene stands in `UNITS` twice; all others differ."""
        output = encoder(units(*UNITS[1:], "*CC(F)*", "*CC(Cl)*"))
        distance = torch.cdist(output, output) + torch.eye(len(output))
        assert distance.min() > 1e-4

    @pytest.mark.parametrize("seed", range(3))
    def test_numbering_of_atoms_and_edges(self, encoder, seed):
        graphs = [featurize_repeat_unit(each) for each in UNITS]
        torch.testing.assert_close(
            encoder(batch_of(*(relabel(graph, seed) for graph in graphs))), encoder(batch_of(*graphs))
        )

    def test_a_batch_is_as_its_materials_alone(self, encoder):
        alone = torch.cat([encoder(units(each)) for each in UNITS])
        torch.testing.assert_close(encoder(units(*UNITS)), alone)

    @pytest.mark.parametrize("unit", UNITS)
    def test_place_of_the_cut(self, encoder, cut_everywhere, unit):
        spellings = cut_everywhere(unit)
        output = encoder(units(*spellings))
        torch.testing.assert_close(output, output[:1].expand_as(output))

    @pytest.mark.parametrize("unit", UNITS)
    @pytest.mark.parametrize("count", [2, 3])
    def test_a_unit_written_several_times(self, encoder, multiply, unit, count):
        once, several = encoder(units(unit, multiply(unit, count)))
        torch.testing.assert_close(several, once)

    def test_no_gradient_from_one_material_to_another(self, encoder):
        batch = units(*UNITS)
        node_owner, edge_owner = batch.batch_index, batch.batch_index[batch.edge_index[0]]
        assert len(node_owner) != len(edge_owner)
        owners = {len(node_owner): node_owner, len(edge_owner): edge_owner}
        seen = []

        def keep(_module, _inputs, output):
            if isinstance(output, torch.Tensor) and len(output) in owners and output.requires_grad:
                output.retain_grad()
                seen.append(output)

        leaves = [module for module in encoder.modules() if not list(module.children())]
        handles = [module.register_forward_hook(keep) for module in leaves]
        encoder(batch)[2].square().sum().backward()
        for handle in handles:
            handle.remove()
        touched = [each for each in seen if each.grad is not None]
        assert touched
        for each in touched:
            foreign = owners[len(each)] != 2
            assert not each.grad[foreign].any()
        assert any(each.grad.any() for each in touched)

    @pytest.mark.parametrize("smiles", ["C", "[Na+]", "[Na+].[Cl-]"])
    def test_atoms_without_bonds(self, fresh, encoder, smiles):
        lone = featurize_molecule(smiles)
        assert lone.num_edges == 0
        alone = encoder(batch_of(lone))
        assert alone.isfinite().all()
        together = encoder(batch_of(lone, *(featurize_repeat_unit(each) for each in UNITS)))
        torch.testing.assert_close(together[:1], alone)

    def test_single_precision(self, encoder):
        batch = units(*UNITS)
        double = encoder(batch)
        single = encoder.float()(batch)
        assert single.dtype == torch.float32
        torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-5)

    def test_rebuilt_from_its_description(self, encoder):
        description = json.loads(json.dumps(encoder.describe()))
        rebuilt = build_encoder(description).double()
        rebuilt.load_state_dict(encoder.state_dict(), strict=True)
        assert type(rebuilt) is type(encoder)
        assert rebuilt.describe() == encoder.describe()
        assert rebuilt.output_dim == encoder.output_dim
        batch = units(*UNITS)
        assert torch.equal(rebuilt.eval()(batch), encoder(batch))

    def test_every_parameter_learns(self, encoder):
        """In eval mode: in front of a batch normalization in training mode a bias has no effect by construction."""
        output = encoder(units(*UNITS))
        (output * torch.rand_like(output)).sum().backward()
        still = [each for each, parameter in encoder.named_parameters() if parameter.grad is None]
        still += [each for each, parameter in encoder.named_parameters() if not parameter.grad.any()]
        assert not still

    def test_layers_hold_every_parameter_once(self, encoder):
        held = [id(parameter) for layer in encoder.layers for parameter in layer.parameters()]
        assert len(set(held)) == len(held)
        assert set(held) == {id(parameter) for parameter in encoder.parameters()}
        held_buffers = {id(buffer) for layer in encoder.layers for buffer in layer.buffers()}
        assert held_buffers == {id(buffer) for buffer in encoder.buffers()}

    def test_nothing_random_in_prediction(self, encoder):
        batch = units(*UNITS)
        assert torch.equal(encoder(batch), encoder(batch))

    def test_shapes_are_checked(self, encoder):
        batch = units(*UNITS)
        with pytest.raises(jaxtyping.TypeCheckError):
            encoder(replace(batch, bond_codes=batch.bond_codes[:-1]))


def test_weights_of_atoms_are_shares():
    batch = units("*CC(*)O", "*CC*")
    features = torch.rand(len(batch.atomic_number), 4)
    mean = weighted_mean(features, batch)
    torch.testing.assert_close(mean[0], features[:3].mean(0))
    heavier = replace(batch, node_weight=torch.tensor([1.0, 1.0, 2.0, 5.0, 5.0]))
    weighted = weighted_mean(features, heavier)
    torch.testing.assert_close(weighted[0], (features[0] + features[1] + 2 * features[2]) / 4)
    torch.testing.assert_close(weighted[1], mean[1])


def test_a_readout_of_other_atoms_is_refused():
    with pytest.raises(jaxtyping.TypeCheckError):
        weighted_mean(torch.rand(4), units("*CC*"))


@pytest.mark.parametrize(
    ("class_path", "message"),
    [
        ("no_such_package.nn.Encoder", "is not installed here; install the package that has it"),
        ("gnn_sim2real.nn.NoSuchEncoder", "is not installed here"),
        ("GINE", "is not installed here"),
        ("gnn_sim2real.nn.PropertyHead", "is not a gnn_sim2real.nn.Encoder"),
        ("os.system", "is not a gnn_sim2real.nn.Encoder"),
    ],
)
def test_an_encoder_that_is_none(class_path, message):
    with pytest.raises(CheckpointError, match=rf"'{class_path}' {message}"):
        encoder_class(class_path)


@pytest.mark.parametrize("content", [{}, {"init_args": {"hidden_dim": 8, "no_such_setting": 1}}])
def test_settings_of_another_version(content):
    with pytest.raises(CheckpointError, match=r"GINE does not take the settings .* another version"):
        build_encoder({"class_path": "gnn_sim2real.nn.GINE"} | content)
