from dataclasses import replace
from functools import cache

import jaxtyping
import numpy as np
import pytest
import torch
from batches import units
from crystal_batches import CRYSTALS, CUTOFF, batch_of, copper
from pymatgen.core import Lattice, Structure
from scipy.stats import ortho_group
from torch_geometric.nn import CGConv

from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn import ALIGNN, CGCNN, GINE, Encoder, MEGNet, PaiNN, Roost, SchNet
from gnn_sim2real.nn.alignn import _GatedMean
from gnn_sim2real.nn.cgcnn import CGCNNLayer

SMOOTH = {
    "SchNet": lambda: SchNet(hidden_dim=8, num_layers=2, num_gaussians=8, cutoff=CUTOFF),
    "PaiNN": lambda: PaiNN(hidden_dim=8, num_layers=2, num_radial=6, cutoff=CUTOFF),
    "CGCNN smooth": lambda: CGCNN(hidden_dim=8, num_layers=2, num_gaussians=8, cutoff=CUTOFF, smooth=True),
}
OF_NEAREST = {
    "CGCNN": lambda: CGCNN(hidden_dim=8, num_layers=2, num_gaussians=8, cutoff=CUTOFF),
    "MEGNet": lambda: MEGNet(hidden_dim=6, num_layers=2, num_gaussians=8, cutoff=CUTOFF),
    "ALIGNN": lambda: ALIGNN(
        hidden_dim=8,
        num_angle_layers=2,
        num_layers=1,
        num_gaussians=8,
        num_angle_gaussians=6,
        cutoff=CUTOFF,
        angle_cutoff=3.0,
    ),
}
GEOMETRIC = SMOOTH | OF_NEAREST
ENCODERS = GEOMETRIC | {"Roost": lambda: Roost(hidden_dim=8, num_layers=2, num_heads=2, mlp_dim=8)}
"""Every encoder that takes crystals, small."""


@cache
def lone_atom() -> Structure:
    return Structure(Lattice.cubic(20), ["Fe"], [[0, 0, 0]])


def single(batch: GraphBatch) -> GraphBatch:
    return replace(batch, node_weight=batch.node_weight.float(), edge_vector=batch.edge_vector.float())


def relabel(batch: GraphBatch, seed: int) -> GraphBatch:
    """The same materials with atoms and edges in another order, atoms of different materials mixed."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(batch.atomic_number), generator=generator)
    edges = torch.randperm(batch.edge_index.shape[1], generator=generator)
    of_atoms = ("atomic_number", "node_weight", "component", "batch_index")
    return replace(
        batch,
        **{name: getattr(batch, name)[order] for name in of_atoms},
        edge_index=order.argsort()[batch.edge_index][:, edges],
        edge_vector=batch.edge_vector[edges],
    )


def same(output, expected):
    torch.testing.assert_close(output, expected, rtol=1e-6, atol=1e-7)


@pytest.fixture
def encoder(name) -> Encoder:
    """Ready to predict, in double precision, with running statistics that are not the initial ones."""
    encoder = ENCODERS[name]().double()
    with torch.no_grad():
        for _ in range(5):
            encoder(batch_of(*CRYSTALS))
    return encoder.eval()


@pytest.mark.parametrize("name", ENCODERS)
class TestEncodersOfCrystals:
    """What every encoder that takes crystals must hold to, beside what `test_conformance.py` tests."""

    def test_other_crystals_have_other_vectors(self, encoder):
        output = encoder(batch_of(*CRYSTALS))
        assert output.shape == (len(CRYSTALS), encoder.output_dim)
        assert output.isfinite().all()
        assert (torch.cdist(output, output) + torch.eye(len(output))).min() > 1e-4

    @pytest.mark.parametrize("seed", range(3))
    def test_numbering_of_atoms_and_edges(self, encoder, seed):
        batch = batch_of(*CRYSTALS)
        same(encoder(relabel(batch, seed)), encoder(batch))

    @pytest.mark.parametrize("nearest", [None, 6])
    def test_doubled_cell(self, encoder, nearest):
        supercells = [crystal * (2, 1, 1) for crystal in CRYSTALS] + [copper() * (1, 2, 3)]
        same(encoder(batch_of(*supercells, nearest=nearest)), encoder(batch_of(*CRYSTALS, copper(), nearest=nearest)))

    @pytest.mark.parametrize("nearest", [None, 6])
    def test_another_choice_of_the_cell(self, encoder, nearest):
        """Another basis of the same lattice, and the Niggli cell found in a doubled cell, which may be turned."""
        sheared = [crystal * [[1, 1, 0], [0, 1, 0], [0, 2, 1]] for crystal in CRYSTALS]
        doubled = [crystal * (1, 2, 1) for crystal in CRYSTALS]
        reduced = [crystal.get_primitive_structure().get_reduced_structure("niggli") for crystal in doubled]
        expected = encoder(batch_of(*CRYSTALS, nearest=nearest))
        for others in (sheared, reduced):
            assert [len(other) for other in others] == [len(crystal) for crystal in CRYSTALS]
            torch.testing.assert_close(encoder(batch_of(*others, nearest=nearest)), expected, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("seed", range(3))
    def test_translation(self, encoder, seed):
        """The origin, and so the atoms that stand in the cell and not in the next one."""
        shift = np.random.default_rng(seed).uniform(-2, 2, 3)
        moved = [
            Structure(each.lattice, each.species, each.frac_coords + shift, to_unit_cell=True) for each in CRYSTALS
        ]
        same(encoder(batch_of(*moved)), encoder(batch_of(*CRYSTALS)))

    def test_a_batch_is_as_its_materials_alone(self, encoder):
        alone = torch.cat([encoder(batch_of(crystal)) for crystal in CRYSTALS])
        same(encoder(batch_of(*CRYSTALS)), alone)

    def test_no_gradient_from_one_material_to_another(self, encoder):
        batch = batch_of(*CRYSTALS)
        weight, vectors = batch.node_weight.requires_grad_(), batch.edge_vector.requires_grad_()
        encoder(batch)[2].square().sum().backward()
        assert weight.grad[batch.batch_index == 2].any()
        assert not weight.grad[batch.batch_index != 2].any()
        if not isinstance(encoder, Roost):
            owner = batch.batch_index[batch.edge_index[0]]
            assert vectors.grad[owner == 2].any()
            assert not vectors.grad[owner != 2].any()

    def test_atom_without_neighbors(self, encoder):
        alone = batch_of(lone_atom())
        assert alone.edge_index.shape == (2, 0)
        output = encoder(alone)
        assert output.isfinite().all()
        same(encoder(batch_of(*CRYSTALS, lone_atom()))[-1:], output)

    def test_single_precision(self, encoder):
        batch = batch_of(*CRYSTALS)
        double = encoder(batch)
        output = encoder.float()(single(batch))
        assert output.dtype == torch.float32
        torch.testing.assert_close(output.double(), double, rtol=1e-4, atol=1e-4)

    @pytest.mark.slow
    def test_mixed_precision(self, encoder):
        encoder, batch = encoder.float(), single(batch_of(*CRYSTALS, lone_atom()))
        expected = encoder(batch)
        with torch.autocast("cpu", torch.bfloat16):
            output = encoder(batch)
        output.float().square().sum().backward()
        assert all(parameter.grad.isfinite().all() for parameter in encoder.parameters())
        assert ((output.float() - expected).norm(dim=1) < 0.05 * expected.norm(dim=1)).all()


@pytest.mark.parametrize("name", GEOMETRIC)
class TestGeometry:
    """What every encoder that reads the positions of atoms must hold to."""

    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("mirrored", [False, True])
    def test_turned_or_mirrored(self, encoder, seed, mirrored):
        batch = batch_of(*CRYSTALS)
        turned = replace(batch, edge_vector=batch.edge_vector @ turn(seed, mirrored=mirrored))
        same(encoder(turned), encoder(batch))

    def test_distances_count(self, encoder):
        batch = batch_of(*CRYSTALS)
        stretched = encoder(replace(batch, edge_vector=1.02 * batch.edge_vector))
        assert (stretched - encoder(batch)).norm(dim=1).min() > 1e-4

    def test_polymorphs_of_an_element(self, encoder):
        """All atoms and all their neighbors are alike: nothing but the structure differs."""
        cells = {"body-centered": [[0, 0, 0], [0.5, 0.5, 0.5]], "simple": [[0, 0, 0]]}
        iron = [Structure(Lattice.cubic(2.87), ["Fe"] * len(sites), sites) for sites in cells.values()]
        body_centered, simple = encoder(batch_of(*iron))
        assert (body_centered - simple).norm() > 1e-4

    def test_shapes_are_checked(self, encoder):
        batch = batch_of(*CRYSTALS)
        with pytest.raises(jaxtyping.TypeCheckError):
            encoder(replace(batch, edge_vector=batch.edge_vector[:-1]))

    def test_materials_without_geometry_are_refused(self, encoder):
        with pytest.raises(ValueError, match=r"`edge_vector`.*\bgeometry\b"):
            encoder(units("*CC*"))

    def test_what_the_documentation_says_of_smoothness(self, name, encoder):
        """One atom of three is drawn out of the cutoff of another."""
        inside, outside = (torch.tensor(CUTOFF + step, dtype=torch.float64) for step in (-1e-6, 1e-6))
        jump = (encoder(three_atoms(inside)) - encoder(three_atoms(outside))).abs().max()
        slopes = [slope(encoder, distance) for distance in (inside, outside)]
        if name in SMOOTH:
            assert jump < 1e-5
            torch.testing.assert_close(*slopes, rtol=1e-3, atol=1e-4)
            assert (slope(encoder, torch.tensor(3.0).double()) - slopes[0]).abs().max() > 1e-3
        else:
            assert jump > 1e-4
        assert ("not smooth" in type(encoder).__doc__) == (type(encoder) in {CGCNN, MEGNet, ALIGNN})

    def test_longer_edges(self, name, encoder):
        """An envelope is zero also beyond the cutoff, where a cosine would rise again."""
        far = torch.tensor(1.7 * CUTOFF, dtype=torch.float64)
        difference = (encoder(three_atoms(far, reach=9)) - encoder(three_atoms(far))).abs().max()
        assert (difference < 1e-12) == (name in SMOOTH)


def turn(seed: int, *, mirrored: bool) -> torch.Tensor:
    matrix = ortho_group.rvs(3, random_state=seed)
    return torch.from_numpy(matrix * np.sign(np.linalg.det(matrix)) * (-1 if mirrored else 1))


def three_atoms(distance: torch.Tensor, reach: float = CUTOFF, angle: float = 100.0) -> GraphBatch:
    """Atoms 0 and 2 at the given distance and atom 1 near both, all pairs within `reach` being neighbors."""
    zero = torch.zeros_like(distance)
    height = distance / 2 / np.tan(np.radians(angle / 2))
    positions = torch.stack(
        [torch.stack(each) for each in ([zero, zero, zero], [distance / 2, height, zero], [distance, zero, zero])]
    )
    pairs = torch.tensor([[0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1]])
    vectors = positions[pairs[1]] - positions[pairs[0]]
    near = vectors.norm(dim=1) < reach
    crystal = Structure(Lattice.cubic(30), ["Na", "O", "Cl"], positions.detach().numpy(), coords_are_cartesian=True)
    return replace(batch_of(crystal), edge_index=pairs[:, near], edge_vector=vectors[near])


def slope(encoder: Encoder, distance: torch.Tensor) -> torch.Tensor:
    return torch.autograd.functional.jacobian(lambda each: encoder(three_atoms(each))[0], distance)


@pytest.mark.parametrize(("name", "sees"), [("ALIGNN", True), ("PaiNN", True), ("SchNet", False), ("CGCNN", False)])
def test_angles_between_bonds_of_the_same_length(name, encoder, sees):
    """With the ends too far apart to be neighbors, nothing but the angle differs."""
    bond = 1.6
    bent, straight = (
        encoder(three_atoms(torch.tensor(2 * bond * np.sin(np.radians(angle / 2))).double(), reach=2.0, angle=angle))
        for angle in (100.0, 140.0)
    )
    assert ((bent - straight).abs().max() > 1e-7) == sees


@pytest.mark.parametrize("mirrored", [False, True])
def test_vectors_turn_with_the_crystal(mirrored):
    encoder, batch, matrix = SMOOTH["PaiNN"]().double(), batch_of(*CRYSTALS), turn(0, mirrored=mirrored)
    scalars, vectors = encoder.encode_atoms(batch)
    turned_scalars, turned = encoder.encode_atoms(replace(batch, edge_vector=batch.edge_vector @ matrix))
    assert vectors.norm(dim=1).max() > 1e-2
    same(turned_scalars, scalars)
    same(turned, torch.einsum("nxf,xy->nyf", vectors, matrix))


def test_cgcnn_is_the_layer_of_torch_geometric():
    """Same weights, same function: outputs and gradients."""
    batch, dim, edge_dim = batch_of(*CRYSTALS), 8, 5
    theirs, ours = CGConv(dim, dim=edge_dim, batch_norm=True).double(), CGCNNLayer(dim, edge_dim).double()
    gate_and_core = ours.gate_and_core.linear
    with torch.no_grad():
        gate_and_core.weight.copy_(torch.cat([theirs.lin_f.weight, theirs.lin_s.weight]))
        gate_and_core.bias.copy_(torch.cat([theirs.lin_f.bias, theirs.lin_s.bias]))
    atoms = torch.randn(len(batch.atomic_number), dim, dtype=torch.float64, requires_grad=True)
    edges = torch.randn(batch.edge_index.shape[1], edge_dim, dtype=torch.float64)
    expected, output = theirs(atoms, batch.edge_index, edges), ours(atoms, batch.edge_index, edges, None)
    torch.testing.assert_close(output, expected, rtol=1e-10, atol=1e-10)
    weight = torch.rand_like(output)
    (from_theirs,) = torch.autograd.grad((expected * weight).sum(), atoms)
    (from_ours,) = torch.autograd.grad((output * weight).sum(), atoms)
    torch.testing.assert_close(from_ours, from_theirs, rtol=1e-10, atol=1e-10)


def test_angles_of_diamond():
    """Four bonds at every atom: one pair is a bond and its reverse, the others are tetrahedral."""
    diamond = Structure.from_spacegroup("Fd-3m", Lattice.cubic(3.567), ["C"], [[0, 0, 0]])
    batch = batch_of(diamond)
    encoder = ALIGNN(angle_cutoff=1.6)
    length = batch.edge_vector.norm(dim=1)
    line_graph = encoder.make_line_graph(batch.edge_index, length, len(diamond))
    source, destination = batch.edge_index.double().unsqueeze(2)
    ends, begins = line_graph.split_ending(destination), line_graph.split_beginning(source)
    for block, end, begin in zip(line_graph.blocks, ends, begins, strict=True):
        assert (end[block.atom] == begin.unsqueeze(1)).all()
    cosine = torch.cat(line_graph.cosines(batch.edge_vector)).sort().values
    expected = torch.tensor([-1 / 3] * 12 * len(diamond) + [1.0] * 4 * len(diamond)).double()
    torch.testing.assert_close(cosine, expected, rtol=1e-6, atol=1e-6)


def test_a_shell_at_the_angle_cutoff_is_whole():
    """Rounding puts some of its bonds beyond: a turned crystal would have other angles."""
    cubic = batch_of(Structure(Lattice.cubic(3.0), ["Fe"], [[0, 0, 0]]))
    turned = replace(cubic, edge_vector=(cubic.edge_vector @ turn(1, mirrored=False)).float())
    length = turned.edge_vector.norm(dim=1)
    shell = length < 3.5
    assert (length[shell] > 3.0).any()
    line_graph = ALIGNN(angle_cutoff=3.0).make_line_graph(turned.edge_index, length, 1)
    assert [len(each) for each in line_graph.cosines(turned.edge_vector)] == [6 * 6]


def test_small_blocks_of_angles_change_no_number(monkeypatch):
    encoder, batch = OF_NEAREST["ALIGNN"]().double(), batch_of(*CRYSTALS)
    found = [slopes_of(encoder, batch)]
    monkeypatch.setattr("gnn_sim2real.nn.alignn._BLOCK", 1)
    found.append(slopes_of(encoder, batch))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_slopes_of_the_gated_mean_by_finite_differences():
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()

    atom = torch.tensor([0, 1, 1])
    of_angles, of_first, told, of_second = draw(3 * 4, 2), draw(2, 4, 2), draw(2, 4, 2), draw(3, 2)
    arguments = (of_angles, of_first, told, of_second)
    torch.autograd.gradcheck(
        lambda *each: _GatedMean.apply(*each[:4], atom, *each[4:], 1e-5), (*arguments, draw(2), draw(2))
    )
    torch.autograd.gradcheck(lambda *each: _GatedMean.apply(*each, atom, None, None, 0.0)[0], arguments)


def slopes_of(encoder: Encoder, batch: GraphBatch) -> list[torch.Tensor]:
    encoder.zero_grad()
    output = encoder(batch)
    output.square().sum().backward()
    return [output.detach(), *(each.grad.clone() for each in encoder.parameters())]


def test_an_encoder_of_bonds_refuses_crystals():
    with pytest.raises(ValueError, match=r"`atom_codes`.*\bbonds\b"):
        GINE(hidden_dim=8, num_layers=1)(single(batch_of(*CRYSTALS)))
