import numpy as np
import pytest
import torch
from batches import batch_of

from gnn_sim2real.featurize.repeat_unit import featurize_molecule, featurize_repeat_unit
from gnn_sim2real.graph import Graph
from gnn_sim2real.nn import Roost
from gnn_sim2real.nn.roost import composition_of

POLYMERS = ("*C*", "*CC*", "*NCCCCCC(=O)*", "*O[Si](*)(C)C", "*CC(*)c1ccccc1", "*S(=O)(=O)CC*")


def compound(*atomic_numbers: int, weight: float = 1.0) -> Graph:
    """Atoms and nothing else."""
    count = len(atomic_numbers)
    return Graph(
        atomic_number=np.array(atomic_numbers, np.uint8),
        edge_index=np.zeros((2, 0), np.int32),
        node_weight=np.full(count, weight, np.float32),
        component=np.zeros(count, np.uint8),
    )


@pytest.fixture
def roost() -> Roost:
    return Roost(hidden_dim=8, num_layers=2, num_heads=2, mlp_dim=8).double().eval()


def same(output, expected):
    torch.testing.assert_close(output, expected, rtol=1e-6, atol=1e-6)


def shares(graph: Graph) -> dict[int, float]:
    material, atomic_number, share = composition_of(batch_of(graph))
    assert not material.any()
    return dict(zip(atomic_number.tolist(), share.tolist(), strict=True))


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        (compound(8, 14, 8), {8: 2 / 3, 14: 1 / 3}),
        (compound(29), {29: 1.0}),
        (featurize_molecule("O"), {1: 2 / 3, 8: 1 / 3}),
        (featurize_molecule("C(F)(F)(F)F"), {6: 1 / 5, 9: 4 / 5}),
        (featurize_molecule("[2H]O[2H]"), {1: 2 / 3, 8: 1 / 3}),
        (featurize_molecule("[Na+].[Cl-]"), {11: 1 / 2, 17: 1 / 2}),
        (featurize_repeat_unit("*CC*"), {1: 2 / 3, 6: 1 / 3}),
        (featurize_repeat_unit("*CC(*)c1ccccc1"), {1: 1 / 2, 6: 1 / 2}),
    ],
)
def test_compositions(graph, expected):
    assert shares(graph) == pytest.approx(expected)


def test_order_and_number_of_formula_units(roost):
    once, other_order, thrice, weighted = roost(
        batch_of(compound(8, 14, 8), compound(14, 8, 8), compound(*[8] * 6, *[14] * 3), compound(8, 8, 14, weight=0.25))
    )
    same(other_order, once)
    same(thrice, once)
    same(weighted, once)


def test_stoichiometry_counts(roost):
    output = roost(batch_of(compound(26, 8), compound(26, 26, 8, 8, 8), compound(26, 26, 26, 8, 8, 8, 8), compound(26)))
    assert (torch.cdist(output, output) + torch.eye(len(output))).min() > 1e-4


def test_kinds_of_materials_agree(roost):
    """Polyethylene, polymethylene, cyclohexane and CH2 have one composition; so have isomers."""
    bonded = roost(batch_of(*map(featurize_repeat_unit, ("*CC*", "*C*")), featurize_molecule("C1CCCCC1")))
    same(bonded, roost(batch_of(compound(1, 1, 6))).expand_as(bonded))
    ethanol, ether = roost(batch_of(featurize_molecule("CCO"), featurize_molecule("COC")))
    same(ethanol, ether)


@pytest.mark.parametrize("unit", POLYMERS)
def test_a_unit_written_twice(roost, multiply, unit):
    once, twice = roost(batch_of(featurize_repeat_unit(unit), featurize_repeat_unit(multiply(unit, 2))))
    same(twice, once)


def test_polymers_alone_and_together(roost):
    graphs = [featurize_repeat_unit(unit) for unit in POLYMERS]
    output = roost(batch_of(*graphs))
    assert output.isfinite().all()
    same(output, torch.cat([roost(batch_of(graph)) for graph in graphs]))


def test_attention_is_an_average(roost):
    """Whatever the shares, the weights of a group add up to one: equal members read out as one alone."""
    members = torch.rand(1, 8).double().expand(5, 8)
    share = torch.tensor([1.0, 0.2, 0.3, 0.5, 0.0]).double()
    group = torch.tensor([0, 1, 1, 1, 1])
    alone, together = roost.readout(members, torch.arange(5).unsqueeze(0), share, group, 2)
    same(together, alone)


def test_attention_is_that_of_the_paper(roost):
    """Perceptrons of the vectors side by side, softmax of score and power of the share, mean over heads."""
    attention = roost.rounds[0]
    torch.nn.init.uniform_(attention.powers)
    vectors, share = torch.randn(4, 8).double(), torch.tensor([0.5, 0.3, 0.2, 1.0]).double()
    own, other = torch.tensor([0, 0, 1, 1, 2, 3]), torch.tensor([0, 1, 1, 2, 0, 3])
    members = torch.cat([vectors[own], vectors[other]], dim=1)
    wanted = torch.zeros(4, 8).double()
    for score, value, power in zip(attention.scores, attention.values, attention.powers, strict=True):
        weight = share[other] ** power * score(members).squeeze(1).exp()
        weight = weight / torch.stack([weight[own == group].sum() for group in own.tolist()])
        wanted.index_add_(0, own, weight.unsqueeze(1) * value(members) / len(attention.scores))
    same(attention(vectors, torch.stack([own, other]), share[other], own, 4), wanted)
