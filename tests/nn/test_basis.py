import math

import pytest
import torch

from gnn_sim2real.nn import CGCNN, PaiNN
from gnn_sim2real.nn.basis import BesselBasis, cosine_cutoff, gaussian_basis

CUTOFF = 5.0


def test_gaussians():
    """One at its center, and half a step away from two the same."""
    basis = gaussian_basis(CUTOFF, 11)
    torch.testing.assert_close(basis(torch.linspace(0, CUTOFF, 11)).diagonal(), torch.ones(11))
    between = basis(torch.tensor([1.25]))[0]
    torch.testing.assert_close(between[2], between[3])
    torch.testing.assert_close(between[2], torch.tensor(math.exp(-0.125)))
    assert basis(torch.zeros(0)).shape == (0, 11)


def test_bessel_functions_are_orthonormal():
    """In the sphere of the cutoff, as solutions of the wave equation there."""
    basis = BesselBasis(CUTOFF, 6).double()
    length = torch.linspace(1e-6, CUTOFF, 20001, dtype=torch.float64)
    values = basis(length) * length.unsqueeze(1)
    overlap = torch.trapezoid(values.unsqueeze(1) * values.unsqueeze(2), length, dim=0)
    torch.testing.assert_close(overlap, torch.eye(6).double(), rtol=1e-4, atol=1e-4)


def test_envelope():
    length = torch.tensor([0.0, CUTOFF / 2, CUTOFF, 1.5 * CUTOFF, 2 * CUTOFF], requires_grad=True)
    envelope = cosine_cutoff(length, CUTOFF)
    torch.testing.assert_close(envelope, torch.tensor([1.0, 0.5, 0.0, 0.0, 0.0]))
    envelope.sum().backward()
    slope = math.pi / (2 * CUTOFF)
    torch.testing.assert_close(length.grad, torch.tensor([0.0, -slope, 0.0, 0.0, 0.0]))


@pytest.mark.parametrize("encoder", [CGCNN, PaiNN])
@pytest.mark.parametrize("cutoff", [0.0, -1.0, math.nan])
def test_a_cutoff_that_is_none(encoder, cutoff):
    with pytest.raises(ValueError, match="`cutoff`"):
        encoder(cutoff=cutoff)


def test_one_gaussian_is_no_basis():
    with pytest.raises(ValueError, match=r"`num_gaussians` .*\b2\b.* 1$"):
        CGCNN(num_gaussians=1)
