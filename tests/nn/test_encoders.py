import json
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cache

import jaxtyping
import numpy as np
import pytest
import torch
from batches import batch_of, molecules, units

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.featurize.atom_descriptors import describe_molecule, describe_repeat_unit
from gnn_sim2real.graph import Graph, GraphBatch
from gnn_sim2real.nn import DMPNN, GINE, GPS, AttentiveFP, Encoder, FingerprintMLP, GATv2
from gnn_sim2real.nn.encoder import build_encoder, encoder_class

ENCODERS = {
    "GINE": lambda: GINE(hidden_dim=12, num_layers=3),
    "GINE with dropout": lambda: GINE(hidden_dim=8, num_layers=1, dropout=0.5),
    "GATv2": lambda: GATv2(hidden_dim=12, num_layers=3, num_heads=3),
    "D-MPNN": lambda: DMPNN(hidden_dim=12, num_layers=3),
    "AttentiveFP": lambda: AttentiveFP(hidden_dim=12, num_layers=3),
    "GPS": lambda: GPS(hidden_dim=12, num_layers=2, num_heads=3),
    "fingerprint": lambda: FingerprintMLP(hidden_dim=12, num_bits=64),
    "fingerprint and descriptors": lambda: FingerprintMLP(hidden_dim=12, num_bits=64, descriptors=True),
}
"""Every encoder of materials with bonds, small."""

SIZE_AWARE = {
    "GINE": lambda readout: GINE(hidden_dim=8, num_layers=2, readout=readout),
    "GATv2": lambda readout: GATv2(hidden_dim=8, num_layers=2, readout=readout),
    "D-MPNN": lambda readout: DMPNN(hidden_dim=8, readout=readout),
    "AttentiveFP": lambda readout: AttentiveFP(hidden_dim=8, num_layers=2, readout=readout),
    "GPS": lambda readout: GPS(hidden_dim=8, num_layers=1, readout=readout),
    "fingerprint": lambda readout: FingerprintMLP(hidden_dim=8, num_bits=32, readout=readout),
    "fingerprint and descriptors": lambda readout: FingerprintMLP(8, num_bits=32, readout=readout, descriptors=True),
}
"""Encoders of molecules, whose size has a meaning."""

NOT_OFFERED = ("AttentiveFP", "mean_and_size")
"""Its readout is what its state starts from, whose width is given."""

UNITS = ("*C*", "*CC*", "*NCCCCCC(=O)*", "*O[Si](*)(C)C", "*CC(*)c1ccccc1", "*C=CC(C)*", "*CC(*)C#N", "*S(=O)(=O)CC*")

SPELLINGS = {
    "direction": ("*NCCCCCC(=O)*", "*C(=O)CCCCCN*"),
    "direction of a vinyl": ("*CC(*)c1ccccc1", "*C(c1ccccc1)C*", "c1ccccc1C(*)C*"),
    "aromatic": ("*Oc1ccc(*)cc1", "*OC1=CC=C(*)C=C1", "*OC1C=CC(*)=CC=1"),
    "cis and trans": ("*C/C=C/C*", "*C/C=C\\C*", "*CC=CC*"),
    "tacticity": ("*C[C@H](*)C", "*C[C@@H](*)C", "*CC(*)C"),
    "charges": ("*CC(*)C[N+](C)(C)C", "C[N+](C)(C)CC(*)C*"),
    "charges within": ("*CC(*)[N+](=O)[O-]", "[O-][N+](=O)C(*)C*"),
    "one-atom backbone": ("*C(*)(F)F", "*C(F)(F)C(*)(F)F", "FC(F)(*)C(F)(F)C(F)(F)*"),
    "two-atom backbone": ("*CO*", "*OC*", "*OCOC*"),
    "bare atom": ("*S*", "*SS*", "*SSS*"),
    "double bond to *": ("*C=C*", "*=CC=*", "*=CC=CC=*"),
    "only double bonds": ("*=C=*", "*=C=C=*"),
    "triple bond to *": ("*#CC#*", "*C#C*", "*C#CC#C*"),
}
"""Several spellings of one polymer each, some with its unit written several times."""

NEAR_MISSES = (
    ("*CC(*)C[NH3+]", "*CC(*)CN"),
    ("*CC(*)C(=O)[O-]", "*CC(*)C(=O)O"),
    ("*C=C*", "*CC*"),
    ("*C=C*", "*=C=*"),
    ("*C#C*", "*C=C*"),
    ("*c1ccc(*)cc1", "*C1CCC(*)CC1"),
    ("*c1ccc(*)cc1", "*c1cccc(*)c1"),
    ("*CC(*)OC(C)=O", "*CC(*)C(=O)OC"),
    ("*CC(*)Cl", "*CC(*)Br"),
)
"""Polymers that differ in a charge, a bond order, an element or in what is bonded to what."""

MOLECULES = ("CC(=O)Oc1ccccc1C(=O)[O-]", "C[N+](C)(C)CC", "F/C=C/C", "C[C@H](N)C(=O)O", "CS(=O)(=O)c1ccncc1", "O=C=O")


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
        atom_descriptors=graph.atom_descriptors[order],
    )


@cache
def ready_to_predict(name: str) -> Encoder:
    """With running statistics that are not the initial ones; in double precision, in which all that differs counts."""
    torch.manual_seed(0)
    encoder = ENCODERS[name]().double()
    with torch.no_grad():
        for _ in range(5):
            encoder(units(*UNITS))
    return encoder.eval()


def all_alike(encoder: Encoder, describe: Callable[..., GraphBatch], groups: Iterable[Sequence[str]]) -> None:
    """All spellings of a group have one vector; all are in one batch."""
    spellings = [each for group in groups for each in group]
    firsts = [group[0] for group in groups for _ in group]
    output = encoder(describe(*spellings))
    expected = output[[spellings.index(each) for each in firsts]]
    unlike = ~torch.isclose(output, expected, rtol=1e-7, atol=1e-7).all(dim=1)
    assert [pair for pair, wrong in zip(zip(firsts, spellings, strict=True), unlike, strict=True) if wrong] == []


@pytest.mark.parametrize("name", ENCODERS)
class TestEncoders:
    """What every encoder of materials with bonds must hold to, beside what `test_conformance.py` tests."""

    @pytest.fixture
    def encoder(self, name) -> Encoder:
        return deepcopy(ready_to_predict(name))

    def test_shape_and_finiteness(self, encoder):
        output = encoder(units(*UNITS))
        assert output.shape == (len(UNITS), encoder.output_dim)
        assert output.isfinite().all()

    def test_other_materials_have_other_vectors(self, encoder):
        """Polymethylene stands in `UNITS` twice; all others differ."""
        output = encoder(units(*UNITS[1:], "*CC(F)*", "*CC(Cl)*"))
        distance = torch.cdist(output, output) + torch.eye(len(output))
        assert distance.min() > 1e-4

    def test_numbering_of_atoms_and_edges(self, encoder):
        graphs = [describe_repeat_unit(each) for each in UNITS]
        expected = encoder(batch_of(*graphs))
        for seed in range(3):
            torch.testing.assert_close(encoder(batch_of(*(relabel(graph, seed) for graph in graphs))), expected)

    def test_a_batch_is_as_its_materials_alone(self, encoder):
        alone = torch.cat([encoder(units(each)) for each in UNITS])
        torch.testing.assert_close(encoder(units(*UNITS)), alone)

    def test_place_of_the_cut(self, encoder, cut_everywhere):
        all_alike(encoder, units, [cut_everywhere(unit) for unit in UNITS])

    def test_a_unit_written_several_times(self, encoder, multiply):
        all_alike(encoder, units, [[unit, multiply(unit, 2), multiply(unit, 3)] for unit in UNITS])

    def test_no_gradient_from_one_material_to_another(self, encoder):
        batch = units(*UNITS)
        owners = (torch.arange(len(UNITS)), batch.batch_index, batch.batch_index[batch.edge_index[0]])
        owners = {len(owner): owner for owner in owners}
        assert len(owners) == 3
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

    def test_atoms_without_bonds(self, encoder):
        for smiles in ("C", "[Na+]", "[Na+].[Cl-]"):
            lone = describe_molecule(smiles)
            assert lone.num_edges == 0
            alone = encoder(batch_of(lone))
            assert alone.isfinite().all()
            together = encoder(batch_of(lone, *(describe_repeat_unit(each) for each in UNITS)))
            torch.testing.assert_close(together[:1], alone)

    def test_single_precision(self, encoder):
        batch = units(*UNITS)
        double = encoder(batch)
        single = encoder.float()(batch)
        assert single.dtype == torch.float32
        torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-5)

    def test_order_of_materials(self, encoder):
        order = torch.randperm(len(UNITS))
        torch.testing.assert_close(encoder(units(*(UNITS[each] for each in order))), encoder(units(*UNITS))[order])

    def test_atoms_do_not_care_for_their_component(self, encoder):
        """Who reads mixtures encodes every component as a material of its own."""
        batch = units(*UNITS)
        other = replace(batch, component=torch.arange(len(batch.component)) % 3)
        assert torch.equal(encoder(other), encoder(batch))

    def test_weights_of_atoms_are_relative(self, encoder):
        batch = units(*UNITS)
        torch.testing.assert_close(encoder(replace(batch, node_weight=batch.node_weight * 3)), encoder(batch))

    def test_spelling(self, encoder):
        all_alike(encoder, units, SPELLINGS.values())

    def test_what_is_no_matter_of_spelling(self, encoder):
        first, second = (encoder(units(*each)) for each in zip(*NEAR_MISSES, strict=True))
        too_near = (first - second).norm(dim=1) <= 1e-4
        assert [pair for pair, near in zip(NEAR_MISSES, too_near, strict=True) if near] == []

    def test_spelling_of_a_molecule(self, encoder, respell):
        spellings = [(smiles, *(respell(smiles, seed) for seed in range(3))) for smiles in MOLECULES]
        assert all(len(set(each)) > 1 for each in spellings)
        all_alike(encoder, molecules, spellings)

    def test_half_precision(self, encoder):
        encoder = encoder.float()
        batch = units(*UNITS, "*" + 300 * "C" + "*")
        with torch.autocast("cpu", torch.bfloat16):
            half = encoder(batch)
            half.float().square().sum().backward()
        whole = encoder(batch)
        assert all(parameter.grad.isfinite().all() for parameter in encoder.parameters())
        assert (half.float() - whole).norm() < 0.1 * whole.norm()
        torch.testing.assert_close(half[-1].float(), half[1].float(), rtol=0.05, atol=0.02)

    def test_shapes_are_checked(self, encoder):
        batch = units(*UNITS)
        with pytest.raises(jaxtyping.TypeCheckError):
            encoder(replace(batch, bond_codes=batch.bond_codes[:-1]))


@pytest.mark.parametrize(
    ("name", "readout"),
    [(name, kind) for name in SIZE_AWARE for kind in ("sum", "mean_and_size") if (name, kind) != NOT_OFFERED],
)
class TestSizes:
    """What encoders must hold to that know the size of a molecule."""

    @pytest.fixture
    def encoder(self, name, readout) -> Encoder:
        encoder = SIZE_AWARE[name](readout).double()
        with torch.no_grad():
            for _ in range(5):
                encoder(molecules(*MOLECULES))
        return encoder.eval()

    def test_two_are_more_than_one(self, encoder, readout):
        one, two = encoder(molecules("CCO", "CCO.CCO"))
        assert len(one) == encoder.output_dim
        assert (one - two).norm() > 1e-3

    def test_numbering_and_company(self, encoder, readout):
        graphs = [describe_molecule(each) for each in MOLECULES]
        alone = torch.cat([encoder(batch_of(relabel(graph, seed=1))) for graph in graphs])
        torch.testing.assert_close(encoder(batch_of(*graphs)), alone)

    def test_rebuilt_from_its_description(self, encoder, readout):
        rebuilt = build_encoder(json.loads(json.dumps(encoder.describe()))).double().eval()
        rebuilt.load_state_dict(encoder.state_dict(), strict=True)
        assert torch.equal(rebuilt(molecules(*MOLECULES)), encoder(molecules(*MOLECULES)))


@pytest.mark.parametrize("name", SIZE_AWARE)
def test_a_mean_does_not_know_the_size(name):
    encoder = SIZE_AWARE[name]("mean").double().eval()
    one, two = encoder(molecules("CCO", "CCO.CCO"))
    torch.testing.assert_close(one, two)


@pytest.mark.parametrize("make", [GATv2, GPS])
def test_heads_share_the_width(make):
    with pytest.raises(ValueError, match=r"`hidden_dim` .*`num_heads`.* 10 .* 4$"):
        make(hidden_dim=10, num_heads=4)


@pytest.mark.parametrize(
    ("class_path", "value"),
    [
        ("no_such_package.nn.Encoder", "GNN_SIM2REAL_ENCODERS=no_such_package"),
        ("gnn_sim2real.nn.NoSuchEncoder", "install"),
        ("GINE", "gnn_sim2real.nn.GINE"),
        ("gnn_sim2real.nn.PropertyHead", "gnn_sim2real.nn.Encoder"),
        ("os.system", "gnn_sim2real.nn.Encoder"),
    ],
)
def test_what_is_not_an_encoder(class_path, value):
    with pytest.raises(CheckpointError, match=rf"'{class_path}'.* .*{value}"):
        encoder_class(class_path)


@pytest.mark.parametrize("content", [{}, {"init_args": {"hidden_dim": 8, "no_such_setting": 1}}])
def test_settings_of_another_version(content):
    with pytest.raises(CheckpointError, match=r"GINE .*settings"):
        build_encoder({"class_path": "gnn_sim2real.nn.GINE"} | content)


@pytest.mark.parametrize(
    ("name", "value"),
    [("hidden_dim", 0), ("hidden_dim", -3), ("hidden_dim", 10**6), ("num_layers", -1), ("num_layers", 10**5),
     ("dropout", 1.0), ("dropout", -0.1), ("dropout", float("nan"))],
)  # fmt: skip
def test_sizes_with_which_no_network_can_be_made_are_refused(name, value):
    with pytest.raises(ValueError, match=f"`{name}`.*{value:,}"):
        GINE(**{name: value})
